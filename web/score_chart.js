/** Chart of one finder's curves as SVG: above the curve that decides, below it the curves that it is made of. */

const LEFT = 36; // minimum room for the scores; longer ones get more
const DIGIT = 6; // width of a digit in pixels
const SCORE_GAP = 4;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 18; // room for the candidates' numbers
const GAP = 6;
const UPPER_SHARE = 0.62;
const TICK_GAP = 34;
const STYLES = ["first", "second"]; // of the curves below the deciding one; more curves repeat them

/**
 * Return the style of each curve of a finder by its place. A single curve is drawn in the first color.
 *
 * @returns {string[]} classes of richspace.css
 */
export function curveStyles({ curves }) {
  const [, ...parts] = Object.keys(curves);
  if (!parts.length) return [STYLES[0]];
  return ["deciding", ...parts.map((_, place) => STYLES[place % STYLES.length])];
}

/**
 * Draw a chart.
 *
 * @param {object} data the choice of one finder: Choice.as_json() in richspace_core/finder/choice.py
 * @param {{width: number, height: number, chosen: number, hovered: number}} look size in pixels, and the candidates
 *   to mark; `hovered` is null for none
 * @returns {{drawing: SVGElement, candidateAt: function(number): number, placeOf: function(number): number}} the chart,
 *   a function that returns the candidate at a distance from its left edge, and one from a candidate to that distance
 */
export function drawChart(data, look) {
  const { width, height, chosen } = look;
  const { steps, best, guide } = data;
  const bottom = height - BOTTOM;
  const fields = layOutFields(data, bottom);
  const longest = Math.max(...fields.flatMap(({ ticks }) => ticks.map(({ text }) => text.length)));
  const left = Math.max(LEFT, longest * DIGIT + SCORE_GAP + 2);
  const margin = 0.025 * steps;
  const x = scale(-margin, steps + margin, left, width - RIGHT);

  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  for (const field of fields) drawing.append(...drawField(field, { left, right: width - RIGHT }, x, data, look));
  const { curves, y } = fields[0];
  drawing.append(...drawMeasured(data, fields[0], x));
  const onCurve = (index) => ({ cx: x(index), cy: y(curves[0].scores[index - 1]) });
  if (chosen !== best) drawing.append(svg("circle", { class: "best", r: 5, ...onCurve(best) }));
  drawing.append(svg("circle", { class: "chosen", r: 6, ...onCurve(chosen) }));
  if (guide !== null) drawing.append(guideMark(guide, steps, x, bottom));
  drawing.append(...candidateTicks(steps, x, bottom));

  const candidateAt = (position) => Math.min(Math.max(Math.round(x.inverse(position)), 1), steps);
  return { drawing, candidateAt, placeOf: x };
}

/** Divide the height between a field for the curve that decides and, below it, one for the others if there are any. */
function layOutFields(data, bottom) {
  const styles = curveStyles(data);
  const { measured = [], wanted = null, shares = [] } = data;
  const curves = Object.entries(data.curves).map(([name, scores], place) => ({
    scores,
    style: styles[place],
    bound: data.bounds[name],
    isShare: shares.includes(name),
  }));
  const [deciding, ...parts] = curves;
  deciding.start = measured.filter(({ index }) => index === 0).map(({ value }) => value);
  deciding.marks = [...measured.map(({ value }) => value), ...(wanted === null ? [] : [wanted])];
  const split = parts.length ? TOP + UPPER_SHARE * (bottom - TOP - GAP) : bottom;
  const fields = [{ curves: [deciding], top: TOP, bottom: split }];
  if (parts.length) fields.push({ curves: parts, top: split + GAP, bottom });
  for (const field of fields) {
    field.y = scoreScale(field);
    field.ticks = scoreTicks(field);
  }
  return fields;
}

/** Draw a field's ground, its scores, the marks of candidates, and its curves. */
function drawField({ curves, ticks, top, bottom, y }, { left, right }, x, { steps, optimum }, { chosen, hovered }) {
  const height = bottom - top;
  const half = Math.max(x(1 / 2) - x(0), 1.5);
  return [
    svg("rect", { class: "field", x: left, y: top, width: right - left, height }),
    ...ticks.flatMap(({ text, height }) => [
      line("grid", left, height, right, height),
      label(text, left - SCORE_GAP, height, "end", "middle"),
    ]),
    svg("rect", { class: "chosen-band", x: x(chosen) - half, y: top, width: 2 * half, height }),
    line("optimum", x(optimum * steps), top, x(optimum * steps), bottom),
    ...(hovered !== null ? [line("hovered", x(hovered), top, x(hovered), bottom)] : []),
    ...curves.map((curve) => drawCurve(curve, x, y)),
  ];
}

/** Return a linear map from [low, high] to [from, to], with its inverse. */
function scale(low, high, from, to) {
  const map = (value) => from + ((value - low) / (high - low)) * (to - from);
  map.inverse = (position) => low + ((position - from) / (to - from)) * (high - low);
  return map;
}

function scoreScale({ curves, top, bottom }) {
  const values = curves.flatMap(({ scores, marks = [] }) => [...scores, ...marks]);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = Math.max(high - low, 2e-5); // smaller differences are drawn flat
  const middle = (low + high) / 2;
  const map = scale(middle - 0.6 * span, middle + 0.64 * span, bottom, top);
  return Object.assign(map, { low: middle - 0.6 * span, high: middle + 0.64 * span });
}

/** Choose round scores to write next to a field, each with its height; none that its curves cannot have. */
function scoreTicks({ curves, y, top, bottom }) {
  const bound = Math.max(...curves.map((curve) => curve.bound));
  const isShare = curves.every((curve) => curve.isShare);
  const write = (score, decimals) => (isShare ? percent(score, decimals - 2) : score.toFixed(decimals));
  const step = roundStep((y.high - y.low) / Math.max(1, Math.floor((bottom - top) / 26)));
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let count = Math.ceil(y.low / step); count * step <= y.high; count++) {
    const score = count * step;
    const isCut = y(score) < top + 4;
    const isPossible = Math.abs(score) <= bound + step / 1000; // products of decimals are not exact
    if (!isCut && isPossible) ticks.push({ text: write(score, decimals), height: y(score) });
  }
  return ticks;
}

function candidateTicks(steps, x, bottom) {
  const step = Math.max(1, roundStep((TICK_GAP * 2 * steps) / (x(steps) - x(0))));
  const middle = [];
  for (let tick = step; tick < steps; tick += step)
    if (x(tick) - x(1) > TICK_GAP && x(steps) - x(tick) > TICK_GAP) middle.push(tick);
  return [...new Set([1, ...middle, steps])].map((tick) => label(tick, x(tick), bottom + 5, "middle", "hanging"));
}

/** Return the smallest of 1, 2 or 5 times a power of ten that is at least `least`. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9));
}

/** Mark where the curve was measured, with a leader to each picture above, and the value that was looked for. */
function drawMeasured({ steps, measured = [], wanted = null }, { curves, top, y }, x) {
  const [{ style }] = curves;
  return [
    ...(wanted === null ? [] : [line("wanted", x(0), y(wanted), x(steps), y(wanted))]),
    ...measured
      .filter(({ picture }) => picture)
      .map(({ index, value }) => line("leader", x(index), top - TOP, x(index), y(value))),
    ...measured.map(({ index, value }) =>
      svg("circle", { class: `measured ${style}`, r: 3.5, cx: x(index), cy: y(value) }),
    ),
  ];
}

/** Write a share as a percentage. */
export function percent(share, decimals = 0) {
  return `${(100 * share).toFixed(Math.max(0, decimals))}%`.replace(/^-(0%)$/, "$1");
}

function drawCurve({ scores, start = [], style }, x, y) {
  const first = 1 - start.length;
  const place = (score, at) => `${x(first + at).toFixed(2)},${y(score).toFixed(2)}`;
  const points = [...start, ...scores].map(place).join(" ");
  return svg("polyline", { class: `curve ${style}`, points });
}

/** Mark the guide's foot: below the curves, or by an arrow at the end if it is beyond that. */
function guideMark(guide, steps, x, bottom) {
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
