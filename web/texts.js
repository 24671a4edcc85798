/**
 * Texts of the pack in the user's language.
 *
 * The English text is the key, with its values in braces: "run again to mix it", "stage {number}". Translations are
 * under `richspace` in locales/<language>/main.json, which ComfyUI hands out with those of all packs. What has no
 * translation stays English. There are three groups of them:
 *
 * - page: texts of this page's own scripts;
 * - reports: lines that Python sends, in English with their values filled in;
 * - errors: parts of an error's message, likewise.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const ENGLISH = "en";
const PLACE = /\{(\w+)\}/g;
const GROUPS = ["page", "reports", "errors"];

let catalogs = {}; // from language to {group: Catalog}

/** Load the translations, unless the page is in English. */
export async function loadTexts() {
  if (language() === ENGLISH) return;
  const answer = await api.fetchApi("/i18n").catch(() => null);
  const all = answer?.ok ? await answer.json() : {};
  for (const [name, { richspace = {} }] of Object.entries(all))
    catalogs[name] = Object.fromEntries(GROUPS.map((group) => [group, new Catalog(richspace[group] ?? {})]));
}

/** Return a text of the page with its values. */
export function text(key, values = {}) {
  return fill(catalogs[language()]?.page.texts[key] ?? key, values);
}

/** Return lines from Python in the user's language, as far as they are known. */
export function translate(english, group = "reports") {
  const catalog = catalogs[language()]?.[group];
  return catalog ? english.split("\n").map((line) => catalog.translate(line)).join("\n") : english;
}

function language() {
  return app.extensionManager.setting.get("Comfy.Locale") ?? ENGLISH;
}

/** Translations of one group, found by a key or by a line that was made from one. */
class Catalog {
  constructor(texts) {
    this.texts = texts;
    const keys = Object.keys(texts).filter((key) => key.search(PLACE) !== -1);
    this.forms = keys.sort(byLiteralLength).map((key) => ({ key, pattern: patternOf(key) }));
  }

  translate(line) {
    if (line in this.texts) return this.texts[line];
    for (const { key, pattern } of this.forms) {
      const found = pattern.exec(line);
      if (found) return fill(this.texts[key], found.groups);
    }
    return line;
  }
}

function fill(template, values) {
  return template.replace(PLACE, (place, name) => values[name] ?? place);
}

/** Sort the keys that say most first: a line is made from the most specific key that fits it. */
function byLiteralLength(one, other) {
  return other.replace(PLACE, "").length - one.replace(PLACE, "").length;
}

function patternOf(key) {
  const parts = key.split(PLACE); // literal, name, literal, name, ..., literal
  const source = parts.map((part, at) => (at % 2 ? `(?<${part}>.+?)` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${source.join("")}$`, "s");
}
