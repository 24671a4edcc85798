/** Contact sheet of a sweep in its node: a click on a row takes its candidate. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { chain } from "./chain.js";
import { addToNode, followMode, forwardToCanvas, make } from "./dom.js";
import { noteChange } from "./graph.js";
import { fit } from "./node_height.js";
import { freeWidget } from "./picks.js";
import { text, translate } from "./texts.js";

const NAME = "richspace-sheet";
const PICTURE = "$$canvas-image-preview"; // the name of the picture's widget in the classic renderer
const SWEEP = "RichSpaceInterpolationSweep";
const LABEL = /^(\d+) of (\d+):/; // of a candidate: richspace_core/finder/candidates.py
const HIGHEST = 480; // of the picture, unless the user makes the node higher
const HEAD_HEIGHT = 30;

/** Return whether a node is a contact sheet. */
export function isContactSheet({ name }) {
  return name === "RichSpaceContactSheet";
}

export class SheetView {
  constructor(node) {
    this.node = node;
    this.rows = []; // of the last run's sheet: label, and upper and lower edge as shares of the picture's height
    this.widget = null; // there is one only while rows can be taken
    this.earlier = new Map(); // from a widget to its value before a row was taken
    this.followed = new WeakSet(); // widgets whose changes are followed
    this.build();
  }

  build() {
    this.element = make("div", `richspace-view ${NAME}`);
    this.note = make("div", "richspace-sheet-note");
    this.picture = make("img", "");
    this.picture.draggable = false;
    this.sheet = make("div", "richspace-sheet-picture");
    const room = make("div", "richspace-sheet-room");
    room.append(this.sheet);
    this.element.append(this.note, room);
    const arrange = () => this.arrange(room);
    this.picture.addEventListener("load", () => {
      arrange();
      fit(this.node);
    });
    new ResizeObserver(arrange).observe(room);
    forwardToCanvas(this.element);
  }

  get isEmpty() {
    return !this.rows.length;
  }

  /** Show a run's sheet, if its rows are the candidates of a sweep. Otherwise ComfyUI shows the picture. */
  show(output) {
    const [rows] = output?.richspace_sheet ?? [];
    const [image] = output?.images ?? [];
    if (!rows || !image) return;
    this.rows = rows;
    const source = api.apiURL(`/view?${new URLSearchParams(image)}`);
    if (this.picture.getAttribute("src") !== source) this.picture.src = source;
    this.sheet.replaceChildren(this.picture, ...rows.map((row) => this.makeButton(row)));
    this.refresh();
  }

  makeButton({ label, top, bottom }) {
    const button = make("button", "richspace-sheet-row");
    const [, index, steps] = LABEL.exec(label) ?? [];
    Object.assign(button.dataset, { index, steps });
    button.title = translate(label);
    button.setAttribute("aria-label", button.title);
    button.style.top = `${100 * top}%`;
    button.style.height = `${100 * (bottom - top)}%`;
    button.addEventListener("click", () => this.toggle(Number(index), Number(steps)));
    // The canvas uses these keys, too.
    button.addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && event.stopPropagation());
    return button;
  }

  clear() {
    this.rows = [];
    this.refresh();
  }

  /** The sweep whose candidates the rows are, if it is in the same graph. */
  get sweep() {
    const slot = this.node.inputs?.findIndex(({ name }) => name === "labels") ?? -1;
    const source = slot !== -1 && this.node.graph ? this.node.getInputNode(slot) : null;
    const isNamed = this.rows.length && this.rows.every(({ label }) => LABEL.test(label));
    return isNamed && source?.comfyClass === SWEEP ? source : null;
  }

  /** Follow the node's connections: add or remove the view. */
  refresh() {
    const isShown = Boolean(this.sweep);
    if (isShown && !this.widget) {
      const height = () => HEAD_HEIGHT + Math.min(HIGHEST, this.node.size[0] * this.ratio);
      this.widget = addToNode(this.node, NAME, this.element, { getMinHeight: height });
    } else if (!isShown && this.widget) {
      this.node.removeWidget(this.widget);
      this.widget = null;
    } else if (!isShown) return;
    this.node.hideOutputImages = isShown; // Nodes 2.0
    this.hidePicture();
    this.mark();
    fit(this.node);
  }

  get ratio() {
    return this.picture.naturalHeight / this.picture.naturalWidth || 1;
  }

  onDraw() {
    this.hidePicture();
    followMode(this.element, this.node);
  }

  /** Hide ComfyUI's picture of the same sheet. The node's menu can still open and save it. */
  hidePicture() {
    const picture = this.node.widgets?.find(({ name }) => name === PICTURE);
    if (picture) picture.hidden = Boolean(this.widget);
  }

  /** Make the picture as large as there is room for it. */
  arrange({ clientWidth, clientHeight }) {
    const width = Math.min(clientWidth, clientHeight / this.ratio);
    this.sheet.style.width = `${width}px`;
    this.sheet.style.height = `${width * this.ratio}px`;
  }

  /** Mark the row whose candidate is taken, and say what takes it. */
  mark() {
    const { sweep } = this;
    if (!sweep) return;
    let taken = null;
    for (const button of this.sheet.querySelectorAll("button")) {
      const { index, steps } = button.dataset;
      const isTaken = this.isTaken(this.targets(Number(steps)), Number(index));
      button.classList.toggle("richspace-taken", isTaken);
      button.setAttribute("aria-pressed", isTaken);
      if (isTaken) taken = { index, steps };
    }
    this.note.textContent = taken ? this.describe(taken) : text("Click a row to take its candidate.");
  }

  describe({ index, steps }) {
    const nodes = this.targets(Number(steps)).map(({ node }) => node.title);
    const values = { index, steps, node: nodes.join(", ") };
    if (this.finders(Number(steps)).length)
      return text("{node} takes {index} of {steps} in the next run. Click the row again to undo.", values);
    return text("{node} makes only {index} of {steps} in the next run. Click the row again to undo.", values);
  }

  /** Return what a click sets: the index of each finder of the same mixture, or else the sweep's own candidates. */
  targets(steps) {
    const finders = this.finders(steps);
    const found = finders.length ? finders : [{ node: this.sweep, widget: freeWidget(this.sweep, "candidates") }];
    for (const { widget } of found) this.follow(widget);
    return found.filter(({ widget }) => widget);
  }

  /** Return the nodes that mix the sweep's A and B in as many steps, each with its widget for the index. */
  finders(steps) {
    const { sweep } = this;
    const prompts = ["a", "b"].map((name) => originOf(sweep, name));
    if (prompts.includes(null)) return [];
    return this.node.graph.nodes
      .filter((node) => node.comfyClass?.startsWith("RichSpace") && freeWidget(node, "steps")?.value === steps)
      .filter((node) => ["a", "b"].every((name, place) => originOf(node, name) === prompts[place]))
      .map((node) => ({ node, widget: freeWidget(node, "index") }))
      .filter(({ widget }) => widget);
  }

  follow(widget) {
    if (!widget || this.followed.has(widget)) return;
    this.followed.add(widget);
    chain(widget, "callback", () => this.mark());
  }

  isTaken(targets, index) {
    return targets.length > 0 && targets.every(({ widget }) => String(widget.value).trim() === String(index));
  }

  toggle(index, steps) {
    if (!this.sweep) return;
    const targets = this.targets(steps);
    const isTaken = this.isTaken(targets, index);
    for (const { node, widget } of targets) {
      const value = isTaken ? this.before(widget) : typeof widget.value === "number" ? index : String(index);
      if (!isTaken && !this.earlier.has(widget)) this.earlier.set(widget, widget.value);
      if (isTaken) this.earlier.delete(widget);
      widget.value = value;
      widget.callback?.(value, app.canvas, node);
      node.setDirtyCanvas(true, true);
    }
    noteChange();
  }

  /** Return what a widget had before a row was taken; a finder's index becomes automatic if nobody knows. */
  before(widget) {
    if (this.earlier.has(widget)) return this.earlier.get(widget);
    if (typeof widget.value !== "number") return "";
    return widget.options.min === 0 ? 0 : widget.value;
  }
}

/** Return where an input of a node comes from, or null if it is not connected. */
function originOf(node, name) {
  const slot = node.inputs?.findIndex((input) => input.name === name) ?? -1;
  const link = slot === -1 ? null : node.getInputLink(slot);
  return link ? `${link.origin_id}:${link.origin_slot}` : null;
}
