/** Draws one finder's curves as SVG: the one that decides above, what it is the sum of below. */

const LEFT = 36; // room for the scores at least, and for longer ones more: so much for a digit, and between
const DIGIT = 6;
const SCORE_GAP = 4;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 18; // room for the candidates' numbers
const GAP = 6;
const UPPER_SHARE = 0.62;
const TICK_GAP = 34;

/**
 * @param {object} data what a run says of one finder: ScorePanel.as_json() in richspace_core/drawing/score_plot.py
 * @param {{width: number, height: number, chosen: number, hovered: number}} look size in pixels, and the candidates
 *   to mark; `hovered` may be 0
 * @returns {{drawing: SVGElement, candidateAt: function(number): number}} and which candidate is at a distance from
 *   its left edge
 */
export function drawChart(data, { width, height, chosen, hovered }) {
  const { steps, best, curves, optimum, guide } = data;
  const [deciding, ...parts] = Object.entries(curves);
  const right = width - RIGHT;
  const bottom = height - BOTTOM;
  const margin = 0.025 * steps;

  const split = parts.length ? TOP + UPPER_SHARE * (bottom - TOP - GAP) : bottom;
  const fields = [{ named: [deciding], top: TOP, bottom: split }];
  if (parts.length) fields.push({ named: parts, top: split + GAP, bottom });
  for (const field of fields) {
    field.y = scoreScale(field);
    field.scores = scoreTicks(field);
  }
  const longest = Math.max(...fields.flatMap(({ scores }) => scores.map(({ text }) => text.length)));
  const left = Math.max(LEFT, longest * DIGIT + SCORE_GAP + 2);
  const x = scale(-margin, steps + margin, left, right);

  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const field of fields) {
    const { named, top } = field;
    const tall = field.bottom - top;
    const half = Math.max(x(1 / 2) - x(0), 1.5);
    drawing.append(
      svg("rect", { class: "field", x: left, y: top, width: right - left, height: tall }),
      ...field.scores.flatMap(({ text, height }) => [
        line("grid", left, height, right, height),
        label(text, left - SCORE_GAP, height, "end", "middle"),
      ]),
      svg("rect", { class: "chosen-band", x: x(chosen) - half, y: top, width: 2 * half, height: tall }),
      line("optimum", x(optimum * steps), top, x(optimum * steps), field.bottom),
      ...(hovered ? [line("hovered", x(hovered), top, x(hovered), field.bottom)] : []),
      ...named.map(([name, scores]) => curve(name, scores, x, field.y)),
    );
  }
  const above = (index) => ({ cx: x(index), cy: fields[0].y(deciding[1][index - 1]) });
  if (chosen !== best) drawing.append(svg("circle", { class: "best", r: 5, ...above(best) }));
  drawing.append(svg("circle", { class: "chosen", r: 6, ...above(chosen) }));
  drawing.append(foot(guide, steps, x, bottom), ...candidateTicks(steps, x, bottom));

  const candidateAt = (position) => Math.min(Math.max(Math.round(x.inverse(position)), 1), steps);
  return { drawing, candidateAt };
}

/** A linear map from [low, high] to [from, to], and its inverse. */
function scale(low, high, from, to) {
  const map = (value) => from + ((value - low) / (high - low)) * (to - from);
  map.inverse = (position) => low + ((position - from) / (to - from)) * (high - low);
  return map;
}

function scoreScale({ named, top, bottom }) {
  const scores = named.flatMap(([, values]) => values);
  const low = Math.min(...scores);
  const high = Math.max(...scores);
  const span = Math.max(high - low, 2e-5); // what is flatter is drawn flat
  const middle = (low + high) / 2;
  const map = scale(middle - 0.6 * span, middle + 0.64 * span, bottom, top);
  return Object.assign(map, { low: middle - 0.6 * span, high: middle + 0.64 * span });
}

/** Round scores of a field, each with where it is written. */
function scoreTicks({ y, top, bottom }) {
  const step = roundStep((y.high - y.low) / Math.max(1, Math.floor((bottom - top) / 26)));
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let tick = Math.ceil(y.low / step) * step; tick <= y.high; tick += step)
    if (y(tick) >= top + 4) ticks.push({ text: tick.toFixed(decimals), height: y(tick) }); // one above would stand out
  return ticks;
}

function candidateTicks(steps, x, bottom) {
  const step = Math.max(1, roundStep((TICK_GAP * 2 * steps) / (x(steps) - x(0))));
  const middle = [];
  for (let tick = step; tick < steps; tick += step)
    if (x(tick) - x(1) > TICK_GAP && x(steps) - x(tick) > TICK_GAP) middle.push(tick);
  return [...new Set([1, ...middle, steps])].map((tick) => label(tick, x(tick), bottom + 5, "middle", "hanging"));
}

/** The smallest of 1, 2 or 5 times a power of ten that is at least `least`. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9));
}

function curve(name, scores, x, y) {
  const points = scores.map((score, at) => `${x(at + 1).toFixed(2)},${y(score).toFixed(2)}`).join(" ");
  return svg("polyline", { class: `curve ${name}`, points });
}

/** The guide's foot: a mark below the curves, or an arrow at the end that it lies beyond. */
function foot(guide, steps, x, bottom) {
  const within = Math.min(Math.max(guide, 0), 1);
  const turn = guide < 0 ? -90 : guide > 1 ? 90 : 0;
  const transform = `translate(${x(within * steps)} ${bottom - 7}) rotate(${turn})`;
  return svg("path", { class: "guide", d: "M0,-6 L5.5,5 L-5.5,5 Z", transform });
}

function label(text, x, y, anchor, baseline) {
  const element = svg("text", { x, y, "text-anchor": anchor, "dominant-baseline": baseline });
  element.textContent = text;
  return element;
}

function line(name, x1, y1, x2, y2) {
  return svg("line", { class: name, x1, y1, x2, y2 });
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
