"""Time, picture and memory of the options of this pack's CogVideoX, on the demo and on a model as wide as CogVideoX-2b.

Run: python benchmarks/options.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pictures import decibels
from random_model import WIDE
from timing import compare_times, measure_peak_bytes, own_clock, print_table

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
SEED, CFG = 42, 4.0
STEPS, CANDIDATES, DRAFT_STEPS = 20, 30, 2
PAIRS = (
    ("a red circle moves right", "a blue square moves right"),
    ("a large plain green triangle moves left", "a large plain magenta star moves left"),
    ("a small striped yellow square moves up", "a small dotted cyan circle moves up"),
    ("a plain orange star", "a plain violet circle"),
)
WIDE_STEPS, WIDE_SIZE = 10, VideoSize(width=128, height=96, frames=9)
HEADER = ("option", "seconds", "saved", "PSNR in dB", "weights in MiB", "peak without them in MiB")


#: Turns latents into what is compared with the exact one.
Decode = Callable[[torch.Tensor], torch.Tensor]


def every_option(device: torch.device) -> dict[str, SpeedOptions]:
    """Return the options to measure, by name."""
    return {
        "off": NO_OPTIONS,
        "pyramid attention": SpeedOptions(CacheSettings("pyramid attention")),
        "FasterCache": SpeedOptions(CacheSettings("FasterCache")),
        "first block": SpeedOptions(CacheSettings("first block")),
        "TaylorSeer": SpeedOptions(CacheSettings("TaylorSeer")),
        "float8 weights": SpeedOptions(float8=True),
        "streamed weights": SpeedOptions(stream_to=device),
        "compiled blocks": SpeedOptions(compile=True),
    }


@dataclass(frozen=True, eq=False)
class Subject:
    """Model whose options are measured.

    Args:
        folder: Its configuration.
        load: Loads its denoiser, on the CPU.
        prompt: What it draws.
        negative: What it avoids.
        settings: Size, steps and guidance.
        device: Where it computes.
    """

    folder: CogVideoXFolder
    load: Callable[[], torch.nn.Module]
    prompt: TextEmbedding
    negative: TextEmbedding
    settings: SamplingSettings
    device: torch.device

    def prepared(self) -> Iterator[tuple[str, SpeedOptions, Any]]:
        """Yield each option's name, the option, and a denoiser prepared for it on the device."""
        for name, options in every_option(self.device).items():
            transformer = options.prepare(self.load())
            yield name, options, transformer if options.stream_to else transformer.to(self.device)

    def measure(self, decode: Decode, rounds: int) -> Iterator[tuple[SpeedOptions, Any, Sequence[str]]]:
        """Yield each option, a denoiser prepared for it, and its row of the table.

        Each option takes turns with the denoiser without options, so that the machine's load affects both equally.

        Args:
            decode: Function that turns latents into what is compared with the exact one.
            rounds: Number of turns.
        """
        usual, has_peak = None, self.device.type == "cpu"
        for name, options, transformer in self.prepared():
            sample = partial(
                sample_latents, self.folder, transformer, self.prompt, self.negative, self.settings, seed=SEED,
                options=options,
            )  # fmt: skip
            if options.compile:
                sample()  # compiles
            latents, peak = _sample_with_peak(sample)
            made = decode(latents)
            if usual is None:
                usual, exact = sample, made
            before, *rest = compare_times(*dict.fromkeys((usual, sample)), rounds=rounds, clock=own_clock())
            seconds = rest[0] if rest else before
            figures = f"{seconds:.2f}", f"{1 - seconds / before:.0%}", decibels(made, exact)
            stored = sum(weight.nbytes for weight in transformer.parameters()) / 2**20
            yield options, transformer, (name, *figures, f"{stored:.1f}", f"{peak:.1f}" if has_peak else "-")


def measure_demo(device: torch.device) -> None:
    """Measure and print the table of the demo model."""
    folder = CogVideoXFolder.open(DEMO)
    encoder, tokenizer = folder.load("text_encoder", torch.float32), folder.load_tokenizer()
    texts = [text for pair in PAIRS for text in pair]
    encoded = encode_prompts([*texts, ""], tokenizer, encoder, max_length=folder.text_length)
    *prompts, negative = (_on(device, each.embedding) for each in encoded)
    pairs = list(zip(prompts[::2], prompts[1::2], strict=True))
    settings = SamplingSettings(VideoSize(0, 0, 0), STEPS, CFG)
    demo = Subject(folder, lambda: folder.load("transformer", torch.float32), prompts[0], negative, settings, device)
    vae = folder.load("vae", torch.float32).to(device)
    rows = [
        (*row, ", ".join(str(balance(demo, transformer, pair, options)) for pair in pairs))
        for options, transformer, row in demo.measure(partial(decode_latents, vae), rounds=3)
    ]
    print_table(f"Options, demo model, {STEPS} steps, {device.type}", (*HEADER, "balance of 30"), rows)


def measure_wide(device: torch.device) -> None:
    """Measure and print the table of a model with random weights that is as wide as CogVideoX-2b."""
    prompt, negative = (_on(device, TextEmbedding(values, len(values))) for values in WIDE.embed_prompts())
    settings = SamplingSettings(WIDE_SIZE, WIDE_STEPS, CFG)
    wide = Subject(WIDE.folder, WIDE.load, prompt, negative, settings, device)
    rows = [row for _, _, row in wide.measure(lambda latents: latents, rounds=1)]
    print_table(f"Options, {WIDE.title}, {WIDE_STEPS} steps, {device.type}", HEADER, rows)


def balance(
    subject: Subject, transformer: Any, pair: tuple[TextEmbedding, TextEmbedding], options: SpeedOptions
) -> int:
    """Return the candidate that the balance finder takes with drafts of these options."""
    a, b = pair

    def candidate(index: int) -> TextEmbedding:
        if index == 0:
            return b
        mixed = interpolate(a.values, b.values, index=index, steps=CANDIDATES)
        return TextEmbedding(mixed, max(a.token_count, b.token_count))

    settings = SamplingSettings(VideoSize(0, 0, 0), DRAFT_STEPS, CFG)
    draft = make_drafter(subject.folder, transformer, candidate, subject.negative, settings, seed=SEED, options=options)
    return find_balance(draft, steps=CANDIDATES).index


def _sample_with_peak(sample: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
    """Return the latents and the peak of the memory in MiB."""
    made: list[torch.Tensor] = []
    peak = measure_peak_bytes(lambda: made.append(sample()))
    return made[0], peak / 2**20


def _on(device: torch.device, embedding: TextEmbedding) -> TextEmbedding:
    return TextEmbedding(embedding.values.to(device), embedding.token_count)


def main(device: str = "cpu") -> None:
    """Print both tables."""
    torch.set_num_threads(1)  # several threads would also wait for other programs
    measure_demo(torch.device(device))
    measure_wide(torch.device(device))


if __name__ == "__main__":
    main()
