/** Views of a RichSpace node: a report in words, curves of scores, the rows of a contact sheet, a morph's curve. */

import { isContactSheet, SheetView } from "./contact_sheet.js";
import { hasCurve, MorphView } from "./morph_view.js";
import { ReportView } from "./report_view.js";
import { ScoreView } from "./score_view.js";

const SCORES = "RICHSPACE_SCORES"; // nodes/host/api.py

export class NodeViews {
  /** @param {object} nodeData the node's definition, as ComfyUI sends it to the page */
  constructor(node, nodeData) {
    const { output = [], output_node, has_intermediate_output } = nodeData;
    this.report = new ReportView(node);
    this.all = output.includes(SCORES) ? [new ScoreView(node), this.report] : [this.report];
    if (isContactSheet(nodeData)) this.all.unshift(new SheetView(node));
    if (hasCurve(nodeData)) this.all.unshift(new MorphView(node));
    this.isSaved = Boolean(output_node || has_intermediate_output);
  }

  get isEmpty() {
    return this.all.every(({ isEmpty }) => isEmpty);
  }

  /** Whether the history of runs may have something to show here. */
  get canBeFilled() {
    return this.isSaved && this.isEmpty;
  }

  show(output) {
    for (const view of this.all) view.show(output);
  }

  refresh() {
    for (const view of this.all) view.refresh();
  }

  onDraw() {
    for (const view of this.all) view.onDraw();
  }

  clear() {
    for (const view of this.all) view.clear();
  }

  /** The element here of the same kind as another node's. */
  elementLike({ className }) {
    return this.all.map(({ element }) => element).find((element) => element.className === className);
  }
}
