"""The pack's blueprints as the host offers them to the frontend."""

import json

import pytest
from blueprint_recipes import RECIPES
from environment.checkout import PACK_FOLDER, ROOT


def read(recipe):
    return json.loads(recipe.file.read_text(encoding="utf-8"))


def test_every_file_has_a_recipe():
    assert {*(ROOT / "subgraphs").glob("*.json")} == {recipe.file for recipe in RECIPES}


def test_the_host_offers_the_blueprints(server):
    offered = {
        about["name"]: json.loads(server.get(f"/global_subgraphs/{name}")["data"])
        for name, about in server.get("/global_subgraphs").items()
        if about["info"]["node_pack"] == f"custom_nodes.{PACK_FOLDER}"
    }
    assert offered == {recipe.name: read(recipe) for recipe in RECIPES}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda it: it.name)
def test_its_nodes_are_the_host_s_and_its_values_the_recipe_s(server, recipe):
    content = read(recipe)
    (node,) = content["nodes"]
    assert [item["name"] for item in node["inputs"]] == [it.label for it in recipe.inputs]
    assert [item["name"] for item in node["outputs"]] == [it.label for it in recipe.outputs]
    shown = [item["name"] for item in node["inputs"] if "widget" in item]
    values = dict(zip(shown, node["widgets_values"], strict=True))
    assert recipe.widget_values() == {name: values[name] for name in recipe.widget_values()}
    (subgraph,) = content["definitions"]["subgraphs"]
    assert {inner["type"] for inner in subgraph["nodes"]} <= server.object_info().keys()
    assert content["extra"]["BlueprintDescription"] == recipe.description
