/** Widgets that count only while another input of their node is connected: grayed out until then. */

import { chain } from "./chain.js";

const NEEDED = { RichSpaceCogVideoXSample: { strength: "start_latent" } };

/** Keep such widgets of a new node up to date. */
export function grayOutUnused(node) {
  const needed = NEEDED[node.comfyClass];
  if (!needed) return;
  const update = () => {
    for (const [name, other] of Object.entries(needed)) {
      const widget = node.widgets.find((each) => each.name === name);
      const slot = node.inputs.findIndex((each) => each.name === other);
      const isUnused = slot === -1 || !node.isInputConnected(slot);
      if (!widget || widget.disabled === isUnused) continue;
      widget.disabled = isUnused;
      widget.options.disabled = isUnused; // Nodes 2.0
      node.setDirtyCanvas(true, true);
    }
  };
  update();
  chain(node, "onConnectionsChange", update);
  // A copied node gets its links after it is configured; a graph has all links before onGraphConfigured.
  chain(node, "onConfigure", () => queueMicrotask(update));
  chain(node, "onGraphConfigured", update);
}
