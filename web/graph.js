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
  let graph = app.rootGraph;
  let node = null;
  for (const part of id.split(":")) {
    node = graph?.getNodeById(part) ?? null;
    graph = node?.subgraph;
  }
  return node;
}
