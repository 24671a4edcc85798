/** Numbers of frames go along those that a model can make: 0 is its own, the others are one more than a multiple. */

import { chain } from "./chain.js";

const OPTION = "richspace_frame_step"; // nodes/sizes.py

/** Have the arrows, dragging and typing of a new node's numbers of frames give only values that exist. */
export function stepFrames(node, { input = {} }) {
  for (const widget of node.widgets ?? []) {
    const step = input.required?.[widget.name]?.[1]?.[OPTION];
    if (!step) continue;
    Object.assign(widget.options, { step: 10 * step, step2: step, [OPTION]: step }); // the first is for old extensions
    keepToSteps(widget);
  }
}

/** The same for the widgets of a subgraph's node: the frontend makes them when it first asks for them, and again. */
export function stepFramesOfSubgraph(node) {
  const { get, ...property } = Object.getOwnPropertyDescriptor(node, "widgets");
  const known = new WeakSet();
  const getWidgets = () => {
    const widgets = get.call(node);
    for (const widget of widgets) {
      if (known.has(widget) || !widget.options?.[OPTION]) continue;
      known.add(widget);
      keepToSteps(widget);
    }
    return widgets;
  };
  Object.defineProperty(node, "widgets", { ...property, get: getWidgets });
}

function keepToSteps(widget) {
  chain(widget, "callback", (value) => {
    widget.value = nearest(value, widget.options[OPTION]);
  });
}

function nearest(value, step) {
  return value > 0 ? Math.max(0, Math.round((value - 1) / step)) * step + 1 : 0;
}
