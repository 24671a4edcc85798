"""The report as a page: what it shows of prompts and names is text."""

import html
import re

from embeddings import RandomEncoder

from richspace_core.benchmark.indices import find_mixture
from richspace_core.benchmark.mixtures import Mixture
from richspace_core.benchmark.report import write_report
from richspace_core.benchmark.store import ClipStore

SCRIPT = "<script>alert(1)</script>"
IMAGE = "\"><img src=x onerror='alert(2)'>"


def test_names_prompts_and_guides_are_written_as_text(tmp_path):
    mixture = Mixture(SCRIPT, (f"a tiger {SCRIPT}", f"a zebra {IMAGE}"), (f"a tiger like a zebra {IMAGE * 2}",))
    write_report(tmp_path, [find_mixture(mixture, RandomEncoder(), steps=30)], [], ClipStore(tmp_path / "clips"))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    elements = {*re.findall(r"<(\w+)", page)}
    assert "script" not in elements
    assert "onerror" not in "".join(re.findall(r"<[^>]*>", page))
    for text in (mixture.name, *mixture.prompts, *mixture.guides):
        assert text in html.unescape(page)
