"""The pack's blueprint as the host offers it to the frontend."""

import json

import blueprint
from environment.checkout import PACK_FOLDER


def test_the_host_offers_the_blueprint(server):
    offered = {
        name: about
        for name, about in server.get("/global_subgraphs").items()
        if about["info"]["node_pack"] == f"custom_nodes.{PACK_FOLDER}"
    }
    ((name, about),) = offered.items()
    assert about["name"] == blueprint.NAME
    content = json.loads(server.get(f"/global_subgraphs/{name}")["data"])
    assert content == json.loads(blueprint.FILE.read_text(encoding="utf-8"))


def test_its_nodes_are_the_host_s_and_its_prompts_the_workflow_s(server):
    content = json.loads(blueprint.FILE.read_text(encoding="utf-8"))
    (node,) = content["nodes"]
    assert node["widgets_values"] == list(blueprint.default_texts().values())
    assert [item["name"] for item in node["inputs"]] == [blueprint.ENCODER, *blueprint.TEXTS]
    assert [item["name"] for item in node["outputs"]] == list(blueprint.OUTPUTS)
    (subgraph,) = content["definitions"]["subgraphs"]
    assert {inner["type"] for inner in subgraph["nodes"]} <= server.object_info().keys()
    assert content["extra"]["BlueprintDescription"] == blueprint.DESCRIPTION
