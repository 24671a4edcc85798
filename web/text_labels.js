/** Labels of the texts in a subgraph node. The classic renderer names a text only while it is empty. */

import { make } from "./dom.js";

/** Put the name of a subgraph node's text above it. Nodes 2.0 does so by itself, and does not show the element. */
export function labelText(widget) {
  if (!(widget.element instanceof HTMLTextAreaElement)) return;
  const labeled = make("label", "richspace-labeled-text");
  labeled.append(make("span", "", widget.label ?? widget.name), widget.element);
  widget.element = labeled;
}
