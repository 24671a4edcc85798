/** Report of a node's last run, in words. */

import { COMMAND_HEIGHT, commandToCopy } from "./command.js";
import { addToNode, followMode, make, textHeight } from "./dom.js";
import { fit } from "./node_height.js";
import { translate } from "./texts.js";

const NAME = "richspace-report";

export class ReportView {
  constructor(node) {
    this.node = node;
    this.element = make("div", `richspace-view ${NAME}`);
    this.widget = null; // there is one only while there is a report
    this.reports = [];
  }

  get isEmpty() {
    return !this.widget;
  }

  /**
   * Show a run's reports: a text, a warning, a note and a command to copy for each time the node ran in it, or some of
   * these. Without reports nothing changes.
   */
  show(output) {
    const reports = output?.richspace_report;
    if (!reports?.length) return;
    const parts = reports.flatMap(({ text, warning, note = "", command }) => [
      make("div", "", translate(text)),
      make("div", "richspace-warning", translate(warning)),
      make("div", "richspace-muted", translate(note)),
      ...(command ? [commandToCopy(command)] : []),
    ]);
    this.element.replaceChildren(...parts.filter((part) => part.textContent));
    if (!this.element.childNodes.length) return this.clear();
    this.reports = reports;
    const height = () => this.height;
    this.widget ??= addToNode(this.node, NAME, this.element, { getMinHeight: height, getMaxHeight: height });
    fit(this.node);
  }

  /** Height in pixels that the reports need. */
  get height() {
    const texts = this.reports.flatMap(({ text, warning, note }) => [text, warning, note].filter(Boolean).map(translate));
    const commands = this.reports.filter(({ command }) => command).length;
    return textHeight(texts.join("\n"), this.node) + commands * COMMAND_HEIGHT;
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
