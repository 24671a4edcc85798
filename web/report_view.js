/** Report of a node's last run, in words. */

import { addToNode, followMode, make, textHeight } from "./dom.js";
import { fit } from "./node_height.js";
import { translate } from "./texts.js";

const NAME = "richspace-report";

export class ReportView {
  constructor(node) {
    this.node = node;
    this.element = make("div", `richspace-view ${NAME}`);
    this.widget = null; // there is one only while there is a report
  }

  get isEmpty() {
    return !this.widget;
  }

  /** Show a run's reports: a text, a warning and a note for each time the node ran in it. Without reports nothing changes. */
  show(output) {
    const reports = output?.richspace_report;
    if (!reports?.length) return;
    const parts = reports.flatMap(({ text, warning, note = "" }) => [
      make("div", "", translate(text)),
      make("div", "richspace-warning", translate(warning)),
      make("div", "richspace-muted", translate(note)),
    ]);
    this.element.replaceChildren(...parts.filter((part) => part.textContent));
    if (!this.element.childNodes.length) return this.clear();
    const height = () => textHeight(this.element.innerText, this.node);
    this.widget ??= addToNode(this.node, NAME, this.element, { getMinHeight: height, getMaxHeight: height });
    fit(this.node);
  }

  clear() {
    if (!this.widget) return;
    this.node.removeWidget(this.widget);
    this.widget = null;
    fit(this.node);
  }

  /** Do nothing: a report does not depend on the node's widgets. */
  refresh() {}

  /** Follow the node's state, which the classic renderer is about to draw. */
  onDraw() {
    followMode(this.element, this.node);
  }
}
