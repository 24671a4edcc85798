/** Notes about a node's choices before its first run: the words that the demo model knows, or how to get a model. */

import { chain } from "./chain.js";
import { isOff } from "./dom.js";
import { everyNode } from "./graph.js";
import { translate } from "./texts.js";
import { showToast } from "./toast.js";

const NOTES = "richspace_notes"; // nodes/host/models.py
const MISSING = "richspace_missing"; // nodes/host/downloads.py
const ANY_OTHER = "";
const PLACE = "@place@";
const PLAIN = /^\w[\w.-]*$/;
const MOST_FOLDERS = 4;

/** @type {WeakMap<object, {show: function(): void, missing: function(): ?{text: string, command: string}}>} */
const notesOf = new WeakMap();

/** @type {Map<string, function(): void>} notes that were shown as toasts when a workflow was opened, and their removal */
const told = new Map();

/** Show the note about the current choice in a new node's report, and update it when the choice changes. */
export function noteChoices(node, { input = {} }, report) {
  for (const widget of node.widgets ?? []) {
    const { [NOTES]: notes, [MISSING]: missingNotes } = input.required?.[widget.name]?.[1] ?? {};
    if (!notes) continue;
    const missing = () => noteOnMissing(widget, missingNotes);
    const show = () => {
      const note = missing();
      const text = notes[widget.value];
      if (note) report.show({ richspace_report: [{ text: "", warning: note.text, command: note.command }] });
      else if (text) report.show({ richspace_report: [{ text, warning: "" }] });
      else report.clear();
    };
    notesOf.set(node, { show, missing });
    chain(widget, "callback", show);
    chain(node, "onConfigure", show);
    show();
  }
}

/** Show the notes that apply after the lists of models were read again. */
export function refreshChoiceNotes() {
  for (const node of everyNode()) notesOf.get(node)?.show();
}

/** Show a toast for every missing model of the opened workflow that was not shown before. */
export function tellMissingModels() {
  for (const [node, { text }] of missingModels())
    if (!told.has(text)) told.set(text, showToast("warn", node.title, translate(text)));
}

/** Show how to get the missing models that are about to be used; ComfyUI only says that they are not in its list. */
export function explainRefusal() {
  for (const [node, { text, command }] of missingModels()) {
    if (isOff(node)) continue;
    told.get(text)?.();
    showToast("error", node.title, `${translate(text)}\n${command}`.trim());
  }
}

/** Return every node whose model is a missing folder, with the note on it. Missing files are listed by ComfyUI. */
function missingModels() {
  return [...everyNode()]
    .map((node) => [node, notesOf.get(node)?.missing()])
    .filter(([, note]) => note && !note.is_file);
}

/** Return the note on the chosen model if it is missing. Published models are known by name, in whatever folder. */
function noteOnMissing({ value, options }, notes) {
  if (!notes || !Array.isArray(options.values) || options.values.includes(value)) return null;
  const name = String(value);
  const note = notes[name.split(/[\\/]/).at(-1).toLowerCase()] ?? notes[ANY_OTHER];
  return note.elsewhere ? placedAs(name, note) : note;
}

/** Return the note on a published model for the place where a loader finds it under this name. */
function placedAs(name, note) {
  const parts = name.split(note.is_file ? /[\\/]/ : "/");
  const place = (note.is_file ? parts.slice(0, -1) : parts).join("/");
  // Any other name is in no loader's list, or could be more than a folder's name in the command.
  if (!place || parts.length > MOST_FOLDERS || !parts.every((part) => PLAIN.test(part))) return note;
  const { text, command } = note.elsewhere;
  return { ...note, text: text.replaceAll(PLACE, place), command: command.replaceAll(PLACE, place) };
}
