"""The translated help pages say as much as the English ones, and show the same pictures."""

import json
import re

import pytest

LANGUAGES = ("es", "ja", "zh")  # the page's own fallback is English


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


def test_no_other_page_is_there(nodes_by_id, root):
    docs = root / "web" / "docs"
    expected = {f"{node_id}/{language}.md" for node_id in nodes_by_id for language in LANGUAGES}
    assert {page.relative_to(docs).as_posix() for page in docs.glob("*/*.md")} == expected
