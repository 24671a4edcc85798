/** Growing lists of inputs: readable names for their sockets, in the order in which they were saved. */

import { chain } from "./chain.js";

const PLACE = /^\w+\.(\w+)$/; // a socket of a list, such as stages.prompt_2

/** Keep the sockets of a new node in order and their names readable. */
export function tidyInputs(node, { input = {} }) {
  const definitions = Object.assign({}, ...Object.values(input));
  const rename = () => node.inputs.forEach((socket) => dropDefaultLabel(socket, definitions));
  const names = new Map(node.inputs.map(({ name, localized_name }) => [name, localized_name]));
  rename();
  chain(node, "onConnectionsChange", rename);
  chain(node, "onConfigure", rename);
  const { configure } = node;
  node.configure = function (saved) {
    node.configure = configure; // only once: from now on, links refer to the sockets by number
    arrangeInputs(node, saved.inputs ?? [], names);
    return configure.call(node, saved);
  };
}

/**
 * Give a new node the sockets that were saved, in their order.
 *
 * Links refer to a socket by its number. The frontend appends the sockets that a list has grown by, and puts them in
 * the saved order only when it opens a workflow, not when it copies a node or converts nodes to a subgraph.
 */
function arrangeInputs(node, saved, names) {
  const wanted = saved.flatMap(({ name, type, shape, localized_name }) => {
    const socket = node.inputs.find((it) => it.name === name);
    if (socket || !PLACE.test(name)) return socket ?? [];
    return node.addInput(name, type, { shape, localized_name: names.get(name) ?? localized_name });
  });
  const others = node.inputs.filter((socket) => !wanted.includes(socket));
  node.inputs.splice(0, node.inputs.length, ...wanted, ...others);
}

/** Drop the English label that frontend 1.47 takes from the definition, because it hides the translated name. */
function dropDefaultLabel(socket, definitions) {
  const given = PLACE.exec(socket.name)?.[1] ?? definitions[socket.name]?.[1]?.display_name;
  if (!socket.label || socket.label !== given) return;
  const isNamed = socket.localized_name && socket.localized_name !== socket.name;
  socket.label = isNamed ? undefined : given.replaceAll("_", " ");
}
