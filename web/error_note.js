/** Error message in the node that failed. */

import { addToNode, make, textHeight } from "./dom.js";
import { fit } from "./node_height.js";

const NAME = "richspace-error";

/** Show a message in a node until its errors are cleared. */
export function showError(node, message) {
  clearErrors([node]);
  const note = make("div", NAME, message);
  note.setAttribute("role", "alert");
  const height = () => textHeight(message, node);
  addToNode(node, NAME, note, { getMinHeight: height, getMaxHeight: height });
  fit(node);
}

/** Remove the messages from some nodes. */
export function clearErrors(nodes) {
  for (const node of nodes) {
    const widget = node.widgets?.find(({ name }) => name === NAME);
    if (!widget) continue;
    node.removeWidget(widget);
    fit(node);
  }
}
