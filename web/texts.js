/**
 * Texts of the pack's page in the user's language.
 *
 * The English text is the key, with its values in braces: "run again to mix it", "stage {number}". Translations are
 * under `richspace` in locales/<language>/main.json, which ComfyUI hands out with those of all packs. What has no
 * translation stays English.
 */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const ENGLISH = "en";
const PLACE = /\{(\w+)\}/g;

let translations = null; // from language to its texts; null until they are loaded

/** Load the translations, unless the page is in English. */
export async function loadTexts() {
  if (language() === ENGLISH || translations) return;
  translations = {};
  const answer = await api.fetchApi("/i18n").catch(() => null);
  if (!answer?.ok) return;
  for (const [name, { richspace = {} }] of Object.entries(await answer.json())) translations[name] = richspace;
}

/** Return a text with its values, in the user's language. */
export function text(english, values = {}) {
  return fill(translations?.[language()]?.[english] ?? english, values);
}

function language() {
  return app.extensionManager.setting.get("Comfy.Locale") ?? ENGLISH;
}

function fill(template, values) {
  return template.replace(PLACE, (place, name) => values[name] ?? place);
}
