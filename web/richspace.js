/** RichSpace in ComfyUI's page: its nodes' inputs, what their last run found, and errors where they happen. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { chain } from "./chain.js";
import { explainRefusal, noteChoices, refreshChoiceNotes, tellMissingModels } from "./choice_notes.js";
import { clearFailures, showFailure } from "./failure.js";
import { stepFrames, stepFramesOfSubgraph } from "./frame_steps.js";
import { followPrompts } from "./further_guides.js";
import { everyNode, locatorOf, nodeOfExecution } from "./graph.js";
import { tidyInputs } from "./growing_inputs.js";
import { outputsOfLastRuns } from "./last_run.js";
import { grayOutUnused } from "./needed_inputs.js";
import { keepLow } from "./node_height.js";
import { NodeViews } from "./node_views.js";
import { onSubgraphWidgets } from "./subgraph_widgets.js";
import { labelText } from "./text_labels.js";
import { loadTexts, translate } from "./texts.js";

const NAMES_HEIGHT = 120; // of the names of Compare's videos, in pixels
const FAILURES = 20; // this many runs in a row may fail before curves that are still valid are removed

/** @type {WeakMap<object, NodeViews>} the views of each RichSpace node */
const views = new WeakMap();

let filling; // the timer of fillEmptyViewsSoon

addStylesheet();

api.addEventListener("promptQueueing", explainRefusal);
api.addEventListener("execution_start", clearFailures);
api.addEventListener("execution_error", ({ detail }) => {
  const id = String(detail.node_id);
  const node = nodeOfExecution(id);
  if (!node || !isRichSpace(node)) return;
  clearOutdated(node);
  showFailure(id, detail.exception_message.trim());
});

// After ComfyUI has shown the text on the node of a sampling, in a widget of its own.
api.addEventListener("progress_text", ({ detail: { nodeId, text } }) => {
  const shown = nodeOfExecution(String(nodeId))?.widgets?.find(({ value }) => value === text);
  if (shown) shown.value = translate(text);
});

app.registerExtension({
  name: "RichSpace",

  init() {
    // Before ComfyUI changes the setting and opens the workflow again, whose nodes take the texts.
    app.ui.settings.addEventListener("Comfy.Locale.change", ({ detail }) => loadTexts(detail.value));
    return loadTexts();
  },

  beforeRegisterNodeDef(nodeType, { name }) {
    if (!isRichSpaceId(name)) return;
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
    if (node.isSubgraphNode?.()) prepareSubgraph(node);
    if (!isRichSpace(node)) return;
    prepareInputs(node);
    prepareViews(node);
    fillEmptyViewsSoon(); // the node may be a copy of one that was run, or may have been moved into a subgraph
  },

  /** Called after a graph was opened, reloaded or restored by undo: its nodes are new, but may have been run before. */
  async afterConfigureGraph() {
    replaceOldElements();
    this.onNodeOutputsUpdated(app.nodeOutputs);
    tellMissingModels();
    await fillEmptyViews();
  },

  /** Called after the lists of choices were read again. */
  refreshComboInNodes() {
    refreshChoiceNotes();
  },

  /** Called when another tab or another job of the queue was opened, with the outputs that belong to it. */
  onNodeOutputsUpdated(outputs) {
    for (const node of everyNode()) views.get(node)?.show(outputs[locatorOf(node)]);
  },
});

/** Whether a node belongs to this pack. */
function isRichSpace(node) {
  return isRichSpaceId(node.comfyClass ?? "");
}

function isRichSpaceId(id) {
  return id.startsWith("RichSpace");
}

/** Prepare a new node's inputs, before anything is connected to them or typed into them. */
function prepareInputs(node) {
  const { nodeData } = node.constructor;
  tidyInputs(node, nodeData);
  stepFrames(node, nodeData);
  grayOutUnused(node);
  if (node.comfyClass === "RichSpaceChainedFinder") followPrompts(node);
  if (node.comfyClass === "RichSpaceCompare") keepLow(node, "names", NAMES_HEIGHT);
}

/** Prepare the widgets of a new subgraph node. */
function prepareSubgraph(node) {
  onSubgraphWidgets(node, (widget) => {
    stepFramesOfSubgraph(widget);
    if (node.subgraph.nodes.some(isRichSpace)) labelText(widget);
  });
}

/** Give a new node its views. They take no room until there is something to show. */
function prepareViews(node) {
  const { nodeData } = node.constructor;
  const ofNode = new NodeViews(node, nodeData);
  views.set(node, ofNode);
  noteChoices(node, nodeData, ofNode.report);
}

/** Show the last run in the nodes that show nothing, as far as it still applies to them. */
async function fillEmptyViews() {
  clearTimeout(filling);
  const empty = [...everyNode()].filter((node) => views.get(node)?.canBeFilled);
  if (!empty.length) return;
  for (const [node, output] of await outputsOfLastRuns(empty))
    if (views.get(node).isEmpty) views.get(node).show(output);
}

/** Do the same once all nodes that are created together exist and are connected. */
function fillEmptyViewsSoon() {
  clearTimeout(filling);
  filling = setTimeout(fillEmptyViews);
}

/** After an error, clear what a node shows, unless a run with the same inputs, apart from the index, gave it. */
async function clearOutdated(node) {
  const ofNode = views.get(node);
  if (ofNode.isEmpty) return;
  const output = (await outputsOfLastRuns([node], FAILURES)).get(node);
  if (output) ofNode.show(output);
  else ofNode.clear();
}

/** Replace elements of nodes that undo has replaced: Nodes 2.0 keeps showing those of the old node with the same id. */
function replaceOldElements() {
  for (const shown of document.querySelectorAll("[data-node-id] .richspace-view")) {
    const { nodeId } = shown.closest("[data-node-id]").dataset;
    const current = views.get(app.canvas.graph.getNodeById(nodeId))?.elementLike(shown);
    if (current && current !== shown) shown.replaceWith(current);
  }
}

function addStylesheet() {
  const stylesheet = document.createElement("link");
  stylesheet.rel = "stylesheet";
  stylesheet.href = new URL("./richspace.css", import.meta.url).href;
  document.head.append(stylesheet);
}
