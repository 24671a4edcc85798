"""ComfyUI with each of its flags for little memory: the same pictures as without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from comfyui.prompts import DEMO, PROMPTS, SMALL_VIDEO, node, video_prompt
from comfyui.server import ComfyServer, PromptError, output_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from comfyui.prompts import Prompt

SAME = "the same pictures"
ON_A_CARD = ("--lowvram", "--novram", "--highvram")  # ComfyUI takes none of these together with --cpu
OPTIONS = (
    "",
    "--reserve-vram 1000",
    "--reserve-vram 1000 --disable-smart-memory",
    "--cache-none",
    "--cache-lru 1",
    "--cache-ram 1000",
    "--cpu-vae",
)
"""Flags to try. On a CPU those for the memory of a graphics card must change nothing."""


def try_flags(folder: Path, show: Callable[[str], None]) -> dict[str, str]:
    """Run the samplers, the decoders and Balance with each of the flags; return what came of it, by the flags."""
    outcomes: dict[str, str] = {}
    expected: list[bytes] = []
    for number, options in enumerate((*OPTIONS, *(ON_A_CARD if torch.cuda.is_available() else ()))):
        show(options or "no flags")
        with ComfyServer(folder / str(number), options=options.split()) as server:
            try:
                found = [_pictures(server, prompt) for prompt in (_own(), _native()) for _ in range(2)]
            except PromptError as error:
                outcomes[options or "none"] = f"an error: {error}"
                continue
        expected = expected or found
        outcomes[options or "none"] = SAME if found == expected else "other pictures"
    return outcomes


def _pictures(server: ComfyServer, prompt: Prompt) -> bytes:
    """Run a prompt and return the pixels of all frames that it saves."""
    from PIL import Image

    files = [file for file in output_files(server.run(prompt)) if file["type"] == "output"]
    return b"".join(np.asarray(Image.open(server.path(file))).tobytes() for file in files)


def _own() -> Prompt:
    """Return a prompt for diffusers' pipeline."""
    kept = {"load", "a", "b", "guide", "negative", "mix", "sample", "decode"}
    prompt = {name: content for name, content in video_prompt().items() if name in kept}
    return prompt | {"save": node("SaveImage", images=["decode", 0], filename_prefix="own")}


def _native() -> Prompt:
    """Return a prompt for ComfyUI's own sampler and decoder, with Balance."""
    size = dict(zip(("frames", "height", "width"), SMALL_VIDEO, strict=True))
    settings = {"model": ["load", 0], "negative": ["negative", 0], "seed": 7, "cfg": 4.0}
    settings |= {"sampler_name": "euler", "scheduler": "simple"}
    search = {"steps": 30, "index": 0, "share": 0.5, "looks": 2, "draft_steps": 1, "latent": ["empty", 0]}
    return {
        "load": node("RichSpaceLoadCogVideoXNative", model=DEMO, dtype="auto"),
        **{name: node("RichSpaceT5Encode", encoder=["load", 1], text=PROMPTS[name]) for name in ("a", "b", "negative")},
        "empty": node("RichSpaceEmptyCogVideoXLatent", model=["load", 0], batch_size=1, **size),
        "mix": node("RichSpaceBalance", a=["a", 0], b=["b", 0], **settings, **search),
        "sample": node("KSampler", positive=["mix", 0], latent_image=["empty", 0], steps=3, denoise=1.0, **settings),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["load", 2]),
        "save": node("SaveImage", images=["decode", 0], filename_prefix="native"),
    }
