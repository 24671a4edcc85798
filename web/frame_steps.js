/** Numbers of frames that a model can make: 0 for its own, or one more than a multiple of its step. */

import { chain } from "./chain.js";

const OPTION = "richspace_frame_step"; // nodes/inputs.py

/** Keep a new node's numbers of frames to possible values, whether the user clicks, drags or types. */
export function stepFrames(node, { input = {} }) {
  for (const widget of node.widgets ?? []) {
    const step = input.required?.[widget.name]?.[1]?.[OPTION];
    if (!step) continue;
    Object.assign(widget.options, { step: 10 * step, step2: step, [OPTION]: step }); // older extensions read `step`
    keepToSteps(widget);
  }
}

/** Do the same for a widget of a subgraph node. */
export function stepFramesOfSubgraph(widget) {
  if (widget.options?.[OPTION]) keepToSteps(widget);
}

function keepToSteps(widget) {
  chain(widget, "callback", (value) => {
    widget.value = roundToStep(value, widget.options[OPTION]);
  });
}

/** Round a number of frames to the nearest possible one. */
function roundToStep(value, step) {
  return value > 0 ? Math.max(0, Math.round((value - 1) / step)) * step + 1 : 0;
}
