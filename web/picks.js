/** Candidates that a node's next run takes: one in its widget `index`, or one for each stage in `indices`. */

import { app } from "../../scripts/app.js";
import { noteChange } from "./graph.js";

export const WIDGETS = ["index", "indices"];

/** Return a node's widget with this name, unless it is connected to another node. */
export function freeWidget(node, name) {
  const inputs = node.inputs ?? [];
  const wired = inputs.some(({ widget }, slot) => widget?.name === name && node.isInputConnected(slot));
  return wired ? undefined : node.widgets?.find((widget) => widget.name === name);
}

/** Return whether a click can set the candidate of a node. */
export function isPickable(node) {
  return WIDGETS.some((name) => freeWidget(node, name));
}

/** Return the candidate that is picked by hand in a stage; 0 lets the finder choose. */
export function pickOf(node, stage) {
  const index = freeWidget(node, "index");
  return index ? index.value : (readIndices(node)[stage] ?? 0);
}

/** Have the next run take a candidate in a stage; 0 lets the finder choose. */
export function pick(node, stage, candidate, stages) {
  const single = freeWidget(node, "index");
  const widget = single ?? freeWidget(node, "indices");
  widget.value = single ? candidate : formatIndices(readIndices(node), stage, candidate, stages);
  widget.callback?.(widget.value, app.canvas, node);
  node.setDirtyCanvas(true, true);
  noteChange();
}

/** Read the candidates of the stages, in the grammar of parse_indices in richspace_core/finder/candidates.py. */
function readIndices(node) {
  const text = String(freeWidget(node, "indices")?.value ?? "");
  return text.split(",").map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : 0));
}

/** Write the candidates of the stages, without zeros at the end: all automatic is an empty text. */
function formatIndices(indices, stage, candidate, stages) {
  const all = Array.from({ length: stages }, (_, place) => (place === stage ? candidate : (indices[place] ?? 0)));
  while (all.at(-1) === 0) all.pop();
  return all.join(", ");
}
