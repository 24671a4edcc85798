/** A node's score curves: what its last run found, and what its next run will take. */

import { app } from "../../scripts/app.js";
import { addToNode, followMode, make } from "./dom.js";
import { fit } from "./node_height.js";
import { drawChart } from "./score_chart.js";

const NAME = "richspace-scores";
const PICTURE = "$$canvas-image-preview"; // the frontend's name for the picture in a node of its classic renderer
const HINT = "Run the workflow to see how the candidates score.";
const PANEL_HEIGHT = 230;
const HINT_HEIGHT = 44;

export class ScoreView {
  /** @param {object} node where the curves are shown; it is asked for its widgets `index` and `steps`, if it has them */
  constructor(node) {
    this.node = node;
    this.panels = [];
    this.element = make("div", "richspace-view richspace-scores");
    const getMinHeight = () => (this.panels.length ? this.panels.length * PANEL_HEIGHT : HINT_HEIGHT);
    addToNode(node, NAME, this.element, { getMinHeight });
    forwardToCanvas(this.element);
    this.showHint();
  }

  get isEmpty() {
    return !this.panels.length;
  }

  /** Show what a run gave: a list of panels for each time the node was run in it. Nothing is no news. */
  show(output) {
    const runs = output?.richspace;
    if (!runs?.length) return;
    this.panels = runs.flatMap((stages, time) =>
      stages.map((data, stage) => {
        const name = [numbered("run", time, runs), numbered("stage", stage, stages)];
        return new Panel(this, data, name.filter(Boolean).join(", "));
      }),
    );
    this.element.replaceChildren(...this.panels.map(({ element }) => element));
    this.refresh();
    this.node.hideOutputImages = true; // Nodes 2.0
    this.hidePicture();
    fit(this.node);
  }

  clear() {
    if (this.isEmpty) return;
    this.panels = [];
    this.showHint();
    fit(this.node);
  }

  showHint() {
    this.element.replaceChildren(make("div", "richspace-hint", HINT));
  }

  /** Follow what the classic renderer is about to draw. */
  onDraw() {
    this.hidePicture();
    followMode(this.element, this.node);
  }

  /** The picture says the same as the curves. It stays in the node's menu, to be opened or saved. */
  hidePicture() {
    const picture = this.node.widgets?.find(({ name }) => name === PICTURE);
    if (picture) picture.hidden = this.node.hideOutputImages;
  }

  /** Follow the node's widgets. */
  refresh() {
    for (const panel of this.panels) panel.refresh();
  }

  /** The widget of a name that is not wired to another node. */
  freeWidget(name) {
    const inputs = this.node.inputs ?? [];
    const wired = inputs.some(({ widget }, slot) => widget?.name === name && this.node.isInputConnected(slot));
    return wired ? undefined : this.node.widgets?.find((widget) => widget.name === name);
  }

  /** Have the next run take a candidate, 0 for the finder's own. */
  pick(index) {
    const widget = this.freeWidget("index");
    widget.value = index;
    widget.callback?.(index, app.canvas, this.node);
    this.node.setDirtyCanvas(true, true);
  }
}

/** One finder's curves. */
class Panel {
  constructor(view, data, stage) {
    this.view = view;
    this.data = data;
    this.hovered = 0;

    this.choice = make("span", "richspace-choice");
    this.automatic = make("button", "richspace-automatic", "automatic");
    this.automatic.title = "Let the finder choose again (index 0)";
    this.automatic.addEventListener("click", () => view.pick(0));
    this.notes = make("div", "richspace-notes");
    this.chart = make("div", "richspace-chart");
    this.element = make("section", "richspace-panel");
    this.element.append(
      row("richspace-head", this.choice, make("span", "richspace-stage", stage), this.automatic),
      this.notes,
      legend(data),
      this.chart,
      row("richspace-prompts", prompt("B", data), prompt("A", data)),
    );

    this.chart.addEventListener("pointermove", (event) => this.hover(this.candidateAt(event)));
    this.chart.addEventListener("pointerleave", () => this.hover(0));
    this.chart.addEventListener("click", (event) => this.toggle(this.candidateAt(event)));
    this.chart.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.chart);
  }

  get stepsChanged() {
    const steps = this.view.freeWidget("steps");
    return Boolean(steps) && steps.value !== this.data.steps;
  }

  /** Whether a candidate can be picked here. */
  get pickable() {
    return !this.stepsChanged && Boolean(this.view.freeWidget("index"));
  }

  /** The candidate that the next run takes, as far as this page knows. */
  get next() {
    if (!this.pickable) return this.data.chosen;
    return Math.min(this.view.freeWidget("index").value, this.data.steps) || this.data.best;
  }

  refresh() {
    const { best, chosen, remarks } = this.data;
    const { next, pickable } = this;
    const byHand = next !== best ? `picked by hand (the finder says ${best})` : "";
    const pending = next !== chosen ? "run again to mix it" : "";
    const changed = this.stepsChanged ? "steps has changed: run again for its candidates" : "";
    this.notes.replaceChildren(
      ...[byHand, pending, changed, ...remarks].filter(Boolean).map((note) => make("div", "richspace-note", note)),
    );
    this.automatic.hidden = !pickable || !this.view.freeWidget("index").value;
    this.makePickable(pickable);
    this.draw();
  }

  makePickable(pickable) {
    this.chart.classList.toggle("richspace-pickable", pickable);
    this.chart.tabIndex = pickable ? 0 : -1;
    const role = pickable ? "slider" : "img";
    const label = pickable ? "Candidate to mix: arrow keys choose, 0 is automatic" : "Scores of the candidates";
    const values = { valuemin: 1, valuemax: this.data.steps, valuenow: this.next, valuetext: this.words(this.next) };
    this.chart.setAttribute("role", role);
    this.chart.setAttribute("aria-label", label);
    for (const [name, value] of Object.entries(values)) {
      if (pickable) this.chart.setAttribute(`aria-${name}`, value);
      else this.chart.removeAttribute(`aria-${name}`);
    }
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.chart;
    const score = Object.values(this.data.curves)[0][this.hovered - 1];
    this.choice.textContent = this.words(this.hovered || this.next);
    this.choice.title = this.hovered ? "" : this.choice.textContent;
    if (this.hovered) this.choice.textContent += ` · ${score.toFixed(4)}`;
    this.choice.classList.toggle("richspace-hovered", Boolean(this.hovered));
    if (width < 80 || height < 40) return;
    const { drawing, candidateAt } = drawChart(this.data, { width, height, chosen: this.next, hovered: this.hovered });
    this.positionToCandidate = candidateAt;
    this.chart.replaceChildren(drawing);
  }

  words(index) {
    return this.data.choices[index - 1];
  }

  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.draw();
  }

  toggle(index) {
    if (this.pickable) this.view.pick(this.view.freeWidget("index").value === index ? 0 : index);
  }

  press(event) {
    const { next, data } = this;
    const targets = {
      ArrowLeft: next - 1,
      ArrowDown: next - 1,
      ArrowRight: next + 1,
      ArrowUp: next + 1,
      Home: 1,
      End: data.steps,
      0: 0,
    };
    if (!this.pickable || !(event.key in targets)) return;
    event.preventDefault();
    event.stopPropagation(); // the canvas has shortcuts of its own
    const target = targets[event.key];
    this.view.pick(event.key === "0" ? 0 : Math.min(Math.max(target, 1), data.steps));
  }

  candidateAt({ clientX }) {
    const box = this.chart.getBoundingClientRect(); // the canvas may be zoomed
    return this.positionToCandidate?.(((clientX - box.left) / box.width) * this.chart.clientWidth) ?? 0;
  }
}

/** What one of several is called; one alone needs no name. */
function numbered(kind, place, { length }) {
  return length > 1 ? `${kind} ${place + 1}` : "";
}

/** The canvas zooms and moves from here, too. */
function forwardToCanvas(element) {
  const forward = (event) => {
    event.preventDefault();
    event.stopPropagation();
    app.canvas.canvas.dispatchEvent(new event.constructor(event.type, event));
  };
  element.addEventListener("wheel", forward, { passive: false });
  element.addEventListener("pointerdown", (event) => event.button === 1 && forward(event));
}

function legend({ curves, optimum, guide }) {
  const side = guide < 0 ? " (beyond B)" : guide > 1 ? " (beyond A)" : "";
  const entries = Object.keys(curves).map((name) => [name, name]);
  entries.push(["optimum", `optimum ${(100 * optimum).toFixed(1)}% A`], ["guide", `guide${side}`]);
  return row("richspace-legend", ...entries.map(([kind, text]) => make("span", `richspace-key-${kind}`, text)));
}

function prompt(letter, { prompts }) {
  const text = prompts[letter] === letter ? letter : `${letter}: ${prompts[letter]}`;
  const element = make("span", "", text);
  element.title = text;
  return element;
}

function row(className, ...children) {
  const element = make("div", className);
  element.append(...children);
  return element;
}
