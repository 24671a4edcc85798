/** What nodes gave when they were last run, from the host's history: the frontend forgets it when it is reloaded. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { nodeOfExecution } from "./graph.js";

const JOBS = 4; // each is fetched with its whole workflow

/**
 * The outputs of the last run of each of some nodes, if everything that led to them is as it was then.
 *
 * @param {object[]} nodes
 * @returns {Promise<Map<object, object>>} node to output, without the nodes that have not been run
 */
export async function outputsOfLastRuns(nodes) {
  const found = new Map();
  const of = `workflow_id=${app.rootGraph.id}&status=completed,failed,cancelled&limit=${JOBS}`;
  const { jobs = [] } = await fetchJson(`/jobs?${of}`);
  if (!jobs.length) return found;
  const { output: prompt } = await app.graphToPrompt();
  for (const { id } of jobs) {
    const job = await fetchJson(`/jobs/${id}`);
    for (const [name, output] of Object.entries(job.outputs ?? {})) {
      const node = nodeOfExecution(name);
      if (!nodes.includes(node) || found.has(node)) continue;
      if (recipe(prompt, name) === recipe(job.workflow.prompt, name)) found.set(node, output);
    }
  }
  return found;
}

async function fetchJson(route) {
  const answer = await api.fetchApi(route);
  return answer.ok ? answer.json() : {};
}

/** All that a node's scores depend on: its inputs but the index, and the same of every node before it. */
function recipe(prompt, target) {
  const before = {};
  const visit = (name) => {
    if (name in before || !(name in prompt)) return;
    const { class_type, inputs } = prompt[name];
    before[name] = [class_type, name === target ? { ...inputs, index: undefined } : inputs];
    for (const value of Object.values(inputs)) if (Array.isArray(value)) visit(String(value[0]));
  };
  visit(target);
  return JSON.stringify(before);
}
