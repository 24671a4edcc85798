/** Message of an error in the user's language: its parts one below the other, with the input as the node shows it. */

import { text, translate } from "./texts.js";

// As RichSpaceError in richspace_core/errors.py writes it.
const MESSAGE = /^(?<argument>.+?): expected (?<expected>.+?), got (?<got>.+?)\.(?: (?<hint>.+))?$/s;
const STAGE = /^stage (\d+)$/;

/** Return a message from Python as the node should show it: in English as it is. */
export function describeError(message, node) {
  const parts = MESSAGE.exec(message)?.groups;
  if (!parts || text("Got: {value}") === "Got: {value}") return message;
  const { argument, expected, got, hint = "" } = parts;
  const said = (part) => translate(part, "errors");
  return [
    argument.split(", ").map((name) => nameInput(name, node)).join(" · "),
    text("Expected: {value}", { value: said(expected) }),
    text("Got: {value}", { value: said(got) }),
    said(hint),
  ].filter(Boolean).join("\n");
}

/** Return the name that the node shows for a part of an error's argument, such as "guide_2" or "stage 1". */
function nameInput(name, node) {
  const [, number] = STAGE.exec(name) ?? [];
  if (number) return text("stage {number}", { number });
  const definitions = Object.assign({}, ...Object.values(node.constructor.nodeData?.input ?? {}));
  const isNamed = (input) =>
    [input.name, input.name.split(".").at(-1), definitions[input.name]?.[1]?.display_name].includes(name);
  const input = node.inputs?.find(isNamed);
  return input?.label || input?.localized_name || name;
}
