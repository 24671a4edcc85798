"""Recipes of blueprints: the nodes in them, how these are connected, and what the blueprint shows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from environment.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

Place = tuple[int, int]
End = tuple[str, str]  # title of a node, and name of its input or output


@dataclass(frozen=True)
class Inner:
    """Node in a blueprint.

    Attributes:
        title: Title, which no other node in the blueprint has.
        type: Id of the node.
        place: Position in the opened blueprint.
        size: Width and height.
        values: Values of its widgets, by name. The others keep their defaults.
    """

    title: str
    type: str
    place: Place
    size: Place
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """Socket or widget of the blueprint.

    Attributes:
        label: Name that it has on the blueprint.
        ends: Inputs or widgets of the inner nodes that it sets. The first one gives its type and its value.
    """

    label: str
    ends: tuple[End, ...]


@dataclass(frozen=True)
class Output:
    """Output of the blueprint: its name there, and the output of an inner node."""

    label: str
    end: End


@dataclass(frozen=True)
class Recipe:
    """Blueprint.

    Attributes:
        name: Name of the file and of the node.
        description: Text in the node library and in the search.
        aliases: Further words by which the search finds it.
        nodes: Nodes in it.
        links: Connections in it, from an output to an input.
        inputs: What the blueprint takes, from top to bottom.
        outputs: What the blueprint gives.
        size: Width and height of the node.
        input_place: Position of the inputs in the opened blueprint.
        output_place: Position of the outputs.
        previews: Title of each node whose result is shown on the blueprint, and the frontend's name for that preview.
    """

    name: str
    description: str
    aliases: tuple[str, ...]
    nodes: tuple[Inner, ...]
    links: tuple[tuple[End, End], ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    size: Place
    input_place: Place
    output_place: Place
    previews: tuple[tuple[str, str], ...] = ()

    @property
    def file(self) -> Path:
        """File of the blueprint."""
        return ROOT / "subgraphs" / f"{self.name}.json"

    def node(self, title: str) -> Inner:
        """Return the node with a title."""
        return next(node for node in self.nodes if node.title == title)

    def widget_values(self) -> dict[str, Any]:
        """Return the values that the recipe sets in the widgets of the blueprint, by their names."""
        shown = {it.label: (self.node(it.ends[0][0]), it.ends[0][1]) for it in self.inputs}
        return {label: node.values[name] for label, (node, name) in shown.items() if name in node.values}


def read_prompts(workflow: str, *titles: str) -> list[str]:
    """Return the prompts of a workflow, by the starts of the titles of their nodes."""
    nodes = json.loads((ROOT / "workflows" / f"{workflow}.json").read_text(encoding="utf-8"))["nodes"]
    texts = {node["title"]: node["widgets_values"][0] for node in nodes if node["type"] == "RichSpaceT5Encode"}
    return [next(text for title, text in texts.items() if title.startswith(start)) for start in titles]
