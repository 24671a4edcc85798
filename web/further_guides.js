/** Sockets of Mix Several Prompts for further guides of a prompt: shown only while the prompt is connected. */

import { app } from "../../scripts/app.js";
import { chain } from "./chain.js";

const FURTHER = /^guides_(\d+)\./;

/** Show and hide the sockets of a new node as its prompts are connected and disconnected. */
export function followPrompts(node) {
  const sockets = new FurtherGuides(node);
  sockets.hide();
  node.setSize([node.size[0], node.computeSize()[1]]);
  chain(node, "onConnectionsChange", (type, slot, connected, link, socket) => {
    if (type !== LiteGraph.INPUT || app.configuringGraph) return;
    sockets.show();
    if (connected) return;
    // After a guide is disconnected, the frontend shortens its list in the next frame. Wait for that.
    if (FURTHER.test(socket?.name ?? "")) requestAnimationFrame(() => requestAnimationFrame(() => sockets.follow()));
    else sockets.hide();
  });
  // A copied node gets its links after it is configured; a graph has all links before onGraphConfigured.
  chain(node, "onConfigure", () => queueMicrotask(() => sockets.follow()));
  chain(node, "onGraphConfigured", () => sockets.follow());
}

class FurtherGuides {
  constructor(node) {
    this.node = node;
    this.firsts = new Map(); // from the number of a prompt to the description of the first socket in its list
    for (const { name, type, shape, localized_name } of node.inputs) {
      const number = FURTHER.exec(name)?.[1];
      if (number && !this.firsts.has(number)) this.firsts.set(number, { name, type, shape, localized_name });
    }
  }

  follow() {
    this.show();
    this.hide();
  }

  /** Add the first socket of each list whose prompt is connected, in the order of the prompts. */
  show() {
    for (const [number, { name, type, ...looks }] of this.firsts) {
      if (!this.hasPrompt(number) || this.slotsOf(number).length) continue;
      for (const later of this.firsts.keys()) if (Number(later) > Number(number)) this.remove(later);
      this.node.addInput(name, type, looks);
    }
  }

  /** Remove the sockets whose prompt is not connected. */
  hide() {
    for (const number of this.firsts.keys()) if (!this.hasPrompt(number)) this.remove(number);
  }

  /** Remove the sockets of a list, unless one of them is connected. */
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
