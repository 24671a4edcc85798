/** What this pack adds to the page: what a node has found, in the node; errors, where they happened. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { chain } from "./chain.js";
import { noteChoices } from "./choice_notes.js";
import { clearFailures, showFailure } from "./failure.js";
import { stepFrames, stepFramesOfSubgraph } from "./frame_steps.js";
import { followPrompts } from "./further_guides.js";
import { everyNode, locatorOf, nodeOfExecution } from "./graph.js";
import { tidyInputs } from "./growing_inputs.js";
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

const FAILURES = 20; // so many runs in a row may fail before curves that are still right are taken away

/** @type {WeakMap<object, ScoreView | ReportView>} the view of each node that has one */
const views = new WeakMap();

let filling; // the timer of fillEmptyViewsSoon

const stylesheet = document.createElement("link");
stylesheet.rel = "stylesheet";
stylesheet.href = new URL("./richspace.css", import.meta.url).href;
document.head.append(stylesheet);

api.addEventListener("execution_start", clearFailures);
api.addEventListener("execution_error", ({ detail }) => {
  const node = nodeOfExecution(String(detail.node_id));
  if (!node?.comfyClass?.startsWith("RichSpace")) return;
  clearOutdated(node);
  showFailure(String(detail.node_id), detail.exception_message.trim());
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
      views.get(this)?.onDraw();
    });
  },

  nodeCreated(node) {
    if (node.comfyClass?.startsWith("RichSpace")) prepareInputs(node);
    if (node.isSubgraphNode?.()) stepFramesOfSubgraph(node);
    const View = VIEWS[node.comfyClass];
    if (!View) return;
    const view = new View(node);
    views.set(node, view);
    noteChoices(node, node.constructor.nodeData, view);
    for (const widget of node.widgets ?? [])
      if (["index", "steps"].includes(widget.name)) chain(widget, "callback", () => view.refresh());
    fillEmptyViewsSoon(); // it may have been run before it was copied, or put into a subgraph
  },

  /** A graph was opened, by a reload too, or restored by undo: its nodes are new, but have been run before. */
  async afterConfigureGraph() {
    replaceOldViews();
    this.onNodeOutputsUpdated(app.nodeOutputs);
    await fillEmptyViews();
  },

  /** Another tab was opened, or a job of the queue: the frontend has set the outputs that belong to it. */
  onNodeOutputsUpdated(outputs) {
    for (const node of everyNode()) views.get(node)?.show(outputs[locatorOf(node)]);
  },
});

/** Show the last run in the nodes that show nothing, as far as it is still theirs. */
async function fillEmptyViews() {
  clearTimeout(filling);
  const empty = [...everyNode()].filter((node) => views.get(node)?.isEmpty);
  if (!empty.length) return;
  for (const [node, output] of await outputsOfLastRuns(empty))
    if (views.get(node).isEmpty) views.get(node).show(output);
}

/** The same once all nodes that are made together are there, with their links. */
function fillEmptyViewsSoon() {
  clearTimeout(filling);
  filling = setTimeout(fillEmptyViews);
}

/** After an error, take away what a node shows, unless it is right for its inputs whatever the index. */
async function clearOutdated(node) {
  const view = views.get(node);
  if (!view || view.isEmpty) return;
  const output = (await outputsOfLastRuns([node], FAILURES)).get(node);
  if (output) view.show(output);
  else view.clear();
}

/** What a new node's inputs need before anything is wired to them or typed into them. */
function prepareInputs(node) {
  const { nodeData } = node.constructor;
  tidyInputs(node, nodeData);
  stepFrames(node, nodeData);
  if (node.comfyClass === "RichSpaceChainedFinder") followPrompts(node);
}

/** Nodes 2.0 goes on showing the element of a node of the same id that undo has put a new one in the place of. */
function replaceOldViews() {
  for (const shown of document.querySelectorAll("[data-node-id] .richspace-view")) {
    const { nodeId } = shown.closest("[data-node-id]").dataset;
    const current = views.get(app.canvas.graph.getNodeById(nodeId))?.element;
    if (current && current !== shown) shown.replaceWith(current);
  }
}
