/** The Chained Finder's sockets for further guides of a prompt: there are some only once the prompt is wired. */

import { app } from "../../scripts/app.js";
import { chain } from "./chain.js";

const FURTHER = /^guides_(\d+)\./;

/** Follow the wires of a new node. */
export function followPrompts(node) {
  const sockets = new FurtherGuides(node);
  sockets.hide();
  node.setSize([node.size[0], node.computeSize()[1]]);
  chain(node, "onConnectionsChange", (type, slot, connected, link, socket) => {
    if (type !== LiteGraph.INPUT || app.configuringGraph) return;
    sockets.show();
    if (connected) return;
    // The list of a guide that was just taken away is still to be made shorter by the frontend, in the next frame.
    if (FURTHER.test(socket?.name ?? "")) requestAnimationFrame(() => requestAnimationFrame(() => sockets.follow()));
    else sockets.hide();
  });
  // Links of a copy come after the copy, those of a graph before its nodes are asked.
  chain(node, "onConfigure", () => queueMicrotask(() => sockets.follow()));
  chain(node, "onGraphConfigured", () => sockets.follow());
}

class FurtherGuides {
  constructor(node) {
    this.node = node;
    this.firsts = new Map(); // number of the prompt to what its list's first socket is made of
    for (const { name, type, shape, localized_name } of node.inputs) {
      const number = FURTHER.exec(name)?.[1];
      if (number && !this.firsts.has(number)) this.firsts.set(number, { name, type, shape, localized_name });
    }
  }

  follow() {
    this.show();
    this.hide();
  }

  /** Add the first socket of every list whose prompt is wired, where it belongs. */
  show() {
    for (const [number, { name, type, ...looks }] of this.firsts) {
      if (!this.hasPrompt(number) || this.slotsOf(number).length) continue;
      for (const later of this.firsts.keys()) if (Number(later) > Number(number)) this.remove(later);
      this.node.addInput(name, type, looks);
    }
  }

  /** Take the sockets away whose prompt is not wired. */
  hide() {
    for (const number of this.firsts.keys()) if (!this.hasPrompt(number)) this.remove(number);
  }

  /** Remove a list's sockets, unless one of them is wired. */
  remove(number) {
    const slots = this.slotsOf(number);
    if (slots.some((slot) => this.node.isInputConnected(slot))) return;
    for (const slot of slots.reverse()) this.node.removeInput(slot);
  }

  hasPrompt(number) {
    const slot = this.node.inputs.findIndex(({ name }) => name === `stages.prompt_${number}`);
    return slot !== -1 && this.node.isInputConnected(slot);
  }

  slotsOf(number) {
    return this.node.inputs.flatMap(({ name }, slot) => (FURTHER.exec(name)?.[1] === number ? [slot] : []));
  }
}
