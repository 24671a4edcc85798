"""`dev.py texts`: complete the translations of the nodes' texts under locales/.

The English texts are in the schemas. A text that a translation lacks is taken from another node with the same English
text, and otherwise written in English, for a translator to replace. `complete` adds the other entries of ComfyUI's
format (`nodeDefs.json`) that frontend 1.47 looks up:

- every place of a growing list, with the tooltip of the first and a name made of its id: "guide 2 b" for guide_2_b;
- the tooltips of sockets in Nodes 2.0, which are looked up by the socket's *translated* name.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from comfyui.in_process import import_host, load_pack, node_classes
from environment.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCALES = ROOT / "locales"
TRANSLATIONS = ("es", "ja", "zh")

WORDS: dict[str, dict[str, str]] = {
    "en": {},
    "es": {"guide": "guía"},
    "ja": {"prompt": "プロンプト", "guide": "ガイド", "video": "動画"},
    "zh": {"prompt": "提示词", "guide": "引导", "video": "视频"},
}
"""For each language, translations of the words in the ids of the places of growing lists."""

Texts: TypeAlias = dict[str, Any]
"""Texts of a node: display_name, description, inputs {key: {name, tooltip}}, outputs {place: {name, tooltip}}."""


def key_of(name: str) -> str:
    """Return the key by which the frontend looks up a name."""
    return name.replace(".", "_")


def growing_slots(field: Any, language: str = "en") -> dict[str, str]:
    """Return the names of the places of a growing list of inputs by key, in order; nothing for other inputs."""
    ids = getattr(getattr(field, "template", None), "names", [])
    return {key_of(f"{field.id}.{name}"): _readable(name, WORDS[language]) for name in ids}


def _readable(name: str, words: Mapping[str, str]) -> str:
    return " ".join(words.get(part, part) for part in name.split("_"))


def english_texts(schema: Any) -> Texts:
    """Return all texts of a node from its schema."""
    inputs: dict[str, Texts] = {}
    for field in schema.inputs:
        inputs[field.id] = {"name": field.display_name or field.id, "tooltip": field.tooltip}
        for slot, name in growing_slots(field).items():
            inputs[slot] = {"name": name, "tooltip": field.template.input.tooltip}
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
    """Return the texts that the frontend does not find in the schemas: those of the places of growing lists."""
    files = {}
    for node_id, schema in sorted(schemas.items()):
        texts = english_texts(schema)["inputs"]
        if slots := {slot: texts[slot] for field in schema.inputs for slot in growing_slots(field)}:
            files[node_id] = {"inputs": by_name(slots) | slots}
    return files


def by_name(sockets: Mapping[str, Texts]) -> dict[str, Texts]:
    """Return the tooltips of sockets by their names."""
    return {key_of(texts["name"]): {"tooltip": texts["tooltip"]} for texts in sockets.values()}


def known_translations(written: Texts, english: Texts) -> dict[str, str]:
    """Return {English text: its translation} of the texts that are in both.

    Example:
        >>> known_translations({"outputs": {"0": {"name": "foto"}}}, {"outputs": {"0": {"name": "photo"}}})
        {'photo': 'foto'}
    """
    known: dict[str, str] = {}
    for key, text in english.items():
        if isinstance(text, dict):
            known |= known_translations(written.get(key, {}), text)
        elif key in written:
            known[text] = written[key]
    return known


def add_missing(written: Texts, english: Texts, known: Mapping[str, str]) -> Texts:
    """Return a node's translation with the texts that it lacks: known ones translated, others in English.

    Example:
        >>> add_missing({"name": "foto"}, {"name": "photo", "tooltip": "Last one.", "help": "It."}, {"It.": "Lo."})
        {'name': 'foto', 'tooltip': 'Last one.', 'help': 'Lo.'}
    """
    filled = {
        key: add_missing(written.get(key, {}), text, known)
        if isinstance(text, dict)
        else written.get(key, known.get(text, text))
        for key, text in english.items()
    }
    return filled | {key: text for key, text in written.items() if key not in english}


def complete(texts: Texts, schema: Any, language: str) -> Texts:
    """Return a node's translation, completed with everything that follows from what a translator writes."""
    written = texts["inputs"]
    inputs: dict[str, Texts] = {}
    sockets: dict[str, Texts] = {}
    for field in schema.inputs:
        slots = growing_slots(field, language)
        if field.id in written:
            inputs[field.id] = written[field.id]
        places = {
            slot: {"name": name, "tooltip": written[first]["tooltip"]}
            for first in [*slots][:1]
            if first in written
            for slot, name in slots.items()
        }
        inputs |= places
        sockets |= places or {name: written[name] for name in [field.id] if name in written and not slots}
    return {**texts, "inputs": by_name(sockets) | inputs}


def read(language: str, name: str = "nodeDefs") -> dict[str, Any]:
    """Read a file of a language."""
    content: dict[str, Any] = json.loads(file_of(language, name).read_text(encoding="utf-8"))
    return content


def file_of(language: str, name: str = "nodeDefs") -> Path:
    """Return the path of a file of a language."""
    return LOCALES / language / f"{name}.json"


def dump(content: Mapping[str, Any]) -> str:
    """Return the text of a file."""
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def node_files(schemas: Mapping[str, Any]) -> dict[Path, str]:
    """Return the text that each file should have, with the nodes in alphabetical order."""
    files = {file_of("en"): dump(english_file(schemas))}
    for language in TRANSLATIONS:
        nodes = read(language)
        english = {name: english_texts(schema) for name, schema in schemas.items()}
        known = known_translations(nodes, english)
        for name, schema in schemas.items():
            nodes[name] = complete(add_missing(nodes.get(name, {}), english[name], known), schema, language)
        files[file_of(language)] = dump(dict(sorted(nodes.items())))
    return files


def main() -> int:
    """Write the files; return the exit status."""
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
