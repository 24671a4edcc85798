/** Notes about a node's choices before its first run, such as the words that the bundled demo model knows. */

import { chain } from "./chain.js";

const OPTION = "richspace_notes"; // nodes/host/models.py

/** Show the note about the current choice in a new node's report, and update it when the choice changes. */
export function noteChoices(node, { input = {} }, report) {
  for (const widget of node.widgets ?? []) {
    const notes = input.required?.[widget.name]?.[1]?.[OPTION];
    if (!notes) continue;
    const show = () => {
      const text = notes[widget.value];
      if (text) report.show({ richspace_report: [{ text, warning: "" }] });
      else report.clear();
    };
    chain(widget, "callback", show);
    chain(node, "onConfigure", show);
    show();
  }
}
