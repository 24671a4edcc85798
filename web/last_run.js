/** What nodes gave when they were last run, from the host's history: the frontend forgets it when it is reloaded. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { nodeOfExecution } from "./graph.js";

const JOBS = 4; // each is fetched with its whole workflow

/**
 * The outputs of the last run of each of some nodes, if everything that led to them is as it was then.
 *
 * A node may have had another id then: outside of the subgraph that it is in now, say.
 *
 * @param {object[]} nodes
 * @param {number} limit how many of the workflow's last jobs to look through
 * @returns {Promise<Map<object, object>>} node to output, without the nodes that have not been run
 */
export async function outputsOfLastRuns(nodes, limit = JOBS) {
  const found = new Map();
  const of = `workflow_id=${app.rootGraph.id}&status=completed,failed,cancelled&limit=${limit}`;
  const { jobs = [] } = await fetchJson(`/jobs?${of}`);
  if (!jobs.length) return found;
  const wanted = nodesByRecipe((await app.graphToPrompt()).output, nodes);
  for (const { id } of jobs) {
    if (!wanted.size) break;
    const { outputs = {}, workflow } = await fetchJson(`/jobs/${id}`);
    for (const [name, output] of Object.entries(outputs)) {
      const made = recipe(workflow.prompt, name);
      for (const node of wanted.get(made) ?? []) if (!found.has(node)) found.set(node, output);
      wanted.delete(made);
    }
  }
  return found;
}

async function fetchJson(route) {
  const answer = await api.fetchApi(route);
  return answer.ok ? answer.json() : {};
}

/** Those of some nodes that the next run would run, by their recipe. */
function nodesByRecipe(prompt, nodes) {
  const wanted = new Map();
  for (const name of Object.keys(prompt)) {
    const node = nodeOfExecution(name);
    if (!nodes.includes(node)) continue;
    const made = recipe(prompt, name);
    wanted.set(made, [...(wanted.get(made) ?? []), node]);
  }
  return wanted;
}

/** All that a node's scores depend on: its inputs but the index, and the same of every node before it, in any ids. */
function recipe(prompt, target) {
  const places = new Map(); // of each node among those before the target, in the order in which they are met
  const steps = [];
  const visit = (name) => {
    if (places.has(name)) return places.get(name);
    const place = steps.push(null) - 1;
    places.set(name, place);
    const { class_type, inputs } = prompt[name];
    const given = Object.keys(inputs).filter((input) => name !== target || input !== "index");
    steps[place] = [class_type, given.sort().map((input) => [input, source(inputs[input])])];
    return place;
  };
  const source = (value) => (Array.isArray(value) && value[0] in prompt ? [visit(value[0]), value[1]] : value);
  visit(target);
  return JSON.stringify(steps);
}
