/** Height of a node: as its user set it, and larger only while the pack's views in the node need more room. */

import { app } from "../../scripts/app.js";

/** @type {WeakMap<object, {own: number, shown: number, isSettled: boolean}>} */
const heights = new WeakMap();

/** Make a node as high as its views need, but never lower than its user made it, and redraw it. */
export function fit(node) {
  if (!heights.has(node)) saveOwnHeight(node);
  const own = ownHeight(node);
  // Nodes 2.0 makes room for a node's contents by itself.
  setHeight(node, isNodes2() ? own : Math.max(own, node.computeSize()[1]));
  const height = { own, shown: node.size[1], isSettled: false };
  heights.set(node, height);
  afterLayout(() => {
    if (isNodes2()) noticeGrowth(node);
    Object.assign(height, { shown: node.size[1], isSettled: true });
  });
}

/** Keep a text box of a node low in the classic renderer, where it would take the room of the node's picture. */
export function keepLow(node, name, height) {
  const widget = node.widgets?.find((each) => each.name === name);
  if (widget?.options) widget.options.getMaxHeight = () => height;
}

/** Return the height that the user or the workflow set: the present one, unless `fit` or the node's contents made it. */
function ownHeight(node) {
  const known = heights.get(node);
  const height = node.size[1];
  if (!known) return height;
  if (!known.isSettled || Math.abs(height - known.shown) < 1) return known.own;
  // Contents hold a node open: it can become lower than its own height only by its user, and anything else is contents
  // that need less room, such as the button with which Nodes 2.0 marks a failed node until the next run.
  return height < known.shown ? Math.min(height, known.own) : height;
}

/** Save a node, and so copy it and undo changes to it, with the height that its user set. */
function saveOwnHeight(node) {
  const original = node.onSerialize;
  node.onSerialize = function (data) {
    original?.call(this, data);
    data.size = [data.size[0], ownHeight(this)];
  };
}

function setHeight(node, height) {
  node.setSize([node.size[0], height]);
  node.setDirtyCanvas(true, true);
}

/** Set a node's height to that of its element: in older frontends, Nodes 2.0 reports it only when it changes. */
function noticeGrowth(node) {
  if (node.graph !== app.canvas.graph || node.flags.collapsed) return;
  const element = document.querySelector(`[data-node-id="${node.id}"]`);
  const height = element ? element.offsetHeight - LiteGraph.NODE_TITLE_HEIGHT : 0;
  if (height > node.renderingSize[1] + 1) setHeight(node, height);
}

function isNodes2() {
  return Boolean(app.extensionManager.setting.get("Comfy.VueNodes.Enabled"));
}

/** Run an action once the page is laid out and every size observer has been notified. */
function afterLayout(action) {
  requestAnimationFrame(() => requestAnimationFrame(action));
}
