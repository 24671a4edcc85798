/** Messages of the pack in ComfyUI's corner, for what is out of view. */

import { app } from "../../scripts/app.js";

const DURATION_MS = 20_000;
const NEWER = { warn: "warning", error: "error" }; // names of the kinds in newer frontends

/**
 * Show a toast, and return a function that removes it.
 * @param {"warn" | "error"} kind
 */
export function showToast(kind, summary, detail) {
  const { toast: toasts } = app.extensionManager;
  if (toasts.dismiss) {
    const id = toasts[NEWER[kind]](summary, { description: detail, duration: DURATION_MS }); // newer frontends
    return () => toasts.dismiss(id);
  }
  const message = { severity: kind, summary, detail, life: DURATION_MS };
  toasts.add(message);
  return () => toasts.remove(message);
}
