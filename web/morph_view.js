/** Curve of a morph in its node: a drawing that edits the node's text, which is all that is saved. */

import { app } from "../../scripts/app.js";
import { chain } from "./chain.js";
import { addToNode, followMode, forwardToCanvas, make, row } from "./dom.js";
import { noteChange } from "./graph.js";
import { describe, drawMorph } from "./morph_chart.js";
import { heightAt, isInOrder, mixOfTwo, placeOf, sharesAt, timeAt } from "./morph_curve.js";
import { formatKeyframes, LETTERS, parseKeyframes, PRESETS } from "./morph_text.js";
import { text } from "./texts.js";

const NAME = "richspace-morph";
const HEIGHT = 236;
const WIDTH = 330; // of a new node
const OPTION = "richspace_curve"; // nodes/morph.py
const FRAMES = ["frames", "length"]; // widgets of nodes that make an empty latent
const UNKNOWN_LAST = 48; // last frame of an axis in frames as long as nobody knows it

/** Return whether a node has a curve over time. */
export function hasCurve({ input = {} }) {
  return Boolean(input.required?.curve?.[1]?.[OPTION]);
}

export class MorphView {
  constructor(node) {
    this.node = node;
    this.run = null; // what the last run said about the video
    this.dragged = null; // number of the keyframe that the pointer holds
    this.lanes = 2; // number of prompts when the pointer took it, so that none vanishes under it
    this.build();
    addToNode(node, NAME, this.element, { getMinHeight: () => HEIGHT });
    node.setSize([Math.max(node.size[0], WIDTH), node.computeSize()[1]]);
    for (const widget of node.widgets)
      if (["curve", "interpolation", "frames"].includes(widget.name)) chain(widget, "callback", () => this.refresh());
    chain(node, "onConfigure", () => this.refresh());
    this.refresh();
  }

  build() {
    this.element = make("div", "richspace-view richspace-morph");
    this.choice = make("span", "richspace-choice");
    this.smooth = button("", text("How the mixture changes between keyframes"), () => this.toggleSmooth());
    this.unit = button("", text("Count the time in percent or in frames"), () => this.toggleUnit());
    this.chart = make("div", "richspace-chart richspace-morph-chart");
    this.note = make("div", "richspace-note richspace-warning");
    const presets = Object.entries(PRESETS).map(([name, curve]) => button(text(name), curve, () => this.write(curve)));
    this.element.append(
      row("richspace-head", this.choice, this.smooth, this.unit),
      this.chart,
      this.note,
      row("richspace-presets", ...presets),
    );
    const events = {
      pointerdown: this.grab,
      pointermove: this.drag,
      pointerup: this.drop,
      pointercancel: this.drop,
      dblclick: this.addAtPointer,
      contextmenu: this.removeAtPointer,
      keydown: this.press,
    };
    for (const [name, listener] of Object.entries(events)) this.chart.addEventListener(name, listener.bind(this));
    this.chart.addEventListener("focusin", (event) => this.tell(keyframeOf(event)));
    this.chart.addEventListener("focusout", () => this.tell(null));
    forwardToCanvas(this.element);
    new ResizeObserver(() => this.draw()).observe(this.chart);
  }

  get isEmpty() {
    return !this.run;
  }

  show(output) {
    const [said] = output?.richspace_morph ?? [];
    if (!said) return;
    this.run = said;
    this.refresh();
  }

  clear() {
    this.run = null;
    this.refresh();
  }

  onDraw() {
    followMode(this.element, this.node);
    if (this.text !== this.drawn) this.refresh(); // a script or undo has set the text
  }

  get text() {
    return String(this.widget("curve")?.value ?? "");
  }

  /** Whether the drawing can change the text: not if another node writes it. */
  get isEditable() {
    return !this.isConnected("curve");
  }

  /** Whether there are keyframes to change, which a text with a typo has not. */
  get hasHandles() {
    return this.isEditable && Boolean(this.keyframes);
  }

  get isSmooth() {
    return this.widget("interpolation")?.value === "smooth";
  }

  /** Number of prompts: those that are connected, and those that the text names. */
  get prompts() {
    const further = (this.node.inputs ?? []).filter(
      ({ name }, slot) => name.startsWith("prompts.") && this.node.isInputConnected(slot),
    );
    const named = [...this.text.toUpperCase().matchAll(/\b[A-F]\b/g)].map(([letter]) => LETTERS.indexOf(letter) + 1);
    return Math.max(2, 2 + further.length, ...named, this.dragged === null ? 2 : this.lanes);
  }

  /** Number of frames of the video, as far as the page knows it, or 0. */
  get frames() {
    const slot = this.node.inputs?.findIndex(({ name }) => name === "latent") ?? -1;
    const isPlaced = slot !== -1 && this.node.graph; // a node that goes into a subgraph is in none for a moment
    const source = isPlaced ? this.node.getInputNode(slot) : null;
    if (source) {
      const widget = source.widgets?.find(({ name }) => FRAMES.includes(name));
      return Number(widget?.value) || this.run?.frames || 0;
    }
    return Number(this.widget("frames")?.value) || this.run?.frames || 0;
  }

  /** Number of the last frame on the axis. */
  get last() {
    const latest = Math.max(...(this.keyframes ?? []).map(({ time, isFrame }) => (isFrame ? time : 0)), 1);
    return this.frames > 1 ? this.frames - 1 : Math.max(latest, this.usesFrames ? 1 : UNKNOWN_LAST);
  }

  get usesFrames() {
    return Boolean(this.keyframes?.length) && this.keyframes.every(({ isFrame }) => isFrame);
  }

  refresh() {
    this.drawn = this.text;
    this.keyframes = parseKeyframes(this.text, this.prompts);
    this.smooth.textContent = this.isSmooth ? text("smooth") : text("linear");
    this.unit.textContent = this.usesFrames ? text("frames") : "%";
    // A text with a typo leaves the drawing of the last one.
    if (this.keyframes) Object.assign(this, { shown: this.keyframes, lanesShown: this.prompts });
    this.unit.hidden = this.frames < 2 || !this.hasHandles;
    this.smooth.disabled = this.isConnected("interpolation");
    for (const each of this.element.querySelectorAll(".richspace-presets button")) each.disabled = !this.isEditable;
    if (this.dragged === null) this.note.textContent = this.problem(); // the drawing stays where the pointer is
    this.chart.classList.toggle("richspace-off", !this.keyframes);
    this.tell(null);
    this.draw();
  }

  problem() {
    if (!this.isEditable) return text("another node writes the curve");
    if (!this.keyframes) return text("the text has a typo: run to see where, or take one of these");
    if (isInOrder(this.keyframes, this.last)) return "";
    return text("keyframes must be in order of time and within the video");
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.chart;
    if (width < 80 || height < 40 || !this.shown) return;
    const focused = document.activeElement?.dataset?.keyframe;
    const hadFocus = this.chart.contains(document.activeElement);
    const known = this.run && this.run.frames === this.frames;
    const look = {
      width,
      height,
      prompts: this.lanesShown,
      last: this.last,
      isSmooth: this.isSmooth,
      middles: known ? this.run.middles : [],
      showsFrames: this.usesFrames,
      names: this.run?.prompts ?? [],
    };
    const { drawing, placeAt, heightAtY } = drawMorph(this.shown, look);
    Object.assign(this, { look, placeAt, heightAtY });
    this.chart.replaceChildren(drawing);
    if (hadFocus && focused !== undefined) this.focus(Number(focused));
  }

  focus(at) {
    const within = Math.min(at, this.shown.length - 1);
    this.chart.querySelector(`[data-keyframe="${within}"]`)?.focus({ preventScroll: true });
  }

  /** Write in the head what a keyframe is, or how many there are. */
  tell(at) {
    const keyframe = this.keyframes?.[at];
    const count = this.keyframes?.length;
    const counted = count === 1 ? text("1 keyframe") : count ? text("{count} keyframes", { count }) : "";
    this.choice.textContent = keyframe ? describe(keyframe) : counted;
  }

  grab(event) {
    const at = keyframeOf(event);
    if (event.button !== 0 || at === null || !this.hasHandles) return;
    event.stopPropagation();
    this.lanes = this.prompts;
    this.dragged = at;
    this.chart.setPointerCapture(event.pointerId);
    this.focus(at);
    this.tell(at);
  }

  drag(event) {
    if (this.dragged === null) return;
    event.stopPropagation();
    const { place, height } = this.pointer(event);
    this.move(this.dragged, place, height);
  }

  drop(event) {
    if (this.dragged === null) return;
    event.stopPropagation();
    this.chart.releasePointerCapture?.(event.pointerId);
    this.dragged = null;
    this.refresh();
    noteChange();
  }

  /** Move a keyframe to a time and a height, as far as its neighbors allow. */
  move(at, place, height) {
    const { isFrame, shares } = this.keyframes[at];
    const time = timeAt(place, isFrame, this.last, this.keyframes[at - 1], this.keyframes[at + 1]);
    this.replace(at, { time, isFrame, shares: height === null ? shares : sharesAt(height, this.prompts) });
  }

  addAtPointer(event) {
    event.stopPropagation();
    if (!this.hasHandles || keyframeOf(event) !== null) return;
    const { place, height } = this.pointer(event);
    this.add(place, sharesAt(height, this.prompts));
  }

  /** Add a keyframe, unless there is one at its time. */
  add(place, shares) {
    const isFrame = this.usesFrames;
    const time = timeAt(place, isFrame, this.last);
    const others = this.keyframes.filter((each) => placeOf(each, this.last) !== placeOf({ time, isFrame }, this.last));
    if (others.length < this.keyframes.length) return;
    const added = { time, isFrame, shares };
    const all = [...others, added].sort((one, other) => placeOf(one, this.last) - placeOf(other, this.last));
    this.write(formatKeyframes(all));
    this.focus(all.indexOf(added));
  }

  removeAtPointer(event) {
    const at = keyframeOf(event);
    if (at === null) return;
    event.preventDefault();
    event.stopPropagation();
    this.remove(at);
  }

  remove(at) {
    if (!this.hasHandles || this.keyframes.length < 2) return;
    this.write(formatKeyframes(this.keyframes.filter((_, place) => place !== at)));
    this.focus(Math.max(at - 1, 0));
  }

  press(event) {
    const at = keyframeOf(event);
    if (at === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = this.hasHandles ? this.actionOf(event, at) : null;
    if (!action && this.hasHandles) return;
    event.stopPropagation(); // the canvas uses some of these keys, too: Delete would delete the node
    if (!action) return;
    event.preventDefault();
    action();
    this.tell(at);
    noteChange();
  }

  /** Return what a key does to the keyframe that has the focus, if anything. */
  actionOf({ key, shiftKey }, at) {
    const keyframe = this.keyframes[at];
    const step = (shiftKey ? 10 : 1) / (keyframe.isFrame ? this.last : 100);
    const place = placeOf(keyframe, this.last);
    const actions = {
      ArrowLeft: () => this.move(at, place - step, null),
      ArrowRight: () => this.move(at, place + step, null),
      ArrowUp: () => this.raise(at, -1),
      ArrowDown: () => this.raise(at, 1),
      Delete: () => this.remove(at),
      Backspace: () => this.remove(at),
      Insert: () => this.addAfter(at),
      "+": () => this.addAfter(at),
    };
    const letter = key.toUpperCase();
    if (key.length === 1 && LETTERS.slice(0, this.prompts).includes(letter))
      return () => this.replace(at, { ...keyframe, shares: { [letter]: 100 } });
    return actions[key] ?? null;
  }

  /** Move a keyframe up or down: by 5% of A and B, or to the next prompt. */
  raise(at, steps) {
    const keyframe = this.keyframes[at];
    const letters = LETTERS.slice(0, this.prompts);
    const lane = letters.indexOf(Object.keys(keyframe.shares).sort()[0]) + steps;
    const shares =
      this.prompts === 2
        ? mixOfTwo((keyframe.shares.B ?? 0) + 5 * steps)
        : { [letters[Math.min(Math.max(lane, 0), this.prompts - 1)]]: 100 };
    this.replace(at, { ...keyframe, shares });
  }

  /** Add a keyframe on the curve, between one and the next or the end. */
  addAfter(at) {
    const from = placeOf(this.keyframes[at], this.last);
    const to = this.keyframes[at + 1] ? placeOf(this.keyframes[at + 1], this.last) : 1;
    const place = (from + to) / 2;
    this.add(place, sharesAt(heightAt(place, this.keyframes, this.look), this.prompts));
  }

  toggleSmooth() {
    this.set("interpolation", this.isSmooth ? "linear" : "smooth");
    noteChange();
  }

  toggleUnit() {
    const isFrame = !this.usesFrames;
    const scale = isFrame ? this.last : 100;
    const converted = this.keyframes.map((keyframe) => ({
      ...keyframe,
      isFrame,
      time: Math.round(placeOf(keyframe, this.last) * scale),
    }));
    if (isInOrder(converted, this.last)) this.write(formatKeyframes(converted));
  }

  replace(at, keyframe) {
    this.set("curve", formatKeyframes(this.keyframes.map((each, place) => (place === at ? keyframe : each))));
    this.tell(at);
  }

  write(text) {
    this.set("curve", text);
    noteChange();
  }

  set(name, value) {
    const widget = this.widget(name);
    widget.value = value;
    widget.callback?.(value, app.canvas, this.node);
    this.refresh();
    this.node.setDirtyCanvas(true, true);
  }

  widget(name) {
    return this.node.widgets?.find((widget) => widget.name === name);
  }

  isConnected(name) {
    const inputs = this.node.inputs ?? [];
    return inputs.some(({ widget }, slot) => widget?.name === name && this.node.isInputConnected(slot));
  }

  pointer({ clientX, clientY }) {
    const box = this.chart.getBoundingClientRect(); // the canvas may be zoomed
    const zoom = box.width / this.chart.clientWidth;
    return { place: this.placeAt((clientX - box.left) / zoom), height: this.heightAtY((clientY - box.top) / zoom) };
  }
}

/** Return the number of the keyframe that an event is about, or null. */
function keyframeOf({ target }) {
  const at = target.closest?.("[data-keyframe]")?.dataset.keyframe;
  return at === undefined ? null : Number(at);
}

function button(name, hint, onClick) {
  const element = make("button", "richspace-automatic", name);
  element.type = "button";
  element.title = hint;
  element.addEventListener("click", onClick);
  return element;
}
