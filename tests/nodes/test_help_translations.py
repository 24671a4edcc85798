"""The translated help pages say as much as the English ones, and show the same pictures."""

import json
import re

import pytest

LANGUAGES = ("es", "ja", "zh")  # the page's own fallback is English

# Nodes of ComfyUI that its page shows in these languages under other names (frontend 1.47).
ENGLISH_NAMES = (
    "CLIP Text Encode",
    "Conditioning (",
    "Create Video",
    "Load CLIP",
    "Load Diffusion Model",
    "Load Latent",
    "Load VAE",
    "Save Image",
    "SplitSigmas",
    "Upscale Image",
    "VAE Decode",
    "VAE Encode",
)


def outline(page):
    """Return what a translation leaves as it is: levels of headings, rows of tables, items, pictures and links."""
    return {
        "headings": re.findall(r"^#+(?= )", page, re.MULTILINE),
        "rows": [line.count("|") for line in page.splitlines() if line.startswith("|")],
        "items": len(re.findall(r"^ *(?:[-*]|\d+\.) ", page, re.MULTILINE)),
        "pictures": re.findall(r"!\[.+?\]\((.+?)\)", page),
        "links": sorted(re.findall(r"(?<!!)\[[^\]]+\]\((.+?)\)", page)),
        "paragraphs": len(re.split(r"\n{2,}", page.strip())),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_has_the_outline_of_the_english_one(nodes_by_id, root, language):
    docs = root / "web" / "docs"
    for node_id in nodes_by_id:
        english = (docs / f"{node_id}.md").read_text(encoding="utf-8")
        translated = (docs / node_id / f"{language}.md").read_text(encoding="utf-8")
        assert outline(translated) == outline(english), node_id
        assert translated != english


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_named_as_its_node_is(nodes_by_id, root, language):
    names = json.loads((root / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    for node_id in nodes_by_id:
        translated = (root / "web" / "docs" / node_id / f"{language}.md").read_text(encoding="utf-8")
        assert translated.startswith(f"# {names[node_id]['display_name']}\n")


def pages(root, nodes_by_id, language):
    """Return {node id: its help page} in a language."""
    docs = root / "web" / "docs"
    files = {node_id: docs / node_id / f"{language}.md" for node_id in nodes_by_id}
    if language == "en":
        files = {node_id: docs / f"{node_id}.md" for node_id in nodes_by_id}
    return {node_id: file.read_text(encoding="utf-8") for node_id, file in files.items()}


def display_names(root, nodes_by_id, language):
    """Return the names of all nodes as ComfyUI's page shows them in a language."""
    if language == "en":
        return {node.GET_SCHEMA().display_name for node in nodes_by_id.values()}
    texts = json.loads((root / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    return {node["display_name"] for node in texts.values()}


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_a_page_names_other_nodes_as_they_are_shown(nodes_by_id, root, language):
    names = display_names(root, nodes_by_id, language)
    for node_id, page in pages(root, nodes_by_id, language).items():
        assert set(re.findall(r"\*(RichSpace [^*\n]+)\*", page)) <= names, node_id


@pytest.mark.parametrize("language", LANGUAGES)
def test_nodes_of_comfyui_are_named_as_its_page_shows_them(nodes_by_id, root, language):
    tooltips = (root / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8")
    texts = pages(root, nodes_by_id, language) | {"tooltips": tooltips}
    unshown = ENGLISH_NAMES if language == "es" else (*ENGLISH_NAMES, "KSampler")
    for where, text in texts.items():
        assert [name for name in unshown if name in text] == [], where


def test_no_other_page_is_there(nodes_by_id, root):
    docs = root / "web" / "docs"
    expected = {f"{node_id}/{language}.md" for node_id in nodes_by_id for language in LANGUAGES}
    assert {page.relative_to(docs).as_posix() for page in docs.glob("*/*.md")} == expected
