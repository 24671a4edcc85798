"""Node texts in other languages: complete, up to date, and the same in meaning as the English texts."""

import dataclasses
import json
import re

import pytest
from node_texts import LOCALES, TRANSLATIONS, english_texts, growing_slots, key_of, node_files, read

NUMBER = re.compile(r"\d+(?:\.\d+)?")
QUOTED = re.compile(r"(?<!\w)'[^']+'")  # an apostrophe opens no quotation
LITERAL = re.compile(
    r"models/\w+|output/\w+|\[output\]|%\w+%|model_index\.json|cogvideox|index / steps|1 \+ cfg", re.ASCII
)
MESSAGE_SYNTAX = set("{}@|")  # what the frontend would take for placeholders, links and plurals

every_language = pytest.mark.parametrize("language", TRANSLATIONS)


@pytest.fixture(scope="module")
def schemas(nodes_by_id):
    return {node_id: node.GET_SCHEMA() for node_id, node in nodes_by_id.items()}


def flat(texts, path=()):
    """Return {path: text} of nested texts."""
    if isinstance(texts, str):
        return {path: texts}
    return {key: text for name, inner in texts.items() for key, text in flat(inner, (*path, name)).items()}


def pairs(schemas, language):
    """Return (path, English, translated) of every text to translate."""
    translated = flat(read(language))
    english = flat({node_id: english_texts(schema) for node_id, schema in schemas.items()})
    return [(path, text, translated[path]) for path, text in english.items()]


def short_name(display_name):
    """Return a node's name without the parentheses at its end, as texts use it."""
    return re.sub(r"\s*[(（].*[)）]$", "", display_name)


def test_the_languages_are_these():
    assert {folder.name for folder in LOCALES.iterdir()} == {"en", *TRANSLATIONS}


def socket_names(schema, texts):
    """Return {input: its translated name} of each socket: an input, or each place of a growing list."""
    sockets = [name for field in schema.inputs for name in [*growing_slots(field)] or [field.id]]
    return {name: texts["inputs"][name]["name"] for name in sockets}


@every_language
def test_every_text_of_every_node_is_there_and_no_other(schemas, language):
    translated = read(language)
    assert sorted(translated) == sorted(schemas)
    for node_id, schema in schemas.items():
        expected = flat(english_texts(schema)).keys()
        names = socket_names(schema, translated[node_id]).values()
        by_name = {("inputs", key_of(name), "tooltip") for name in names} - expected
        assert flat(translated[node_id]).keys() - by_name == expected, node_id


@every_language
def test_a_socket_s_tooltip_is_found_by_its_translated_name(schemas, language):
    """As Nodes 2.0 looks it up in frontend 1.47."""
    for node_id, schema in schemas.items():
        texts = read(language)[node_id]
        names = socket_names(schema, texts)
        assert len({*names.values()}) == len(names), node_id
        for key, name in names.items():
            assert texts["inputs"][key_of(name)]["tooltip"] == texts["inputs"][key]["tooltip"]


def test_the_places_of_a_growing_list_are_called_alike(schemas):
    """`prompt 1` stands next to `prompt 2`, in every language."""
    for language in TRANSLATIONS:
        texts = read(language)["RichSpaceChainedFinder"]["inputs"]
        first, second, further = (texts[key]["name"] for key in ("first", "stages_prompt_2", "guides_2_guide_2_b"))
        assert first.replace("1", "2") == second
        assert further == f"{texts['stages_guide_2']['name']} b"
    english = read("en")
    for node_id, schema in schemas.items():
        for field in schema.inputs:
            for slot, name in growing_slots(field).items():
                assert english[node_id]["inputs"][slot]["name"] == name
                assert english[node_id]["inputs"][name]["tooltip"] == field.template.input.tooltip


def test_the_files_are_what_the_command_writes(schemas):
    for file, text in node_files(schemas).items():
        assert file.read_text(encoding="utf-8") == text, "Run `python3 dev.py texts`."


@every_language
def test_the_command_adds_a_new_node_with_what_is_known(schemas, language):
    name, known = "RichSpaceNew", "RichSpaceInterpolate"
    new = dataclasses.replace(schemas[known], node_id=name, description="Does something new.")
    added = json.loads(node_files(schemas | {name: new})[LOCALES / language / "nodeDefs.json"])
    assert added.pop(name) == read(language)[known] | {"description": "Does something new."}
    assert added == read(language)


@every_language
def test_numbers_prompts_and_values_are_kept(schemas, language):
    for path, english, translated in pairs(schemas, language):
        for kind in (NUMBER, QUOTED, LITERAL):
            assert {*kind.findall(english)} <= {*kind.findall(translated)}, (path, translated)


@every_language
def test_nodes_are_called_by_their_translated_names(schemas, language):
    names = {
        short_name(schema.display_name): short_name(read(language)[node_id]["display_name"])
        for node_id, schema in schemas.items()
    }
    for path, english, translated in pairs(schemas, language):
        for name, translated_name in names.items():
            if path[1:] != ("display_name",) and re.search(rf"{re.escape(name)}(?!\w)", english):
                assert translated_name in translated, path
    assert len({*names.values()}) == len(names)


@every_language
def test_texts_are_translated(schemas, language):
    """But for names that are the same everywhere, such as A, cfg or Latent."""
    for path, english, translated in pairs(schemas, language):
        assert translated.strip() == translated != ""
        if path[-1] in ("tooltip", "description", "display_name"):
            assert translated != english, path
            assert path[-1] == "display_name" or translated[-1] in ".。", path


@every_language
def test_no_text_holds_what_the_frontend_reads_as_syntax(schemas, language):
    for path, _, translated in pairs(schemas, language):
        assert not MESSAGE_SYNTAX & {*translated}, path


@every_language
def test_the_categories_are_translated(schemas, language):
    parts = {part for schema in schemas.values() for part in schema.category.split("/")} - {"RichSpace"}
    main = json.loads((LOCALES / language / "main.json").read_text(encoding="utf-8"))
    assert main.keys() == {"nodeCategories", "richspace"}
    assert main["nodeCategories"].keys() == parts
    assert all(name and name != part for part, name in main["nodeCategories"].items())
