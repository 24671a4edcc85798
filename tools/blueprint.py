"""The blueprint "Mix three prompts" in subgraphs/: a subgraph that users add as a single node.

The frontend makes it. Its default prompts are those of workflows/three_prompt_chained_mix.json.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from environment.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from comfyui.frontend import Frontend

NAME = "Mix three prompts"
FILE = ROOT / "subgraphs" / f"{NAME}.json"
PROMPTS_FROM = ROOT / "workflows" / "three_prompt_chained_mix.json"
ENCODER = "text encoder"
_TITLES = ("A: ", "B: ", "Guide for A + B", "C: ", "Guide for (A + B) + C")  # how the workflow's nodes are called
TEXTS = ("prompt 1", "prompt 2", "guide for 1 + 2", "prompt 3", "guide for all three")
OUTPUTS = ("mixture", "scores of 1 + 2", "scores of all three")
DESCRIPTION = (
    "Mixes three prompts for CogVideoX: prompts 1 and 2 at the point that their guide means, then that mixture with "
    "prompt 3 at the point that the guide for all three means. Wire the text encoder of RichSpace Load CogVideoX, "
    "and the mixture to a sampler's positive input. Open the subgraph to see the score curves and to pick candidates."
)
ALIASES = ["richspace", "three prompts", "chain", "blend prompts", "interpolate", "cogvideox"]

_ENCODE, _FINDER = "RichSpaceT5Encode", "RichSpaceOptimalInterpolate"
_FINDERS = ("First finder: 1 + 2", "Second finder: (1 + 2) + 3")
# Positions of the nodes in the subgraph. The chain goes from left to right, as in the workflow.
_PLACES = {
    **dict(zip(TEXTS, ([0, 0], [0, 265], [0, 530], [380, 600], [380, 865]), strict=True)),
    **dict(zip(_FINDERS, ([380, 0], [880, 260]), strict=True)),
}
_LINKS = [  # node, its output, node, its input
    (TEXTS[0], "conditioning", _FINDERS[0], "a"),
    (TEXTS[1], "conditioning", _FINDERS[0], "b"),
    (TEXTS[2], "conditioning", _FINDERS[0], "guide"),
    (_FINDERS[0], "mixture", _FINDERS[1], "a"),
    (TEXTS[3], "conditioning", _FINDERS[1], "b"),
    (TEXTS[4], "conditioning", _FINDERS[1], "guide"),
]
_RECIPE = {
    "name": NAME,
    "nodes": [
        {"title": title, "type": _FINDER if title in _FINDERS else _ENCODE, "pos": place}
        for title, place in _PLACES.items()
    ],
    "sizes": {_ENCODE: [300, 215], _FINDER: [420, 520]},
    "links": _LINKS,
    "inputs": [(ENCODER, [(title, "encoder") for title in TEXTS]), *((title, [(title, "text")]) for title in TEXTS)],
    "outputs": list(zip(OUTPUTS, ((_FINDERS[1], "mixture"), *((it, "scores") for it in _FINDERS)), strict=True)),
    "inputPlace": [-260, 500],
    "outputPlace": [1380, 100],
    "size": [420, 640],
    "extra": {"BlueprintDescription": DESCRIPTION, "BlueprintSearchAliases": ALIASES},
}

# In the page: make the nodes, put them in a subgraph, and add its inputs and outputs.
_BUILD = """({name, nodes, sizes, links, inputs, outputs, inputPlace, outputPlace, size, extra, texts}) => {
    const made = nodes.map(({title, type, pos}) => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        Object.assign(node, {title, pos, size: sizes[type]});
        if (title in texts) node.widgets.find(widget => widget.name === "text").value = texts[title];
        return node;
    });
    const slot = (slots, name) => slots.findIndex(it => it.name === name);
    for (const [from, output, to, input] of links) {
        const [source, target] = [from, to].map(title => made.find(node => node.title === title));
        source.connect(slot(source.outputs, output), target, slot(target.inputs, input));
    }
    const {subgraph, node} = app.graph.convertToSubgraph(new Set(made));
    const inner = title => subgraph.nodes.find(node => node.title === title);
    for (const [label, ends] of inputs) {
        const ports = ends.map(([title, name]) => [inner(title).inputs[slot(inner(title).inputs, name)], inner(title)]);
        const input = subgraph.addInput(label, ports[0][0].type);
        for (const port of ports) input.connect(...port);
    }
    for (const [label, [title, name]] of outputs) {
        const port = inner(title).outputs[slot(inner(title).outputs, name)];
        subgraph.addOutput(label, port.type).connect(port, inner(title));
    }
    for (const [end, place] of [[subgraph.inputNode, inputPlace], [subgraph.outputNode, outputPlace]]) {
        end.pos = place;
        end.arrange();
    }
    Object.assign(subgraph, {name, extra});
    Object.assign(node, {title: name, pos: [0, 0], size});
    app.canvas.select(node);
}"""
_PUBLISH = "name => app.extensionManager.command.execute('Comfy.PublishSubgraph', {metadata: {name}})"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def default_texts() -> dict[str, str]:
    """Return the prompts and guides of the workflow, by their names in the blueprint."""
    nodes = json.loads(PROMPTS_FROM.read_text(encoding="utf-8"))["nodes"]
    texts = {node["title"]: node["widgets_values"][0] for node in nodes if node["type"] == _ENCODE}
    found = [text for start in _TITLES for title, text in texts.items() if title.startswith(start)]
    return dict(zip(TEXTS, found, strict=True))


def make_blueprint(frontend: Frontend) -> dict[str, Any]:
    """Have the frontend make and publish the blueprint, as its menu does; return it."""
    frontend.open_blank()
    frontend.page.evaluate(_BUILD, {**_RECIPE, "texts": default_texts()})
    frontend.settle()
    with frontend.page.expect_response("**/api/userdata/subgraphs*") as response:
        frontend.page.evaluate(_PUBLISH, NAME)
    assert response.value.ok
    file = frontend.server.base / "user" / "default" / "subgraphs" / FILE.name
    published = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return _finish(published)


def _finish(published: Mapping[str, Any]) -> dict[str, Any]:
    """Add the pack's name and version to the nodes, as in every workflow, and replace the random ids by fixed ones."""
    ids: dict[str, str] = {}

    def fixed_id(match: re.Match[str]) -> str:
        return ids.setdefault(match[0], str(uuid.uuid5(uuid.NAMESPACE_OID, f"{NAME} {len(ids)}")))

    blueprint: dict[str, Any] = json.loads(_UUID.sub(fixed_id, json.dumps(published)))
    (subgraph,) = blueprint["definitions"]["subgraphs"]
    subgraph["category"] = "RichSpace"
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    for node in subgraph["nodes"]:
        node["properties"] |= {"cnr_id": "richspace", "ver": version[1]}
    return blueprint


def write_blueprint(frontend: Frontend) -> None:
    """Write the file of the blueprint."""
    FILE.parent.mkdir(exist_ok=True)
    content = json.dumps(make_blueprint(frontend), indent=2, ensure_ascii=False)
    FILE.write_text(content + "\n", encoding="utf-8")
