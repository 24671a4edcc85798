"""The nodes' texts under locales/: what there is to translate, and what follows from it by itself.

The English texts stand in the schemas. A translation has the host's form (`nodeDefs.json`), as a translator writes it:
names, descriptions and tooltips. `complete` adds what frontend 1.47 looks up besides, so that nobody writes it by hand:

- a growing list's every place, which has the tooltip of the first;
- in Nodes 2.0 a socket's tooltip, which is looked up by the socket's *translated* name.

`dev.py texts` writes the files anew in this way.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from checkout import ROOT
from host_python import import_host, load_pack, node_classes

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCALES = ROOT / "locales"
TRANSLATIONS = ("es", "ja", "zh")

Texts: TypeAlias = dict[str, Any]
"""One node's: display_name, description, inputs {key: {name, tooltip}}, outputs {place: {name, tooltip}}."""


def key_of(name: str) -> str:
    """A name as the frontend looks it up."""
    return name.replace(".", "_")


def growing_slots(field: Any) -> list[str]:
    """The keys of the places of a growing list of inputs, the first one first; none for any other input."""
    names = getattr(getattr(field, "template", None), "names", [])
    return [key_of(f"{field.id}.{name}") for name in names]


def english_texts(schema: Any) -> Texts:
    """Everything that a node says, from its schema."""
    inputs: dict[str, Texts] = {}
    for field in schema.inputs:
        inputs[field.id] = {"name": field.display_name or field.id, "tooltip": field.tooltip}
        inputs |= {slot: {"tooltip": field.template.input.tooltip} for slot in growing_slots(field)}
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": inputs,
        "outputs": {
            str(place): {"name": output.display_name, "tooltip": output.tooltip}
            for place, output in enumerate(schema.outputs)
        },
    }


def english_file(schemas: Mapping[str, Any]) -> dict[str, Texts]:
    """What the frontend does not find in the schemas: the tooltips of the places of growing lists."""
    files = {}
    for node_id, schema in sorted(schemas.items()):
        texts = english_texts(schema)["inputs"]
        if slots := {slot: texts[slot] for field in schema.inputs for slot in growing_slots(field)}:
            files[node_id] = {"inputs": slots}
    return files


def complete(texts: Texts, schema: Any) -> Texts:
    """A node's translation with all that follows from what a translator writes."""
    written = texts["inputs"]
    inputs: dict[str, Texts] = {}
    for field in schema.inputs:
        slots = growing_slots(field)
        inputs |= {name: written[name] for name in (field.id, *slots[:1]) if name in written}
        inputs |= {slot: written[slots[0]] for slot in slots[1:] if slots[0] in written}
    aliases = {
        key_of(written[field.id]["name"]): {"tooltip": written[field.id]["tooltip"]}
        for field in schema.inputs
        if field.id in written and not growing_slots(field)  # a list has no socket of its own
    }
    return {**texts, "inputs": aliases | inputs}


def read(language: str, name: str = "nodeDefs") -> dict[str, Any]:
    """A file of a language."""
    content: dict[str, Any] = json.loads(file_of(language, name).read_text(encoding="utf-8"))
    return content


def file_of(language: str, name: str = "nodeDefs") -> Path:
    """Where a file of a language lies."""
    return LOCALES / language / f"{name}.json"


def dump(content: Mapping[str, Any]) -> str:
    """A file's text."""
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def node_files(schemas: Mapping[str, Any]) -> dict[Path, str]:
    """{file: what should be in it}, the nodes in alphabetical order."""
    files = {file_of("en"): dump(english_file(schemas))}
    for language in TRANSLATIONS:
        nodes = sorted(read(language).items())
        completed = {name: complete(texts, schemas[name]) if name in schemas else texts for name, texts in nodes}
        files[file_of(language)] = dump(completed)
    return files


def main() -> int:
    """Write the files; returns the exit status."""
    with tempfile.TemporaryDirectory() as base:
        import_host(Path(base))
        schemas = {node_id: node.GET_SCHEMA() for node_id, node in node_classes(load_pack()).items()}
    for file, text in node_files(schemas).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
