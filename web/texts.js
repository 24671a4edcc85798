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
 *
 * The name of a value, up to an underscore, limits what it can be in a line from Python, so that a short key does not
 * take the lines of others: {count} and {count_all} are numbers, {word} has no space, {shape} is a list of numbers, and
 * {phrase} is itself a text of the group, or several of them separated by commas.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const ENGLISH = "en";
const PLACE = /\{(\w+)\}/g;
const GROUPS = ["page", "reports", "errors"];
const VALUES = { count: "\\d[\\d.,]*", word: "\\S+", shape: "\\[[\\d, ]*\\]" };
const ANYTHING = ".+?";
const PHRASE = "phrase";
const LIST = ", ";
const LISTS = { ja: "、", zh: "、" };

let catalogs = {}; // from language to {group: Catalog}

/** Load the translations, unless the page is in English or has them. */
export async function loadTexts(wanted = language()) {
  if (wanted === ENGLISH || catalogs[wanted]) return;
  const answer = await api.fetchApi("/i18n").catch(() => null);
  const all = answer?.ok ? await answer.json() : {};
  for (const [name, { richspace = {} }] of Object.entries(all))
    catalogs[name] = Object.fromEntries(GROUPS.map((group) => [group, new Catalog(richspace[group] ?? {}, name)]));
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
  constructor(texts, language) {
    this.texts = texts;
    this.comma = LISTS[language] ?? LIST;
    const keys = Object.keys(texts).filter((key) => key.search(PLACE) !== -1);
    this.forms = keys.sort(byLiteralLength).map((key) => ({ key, pattern: patternOf(key) }));
  }

  translate(line) {
    return this.find(line) ?? line;
  }

  /** Return the translation of a line; undefined if there is none. */
  find(line) {
    if (Object.hasOwn(this.texts, line)) return this.texts[line];
    for (const { key, pattern } of this.forms) {
      const values = this.translateValues(pattern.exec(line)?.groups);
      if (values) return fill(this.texts[key], values);
    }
    const items = line.split(LIST);
    if (items.length === 1) return undefined;
    const found = items.map((item) => this.find(item));
    return found.includes(undefined) ? undefined : found.join(this.comma);
  }

  /** Return a line's values, with the phrases among them translated; undefined if one of these is not known. */
  translateValues(values) {
    if (!values) return undefined;
    const translated = {};
    for (const [name, value] of Object.entries(values)) {
      translated[name] = kindOf(name) === PHRASE ? this.find(value) : value;
      if (translated[name] === undefined) return undefined;
    }
    return translated;
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
  const escape = (literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const source = parts.map((part, at) => (at % 2 ? `(?<${part}>${valueOf(part)})` : escape(part)));
  return new RegExp(`^${source.join("")}$`, "s");
}

function valueOf(name) {
  return VALUES[kindOf(name)] ?? ANYTHING;
}

function kindOf(name) {
  return name.split("_")[0];
}
