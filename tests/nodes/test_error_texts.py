"""Errors in other languages: each part that a node can raise is known to the page, and the page knows no other."""

import re

import pytest
from environment.checkout import ROOT
from error_parts import PLACE, ErrorParts
from known_texts import KnownTexts
from node_texts import read

KEYS = list(read("en", "main")["richspace"]["errors"])

#: Functions whose errors no node can raise: their arguments are fixed by the nodes, or checked before.
ONLY_IN_PYTHON = {
    ("richspace_core/cogvideox/latent_preview.py", "fit_latent_colors"),  # the pack makes both tensors
    ("richspace_core/cogvideox/sampling.py", "_DenoisedView._denoised"),  # diffusers calls the transformer
    ("richspace_core/cogvideox/sampling.py", "_as_weighted"),  # a node reads at least one prompt
    ("richspace_core/cogvideox/t5.py", "encode_prompts"),  # a node encodes one text
    ("richspace_core/drawing/comparison.py", "_require_whole"),  # the node scores all videos
    ("richspace_core/drawing/comparison.py", "draw_comparison"),  # the node names all videos
    ("richspace_core/drawing/contact_sheet.py", "paint_contact_sheet"),  # the input's range
    ("richspace_core/drawing/score_plot.py", "_require_drawable"),  # the input has at least one, the size is fixed
    ("richspace_core/finder/balance.py", "require_looks"),  # the input's range
    ("richspace_core/finder/candidates.py", "evenly_spread"),  # the input's range
    ("richspace_core/finder/choice.py", "Choice.__post_init__"),  # finders make choices
    ("richspace_core/finder/cosine.py", "_require_guides"),  # nodes pass embeddings
    ("richspace_core/metrics/functional.py", "_read_chunk"),  # the pack's own networks
    ("richspace_core/metrics/scores.py", "average_scores"),  # only the benchmark averages
    ("richspace_core/morph/curve.py", "Keyframe.__post_init__"),  # the text of the curve was checked
    ("richspace_core/morph/curve.py", "MorphCurve.__post_init__"),  # the text of the curve was checked
    ("richspace_core/morph/segments.py", "exact_segments"),  # the input's range
}

#: Keys of arguments that the derivation leaves out: a single word that is no input, and names in a list.
ARGUMENTS = ["memory", "guide {count_number} of {count}"]

#: Forms that the source seems to have and no error can have: the name of a type, which has no device.
IMPOSSIBLE = {f"{PLACE} on {PLACE}"}

#: Parts that are computed in a way that the derivation does not follow, for each form that it finds in their place.
COMPUTED = {
    "": [  # joined from the table of kinds of connections, or a text that ends with a single word
        *("a latent", "a VAE", "a T5", "a model of ComfyUI", "a model of ComfyUI or a CogVideoX", "scores"),
        *("a T5 or a text encoder", "a folder without any"),
        f"{PLACE} ({PLACE} wide), {PLACE} ({PLACE} wide)",
    ],
    f"a curve of {PLACE}": ["a curve of sum", "a curve of similarity"],
    f"a prompt with {PLACE}": ["a prompt with hooks", "a prompt with audio"],
    f"{PLACE} for {PLACE}": [
        f"{kind} for {PLACE}"
        for kind in (
            *("a whole number", "a whole number or null", "a number", "true or false", "a text"),
            *("a list of numbers", "a list of numbers or null"),
        )
    ],
    f"Change the {PLACE} first, with Upscale Image or Get Image from Batch. {PLACE}": [
        f"Change the {name} first, with Upscale Image or Get Image from Batch. "
        f"The nearest this model can make are {PLACE} and {PLACE}."
        for name in ("width", "height", "frames")
    ],
    **{
        f"Put the {what} {PLACE} and refresh the page. This command downloads {PLACE} ({PLACE}): {PLACE}": [
            f"Put the {what} {PLACE} and refresh the page. "
            f"This command downloads {PLACE} (about {PLACE} {unit}): {PLACE}"
            for unit in ("GB", "MB")
        ]
        for what in ("model's folder below", "file in")
    },
    f"{PLACE}: {PLACE} {PLACE} a {PLACE}, but its settings say the opposite ({PLACE})": [
        f"{PLACE}: {PLACE} {there} a {part}, but its settings say the opposite ({PLACE})"
        for there in ("with", "without")
        for part in ("magnitude", "bias")
    ],
}


@pytest.fixture(scope="module")
def raised():
    """Return the forms of all parts of errors that a node can raise, with the modules that raise them."""
    files = [file for folder in ("nodes", "richspace_core") for file in sorted((ROOT / folder).rglob("*.py"))]
    reached = [file for file in files if not {"benchmark", "paper"} & {*file.relative_to(ROOT).parts}]
    parts = [part for part in ErrorParts(ROOT, reached) if re.search("[A-Za-z]", part.form)]
    assert {part.module for part in parts} >= {part for part, _ in ONLY_IN_PYTHON}
    assert {(part.module, part.function) for part in parts} >= ONLY_IN_PYTHON
    return [part for part in parts if (part.module, part.function) not in ONLY_IN_PYTHON]


def test_every_part_of_an_error_has_a_translation_and_every_translation_has_a_part(raised):
    known = KnownTexts(KEYS, as_forms=True)
    forms = {part.form: part.module for part in raised if part.name != "argument" and part.form not in IMPOSSIBLE}
    assert forms.keys() >= COMPUTED.keys() - {""}
    names = {name for part in raised if part.name == "argument" for name in part.form.split(", ")}
    computed = [form for examples in COMPUTED.values() for form in examples]
    wanted = [*computed, *(form for form in forms if form not in COMPUTED), *(name for name in names if " " in name)]
    missing = [form.replace(PLACE, "{}") for form in wanted if not known.has(form)]
    assert missing == [], "Add them to richspace.errors in locales/*/main.json."
    assert [key for key in KEYS if key not in known.used] == ARGUMENTS


def test_the_derivation_follows_names_branches_callers_and_fields(tmp_path):
    (tmp_path / "module.py").write_text(
        """
from dataclasses import dataclass
HINT = "Try again."

@dataclass
class Kind:
    number: int
    phrase: str

KINDS = [Kind(1, "a small thing"), Kind(2, phrase="a large thing")]

def refuse(name, got, hint=HINT):
    raise ThingError(name, expected=f"one of {len(KINDS)} kinds", got=f"{name}: {got}", hint=hint)

def size(value) -> str:
    return f"{value} units" if value else "no size"

def check(kind, value, names):
    rule = "a multiple of 8" if value else f"{value} more"
    if value > 8:
        refuse(kind, "too many", "Use `less`.")
    if value > 7:
        refuse("x", size(value))
    raise ThingError("y", expected=f"{rule}, or 0", got=", ".join(names) or "no names", hint="Look. " + HINT)

def other(kind):
    raise ThingError("z", expected=kind.phrase, got=str(kind)[:60])
""",
        encoding="utf-8",
    )
    found = {(part.name, part.form) for part in ErrorParts(tmp_path, [tmp_path / "module.py"])}
    assert {form.replace(PLACE, "*") for name, form in found if name == "expected"} == {
        *("one of * kinds", "a multiple of 8, or 0", "* more, or 0", "a small thing", "a large thing")
    }
    assert {form.replace(PLACE, "*") for name, form in found if name == "got"} == {
        *("*: too many", "*: * units", "*: no size", "*", "no names")
    }
    assert {form.replace(PLACE, "*") for name, form in found if name == "hint"} == {
        *("Try again.", "Use *.", "Look. Try again.")
    }
