"""Hostile graphs in ComfyUI's API format, as strategies of hypothesis: good ones, changed in one to four ways."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

from comfyui.prompts import DEMO, change, mix_prompt, node, video_prompt
from hypothesis import strategies as st

from reliability.hostile.texts import LONE_SURROGATE, TEXTS, names, numbers, patterns, texts

Graph = dict[str, dict[str, Any]]

_NATIVE = node("RichSpaceLoadCogVideoXNative", model=DEMO, dtype="float32")
_LATENT = node("EmptyHunyuanLatentVideo", width=32, height=32, length=9, batch_size=1)
_DRAFT = {
    "steps": 4,
    "looks": 1,
    "draft_steps": 1,
    "seed": 0,
    "cfg": 1.0,
    "sampler_name": "euler",
    "scheduler": "simple",
}
_OWN = {"width": 48, "height": 32, "frames": 9, "scheduler": "auto"}
_PAIR = {"a": ["a", 0], "b": ["b", 0]}
_SHOWN = ("save", "plot", "save_plot", "video")


def _with(**nodes: Any) -> Graph:
    return {**mix_prompt(), **nodes}


def _small(**nodes: Any) -> Graph:
    """Return the prompts of a mixture with other nodes in place of the finder."""
    graph = _with(**nodes)
    del graph["mix"]
    return graph


#: Graphs whose nodes together are all nodes of the pack that need no weights of VBench.
GRAPHS: tuple[Graph, ...] = (
    mix_prompt(),
    {name: content for name, content in change(video_prompt(), "sample", steps=1).items() if name not in _SHOWN}
    | {"sheet": node("RichSpaceContactSheet", frames=["decode", 0], columns=2, frame_width=64)},
    _with(
        save=node("RichSpaceSaveEmbedding", conditioning=["mix", 0], filename_prefix="hostile/x", scores=["mix", 3]),
        plot=node("RichSpaceScorePlot", scores=["mix", 3]),
        shown=node("PreviewImage", images=["plot", 0]),
    ),
    _small(
        sweep=node("RichSpaceInterpolationSweep", **_PAIR, steps=5, count=2, candidates=""),
        saved=node("RichSpaceSaveEmbedding", conditioning=["sweep", 0], filename_prefix="hostile/s"),
        by_hand=node("RichSpaceInterpolate", **_PAIR, index=2, steps=5),
        kept=node("RichSpaceSaveEmbedding", conditioning=["by_hand", 0], filename_prefix="hostile/i"),
        both=node("RichSpaceMixPredictions", **_PAIR, share=0.5),
        foot=node("RichSpacePerpendicularFoot", **_PAIR, guide=["guide", 0]),
        footed=node("RichSpaceSaveEmbedding", conditioning=["foot", 0], filename_prefix="hostile/f"),
        scored=node("RichSpaceCosineScore", **_PAIR, guide=["guide", 0], steps=5),
    ),
    _small(
        native=_NATIVE,
        latent=_LATENT,
        morph=node(
            "RichSpaceMorph",
            **_PAIR,
            model=["native", 0],
            curve="0%: A, 100%: B",
            interpolation="linear",
            quality="fast",
            most_mixtures=4,
            frames=9,
            latent=["latent", 0],
        ),
        told=node("PreviewAny", source=["morph", 1]),
    ),
    _small(
        chain=node(
            "RichSpaceChainedFinder",
            **{"first": ["a", 0], "stages.prompt_2": ["b", 0], "stages.guide_2": ["guide", 0], "steps": 5},
        ),
        own=node(
            "RichSpaceCogVideoXBalance",
            model=["load", 0],
            **_PAIR,
            negative=["negative", 0],
            index=1,
            share=0.5,
            **{name: value for name, value in _DRAFT.items() if name not in ("sampler_name", "scheduler")},
            **_OWN,
        ),
    ),
    _small(
        native=_NATIVE,
        empty=node("RichSpaceEmptyCogVideoXLatent", model=["native", 0], width=48, height=32, frames=9, batch_size=1),
        balance=node(
            "RichSpaceBalance",
            model=["native", 0],
            **_PAIR,
            negative=["negative", 0],
            latent=["empty", 0],
            index=0,
            share=0.5,
            **_DRAFT,
        ),
        sampler=node(
            "RichSpaceCogVideoXSampler",
            model=["native", 0],
            steps=1,
            scheduler="auto",
            dynamic_cfg="off",
            noise="ComfyUI",
        ),
        lora=node("RichSpaceLoadCogVideoXLora", model=["native", 0], lora="my_style.safetensors", strength=1.0),
        fixed=node("RichSpaceFixCogVideoX", model=["lora", 0], vae=["native", 2]),
        told=node("PreviewAny", source=["sampler", 1]),
        told_too=node("PreviewAny", source=["fixed", 0]),
    ),
)

#: ComfyUI's own nodes that change a conditioning, with the name of the conditioning and their other inputs.
STOCK: dict[str, tuple[str, dict[str, Any]]] = {
    "ConditioningSetArea": ("conditioning", {"width": 64, "height": 64, "x": 0, "y": 0, "strength": 0.5}),
    "ConditioningSetAreaPercentage": ("conditioning", {"width": 0.5, "height": 1, "x": 0.2, "y": 0, "strength": 1}),
    "ConditioningSetAreaStrength": ("conditioning", {"strength": 0.0}),
    "ConditioningZeroOut": ("conditioning", {}),
    "ConditioningSetTimestepRange": ("conditioning", {"start": 0.2, "end": 0.7}),
    "ConditioningCombine": ("conditioning_1", {"conditioning_2": "given"}),
    "ConditioningConcat": ("conditioning_to", {"conditioning_from": "given"}),
    "ConditioningAverage": ("conditioning_to", {"conditioning_from": "given", "conditioning_to_strength": 0.3}),
    "FluxGuidance": ("conditioning", {"guidance": 3.5}),
    "ReferenceLatent": ("conditioning", {}),
    "ConditioningSetProperties": ("cond_NEW", {"strength": 0.5, "set_cond_area": "default"}),
}
_OTHER_LATENTS = (
    node("EmptyLatentImage", width=64, height=64, batch_size=2),
    node("EmptySD3LatentImage", width=64, height=64, batch_size=1),
    node("EmptyHunyuanLatentVideo", width=32, height=32, length=17, batch_size=2),
    node("EmptyLTXVLatentVideo", width=64, height=64, length=9, batch_size=1),
    node("EmptyMochiLatentVideo", width=32, height=32, length=7, batch_size=1),
    node("EmptyLatentAudio", seconds=2.0, batch_size=1),
)
_LINKS = ("load", "a", "b", "guide", "negative", "mix", "native", "nothing here", "")
_values = st.one_of(
    numbers.map(lambda value: str(value) if isinstance(value, bytes | complex) else value),
    texts,
    names,
    patterns,
    st.sampled_from(({"__value__": [1, 2]}, {"__value__": math.nan}, [], ["a"], ["a", 0, 0], ["a", "0"], [["a", 0]])),
    st.tuples(st.sampled_from(_LINKS), st.sampled_from((0, 1, 2, 7, -1, -9, 1.5, None, True))).map(list),
)
#: Numbers with which a run would take minutes; ComfyUI and the pack accept them.
_LONG = {
    "steps": 60,
    "batch_size": 2,
    "draft_steps": 4,
    "width": 64,
    "height": 64,
    "frames": 17,
    "length": 33,
    "looks": 5,
}
_MOST = {"columns": 8, "frame_width": 256, "count": 12, "most_mixtures": 16, "seconds": 4.0}


def _is_long(name: str, value: Any) -> bool:
    most = {**_LONG, **_MOST}.get(name)
    try:
        return most is not None and most < float(value) <= 4096
    except (TypeError, ValueError, OverflowError):
        return False


@st.composite
def graphs(draw: Callable[..., Any]) -> Graph:
    """Return a graph that was changed in one to four ways."""
    graph: Graph = copy.deepcopy(draw(st.sampled_from(GRAPHS)))
    for way in draw(st.lists(st.sampled_from(_WAYS), min_size=1, max_size=4)):
        way(draw, graph)
    return graph


def _some_input(draw: Callable[..., Any], graph: Graph) -> tuple[str, str]:
    places = sorted(
        (name, field) for name, content in graph.items() if isinstance(content, dict) for field in content["inputs"]
    )
    chosen: tuple[str, str] = draw(st.sampled_from(places))
    return chosen


def _set_value(draw: Callable[..., Any], graph: Graph) -> None:
    """Set an input to any value; most likely one that is not a link now."""
    name, field = _some_input(draw, graph)
    value = draw(_values)
    if not _is_long(field, value):
        graph[name]["inputs"][field] = value


def _drop_input(draw: Callable[..., Any], graph: Graph) -> None:
    name, field = _some_input(draw, graph)
    if len(graph[name]["inputs"]) > 1:
        del graph[name]["inputs"][field]


def _mute(draw: Callable[..., Any], graph: Graph) -> None:
    """Leave out a node, as the page does with muted ones: what was linked to it has no link."""
    gone = draw(st.sampled_from(sorted(graph)))
    if len(graph) > 2:
        del graph[gone]
        if draw(st.booleans()):
            _unlink(graph, gone, None)


def _bypass(draw: Callable[..., Any], graph: Graph) -> None:
    """Leave out a node, as the page does with bypassed ones: what was linked to it is linked to its first input."""
    gone = draw(st.sampled_from(sorted(graph)))
    links = [value for value in graph[gone]["inputs"].values() if isinstance(value, list) and len(value) == 2]
    if links and len(graph) > 2:
        del graph[gone]
        _unlink(graph, gone, links[0])


def _unlink(graph: Graph, gone: str, instead: Any) -> None:
    for content in graph.values():
        for field, value in list(content["inputs"].items()):
            if isinstance(value, list) and value and value[0] == gone:
                if instead is None:
                    del content["inputs"][field]
                else:
                    content["inputs"][field] = instead


def _loop(draw: Callable[..., Any], graph: Graph) -> None:
    name, field = _some_input(draw, graph)
    graph[name]["inputs"][field] = [draw(st.sampled_from((name, *sorted(graph)))), 0]


def _insert_stock_node(draw: Callable[..., Any], graph: Graph) -> None:
    """Put one of ComfyUI's own nodes into a link of a conditioning."""
    links = [
        place
        for place in sorted((name, field) for name in graph for field in graph[name]["inputs"])
        if isinstance(graph[place[0]]["inputs"][place[1]], list) and place[1] not in ("model", "encoder", "latent")
    ]
    name, field = draw(st.sampled_from(links)) if links else ("", "")
    if name:
        kind = draw(st.sampled_from(sorted(STOCK)))
        argument, settings = STOCK[kind]
        link = graph[name]["inputs"][field]
        settings = {key: link if value == "given" else value for key, value in settings.items()}
        graph[f"stock {len(graph)}"] = node(kind, **{argument: link}, **settings)
        graph[name]["inputs"][field] = [f"stock {len(graph) - 1}", 0]


def _other_latent(draw: Callable[..., Any], graph: Graph) -> None:
    for content in graph.values():
        if "latent" in content["inputs"]:
            content["inputs"]["latent"] = ["other latent", 0]
    graph["other latent"] = copy.deepcopy(draw(st.sampled_from(_OTHER_LATENTS)))


def _other_text(draw: Callable[..., Any], graph: Graph) -> None:
    prompts = sorted(name for name, content in graph.items() if "text" in content["inputs"])
    if prompts:
        graph[draw(st.sampled_from(prompts))]["inputs"]["text"] = draw(st.sampled_from((*TEXTS, LONE_SURROGATE)))


def _other_class(draw: Callable[..., Any], graph: Graph) -> None:
    name = draw(st.sampled_from(sorted(graph)))
    kinds = ("RichSpaceNothing", "KSampler", "RichSpaceInterpolate", "RichSpaceScorePlot", "", None)
    graph[name]["class_type"] = draw(st.sampled_from(kinds))


_WAYS = (
    *(_set_value, _set_value, _set_value, _other_text, _insert_stock_node, _insert_stock_node, _other_latent),
    *(_drop_input, _mute, _bypass, _loop, _other_class),
)
