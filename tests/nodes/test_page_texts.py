"""Texts of the page in every language: complete, with the same values, and the same as those that the code writes."""

import itertools
import re
from importlib import import_module
from types import SimpleNamespace
from typing import get_args

import pytest
import torch
from conditionings import random_prompts
from environment.checkout import ROOT
from error_parts import PLACE, ErrorParts
from known_texts import KnownTexts
from node_runs import run_node
from node_texts import TRANSLATIONS, read

from richspace_core.cogvideox.caching import CacheName, CacheSettings
from richspace_core.cogvideox.options import AttentionName, SpeedOptions
from richspace_core.cogvideox.unknown_words import UnknownWords
from richspace_core.embedding_file import MixtureRecord, SavedEmbedding
from richspace_core.finder.balance import SHARE_SEEN, Balance, Look
from richspace_core.finder.candidates import label
from richspace_core.finder.choice import Choice, Curve
from richspace_core.finder.cosine import Scores, cosine_choice

GROUPS = ("page", "reports", "errors")
VALUE = re.compile(r"\{(\w+)\}")
_MODULES = ("conditioning", "downloads", "drafters", "drafts", "models", "morphing", "prompt_settings")
#: Lines that neither the functions below make nor a call has as its argument.
MADE_ELSEWHERE = [
    "not in the mixture: C's mask (it has the settings of the mixture so far)",
    "the drafts have the size of one of the 2 latents",
    'Too long. Lost: "and more"',
    "CogVideoX-2b: positions, noise schedule, VAE as published",
    "CogVideoX-2b: positions, noise schedule as published",
    "No scores: their weights are missing or damaged. The help page says which files go where.",
    "Without aesthetic quality, subject consistency: weights are missing or damaged, see the help page.",
]
#: Form of the line on a corrected model, whose parts are joined.
COMPUTED = {f"{PLACE}: {PLACE} as published"}
RISING = torch.arange(1, 31).double() / 30

every_language = pytest.mark.parametrize("language", TRANSLATIONS)


def texts(language):
    return read(language, "main")["richspace"]


@every_language
@pytest.mark.parametrize("group", GROUPS)
def test_a_language_has_every_text_with_its_values(language, group):
    translated = texts(language)[group]
    assert list(translated) == list(texts("en")[group])
    for key, text in translated.items():
        assert sorted(VALUE.findall(text)) == sorted(VALUE.findall(key)), key
        assert text == text.strip() != ""


@pytest.mark.parametrize("group", GROUPS)
def test_the_english_text_is_the_key(group):
    assert all(key == text for key, text in texts("en")[group].items())


def test_the_page_s_texts_are_those_of_its_scripts():
    scripts = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / "web").glob("*.js")))
    written = {found[0] or found[1] for found in re.findall(r'\btext\(\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)', scripts)}
    (presets,) = re.findall(r"PRESETS = \{(.*?)\}", scripts, re.DOTALL)
    names = set(re.findall(r'"([^"]+)":', presets))
    counted = _cosine().curves + _cosine(counted=False).curves
    curves = {curve.name for curve in counted} | {SHARE_SEEN}
    assert written | names | curves == texts("en")["page"].keys()


def _cosine(best=15, **about):
    scores = Scores(1 - (RISING - best / 30) ** 2, torch.ones(30).double())
    usual = {"index": best, "continuous_weight": 0.5, "foot_coefficient": 0.5, "counted": True}
    return cosine_choice(scores, **usual | about)


@pytest.fixture
def lines(pack, nodes_by_id):
    """Return lines that the nodes show, made by the functions that make them."""
    a, b, guide = random_prompts()
    shown = [
        run_node(nodes_by_id["RichSpacePerpendicularFoot"], a=a, b=b, guide=guide),
        run_node(nodes_by_id["RichSpaceInterpolationSweep"], a=a, b=b),
        run_node(nodes_by_id["RichSpaceMixPredictions"], a=a, b=b, share=0.3),
    ]
    texts_of_nodes = [report["text"] for output in shown for report in output.ui["richspace_report"]]
    return [line for text in [*texts_of_nodes, *_remarks(), *_words(pack)] for line in text.split("\n") if line]


def _remarks():
    for best in (1, 15, 30):
        for foot in (-0.5, 0.5, 1.5):
            for count in (1, 2):
                yield from _cosine(best, foot_coefficient=foot, guide_count=count, counted=best > 1, contrast=0).remarks
    looks = (Look(30, 1.0), Look(0, 0.0), Look(10, 0.6), Look(20, 0.4))
    yield from Balance(looks, 30, 0.5).choice().remarks


def _words(pack):
    host = {name: import_module(f"{pack.__name__}.nodes.host.{name}") for name in _MODULES}
    choice = Choice(14, best=14, optimum=0.5, curves=(Curve("similarity", RISING),))
    yield from (choice.in_words, label(14, 30), str(UnknownWords(1, 2, ("x",))), str(UnknownWords(1, 1, ("x",))))
    yield host["conditioning"].describe_padding(9, 12)
    yield host["drafters"]._WITHOUT_NEGATIVE
    yield host["models"].DEMO_NOTE
    yield host["morphing"].Morph.cost.fget(SimpleNamespace(segments=range(3)))
    for kept in (0, 2, 5):
        for steps in (1, 8):
            drafts = SimpleNamespace(latents=range(5), drafter=SimpleNamespace(steps=steps), kept=kept)
            yield f"{host['drafts'].Drafts.cost.fget(drafts)}: 51% of A seen"
    yield host["morphing"].Morph.course.fget(SimpleNamespace(wanted=torch.eye(2))).join(["latent frames: ", ""])
    yield from _options()
    yield from _warnings(import_module(f"{pack.__name__}.nodes.native.text_length"))
    of_mixture = MixtureRecord("red", "blue", 14, 30, {})
    yield SavedEmbedding(torch.ones(4, 8), mixtures=(of_mixture,)).summary
    yield from (
        f"not in the mixture: B's {each.name} (it has the settings of A)" for each in host["prompt_settings"]._SETTINGS
    )
    for with_files in (False, True):
        yield from (note["text"] for note in host["downloads"].missing_notes(with_files=with_files).values())
    for count in (None, 3):
        yield SavedEmbedding(torch.ones(4, 8), count, "", pack_version="0.1.0").summary


def _warnings(module):
    prompts = {name: [{"cross_attn": torch.ones(1, 77, 8)}] for name in ("positive", "middle", "negative")}
    yield module.describe_text_length(226, prompts)
    patch = SimpleNamespace(__qualname__="HyperTile.execute.<locals>.in")
    yield module.describe_unused({"transformer_options": {"patches": {"attn1": [patch]}}})


def _options():
    for kind, attention in itertools.product(get_args(CacheName), get_args(AttentionName)):
        used = attention == "math"
        device = torch.device("cpu") if used else None
        options = SpeedOptions(CacheSettings(kind), attention, used, device, used, used)
        yield options.describe() or "everything off"


def test_the_lines_of_reports_are_known(lines):
    known = KnownTexts(texts("en")["reports"])
    assert len(lines) > 80
    assert [line for line in lines + MADE_ELSEWHERE if not known.has(line)] == []
    written = KnownTexts(texts("en")["reports"], as_forms=True)
    forms = [form for form in _written_lines() if re.search("[A-Za-z]", form) and form not in COMPUTED]
    assert len(forms) > 10
    assert [form for form in forms if not written.has(form)] == []
    assert [key for key in texts("en")["reports"] if key not in known.used | written.used] == []


def _written_lines():
    """Yield the lines that are written where they are passed on, with a place for each value."""
    files = sorted((ROOT / "nodes").rglob("*.py"))
    source = ErrorParts(ROOT, files)
    for file in files:
        for function in ("report", "show_on_node"):
            for form in source.passed(function, file.relative_to(ROOT).as_posix()):
                yield from form.split("\n")
    yield from source.passed("append", "nodes/native/lora.py")
