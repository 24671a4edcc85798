/** Error message below a node of the canvas, for nodes that accept no widgets from extensions: subgraph nodes. */

import { app } from "../../scripts/app.js";
import { make } from "./dom.js";

const GAP = 8; // pixels between the node and the message
const WIDTH = 260; // minimum width in pixels

export class CanvasNote {
  /** @param {object} node the message stays below this node, wherever it is moved, until the node is removed */
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

  /** Keep the message below its node, frame by frame. */
  follow() {
    const isGone = this.node.graph?.getNodeById(this.node.id) !== this.node; // after undo, or in another workflow
    if (isGone) this.remove();
    if (!this.element.isConnected) return;
    this.place();
    requestAnimationFrame(() => this.follow());
  }

  place() {
    const { graph, pos, size } = this.node;
    const { scale, offset } = app.canvas.ds;
    const left = (pos[0] + offset[0]) * scale;
    const top = (pos[1] + this.measureHeight() + GAP + offset[1]) * scale;
    this.element.hidden = graph !== app.canvas.graph;
    this.element.style.width = `${Math.max(size[0], WIDTH)}px`;
    this.element.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
  }

  /** Measure the height of the node without its title. */
  measureHeight() {
    const { id, size, flags } = this.node;
    const drawn = document.querySelector(`[data-node-id="${id}"]`); // only in Nodes 2.0, which adds a footer
    if (drawn) return drawn.offsetHeight - LiteGraph.NODE_TITLE_HEIGHT;
    return flags.collapsed ? 0 : size[1];
  }
}
