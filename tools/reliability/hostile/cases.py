"""Hostile examples of nodes, as strategies of hypothesis: good inputs, of which one to three are spoilt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from hypothesis import strategies as st

from reliability.hostile.recipes import Recipe
from reliability.hostile.stock_nodes import SETTINGS
from reliability.hostile.texts import names, numbers, patterns, texts

_of = Recipe.of
_MANY = 3  # inputs that are spoilt at most


@dataclass(frozen=True)
class Case:
    """One example: a node, its inputs, and which of them are spoilt."""

    node: str
    inputs: dict[str, Any]
    spoilt: tuple[str, ...] = ()


def _p(which: int) -> Recipe:
    return _of("prompt", which=which)


def _m(name: str) -> Recipe:
    return _of("model", name=name)


_VIDEO = _of("latent", samples=_of("tensor", shape=(1, 16, 3, 2, 2), fill="zeros"))
_FRAMES = _of("tensor", shape=(3, 8, 8, 3), fill="zeros")
_CLIP = _of("tensor", shape=(9, 16, 16, 3), fill="zeros")
_PAIR = {"a": _p(0), "b": _p(1)}
_DRAFT = {"steps": 4, "looks": 1, "draft_steps": 1, "seed": 0, "cfg": 1.0}
_SMALL = {"width": 16, "height": 16, "frames": 9}
_HOST_DRAFT = _DRAFT | {"sampler_name": "euler", "scheduler": "simple"}
_THREE = {f"prompt_{number + 1}": _p(number) for number in range(3)}

#: Good inputs of every node. `model`, `lora` and `file` of loaders are in `files`.
GOOD: dict[str, dict[str, Any]] = {
    "RichSpaceT5Encode": {"encoder": _m("T5 2b"), "text": "a red circle"},
    "RichSpacePerpendicularFoot": {**_PAIR, "guide": _p(2)},
    "RichSpaceCosineScore": {**_PAIR, "guide": _p(2), "steps": 5},
    "RichSpaceOptimalInterpolate": {**_PAIR, "guide": _p(2), "steps": 5, "index": 0, "guides": {"guide_2": _p(2)}},
    "RichSpaceChainedFinder": {
        "first": _p(0),
        "stages": {"prompt_2": _p(1), "guide_2": _p(2)},
        "steps": 5,
        "guides_2": {"guide_2_b": _p(2)},
    },
    "RichSpaceInterpolate": {**_PAIR, "index": 2, "steps": 5},
    "RichSpaceInterpolationSweep": {**_PAIR, "steps": 5, "count": 2, "candidates": ""},
    "RichSpaceMixPredictions": {**_PAIR, "share": 0.5},
    "RichSpaceMorph": {
        "model": _m("native 2b"),
        **_PAIR,
        "curve": "0%: A, 100%: B",
        "interpolation": "linear",
        "quality": "fast",
        "most_mixtures": 4,
        "frames": 9,
        "prompts": {"C": _p(2)},
        "latent": _VIDEO,
    },
    "RichSpaceBalance": {
        "model": _m("native 2b"),
        **_PAIR,
        "negative": _p(3),
        "latent": _VIDEO,
        "share": 0.5,
        "index": 0,
        **_HOST_DRAFT,
    },
    "RichSpaceCogVideoXBalance": {
        "model": _m("2b"),
        **_PAIR,
        "negative": _p(3),
        "share": 0.5,
        "index": 0,
        **_DRAFT,
        **_SMALL,
        "scheduler": "auto",
    },
    "RichSpaceChainedBalance": {
        "model": _m("native 2b"),
        "prompts": _THREE,
        "negative": _p(3),
        "latent": _VIDEO,
        "shares": "",
        **_HOST_DRAFT,
    },
    "RichSpaceCogVideoXChainedBalance": {
        "model": _m("2b"),
        "prompts": _THREE,
        "negative": _p(3),
        "shares": "",
        **_DRAFT,
        **_SMALL,
        "scheduler": "auto",
    },
    "RichSpaceCogVideoXSample": {
        "model": _m("2b"),
        "positive": _p(0),
        "negative": _p(3),
        "steps": 1,
        "cfg": 1.0,
        "seed": 0,
        **_SMALL,
        "batch_size": 1,
        "scheduler": "auto",
        "dynamic_cfg": "off",
        "start_latent": _VIDEO,
        "strength": 1.0,
    },
    "RichSpaceCogVideoXOptions": {
        "model": _m("2b"),
        "cache": "off",
        "cache_interval": 0,
        "cache_threshold": 0.0,
        "float8_weights": False,
        "stream_weights": False,
        "attention": "auto",
        "compile_blocks": False,
        "tiled_vae": False,
    },
    "RichSpaceCogVideoXDecode": {"model": _m("2b"), "latent": _VIDEO, "tiled": False},
    "RichSpaceCogVideoXEncode": {"model": _m("2b"), "frames": _CLIP, "tiled": False},
    "RichSpaceFixCogVideoX": {"model": _m("native 2b"), "vae": _m("vae 2b")},
    "RichSpaceCogVideoXSampler": {
        "model": _m("native 2b"),
        "steps": 2,
        "scheduler": "auto",
        "dynamic_cfg": "off",
        "noise": "ComfyUI",
    },
    "RichSpaceEmptyCogVideoXLatent": {"model": _m("native 2b"), **_SMALL, "batch_size": 1},
    "RichSpaceScorePlot": {"scores": _of("scores", index=1, steps=4)},
    "RichSpaceContactSheet": {"frames": [_FRAMES], "columns": [2], "frame_width": [64], "labels": ["one"]},
    "RichSpaceCompare": {"videos": {"video_1": [_FRAMES]}, "names": ["one"], "columns": [2], "frame_width": [64]},
    "RichSpaceSubjectConsistency": {"frames": _FRAMES},
    "RichSpaceAestheticQuality": {"frames": _FRAMES},
    "RichSpaceBackgroundConsistency": {"frames": _FRAMES},
    "RichSpaceSaveEmbedding": {
        "conditioning": _p(0),
        "filename_prefix": "hostile/x",
        "scores": _of("scores", index=1, steps=4),
    },
}

_dtypes = st.sampled_from(
    ("float32", "float16", "bfloat16", "float64", "int64", "uint8", "bool", "complex64", "float8_e4m3fn")
)
_fills = st.sampled_from(("normal", "zeros", "ones", "nan", "inf", "-inf", "huge", "tiny"))
_forms = st.sampled_from(("plain", "expanded", "transposed", "meta", "sparse", "gradients", "one nan"))
_WRONG: tuple[Any, ...] = (
    None,
    "text",
    7,
    [],
    {},
    (),
    _of("thing"),
    _of("thing", name="x"),
    [[]],
    [None],
    [[None, {}]],
)
_models = st.sampled_from(
    [_m(f"{part}{kind}") for part in ("", "T5 ", "native ", "clip ", "vae ") for kind in ("2b", "1.5")] + [_m("image")]
)


def _tensors(shapes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    kept = st.builds(lambda shape: _of("tensor", shape=shape), shapes)
    spoilt = st.builds(
        lambda shape, dtype, fill, form: _of("tensor", shape=shape, dtype=dtype, fill=fill, form=form),
        shapes,
        _dtypes,
        _fills,
        _forms,
    )
    return st.one_of(kept, spoilt)


_any_shape = (
    st.lists(st.sampled_from((0, 1, 2, 3, 8, 16, 32)), max_size=6).map(tuple).filter(lambda shape: prod(shape) < 2**20)
)
_embedding_shape = st.sampled_from(
    ((1, 16, 32), (1, 16, 32), (1, 8, 32), (1, 16, 8), (2, 16, 32), (1, 0, 32), (16, 32))
)
_frame_shape = st.sampled_from(((3, 8, 8, 3), (1, 8, 8, 3), (2, 1, 900, 3), (2, 8, 8, 4), (0, 8, 8, 3), (3, 8, 8, 1)))
_latent_shape = st.sampled_from(
    (
        (1, 16, 3, 2, 2),
        (1, 16, 2, 2, 2),
        (2, 16, 3, 2, 2),
        (1, 4, 2, 2),
        (1, 16, 1, 2, 2),
        (1, 12, 3, 2, 2),
        (0, 16, 3, 2, 2),
    )
)
_masks = _tensors(st.sampled_from(((1, 4, 4), (4, 4), (3, 4, 4), (1, 1, 4, 4), (0, 4, 4), (1, 0, 4), (2, 2, 2))))
_extras = st.dictionaries(
    st.sampled_from(
        (
            *("pooled_output", "attention_mask", "mask", "mask_strength", "strength", "area", "start_percent"),
            *(
                "end_percent",
                "hooks",
                "control",
                "guidance",
                "set_area_to_bounds",
                "richspace_morph",
                "reference_latents",
            ),
        )
    ),
    st.one_of(_masks, _tensors(_any_shape), numbers, st.sampled_from(_WRONG), st.just((8, 8, 0, 0)), texts),
    max_size=3,
)
_notes = st.one_of(
    st.none(),
    st.fixed_dictionaries({"token_count": numbers, "text": st.one_of(texts, numbers)}),
    st.sampled_from(_WRONG),
)
_stock = st.lists(st.sampled_from(sorted(SETTINGS)), min_size=1, max_size=4).map(tuple)
_made = st.builds(
    lambda values, extras, note: _of("conditioning", values=values, extras=extras, note=note),
    _tensors(st.one_of(_embedding_shape, _any_shape)),
    _extras,
    _notes,
)
_known = st.integers(0, 3).map(_p)
conditionings = st.one_of(
    st.builds(lambda given, by: _of("changed", given=given, by=by), st.one_of(_known, _made), _stock),
    _made,
    _known,
    st.lists(st.one_of(_known, _made), max_size=3).map(lambda parts: _of("entries", parts=tuple(parts))),
    st.sampled_from(_WRONG),
)
_samples = st.one_of(
    _tensors(st.one_of(_latent_shape, _any_shape)),
    st.lists(_tensors(_latent_shape), max_size=2).map(lambda parts: _of("nested", parts=tuple(parts))),
    st.sampled_from(_WRONG),
)
latents = st.one_of(
    st.builds(
        lambda samples, extras: _of("latent", samples=samples, **extras),
        _samples,
        st.dictionaries(
            st.sampled_from(("noise_mask", "batch_index", "downscale_ratio_spacial", "downscale_ratio_temporal")),
            st.one_of(numbers, _masks),
            max_size=2,
        ),
    ),
    st.sampled_from(_WRONG),
)
frames = st.one_of(_tensors(st.one_of(_frame_shape, _any_shape)), st.sampled_from(_WRONG))
scores = st.one_of(
    st.builds(
        lambda index, steps, stages: _of("scores", index=index, steps=steps, stages=stages),
        st.integers(1, 5),
        st.sampled_from((1, 4, 5, 30)),
        st.integers(0, 2),
    ),
    st.sampled_from(_WRONG),
)
models = st.one_of(_models, st.sampled_from(_WRONG))
#: Numbers that a sampler cannot spend hours on: small ones that work, and all others only where they are out of range.
_sizes = numbers.filter(lambda value: not (isinstance(value, int) and 48 < value < 2000))

#: Strategies of hostile values by the name of the input; other numbers and texts are known by their good value.
SPOILT: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("a", "b", "guide", "negative", "positive", "first", "conditioning"), conditionings),
    **dict.fromkeys(("model", "vae", "encoder"), models),
    "latent": latents,
    "scores": scores,
    "frames": st.one_of(_sizes, frames),
    **dict.fromkeys(("curve", "candidates", "shares"), st.one_of(patterns, texts)),
    "filename_prefix": names,
    "steps": _sizes,
    "draft_steps": numbers.filter(lambda value: not (isinstance(value, int) and value > 3 and value < 2000)),
    "batch_size": numbers.filter(lambda value: not (isinstance(value, int) and 2 < value < 65)),
}


def _spoil(name: str, good: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of hostile values for one input of a node."""
    if isinstance(good, dict):
        inner = conditionings if "video_1" not in good else st.lists(frames, max_size=2)
        some = st.dictionaries(
            st.sampled_from((*good, "prompt_3", "guide_3", "D", "F", "none of these")), inner, max_size=4
        )
        return st.one_of(some.map(lambda changed: {**good, **changed}), some, st.sampled_from(_WRONG))
    if isinstance(good, list):
        (value,) = good
        each = frames if isinstance(value, Recipe) else st.one_of(numbers, texts)
        return st.one_of(st.lists(each, min_size=0 if isinstance(value, Recipe) else 1, max_size=3))
    if name == "frames" and isinstance(good, Recipe):
        return frames
    if name in SPOILT:
        return SPOILT[name]
    return st.one_of(numbers, texts) if isinstance(good, str | int | float) else st.sampled_from(_WRONG)


@st.composite
def node_cases(draw: Callable[..., Any], nodes: tuple[str, ...] = tuple(GOOD)) -> Case:
    """Return a node with good inputs, of which one to three are spoilt or missing."""
    node = draw(st.sampled_from(nodes))
    inputs = dict(GOOD[node])
    spoilt = draw(st.lists(st.sampled_from(sorted(inputs)), min_size=1, max_size=_MANY, unique=True))
    for name in spoilt:
        inputs[name] = draw(_spoil(name, inputs[name]))
    return Case(node, inputs, tuple(spoilt))
