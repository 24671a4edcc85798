/** Command for a terminal, with a button that copies it. */

import { make, row } from "./dom.js";

export const COMMAND_HEIGHT = 66; // in pixels, of the command's line, its scroll bar and the button

const TEXTS = { copy: "Copy", copied: "Copied" };
const SHOWN_MS = 2000;

/** Create an element with a command. */
export function commandToCopy(command) {
  const code = make("code", "", command);
  const button = make("button", "richspace-automatic", TEXTS.copy);
  button.addEventListener("click", async () => {
    await copy(code);
    button.textContent = TEXTS.copied;
    setTimeout(() => (button.textContent = TEXTS.copy), SHOWN_MS);
  });
  return row("richspace-command", code, button);
}

/** Copy an element's text. Pages from other computers have no clipboard of their own unless they are encrypted. */
async function copy(element) {
  if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
  getSelection().selectAllChildren(element);
  document.execCommand("copy");
}
