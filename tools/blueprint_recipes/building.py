"""Making the files of the blueprints with the frontend."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from environment.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from comfyui.frontend import Frontend

    from blueprint_recipes.recipe import Recipe

# In the page: make the nodes, put them in a subgraph, and add its inputs and outputs.
_BUILD = """({name, nodes, links, inputs, outputs, input_place, output_place, size, extra}) => {
    const made = nodes.map(({title, type, place, size, values}) => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        Object.assign(node, {title, pos: place, size});
        for (const [name, value] of Object.entries(values)) {
            node.widgets.find(widget => widget.name === name).value = value;
        }
        return node;
    });
    const slot = (slots, name) => slots.findIndex(it => it.name === name);
    for (const [[from, output], [to, input]] of links) {
        const [source, target] = [from, to].map(title => made.find(node => node.title === title));
        source.connect(slot(source.outputs, output), target, slot(target.inputs, input));
    }
    const {subgraph, node} = app.graph.convertToSubgraph(new Set(made));
    for (const input of [...subgraph.inputs]) subgraph.removeInput(input);  // which the frontend chose
    const inner = title => subgraph.nodes.find(node => node.title === title);
    for (const {label, ends} of inputs) {
        const ports = ends.map(([title, name]) => [inner(title).inputs[slot(inner(title).inputs, name)], inner(title)]);
        const input = subgraph.addInput(label, ports[0][0].type);
        for (const port of ports) input.connect(...port);
    }
    for (const {label, end: [title, name]} of outputs) {
        const port = inner(title).outputs[slot(inner(title).outputs, name)];
        subgraph.addOutput(label, port.type).connect(port, inner(title));
    }
    for (const [end, place] of [[subgraph.inputNode, input_place], [subgraph.outputNode, output_place]]) {
        end.pos = place;
        end.arrange();
    }
    Object.assign(subgraph, {name, extra});
    Object.assign(node, {title: name, pos: [0, 0], size});
    app.canvas.select(node);
}"""
_PUBLISH = "name => app.extensionManager.command.execute('Comfy.PublishSubgraph', {metadata: {name}})"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make_blueprint(frontend: Frontend, recipe: Recipe) -> dict[str, Any]:
    """Have the frontend make and publish a blueprint, as its menu does; return it."""
    frontend.open_blank()
    extra = {"BlueprintDescription": recipe.description, "BlueprintSearchAliases": [*recipe.aliases]}
    frontend.page.evaluate(_BUILD, {**asdict(recipe), "extra": extra})
    frontend.settle()
    with frontend.page.expect_response("**/api/userdata/subgraphs*") as response:
        frontend.page.evaluate(_PUBLISH, recipe.name)
    assert response.value.ok
    file = frontend.server.base / "user" / "default" / "subgraphs" / recipe.file.name
    published = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return _finish(published, recipe)


def _finish(published: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Add what the frontend leaves out, and replace the random ids by fixed ones."""
    ids: dict[str, str] = {}

    def fixed_id(match: re.Match[str]) -> str:
        return ids.setdefault(match[0], str(uuid.uuid5(uuid.NAMESPACE_OID, f"{recipe.name} {len(ids)}")))

    blueprint: dict[str, Any] = json.loads(_UUID.sub(fixed_id, json.dumps(published)))
    (node,) = blueprint["nodes"]
    (subgraph,) = blueprint["definitions"]["subgraphs"]
    subgraph["category"] = "RichSpace"
    numbers = {inner["title"]: str(inner["id"]) for inner in subgraph["nodes"]}
    node["properties"]["previewExposures"] = [
        {"name": preview, "sourceNodeId": numbers[title], "sourcePreviewName": preview}
        for title, preview in recipe.previews
    ]
    for inner in subgraph["nodes"]:
        inner["properties"] |= _origin(inner["type"])
    return blueprint


def _origin(node_type: str) -> dict[str, str]:
    """Return the properties that name the pack of a node and its version, as in every workflow."""
    if not node_type.startswith("RichSpace"):
        return {"cnr_id": "comfy-core", "ver": "0.30.0"}
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    return {"cnr_id": "richspace", "ver": version[1]}


def write_blueprints(frontend: Frontend, recipes: Iterable[Recipe]) -> None:
    """Write the files of the blueprints."""
    for recipe in recipes:
        recipe.file.parent.mkdir(exist_ok=True)
        content = json.dumps(make_blueprint(frontend, recipe), indent=2, ensure_ascii=False)
        recipe.file.write_text(content + "\n", encoding="utf-8")
