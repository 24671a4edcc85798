"""`dev.py surface`: record what saved workflows depend on, and refuse changes that would break them.

The surface is every node's id, inputs and outputs as ComfyUI reports them to the frontend, without the texts, and the
replaced ids. It is stored in tests/surface.json. The command records additions. It refuses removals and changes.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from comfyui.in_process import import_host, load_pack, node_classes
from environment.checkout import ROOT
from environment.programs import ToolError, run_to_the_end

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

SNAPSHOT = ROOT / "tests" / "surface.json"
ADVICE = (
    "Undo the change. If a node has to change, give the new node a new id, remove the old one, and add to "
    "nodes/host/replacements.py how it replaces the old one in saved workflows. Remove entries from "
    "tests/surface.json by hand only if no released version had them."
)

#: Options that concern only the appearance of an input. They may change.
LOOKS = {"tooltip", "display_name", "advanced", "multiline", "placeholder", "display", "step", "round"}
LOOKS |= {"richspace_frame_step", "richspace_notes", "richspace_missing"}  # for the pack's own script

#: Types of inputs with a widget, whose value a saved workflow refers to by its place.
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}

Surface: TypeAlias = "dict[str, dict[str, Any]]"


def surface_of(pack: ModuleType) -> Surface:
    """Return the pack's surface: {"nodes": {node id: ...}, "replacements": {old node id: new node id}}."""
    replacements = importlib.import_module(f"{pack.__name__}.nodes.host.replacements").REPLACEMENTS
    return {
        "nodes": {name: describe_node(node.GET_NODE_INFO_V1()) for name, node in sorted(node_classes(pack).items())},
        "replacements": {each.old_node_id: each.new_node_id for each in replacements},
    }


def describe_node(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node's inputs and outputs in their order, from what ComfyUI reports about it."""
    inputs = {
        name: {"type": kind, "required": need == "required", **without_looks(options)}
        for need in ("required", "optional")
        for name, (kind, options) in info["input"].get(need, {}).items()
    }
    outputs = [
        {"name": name, "type": kind, "is_list": is_list}
        for name, kind, is_list in zip(info["output_name"], info["output"], info["output_is_list"], strict=True)
    ]
    flags = {name: info[name] for name in ("output_node", "is_input_list")}
    return {"inputs": inputs, "outputs": outputs, **flags}


def without_looks(value: Any) -> Any:
    """Return an input's options, or any part of them, without those that concern only its appearance."""
    if isinstance(value, dict):
        return {name: without_looks(part) for name, part in value.items() if name not in LOOKS}
    return [without_looks(part) for part in value] if isinstance(value, list | tuple) else value


def breaking_changes(before: Surface, now: Surface) -> list[str]:
    """Describe, one line each, what workflows saved with one surface would miss in another."""
    return [*_lost_replacements(before, now), *_changed_nodes(before, now)]


def _lost_replacements(before: Surface, now: Surface) -> Iterator[str]:
    for old in before["replacements"].keys() - now["replacements"].keys() - now["nodes"].keys():
        yield f"{old} is no longer replaced"


def _changed_nodes(before: Surface, now: Surface) -> Iterator[str]:
    for name, old in before["nodes"].items():
        if name not in now["nodes"]:
            if name not in now["replacements"]:
                yield f"{name} was removed"
            continue
        new = now["nodes"][name]
        yield from (f"{name}: {line}" for line in _changed_inputs(old["inputs"], new["inputs"]))
        if new["outputs"][: len(old["outputs"])] != old["outputs"]:  # links refer to outputs by number
            yield f"{name}: outputs were {_names(old)}, now {_names(new)}. Add new ones at the end"
        for flag in old.keys() - {"inputs", "outputs"}:
            if new[flag] != old[flag]:
                yield f"{name}: {flag} was {old[flag]}, now {new[flag]}"


def _changed_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, old in before.items():
        if name not in now:
            yield f"input {name} was removed"
        elif not _still_means(old, now[name]):
            yield f"input {name} was {json.dumps(old)}, now {json.dumps(now[name])}"
    # The frontend lists optional inputs after the others, so a socket that became optional may move.
    order_before, order_now = ([name for name in names if not _is_freed(name, before, now)] for names in (before, now))
    kept = [name for name in order_now if name in before]
    if kept != order_now[: len(kept)] or kept != [name for name in order_before if name in now]:
        # A saved workflow has the values of the widgets in a list, without names.
        yield f"inputs were {', '.join(before)}, now {', '.join(now)}. Add new ones at the end"
    for name in now.keys() - before.keys():
        if now[name]["required"]:
            yield f"input {name} is new and required, but saved workflows do not have it"


def _is_freed(name: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether an input is a socket, which saved workflows refer to by name, and is no longer required."""
    old, new = before.get(name), now.get(name)
    return bool(old and new and old["required"] > new["required"] and old["type"] not in WIDGETS)


def _still_means(old: Any, new: Any, name: str = "") -> bool:
    """Return whether every value that was valid for an input, or a part of its options, keeps its meaning."""
    if isinstance(old, dict):
        return old.keys() == new.keys() and all(_still_means(part, new[key], key) for key, part in old.items())
    if isinstance(old, list):  # choices, or the names of a growing list
        return [item for item in new if item in old] == old
    if name in ("min", "required"):
        return bool(new <= old)
    if name == "max":
        return bool(new >= old)
    if name == "type":  # several types are joined by commas
        return set(old.split(",")) <= set(new.split(","))
    return bool(new == old)


def _names(node: Mapping[str, Any]) -> str:
    return ", ".join(f"{output['name']} ({output['type']})" for output in node["outputs"])


def read_surface(file: Path = SNAPSHOT) -> Surface:
    """Read the surface that a file stores."""
    return dict(json.loads(file.read_text(encoding="utf-8")))


def renew() -> None:
    """Record additions; raise ToolError if anything was removed or changed."""
    with tempfile.TemporaryDirectory() as base:
        import_host(Path(base))
        now = surface_of(load_pack())
    if SNAPSHOT.exists() and (changes := breaking_changes(read_surface(), now)):
        raise ToolError("\n".join(["Saved workflows would break:", *(f"  {line}" for line in changes), ADVICE]))
    SNAPSHOT.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(run_to_the_end(renew))
