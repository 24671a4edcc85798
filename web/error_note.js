/** The message of an error, in the node that failed. */

const NAME = "richspace-error";
const LINE = 17;
const LETTER = 7;
const MOST_LINES = 12; // the rest is scrolled to

/** Show a message in a node until its errors are cleared. */
export function showError(node, message) {
  clearErrors([node]);
  const note = document.createElement("div");
  note.className = "richspace-error";
  note.setAttribute("role", "alert");
  note.textContent = message;
  const lines = () => Math.ceil(message.length / Math.max(20, node.size[0] / LETTER));
  const height = () => Math.min(MOST_LINES, lines()) * LINE + 36;
  const options = { serialize: false, hideOnZoom: false, getMinHeight: height, getMaxHeight: height };
  const widget = node.addDOMWidget(NAME, NAME, note, options);
  widget.serialize = false;
  node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]);
  node.setDirtyCanvas(true, true);
}

/** Take the messages out of some nodes. */
export function clearErrors(nodes) {
  for (const node of nodes) {
    const widget = node.widgets?.find(({ name }) => name === NAME);
    if (widget) node.removeWidget(widget);
  }
}
