/** Small things that every view in a node needs. */

const LINE = 17; // pixels
const LETTER = 7;
const MOST_LINES = 12; // the rest is scrolled to
const AROUND = 36; // padding, and the space that the classic renderer leaves

/** An element of a class, with a text. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** About how high a text is in a node, in pixels. */
export function textHeight(text, node) {
  const letters = Math.max(20, node.size[0] / LETTER);
  const lines = text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / letters)), 0);
  return Math.min(MOST_LINES, lines) * LINE + AROUND;
}

/** Show an element below a node's widgets; nothing of it is saved. */
export function addToNode(node, name, element, heights) {
  const widget = node.addDOMWidget(name, name, element, { serialize: false, hideOnZoom: false, ...heights });
  widget.serialize = false;
  return widget;
}

/** Make a node as high as it has to be, and draw it. */
export function fit(node) {
  node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
  node.setDirtyCanvas(true, true);
}
