/** Message of a failed run: in the node, on the subgraph nodes around it, and as a toast if the node is out of view. */

import { app } from "../../scripts/app.js";
import { CanvasNote } from "./canvas_note.js";
import { clearErrors, showError } from "./error_note.js";
import { describeError } from "./error_texts.js";
import { everyNode, nodesOfExecution } from "./graph.js";
import { showToast } from "./toast.js";

/** @type {(function(): void)[]} functions that remove the last failure's messages outside its node */
let removals = [];

/** Show the message of the failed node with this id in the host. */
export function showFailure(id, english) {
  clearFailures();
  const around = nodesOfExecution(id);
  const node = around.pop();
  const message = describeError(english, node);
  showError(node, message);
  const notes = around.map((subgraph) => new CanvasNote(subgraph, node.title, message));
  removals = notes.map((note) => () => note.remove());
  if (!isInView(node)) removals.push(showToast("error", node.title, message));
}

/** Remove all messages. */
export function clearFailures() {
  clearErrors(everyNode());
  for (const remove of removals) remove();
  removals = [];
}

/** Return whether the whole node is on the screen. */
function isInView({ graph, pos, size }) {
  if (graph !== app.canvas.graph || !app.canvas.canvas.checkVisibility()) return false; // the app mode hides the canvas
  const [left, top, width, height] = app.canvas.ds.visible_area;
  return left <= pos[0] && top <= pos[1] && pos[0] + size[0] <= left + width && pos[1] + size[1] <= top + height;
}
