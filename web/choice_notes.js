/** What there is to know of a choice before the first run, such as the words that the bundled demo model knows. */

import { chain } from "./chain.js";

const OPTION = "richspace_notes"; // nodes/host/models.py

/** Say in a new node's report what its choices are, as soon as they are chosen. */
export function noteChoices(node, { input = {} }, report) {
  for (const widget of node.widgets ?? []) {
    const notes = input.required?.[widget.name]?.[1]?.[OPTION];
    if (!notes) continue;
    const say = () => {
      const text = notes[widget.value];
      if (text) report.show({ richspace_report: [{ text, warning: "" }] });
      else report.clear();
    };
    chain(widget, "callback", say);
    chain(node, "onConfigure", say);
    say();
  }
}
