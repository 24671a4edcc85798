/** A node's height: what its user gave it, and more only while what the pack shows in it needs more. */

import { app } from "../../scripts/app.js";

/** @type {WeakMap<object, {own: number, shown: number, isSettled: boolean}>} */
const heights = new WeakMap();

/** Make a node as high as what it shows needs, but never lower than its user made it, and draw it. */
export function fit(node) {
  if (!heights.has(node)) saveOwnHeight(node);
  const own = ownHeight(node);
  // Nodes 2.0 makes room for what is in a node by itself.
  setHeight(node, isNodes2() ? own : Math.max(own, node.computeSize()[1]));
  const height = { own, shown: node.size[1], isSettled: false };
  heights.set(node, height);
  afterLayout(() => {
    if (isNodes2()) noticeGrowth(node);
    Object.assign(height, { shown: node.size[1], isSettled: true });
  });
}

/** The height that a node's user or its workflow gave it: the present one, unless that is what `fit` led to. */
function ownHeight(node) {
  const known = heights.get(node);
  const isOurs = known && (!known.isSettled || Math.abs(node.size[1] - known.shown) < 1);
  return isOurs ? known.own : node.size[1];
}

/** Have a node saved, and so copied and undone, with the height of its own. */
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

/** Nodes 2.0 of older frontends tells a node of its height on the page only when that changes. */
function noticeGrowth(node) {
  if (node.graph !== app.canvas.graph || node.flags.collapsed) return;
  const element = document.querySelector(`[data-node-id="${node.id}"]`);
  const height = element ? element.offsetHeight - LiteGraph.NODE_TITLE_HEIGHT : 0;
  if (height > node.renderingSize[1] + 1) setHeight(node, height);
}

function isNodes2() {
  return Boolean(app.extensionManager.setting.get("Comfy.VueNodes.Enabled"));
}

/** Do something once the page has been laid out and every observer of sizes has been told. */
function afterLayout(action) {
  requestAnimationFrame(() => requestAnimationFrame(action));
}
