/** Outputs of the nodes' last runs, from the host's history: the frontend loses them when the page is reloaded. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { nodeOfExecution } from "./graph.js";
import { WIDGETS } from "./picks.js";

const JOBS = 4; // few, since each is fetched with its whole workflow

/**
 * Find the outputs of each node's last run, if everything that they depend on is unchanged since then.
 *
 * A node may have had another id at that time, for example before it was moved into a subgraph.
 *
 * @param {object[]} nodes
 * @param {number} limit how many of the workflow's last jobs to search
 * @returns {Promise<Map<object, object>>} from node to output, without the nodes that were not run
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

/** Group the nodes that are part of the next run by their recipe. */
function nodesByRecipe(prompt, nodes) {
  const found = new Map();
  for (const name of Object.keys(prompt)) {
    const node = nodeOfExecution(name);
    if (!nodes.includes(node)) continue;
    const made = recipe(prompt, name);
    found.set(made, [...(found.get(made) ?? []), node]);
  }
  return found;
}

/**
 * Write down what a node's scores depend on: its inputs except for picked candidates, and all inputs of every node before it.
 * Nodes are numbered anew, so that their ids do not matter.
 */
function recipe(prompt, target) {
  const places = new Map(); // from the id of a node to its number, in the order of the visits
  const steps = [];
  const visit = (name) => {
    if (places.has(name)) return places.get(name);
    const place = steps.push(null) - 1;
    places.set(name, place);
    const { class_type, inputs } = prompt[name];
    const given = Object.keys(inputs).filter((input) => name !== target || !WIDGETS.includes(input));
    steps[place] = [class_type, given.sort().map((input) => [input, source(inputs[input])])];
    return place;
  };
  const source = (value) => (Array.isArray(value) && value[0] in prompt ? [visit(value[0]), value[1]] : value);
  visit(target);
  return JSON.stringify(steps);
}
