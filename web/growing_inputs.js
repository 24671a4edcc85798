/** Growing lists of inputs: sockets named as one reads them, and in the order in which they were saved. */

import { chain } from "./chain.js";

const PLACE = /^\w+\.(\w+)$/; // of a list, such as stages.prompt_2

/** Keep the sockets of a new node in order, and their names readable. */
export function tidyInputs(node, { input = {} }) {
  const definitions = Object.assign({}, ...Object.values(input));
  const rename = () => node.inputs.forEach((socket) => dropGivenLabel(socket, definitions));
  const names = new Map(node.inputs.map(({ name, localized_name }) => [name, localized_name]));
  rename();
  chain(node, "onConnectionsChange", rename);
  chain(node, "onConfigure", rename);
  const { configure } = node;
  node.configure = function (saved) {
    node.configure = configure; // later its links know the sockets by their numbers
    arrange(node, saved.inputs ?? [], names);
    return configure.call(node, saved);
  };
}

/**
 * Give a new node the sockets that were saved, in their order.
 *
 * Links know a socket by its number. The frontend puts those that a list has grown by behind all others, and finds them
 * again only when it opens a workflow: not in a copy, nor in what becomes a subgraph.
 */
function arrange(node, saved, names) {
  const wanted = saved.flatMap(({ name, type, shape, localized_name }) => {
    const socket = node.inputs.find((it) => it.name === name);
    if (socket || !PLACE.test(name)) return socket ?? [];
    return node.addInput(name, type, { shape, localized_name: names.get(name) ?? localized_name });
  });
  const others = node.inputs.filter((socket) => !wanted.includes(socket));
  node.inputs.splice(0, node.inputs.length, ...wanted, ...others);
}

/** Frontend 1.47 labels sockets with what the definition says in English, which then hides the translated name. */
function dropGivenLabel(socket, definitions) {
  const given = PLACE.exec(socket.name)?.[1] ?? definitions[socket.name]?.[1]?.display_name;
  if (!socket.label || socket.label !== given) return;
  const isNamed = socket.localized_name && socket.localized_name !== socket.name;
  socket.label = isNamed ? undefined : given.replaceAll("_", " ");
}
