/** Message of an error in the user's language: its parts one below the other, with the input as the node shows it. */

import { text, translate } from "./texts.js";

// As RichSpaceError in richspace_core/errors.py writes it.
const MESSAGE = /^(?<argument>.+?): expected (?<expected>.+?), got (?<rest>.+)$/s;
const END = /\.(?: |$)/g; // of what came; the hint follows
const STAGE = /^stage (\d+)$/;

/** Return a message from Python as the node should show it: in English as it is. */
export function describeError(message, node) {
  const parts = MESSAGE.exec(message)?.groups;
  if (!parts || text("Got: {value}") === "Got: {value}") return message;
  const { argument, expected, rest } = parts;
  const [got, hint] = splitHint(rest);
  return [
    argument.split(", ").map((name) => nameInput(name, node)).join(" · "),
    text("Expected: {value}", { value: said(expected) }),
    text("Got: {value}", { value: said(got) }),
    said(hint),
  ].filter(Boolean).join("\n");
}

function said(part) {
  return translate(part, "errors");
}

/** Split what came, which may have sentences of its own, from the hint: at the first end where a known hint follows. */
function splitHint(rest) {
  const splits = [...rest.matchAll(END)].map((end) => [rest.slice(0, end.index), rest.slice(end.index + end[0].length)]);
  return splits.find(([, hint]) => said(hint) !== hint) ?? splits[0] ?? [rest, ""];
}

/** Return the name that the node shows for a part of an error's argument, such as "guide_2" or "stage 1". */
function nameInput(name, node) {
  const [, number] = STAGE.exec(name) ?? [];
  if (number) return text("stage {number}", { number });
  const definitions = Object.assign({}, ...Object.values(node.constructor.nodeData?.input ?? {}));
  const isNamed = (input) =>
    [input.name, input.name.split(".").at(-1), definitions[input.name]?.[1]?.display_name].includes(name);
  const input = node.inputs?.find(isNamed);
  return input?.label || input?.localized_name || said(name);
}
