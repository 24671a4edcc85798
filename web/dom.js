/** Small things that every view in a node needs. */

const LINE = 17; // pixels
const LETTER = 7;
const MOST_LINES = 12; // the rest is scrolled to
const BYPASS = 4; // LiteGraph has no public name for it
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

/** Show an element below a node's widgets: nothing of it is saved, and the side panel, which would move it, omits it. */
export function addToNode(node, name, element, heights) {
  const options = { serialize: false, hideOnZoom: false, hideInPanel: true, ...heights };
  const widget = node.addDOMWidget(name, name, element, options);
  widget.serialize = false;
  return widget;
}

/** Dim an element in a bypassed or muted node, as the node is. */
export function followMode(element, node) {
  element.classList.toggle("richspace-off", [LiteGraph.NEVER, BYPASS].includes(node.mode));
}
