/** Nodes of the open workflow, in the graph itself or in its subgraphs. */

import { app } from "../../scripts/app.js";

/** Iterate over every node of the open workflow, including those in subgraphs. */
export function* everyNode() {
  yield* app.rootGraph.nodes;
  for (const subgraph of app.rootGraph.subgraphs.values()) yield* subgraph.nodes;
}

/** Have the frontend look for changes now, so that undo takes them back one by one. */
export function noteChange() {
  const tracker = app.extensionManager.workflow?.activeWorkflow?.changeTracker;
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.(); // older frontends
}

/** Return the key of a node in `app.nodeOutputs`. */
export function locatorOf(node) {
  return node.graph.isRootGraph ? String(node.id) : `${node.graph.id}:${node.id}`;
}

/** Find a node by its id in the host, which lists the ids of the subgraph nodes around it before its own. */
export function nodeOfExecution(id) {
  return nodesOfExecution(id).at(-1) ?? null;
}

/** Find the subgraph nodes around such a node, from the outside in, and the node itself; null for removed ones. */
export function nodesOfExecution(id) {
  let graph = app.rootGraph;
  return id.split(":").map((part) => {
    const node = graph?.getNodeById(part) ?? null;
    graph = node?.subgraph;
    return node;
  });
}
