/** Chart of a morph as SVG: the curve over time, its keyframes, and the moments of the latent frames. */

import { heightAt, heightOf, placeOf, shareAt } from "./morph_curve.js";
import { formatMixture, formatTime, LETTERS } from "./morph_text.js";
import { text } from "./texts.js";

const LEFT = 20; // room for the prompts' letters
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 20; // room for the times
const POINTS = 24; // of the curve between two keyframes
const RADIUS = 6;
const RIBBON = 9; // largest height of a prompt's ribbon above its lane, or less where lanes are narrow
const TICK = 44; // pixels between two times

/**
 * Draw a chart.
 *
 * @param {object[]} keyframes as parseKeyframes of morph_text.js returns them
 * @param {{width: number, height: number, prompts: number, last: number, isSmooth: boolean, middles: number[],
 *   showsFrames: boolean, names: string[]}} look size in pixels, number of prompts and of the last frame, times of the
 *   latent frames, and texts of the prompts
 * @returns {{drawing: SVGElement, placeAt: function(number): number, heightAtY: function(number): number}} the chart,
 *   and functions from a distance from its left or upper edge to a time and to a height of morph_curve.js
 */
export function drawMorph(keyframes, look) {
  const { width, height, prompts, last } = look;
  const right = width - RIGHT;
  const bottom = height - BOTTOM;
  const x = (place) => LEFT + place * (right - LEFT);
  const y = (share) => TOP + share * (bottom - TOP);
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  drawing.append(svg("rect", { class: "field", x: LEFT, y: TOP, width: right - LEFT, height: bottom - TOP }));
  drawing.append(...lanes(look, y, right), ...times(look, x, bottom));
  if (prompts > 2) drawing.append(...ribbons(keyframes, look, x, y));
  const line = prompts > 2 ? "curve first thin" : "curve first";
  drawing.append(svg("polyline", { class: line, points: curve(keyframes, look, x, y) }));
  for (const middle of look.middles) {
    const place = middle / last;
    drawing.append(svg("circle", { class: "moment", r: 2.5, cx: x(place), cy: y(heightAt(place, keyframes, look)) }));
  }
  drawing.append(...keyframes.map((keyframe, at) => handle(keyframe, at, keyframes, { prompts, last }, x, y)));
  return {
    drawing,
    placeAt: (px) => Math.min(Math.max((px - LEFT) / (right - LEFT), 0), 1),
    heightAtY: (py) => Math.min(Math.max((py - TOP) / (bottom - TOP), 0), 1),
  };
}

function lanes({ prompts, names }, y, right) {
  return Array.from({ length: prompts }, (_, lane) => {
    const height = y(lane / (prompts - 1));
    const letter = label(LETTERS[lane], LEFT - 7, height, "end", "middle");
    letter.setAttribute("class", "letter");
    if (names[lane]) letter.append(title(`${LETTERS[lane]}: ${names[lane]}`));
    return [svg("line", { class: "grid", x1: LEFT, y1: height, x2: right, y2: height }), letter];
  }).flat();
}

function times({ width, last, showsFrames }, x, bottom) {
  const scale = showsFrames ? last : 100;
  const most = Math.max(1, Math.floor((width - LEFT - RIGHT) / TICK));
  const step = roundStep(scale / most);
  const ticks = [];
  for (let tick = 0; tick < scale; tick += step) if (scale - tick >= 0.6 * step || tick === 0) ticks.push(tick);
  return [...ticks, scale].map((tick) => {
    const text = showsFrames ? String(tick) : `${tick}%`;
    return label(text, x(tick / scale), bottom + 6, tick === scale ? "end" : "middle", "hanging");
  });
}

function curve(keyframes, look, x, y) {
  return points(placesOf(keyframes, look), x, (place) => y(heightAt(place, keyframes, look)));
}

/** Draw on the lane of each of several prompts a ribbon as thick as its share: one line cannot show a mixture of them. */
function ribbons(keyframes, look, x, y) {
  const places = placesOf(keyframes, look);
  const distance = 1 / (look.prompts - 1); // between lanes
  const half = Math.min(RIBBON, 0.4 * (y(distance) - y(0)));
  return Array.from({ length: look.prompts }, (_, lane) => {
    const edge = (side) => (place) =>
      y(lane * distance) + side * half * shareAt(LETTERS[lane], place, keyframes, look);
    const outline = [points(places, x, edge(-1)), points([...places].reverse(), x, edge(1))];
    return svg("polygon", { class: "ribbon", points: outline.join(" ") });
  });
}

/** Return the times at which curves are drawn: more of them than the eye can tell apart. */
function placesOf(keyframes, { last }) {
  const stops = [0, ...keyframes.map((keyframe) => placeOf(keyframe, last)).filter((place) => place < 1), 1];
  const between = stops.slice(1).flatMap((stop, at) => {
    const from = stops[at];
    return Array.from({ length: POINTS }, (_, number) => from + ((stop - from) * (number + 1)) / POINTS);
  });
  return [0, ...between];
}

function points(places, x, y) {
  return places.map((place) => `${x(place).toFixed(1)},${y(place).toFixed(1)}`).join(" ");
}

/** Draw a keyframe that the keyboard can reach; one behind the end of the video is at the end, and looks different. */
function handle(keyframe, at, keyframes, { prompts, last }, x, y) {
  const height = heightOf(keyframe.shares, prompts);
  const place = placeOf(keyframe, last);
  const element = svg("circle", {
    class: place > 1 ? "keyframe outside" : "keyframe",
    r: RADIUS,
    cx: x(Math.min(place, 1)),
    cy: y(height),
    tabindex: 0,
    role: "slider",
    "data-keyframe": at,
    "aria-label": text("Keyframe {number} of {count}", { number: at + 1, count: keyframes.length }),
    "aria-valuemin": 0,
    "aria-valuemax": keyframe.isFrame ? last : 100,
    "aria-valuenow": keyframe.time,
    "aria-valuetext": describe(keyframe),
  });
  element.append(title(describe(keyframe)));
  return element;
}

export function describe(keyframe) {
  const values = { time: formatTime(keyframe), mixture: formatMixture(keyframe.shares) };
  return keyframe.isFrame ? text("frame {time}: {mixture}", values) : `${values.time}: ${values.mixture}`;
}

/** Return the smallest of 1, 2 or 5 times a power of ten that is at least `least` and at least 1. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least * (1 - 1e-9));
}

function title(text) {
  const element = svg("title", {});
  element.textContent = text;
  return element;
}

function label(text, x, y, anchor, baseline) {
  const element = svg("text", { x, y, "text-anchor": anchor, "dominant-baseline": baseline });
  element.textContent = text;
  return element;
}

function svg(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
