/** Helpers that every view in a node shares. */

import { app } from "../../scripts/app.js";

const LINE = 17; // height of a line of text in pixels
const LETTER = 7; // width of a letter in pixels
const MOST_LINES = 12; // longer texts scroll
const BYPASS = 4; // LiteGraph has no public name for this mode
const PADDING = 36; // the view's own, and the space that the classic renderer adds

/** Create an element with a class and a text. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Estimate the height of a text in a node, in pixels. */
export function textHeight(text, node) {
  const letters = Math.max(20, node.size[0] / LETTER);
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / letters)), 0);
  return Math.min(MOST_LINES, lines) * LINE + PADDING;
}

/** Count the letters of a line; a Chinese or Japanese one is almost as wide as two Latin ones. */
function widthOf(line) {
  return [...line].reduce((sum, letter) => sum + (letter >= "\u2e80" ? 1.75 : 1), 0);
}

/** Show an element below a node's widgets. It is not saved, and the side panel, which would move it there, omits it. */
export function addToNode(node, name, element, heights) {
  const options = { serialize: false, hideOnZoom: false, hideInPanel: true, ...heights };
  const widget = node.addDOMWidget(name, name, element, options);
  widget.serialize = false;
  return widget;
}

/** Return whether a node is bypassed or muted. */
export function isOff({ mode }) {
  return [LiteGraph.NEVER, BYPASS].includes(mode);
}

/** Dim an element while its node is bypassed or muted. */
export function followMode(element, node) {
  element.classList.toggle("richspace-off", isOff(node));
}

/** Create a div with a class and children. */
export function row(className, ...children) {
  const element = make("div", className);
  element.append(...children);
  return element;
}

/** Let the pointer zoom and move the canvas from here, too. */
export function forwardToCanvas(element) {
  const forward = (event) => {
    event.preventDefault();
    event.stopPropagation();
    app.canvas.canvas.dispatchEvent(new event.constructor(event.type, event));
  };
  element.addEventListener("wheel", forward, { passive: false });
  element.addEventListener("pointerdown", (event) => event.button === 1 && forward(event));
}
