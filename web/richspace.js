/** What this pack adds to the page: what a node has found, in the node; errors, where they happened. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { clearErrors, showError } from "./error_note.js";
import { everyNode, locatorOf, nodeOfExecution } from "./graph.js";
import { outputsOfLastRuns } from "./last_run.js";
import { ReportView } from "./report_view.js";
import { ScoreView } from "./score_view.js";

const VIEWS = {
  RichSpaceChainedFinder: ScoreView,
  RichSpaceCompare: ReportView,
  RichSpaceCosineScore: ScoreView,
  RichSpaceInterpolationSweep: ReportView,
  RichSpaceFixCogVideoX: ReportView,
  RichSpaceInterpolate: ReportView,
  RichSpaceLoadCogVideoX: ReportView,
  RichSpaceLoadCogVideoXLora: ReportView,
  RichSpaceLoadCogVideoXNative: ReportView,
  RichSpaceLoadEmbedding: ReportView,
  RichSpaceOptimalInterpolate: ScoreView,
  RichSpacePerpendicularFoot: ReportView,
  RichSpaceSaveEmbedding: ReportView,
  RichSpaceT5Encode: ReportView,
};

/** @type {WeakMap<object, ScoreView | ReportView>} the view of each node that has one */
const views = new WeakMap();

const stylesheet = document.createElement("link");
stylesheet.rel = "stylesheet";
stylesheet.href = new URL("./richspace.css", import.meta.url).href;
document.head.append(stylesheet);

api.addEventListener("execution_start", () => clearErrors(everyNode()));
api.addEventListener("execution_error", ({ detail }) => {
  const node = nodeOfExecution(String(detail.node_id));
  if (!node?.comfyClass?.startsWith("RichSpace")) return;
  views.get(node)?.clear(); // what it showed belongs to an earlier run
  showError(node, detail.exception_message.trim());
});

app.registerExtension({
  name: "RichSpace",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!(nodeData.name in VIEWS)) return;
    chain(nodeType.prototype, "onExecuted", function (output) {
      views.get(this)?.show(output);
    });
    chain(nodeType.prototype, "onConnectionsChange", function () {
      views.get(this)?.refresh();
    });
    chain(nodeType.prototype, "onDrawBackground", function () {
      views.get(this)?.hidePicture?.();
    });
  },

  nodeCreated(node) {
    const View = VIEWS[node.comfyClass];
    if (!View) return;
    const view = new View(node);
    views.set(node, view);
    for (const widget of node.widgets ?? [])
      if (["index", "steps"].includes(widget.name)) chain(widget, "callback", () => view.refresh());
  },

  /** A graph was opened, by a reload too, or restored by undo: its nodes are new, but have been run before. */
  async afterConfigureGraph() {
    replaceOldViews();
    this.onNodeOutputsUpdated(app.nodeOutputs);
    const empty = [...everyNode()].filter((node) => views.get(node)?.isEmpty);
    if (!empty.length) return;
    for (const [node, output] of await outputsOfLastRuns(empty))
      if (views.get(node).isEmpty) views.get(node).show(output);
  },

  /** Another tab was opened, or a job of the queue: the frontend has set the outputs that belong to it. */
  onNodeOutputsUpdated(outputs) {
    for (const node of everyNode()) views.get(node)?.show(outputs[locatorOf(node)]);
  },
});

/** Nodes 2.0 goes on showing the element of a node of the same id that undo has put a new one in the place of. */
function replaceOldViews() {
  for (const shown of document.querySelectorAll("[data-node-id] .richspace-view")) {
    const { nodeId } = shown.closest("[data-node-id]").dataset;
    const current = views.get(app.canvas.graph.getNodeById(nodeId))?.element;
    if (current && current !== shown) shown.replaceWith(current);
  }
}

/** Do something more after a method of an object, whether it has that method or not. */
function chain(object, name, addition) {
  const original = object[name];
  object[name] = function (...given) {
    const result = original?.apply(this, given);
    addition.apply(this, given);
    return result;
  };
}
