/** Score curves in a node: what its last run found, and which candidate its next run takes. */

import { chain } from "./chain.js";
import { addToNode, followMode, forwardToCanvas, make, row } from "./dom.js";
import { describeCandidate, DraftPictures, draftsOf, ROW_HEIGHT } from "./draft_pictures.js";
import { fit } from "./node_height.js";
import { freeWidget, isPickable, pick, pickOf, WIDGETS } from "./picks.js";
import { curveStyles, drawChart, percent } from "./score_chart.js";
import { text, translate } from "./texts.js";

const NAME = "richspace-scores";
const PICTURE = "$$canvas-image-preview"; // the name of the picture's widget in the classic renderer
const PANEL_HEIGHT = 230;
const HINT_HEIGHT = 44;

export class ScoreView {
  /** @param {object} node the node to show the curves in; its widgets `steps` and those of picks.js are used */
  constructor(node) {
    this.node = node;
    this.panels = [];
    this.element = make("div", "richspace-view richspace-scores");
    const getMinHeight = () => (this.panels.length ? this.panels.reduce((sum, { height }) => sum + height, 0) : HINT_HEIGHT);
    addToNode(node, NAME, this.element, { getMinHeight });
    forwardToCanvas(this.element);
    for (const widget of node.widgets)
      if ([...WIDGETS, "steps"].includes(widget.name)) chain(widget, "callback", () => this.refresh());
    this.showHint();
  }

  get isEmpty() {
    return !this.panels.length;
  }

  /** Show a run's curves: a panel for each stage, each time that the node ran in it. Without curves nothing changes. */
  show(output) {
    const runs = output?.richspace;
    if (!runs?.length) return;
    this.panels = runs.flatMap((stages, time) =>
      stages.map((_, stage) => {
        const name = [
          runs.length > 1 && text("run {number}", { number: time + 1 }),
          stages.length > 1 && text("stage {number}", { number: stage + 1 }),
        ];
        return new Panel(this, stages, stage, name.filter(Boolean).join(", "));
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
    const hint = text("Run the workflow to see how the candidates score.");
    this.element.replaceChildren(make("div", "richspace-hint", hint));
  }

  /** Follow the node's state, which the classic renderer is about to draw. */
  onDraw() {
    this.hidePicture();
    followMode(this.element, this.node);
  }

  /** Hide the picture, which shows the same curves. The node's menu can still open and save it. */
  hidePicture() {
    const picture = this.node.widgets?.find(({ name }) => name === PICTURE);
    if (picture) picture.hidden = this.node.hideOutputImages;
  }

  /** Follow the node's widgets. */
  refresh() {
    for (const panel of this.panels) panel.refresh();
  }
}

/** Curves of one finder, or of one stage of a chain. */
class Panel {
  /**
   * @param {ScoreView} view the view that shows it
   * @param {object[]} stages the choice of each stage in the same run
   * @param {number} stage the place of this one
   * @param {string} name the name of this one, if there are several
   */
  constructor(view, stages, stage, name) {
    const data = stages[stage];
    this.node = view.node;
    this.stages = stages;
    this.stage = stage;
    this.data = data;
    this.hovered = null;

    this.choice = make("span", "richspace-choice");
    this.automatic = make("button", "richspace-automatic", text("automatic"));
    this.automatic.title = text("Let the finder choose again (index 0)");
    this.automatic.addEventListener("click", () => this.pick(0));
    this.notes = make("div", "richspace-notes");
    this.chart = make("div", "richspace-chart");
    this.element = make("section", "richspace-panel");
    this.drafts = draftsOf(data).length ? new DraftPictures(data, this.draftActions) : null;
    if (this.drafts) this.element.classList.add("richspace-has-drafts");
    this.element.append(
      row("richspace-head", this.choice, make("span", "richspace-stage", name), this.automatic),
      this.notes,
      legend(data),
      ...(this.drafts ? [this.drafts.element] : []),
      this.chart,
      row("richspace-prompts", prompt("B", data), prompt("A", data)),
    );

    this.chart.addEventListener("pointermove", (event) => this.hover(this.candidateAt(event)));
    this.chart.addEventListener("pointerleave", () => this.hover(null));
    this.chart.addEventListener("click", (event) => this.toggle(this.candidateAt(event)));
    this.chart.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.chart);
  }

  get height() {
    return PANEL_HEIGHT + (this.drafts ? ROW_HEIGHT : 0);
  }

  get draftActions() {
    return { hover: (index) => this.hover(index), take: (index) => this.toggle(index) };
  }

  get hasOtherSteps() {
    const steps = freeWidget(this.node, "steps");
    return Boolean(steps) && steps.value !== this.data.steps;
  }

  /** Whether a click takes a candidate. */
  get isPickable() {
    return !this.hasOtherSteps && isPickable(this.node);
  }

  /** Candidate that is picked by hand, or 0. */
  get picked() {
    return pickOf(this.node, this.stage);
  }

  /** Candidate that the next run takes, as far as this page knows. */
  get next() {
    return this.nextOf(this.stage);
  }

  nextOf(stage) {
    const { chosen, best, steps } = this.stages[stage];
    return this.isPickable ? Math.min(pickOf(this.node, stage), steps) || best : chosen;
  }

  /** Note on what only the next run will show, or an empty text. */
  get pending() {
    if (this.hasOtherStart) return text("an earlier stage has changed: run again for these curves");
    return this.next === this.data.chosen ? "" : text("run again to mix it");
  }

  /** Whether the next run starts this stage from another mixture than the one that the curves are about. */
  get hasOtherStart() {
    return this.stages.some(({ chosen }, stage) => stage < this.stage && this.nextOf(stage) !== chosen);
  }

  refresh() {
    const { best, remarks } = this.data;
    const { next } = this;
    const canPick = this.isPickable;
    const byHand = next !== best ? text("picked by hand (the finder says {best})", { best }) : "";
    const changed = this.hasOtherSteps ? text("steps has changed: run again for its candidates") : "";
    const notes = [byHand, this.pending, changed, ...remarks.map((remark) => translate(remark))].filter(Boolean);
    this.notes.replaceChildren(...notes.map((note) => make("div", "richspace-note", note)));
    this.automatic.hidden = !canPick || !this.picked;
    this.describeChart(canPick);
    this.draw();
  }

  /** Tell the keyboard and screen readers what the chart is: a slider, or a picture. */
  describeChart(canPick) {
    this.chart.classList.toggle("richspace-pickable", canPick);
    this.chart.tabIndex = canPick ? 0 : -1;
    const role = canPick ? "slider" : "img";
    const label = canPick
      ? text("Candidate to mix: choose with the arrow keys, 0 is automatic")
      : text("Scores of the candidates");
    const values = { valuemin: 1, valuemax: this.data.steps, valuenow: this.next, valuetext: this.words(this.next) };
    this.chart.setAttribute("role", role);
    this.chart.setAttribute("aria-label", label);
    for (const [name, value] of Object.entries(values)) {
      if (canPick) this.chart.setAttribute(`aria-${name}`, value);
      else this.chart.removeAttribute(`aria-${name}`);
    }
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.chart;
    const isHovered = this.hovered !== null;
    this.choice.textContent = this.words(isHovered ? this.hovered : this.next);
    this.choice.title = isHovered ? "" : this.choice.textContent;
    if (isHovered) this.choice.textContent += ` · ${this.score(this.hovered)}`;
    this.choice.classList.toggle("richspace-hovered", isHovered);
    if (width < 80 || height < 40) return;
    const look = { width, height, chosen: this.next, hovered: this.hovered };
    const { drawing, candidateAt, placeOf } = drawChart(this.data, look);
    this.positionToCandidate = candidateAt;
    this.chart.replaceChildren(drawing);
    this.drafts?.arrange(placeOf, width, look);
  }

  words(index) {
    return describeCandidate(index, this.data);
  }

  /** Write a candidate's value of the curve that decides. */
  score(index) {
    const { curves, measured = [], shares = [] } = this.data;
    const [[name, values]] = Object.entries(curves);
    const value = index ? values[index - 1] : measured[0].value;
    return shares.includes(name) ? text("{share} seen", { share: percent(value) }) : value.toFixed(4);
  }

  hover(index) {
    if (index === this.hovered) return;
    this.hovered = index;
    this.draw();
  }

  toggle(index) {
    if (this.isPickable) this.pick(this.picked === index ? 0 : index);
  }

  pick(index) {
    pick(this.node, this.stage, index, this.stages.length);
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
    if (!this.isPickable || !(event.key in targets)) return;
    event.preventDefault();
    event.stopPropagation(); // the canvas uses some of these keys, too
    const target = targets[event.key];
    this.pick(event.key === "0" ? 0 : Math.min(Math.max(target, 1), data.steps));
  }

  candidateAt({ clientX }) {
    const box = this.chart.getBoundingClientRect(); // the canvas may be zoomed
    return this.positionToCandidate?.(((clientX - box.left) / box.width) * this.chart.clientWidth) ?? null;
  }
}

function legend(data) {
  const { curves, optimum, guide, wanted = null, shares = [] } = data;
  const styles = curveStyles(data);
  const entries = Object.keys(curves).map((name, place) => [styles[place], text(name)]);
  if (wanted !== null) {
    const isShare = shares.includes(Object.keys(curves)[0]);
    entries.push(["wanted", text("wanted {value}", { value: isShare ? percent(wanted) : wanted })]);
  }
  entries.push(["optimum", text("optimum {share} A", { share: percent(optimum, 1) })]);
  if (guide !== null) entries.push(["guide", nameGuide(guide)]);
  return row("richspace-legend", ...entries.map(([kind, name]) => make("span", `richspace-key-${kind}`, name)));
}

function nameGuide(guide) {
  if (guide < 0) return text("guide (beyond B)");
  return guide > 1 ? text("guide (beyond A)") : text("guide");
}

function prompt(letter, { prompts }) {
  const words = prompts[letter] === letter ? letter : `${letter}: ${prompts[letter]}`;
  const element = make("span", "", words);
  element.title = words;
  return element;
}
