"""Time, picture and memory of the options of this pack's CogVideoX, on the demo model.

Run: python benchmarks/options.py
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from timing import measure_peak_bytes, measure_seconds, print_table

from richspace_core import TextEmbedding, find_balance, interpolate
from richspace_core.cogvideox.caching import CacheSettings
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.decoding import decode_latents
from richspace_core.cogvideox.drafts import make_drafter
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.options import NO_OPTIONS, SpeedOptions
from richspace_core.cogvideox.sampling import SamplingSettings, sample_latents
from richspace_core.cogvideox.t5 import encode_prompts

DEMO = Path(__file__).parents[1] / "demo_model"
STEPS, SEED, CANDIDATES, DRAFT_STEPS = 20, 42, 30, 2
PROMPTS = ("a red circle moves right", "a blue square moves right", "")

OPTIONS = {
    "off": NO_OPTIONS,
    "pyramid attention": SpeedOptions(CacheSettings("pyramid attention")),
    "FasterCache": SpeedOptions(CacheSettings("FasterCache")),
    "first block": SpeedOptions(CacheSettings("first block")),
    "TaylorSeer": SpeedOptions(CacheSettings("TaylorSeer")),
    "float8 weights": SpeedOptions(float8=True),
}


def main() -> None:
    """Measure and print the table of the demo model."""
    torch.set_num_threads(1)  # several threads would also wait for other programs
    folder = CogVideoXFolder.open(DEMO)
    encoder, tokenizer = folder.load("text_encoder", torch.float32), folder.load_tokenizer()
    encoded = encode_prompts(PROMPTS, tokenizer, encoder, max_length=folder.text_length)
    a, b, negative = (prompt.embedding for prompt in encoded)
    settings = SamplingSettings(VideoSize(0, 0, 0), STEPS, 4.0)
    vae = folder.load("vae", torch.float32)
    rows, exact, usual = [], None, 0.0
    for name, options in OPTIONS.items():
        transformer = options.prepare(folder.load("transformer", torch.float32))

        def sample(transformer: Any = transformer, options: SpeedOptions = options) -> torch.Tensor:
            return sample_latents(folder, transformer, a, negative, settings, seed=SEED, options=options)

        frames = decode_latents(vae, sample())
        exact = frames if exact is None else exact
        seconds = min(measure_seconds(sample) for _ in range(3))
        usual = usual or seconds
        index = balance(folder, transformer, a, b, negative, options)
        peak = measure_peak_bytes(sample) / 2**20
        stored = sum(weight.nbytes for weight in transformer.parameters()) / 2**20
        rows.append(
            (name, f"{seconds:.2f}", f"{1 - seconds / usual:.0%}", decibels(frames, exact), f"{stored:.1f}",
             f"{peak:.1f}", str(index))
        )  # fmt: skip
    header = ("option", "seconds", "saved", "PSNR in dB", "weights in MiB", "peak without them in MiB", "balance of 30")
    print_table(f"Options, demo model, {STEPS} steps", header, rows)


def balance(
    folder: CogVideoXFolder,
    transformer: Any,
    a: TextEmbedding,
    b: TextEmbedding,
    negative: TextEmbedding,
    options: SpeedOptions,
) -> int:
    """Return the candidate that the balance finder takes with drafts of these options."""

    def candidate(index: int) -> TextEmbedding:
        if index == 0:
            return b
        mixed = interpolate(a.values, b.values, index=index, steps=CANDIDATES)
        return TextEmbedding(mixed, max(a.token_count, b.token_count))

    settings = SamplingSettings(VideoSize(0, 0, 0), DRAFT_STEPS, 4.0)
    draft = make_drafter(folder, transformer, candidate, negative, settings, seed=SEED, options=options)
    return find_balance(draft, steps=CANDIDATES).index


def decibels(frames: torch.Tensor, exact: torch.Tensor) -> str:
    """Return the peak signal-to-noise ratio of frames in 0..1."""
    error = float((frames - exact).square().mean())
    return "exact" if error == 0 else f"{-10 * math.log10(error):.1f}"


if __name__ == "__main__":
    main()
