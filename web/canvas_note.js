/** An error below a node of the canvas, for those that take no widgets of an extension: the nodes of subgraphs. */

import { app } from "../../scripts/app.js";
import { make } from "./dom.js";

const GAP = 8; // pixels below the node
const WIDTH = 260; // pixels at least

export class CanvasNote {
  /** @param {object} node what it is below, wherever that is moved to, until it is no longer there */
  constructor(node, title, message) {
    this.node = node;
    this.element = make("div", "richspace-error richspace-canvas-note");
    this.element.setAttribute("role", "alert");
    this.element.append(make("strong", "", title), make("div", "", message));
    app.canvas.canvas.parentElement.append(this.element);
    this.follow();
  }

  remove() {
    this.element.remove();
  }

  follow() {
    if (this.node.graph?.getNodeById(this.node.id) !== this.node) this.remove(); // undone, or another workflow is open
    if (!this.element.isConnected) return;
    this.place();
    requestAnimationFrame(() => this.follow());
  }

  place() {
    const { graph, pos, size } = this.node;
    const { scale, offset } = app.canvas.ds;
    const left = (pos[0] + offset[0]) * scale;
    const top = (pos[1] + this.heightOfNode() + GAP + offset[1]) * scale;
    this.element.hidden = graph !== app.canvas.graph;
    this.element.style.width = `${Math.max(size[0], WIDTH)}px`;
    this.element.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }

  /** The height of the node without its title. */
  heightOfNode() {
    const { id, size, flags } = this.node;
    const drawn = document.querySelector(`[data-node-id="${id}"]`); // by Nodes 2.0, which adds a footer
    if (drawn) return drawn.offsetHeight - LiteGraph.NODE_TITLE_HEIGHT;
    return flags.collapsed ? 0 : size[1];
  }
}
