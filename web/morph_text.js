/** Text form of a morph's keyframes: the grammar of richspace_core/morph/text.py. */

export const LETTERS = "ABCDEF";
export const PRESETS = {
  "A to B": "0%: A, 100%: B",
  "B to A": "0%: B, 100%: A",
  "there and back": "0%: A, 50%: B, 100%: A",
  "hold, morph, hold": "0%: A, 40%: A, 60%: B, 100%: B",
};

const KEYFRAME = /^\s*(\d+(?:\.\d+)?)\s*(%?)\s*:\s*(.*?)\s*$/;
const PART = /^\s*(?:(\d+(?:\.\d+)?)\s*%\s*)?([A-F])\s*$/i;

/**
 * Read keyframes, in the order of the text.
 *
 * @param {string} text
 * @param {number} prompts number of prompts; of two, a share of one alone leaves the rest to the other
 * @returns {{time: number, isFrame: boolean, shares: Object<string, number>}[] | null} null if the text has a typo
 */
export function parseKeyframes(text, prompts) {
  const pieces = text.trim().split(/[,;\n]\s*/);
  while (pieces.length > 1 && !pieces.at(-1).trim()) pieces.pop();
  const keyframes = pieces.map((piece) => parseKeyframe(piece, prompts));
  return keyframes.every(Boolean) ? keyframes : null;
}

function parseKeyframe(piece, prompts) {
  const [, number, percent, mixture] = KEYFRAME.exec(piece) ?? [];
  if (number === undefined) return null;
  const time = Number(number);
  const isFrame = !percent;
  const isTime = isFrame ? !number.includes(".") : time <= 100;
  const shares = isTime ? parseMixture(mixture, prompts) : null;
  return shares && { time, isFrame, shares };
}

function parseMixture(text, prompts) {
  const shares = {};
  for (const part of text.split("+")) {
    const [, share, letter] = PART.exec(part) ?? [];
    if (!letter || letter.toUpperCase() in shares) return null;
    shares[letter.toUpperCase()] = share === undefined ? null : Number(share);
  }
  return complete(shares, prompts);
}

/** Give the rest to the part without a number, or to the other one of two prompts. */
function complete(shares, prompts) {
  const given = Object.values(shares).reduce((sum, share) => sum + (share ?? 0), 0);
  const open = Object.keys(shares).filter((letter) => shares[letter] === null);
  const [only, ...more] = Object.keys(shares);
  if (prompts === 2 && !open.length && !more.length && given < 100 && "AB".includes(only))
    open.push(only === "A" ? "B" : "A");
  const rest = round(100 - given);
  if (open.length > 1 || rest < 0 || (rest > 0 && !open.length)) return null;
  for (const letter of open) shares[letter] = rest;
  return Object.fromEntries(Object.entries(shares).filter(([, share]) => share > 0));
}

/** Write keyframes in the text form. */
export function formatKeyframes(keyframes) {
  return keyframes.map((keyframe) => `${formatTime(keyframe)}: ${formatMixture(keyframe.shares)}`).join(", ");
}

export function formatTime({ time, isFrame }) {
  return isFrame ? String(time) : `${time}%`;
}

export function formatMixture(shares) {
  const letters = Object.keys(shares).sort();
  if (letters.length === 1) return letters[0];
  return letters.map((letter) => `${shares[letter]}% ${letter}`).join(" + ");
}

function round(value) {
  return Number(value.toFixed(9));
}
