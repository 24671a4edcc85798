/** Places of a morph's keyframes: in time, and from prompt A at the top to the last prompt at the bottom. */

import { LETTERS } from "./morph_text.js";

/** Return the time of a keyframe as a share of the video; `last` is the number of its last frame. */
export function placeOf({ time, isFrame }, last) {
  return isFrame ? time / last : time / 100;
}

/** Return the height of a mixture: 0 for A, 1 for the last of `prompts`, and between them by its shares. */
export function heightOf(shares, prompts) {
  const weighted = Object.entries(shares).map(([letter, share]) => (share / 100) * LETTERS.indexOf(letter));
  return weighted.reduce((sum, part) => sum + part, 0) / (prompts - 1);
}

/**
 * Return the mixture at a height: with two prompts in steps of 5%, with more prompts the nearest prompt.
 *
 * @param {number} height 0 for A, 1 for the last prompt
 */
export function sharesAt(height, prompts) {
  const within = Math.min(Math.max(height, 0), 1);
  if (prompts > 2) return { [LETTERS[Math.round(within * (prompts - 1))]]: 100 };
  const ofB = 5 * Math.round(20 * within);
  return mixOfTwo(ofB);
}

/** Return the mixture of A and B with this percentage of B. */
export function mixOfTwo(ofB) {
  if (ofB <= 0) return { A: 100 };
  return ofB >= 100 ? { B: 100 } : { A: 100 - ofB, B: ofB };
}

/** Return the height of the curve at a time, `place`, between 0 and 1. */
export function heightAt(place, keyframes, look) {
  return valueAt(place, keyframes, look, ({ shares }) => heightOf(shares, look.prompts));
}

/** Return the share of a prompt at a time, `place`, between 0 and 1. */
export function shareAt(letter, place, keyframes, look) {
  return valueAt(place, keyframes, look, ({ shares }) => (shares[letter] ?? 0) / 100);
}

/** Return what lies at a time between the values of the keyframes, which `valueOf` reads from one. */
function valueAt(place, keyframes, { last, isSmooth }, valueOf) {
  const times = keyframes.map((keyframe) => placeOf(keyframe, last));
  const values = keyframes.map(valueOf);
  const after = times.findIndex((time) => time > place);
  if (after === 0) return values[0];
  if (after === -1) return values.at(-1);
  const part = (place - times[after - 1]) / (times[after] - times[after - 1]);
  const eased = isSmooth ? part * part * (3 - 2 * part) : part;
  return values[after - 1] + eased * (values[after] - values[after - 1]);
}

/** Return the time nearest to a place that a keyframe can have, between its neighbors in `keyframes`. */
export function timeAt(place, isFrame, last, before, after) {
  const scale = isFrame ? last : 100;
  const low = before ? Math.floor(placeOf(before, last) * scale + 1e-9) + 1 : 0;
  const high = after ? Math.ceil(placeOf(after, last) * scale - 1e-9) - 1 : scale;
  return Math.min(Math.max(Math.round(place * scale), low), Math.max(high, low));
}

/** Return whether the keyframes are in order, each at a time of its own within the video. */
export function isInOrder(keyframes, last) {
  const times = keyframes.map((keyframe) => placeOf(keyframe, last));
  return times.every((time, at) => time <= 1 && (at === 0 || time > times[at - 1]));
}
