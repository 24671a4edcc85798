/** Where a node is: in the graph itself, or in a subgraph of it. */

import { app } from "../../scripts/app.js";

/** Every node of the open workflow, those in subgraphs included. */
export function* everyNode() {
  yield* app.rootGraph.nodes;
  for (const subgraph of app.rootGraph.subgraphs.values()) yield* subgraph.nodes;
}

/** The key of a node in `app.nodeOutputs`. */
export function locatorOf(node) {
  return node.graph.isRootGraph ? String(node.id) : `${node.graph.id}:${node.id}`;
}

/** The node that the host calls `id`: its own id, after those of the subgraph nodes that it is in. */
export function nodeOfExecution(id) {
  return nodesOfExecution(id).at(-1) ?? null;
}

/** The node that the host calls `id`, after the subgraph nodes that it is in; null for what is gone. */
export function nodesOfExecution(id) {
  let graph = app.rootGraph;
  return id.split(":").map((part) => {
    const node = graph?.getNodeById(part) ?? null;
    graph = node?.subgraph;
    return node;
  });
}
