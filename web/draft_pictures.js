/** Row of small pictures above a chart: the drafts that a finder looked at, each above its place on the axis. */

import { make } from "./dom.js";
import { percent } from "./score_chart.js";
import { text, translate } from "./texts.js";

export const ROW_HEIGHT = 66; // .richspace-drafts in richspace.css, and the gap below it
const HIGHEST = 50; // of a picture
const WIDEST = 80;
const GAP = 4;
const ENLARGED = 104; // longest side of the picture under the pointer

export class DraftPictures {
  /**
   * @param {object} data the choice of one finder
   * @param {{hover: function(?number), take: function(number)}} actions what the pointer and the keyboard do
   */
  constructor(data, actions) {
    this.leaders = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.leaders.setAttribute("aria-hidden", "true");
    this.element = make("div", "richspace-drafts");
    this.drafts = draftsOf(data).map((draft) => ({ ...draft, button: this.makeButton(draft, data, actions) }));
    this.element.append(this.leaders, ...this.drafts.map(({ button }) => button));
  }

  makeButton({ index, value, picture }, data, { hover, take }) {
    const button = make("button", "richspace-draft");
    const image = make("img", "");
    image.alt = button.title = describeDraft(index, value, data);
    image.src = picture;
    image.draggable = false;
    image.addEventListener("load", () => this.redo?.());
    button.append(image);
    const letter = { 0: "B", [data.steps]: "A" }[index];
    if (letter) button.append(make("span", "", letter));
    for (const name of ["pointerenter", "focus"]) button.addEventListener(name, () => hover(index));
    for (const name of ["pointerleave", "blur"]) button.addEventListener(name, () => hover(null));
    button.addEventListener("click", () => index && take(index));
    // The canvas uses these keys, too.
    button.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && event.stopPropagation());
    return button;
  }

  /** Put each picture above its place: all of one size, apart from each other, in the order of their candidates. */
  arrange(placeOf, width, look) {
    this.redo = () => this.arrange(placeOf, width, look);
    const { naturalWidth, naturalHeight } = this.drafts[0].button.firstChild;
    const ratio = naturalWidth / naturalHeight || 1;
    const wide = Math.min(WIDEST, HIGHEST * ratio, width / this.drafts.length - GAP);
    const high = wide / ratio;
    const places = this.drafts.map(({ index }) => placeOf(index));
    const centers = spread(places, wide + GAP, wide / 2 + 1, width - wide / 2 - 1);
    const zoom = Math.max(1, Math.min(ENLARGED, width) / Math.max(wide, high));
    this.leaders.setAttribute("viewBox", `0 0 ${width} ${ROW_HEIGHT}`);
    this.leaders.replaceChildren(...places.map((place, at) => leader(centers[at], place)));
    for (const [at, { index, button }] of this.drafts.entries()) {
      const box = { left: centers[at] - wide / 2, top: HIGHEST + 2 - high, width: wide, height: high };
      for (const [name, size] of Object.entries(box)) button.style[name] = `${size.toFixed(2)}px`;
      button.style.setProperty("--zoom", zoom.toFixed(3));
      // The enlarged picture stays within the row's width.
      button.style.setProperty("--origin", `${((100 * box.left) / Math.max(1, width - wide)).toFixed(1)}%`);
      button.classList.toggle("richspace-taken", index === look.chosen);
      button.classList.toggle("richspace-enlarged", index === look.hovered);
    }
  }
}

/** Return what was measured and has a picture, in the order of the candidates. */
export function draftsOf({ measured = [] }) {
  return measured.filter(({ picture }) => picture);
}

function describeDraft(index, value, { steps, choices, curves, shares = [] }) {
  const isShare = shares.includes(Object.keys(curves)[0]);
  const seen = isShare ? text("{share} seen", { share: percent(value) }) : value.toFixed(4);
  const candidate = index ? translate(choices[index - 1].replace(/ A, .*/, " A")) : describeCandidate(0, { steps });
  return text("candidate {candidate}, {value}", { candidate, value: seen });
}

/** Write a candidate in words: `14 of 30: 47% A, 53% B`. */
export function describeCandidate(index, { steps, choices }) {
  return index ? translate(choices[index - 1]) : text("0 of {steps}: exactly B", { steps });
}

/**
 * Move places apart until neighbors are `pitch` apart, as little as possible (least squares), in their order: isotonic
 * regression, as `spread` in richspace_core/drawing/draft_row.py.
 */
function spread(places, pitch, low, high) {
  const groups = [];
  for (const [at, place] of places.entries()) {
    let group = { mean: place - at * pitch, count: 1 };
    while (groups.length && groups.at(-1).mean >= group.mean) {
      const before = groups.pop();
      const count = before.count + group.count;
      group = { mean: (before.mean * before.count + group.mean * group.count) / count, count };
    }
    groups.push(group);
  }
  const last = high - (places.length - 1) * pitch;
  const starts = groups.flatMap(({ mean, count }) => Array(count).fill(Math.min(Math.max(mean, low), last)));
  return starts.map((start, at) => start + at * pitch);
}

function leader(from, to) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const ends = { x1: from, y1: HIGHEST + 3, x2: to, y2: ROW_HEIGHT };
  for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value);
  return line;
}
