"""Work of the nodes on the bundled demo model, each as a function: sampling, decoding, encoding and drafts.

ComfyUI's modules must be importable (`comfyui.in_process`).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from comfyui.in_process import PACK
from comfyui.prompts import DEMO, PROMPTS, SMALL_VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

Size = tuple[int, int, int]  # frames, height, width
_SAMPLING = {"steps": 3, "cfg": 4.0, "seed": 7}


@dataclass(frozen=True)
class Work:
    """Work that needs memory.

    Args:
        name: Name in a table.
        run: Function that does the work and returns its result.
        tiles: Whether it can do with less memory in tiles, with a slightly different result.
    """

    name: str
    run: Callable[[], Tensor]
    tiles: bool = False


class Nodes:
    """The pack's and ComfyUI's nodes, executed as ComfyUI does.

    Args:
        by_id: The pack's node classes.
    """

    def __init__(self, by_id: Mapping[str, type[Any]]) -> None:
        self._by_id = by_id

    def __call__(self, node_id: str, **inputs: Any) -> tuple[Any, ...]:
        """Execute a node of the pack and return its outputs; missing inputs have the schema's default."""
        node = self._by_id[node_id]
        fields = node.GET_SCHEMA().inputs
        defaults = {field.id: field.default for field in fields if getattr(field, "default", None) is not None}
        clone = node.PREPARE_CLASS_CLONE({"hidden_inputs": {"UNIQUE_ID": "1"}})
        with torch.inference_mode():
            return tuple(clone.EXECUTE_NORMALIZED(**{**defaults, **inputs}).result)

    def stock(self, name: str, method: str, **inputs: Any) -> Any:
        """Execute one of ComfyUI's own nodes and return its first output."""
        node = getattr(importlib.import_module("nodes"), name)
        with torch.inference_mode():
            return getattr(node(), method)(**inputs)[0]


def kept_drafts() -> Any:
    """Return the pack's store of drafts."""
    return importlib.import_module(f"{PACK}.nodes.host.drafts").KEPT


def forget_drafts() -> None:
    """Begin with an empty store of drafts."""
    store = importlib.import_module(f"{PACK}.nodes.host.kept_drafts").KeptDrafts()
    importlib.import_module(f"{PACK}.nodes.host.drafts").KEPT = store  # type: ignore[attr-defined]


def all_work(by_id: Mapping[str, type[Any]], size: Size = SMALL_VIDEO) -> list[Work]:
    """Return all kinds of work on videos of a size."""
    nodes = Nodes(by_id)
    return [*_own_work(nodes, size), *_native_work(nodes, size)]


def _own_work(nodes: Nodes, size: Size) -> list[Work]:
    """Return the work of diffusers' pipeline."""
    model, encoder = nodes("RichSpaceLoadCogVideoX", model=DEMO, dtype="float32")
    encode = partial(_encode, nodes, encoder)
    a, b, negative = (encode(PROMPTS[name]) for name in ("a", "b", "negative"))
    video = dict(zip(("frames", "height", "width"), size, strict=True))
    settings = {"model": model, "negative": negative, **video, **_SAMPLING}
    morph, _ = nodes("RichSpaceMorph", model=model, a=a, b=b, frames=size[0])
    (latent,) = nodes("RichSpaceCogVideoXSample", positive=a, **settings)

    def sample(positive: Any) -> Tensor:
        samples: Tensor = nodes("RichSpaceCogVideoXSample", positive=positive, **settings)[0]["samples"]
        return samples

    def decode() -> Tensor:
        return torch.cat(nodes("RichSpaceCogVideoXDecode", model=model, latent=latent)[0])

    def balance() -> Tensor:
        mixture = nodes("RichSpaceCogVideoXBalance", a=a, b=b, **settings | {"steps": 30, "draft_steps": 2})
        return _values(mixture[0])

    return [
        Work("Encode Prompt, own T5", lambda: _values(encode(PROMPTS["a"]))),
        Work("CogVideoX Sample", lambda: sample(a)),
        Work("CogVideoX Sample, morph", lambda: sample(morph)),
        Work("CogVideoX Decode", decode, tiles=True),
        Work("CogVideoX Balance", balance),
    ]


def _native_work(nodes: Nodes, size: Size) -> list[Work]:
    """Return the work of ComfyUI's own CogVideoX."""
    model, clip, vae = nodes("RichSpaceLoadCogVideoXNative", model=DEMO, dtype="float32")
    encode = partial(_encode, nodes, clip)
    a, b, negative = (encode(PROMPTS[name]) for name in ("a", "b", "negative"))
    video = dict(zip(("frames", "height", "width"), size, strict=True))
    (empty,) = nodes("RichSpaceEmptyCogVideoXLatent", model=model, **video, batch_size=1)
    settings = {"model": model, "negative": negative, **_SAMPLING, "sampler_name": "euler", "scheduler": "simple"}
    settings |= {"latent_image": empty, "denoise": 1.0}
    latent = nodes.stock("KSampler", "sample", positive=a, **settings)
    frames = nodes.stock("VAEDecode", "decode", vae=vae, samples=latent)

    def sample() -> Tensor:
        samples: Tensor = nodes.stock("KSampler", "sample", positive=a, **settings)["samples"]
        return samples

    def sample_published() -> Tensor:
        from comfy_extras.nodes_custom_sampler import SamplerCustom

        sampler, sigmas = nodes("RichSpaceCogVideoXSampler", model=model, steps=3)
        with torch.inference_mode():
            done = SamplerCustom.execute(model, True, 7, 4.0, a, negative, sampler, sigmas, empty).result[0]
        samples: Tensor = done["samples"]
        return samples

    def balance() -> Tensor:
        drafts = {"model": model, "negative": negative, "latent": empty, "draft_steps": 2, "cfg": 4.0, "seed": 7}
        return _values(nodes("RichSpaceBalance", a=a, b=b, sampler_name="euler", scheduler="simple", **drafts)[0])

    return [
        Work("Encode Prompt, ComfyUI's T5", lambda: _values(encode(PROMPTS["a"]))),
        Work("KSampler", sample),
        Work("SamplerCustom, CogVideoX Sampler", sample_published),
        Work("VAE Decode", lambda: nodes.stock("VAEDecode", "decode", vae=vae, samples=latent), tiles=True),
        Work("VAE Encode", lambda: nodes.stock("VAEEncode", "encode", vae=vae, pixels=frames)["samples"], tiles=True),
        Work("Balance", balance),
    ]


def _encode(nodes: Nodes, encoder: Any, text: str) -> Any:
    return nodes("RichSpaceT5Encode", encoder=encoder, text=text)[0]


def _values(conditioning: Any) -> Tensor:
    values: Tensor = conditioning[0][0]
    return values
