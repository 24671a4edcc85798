"""Evaluation of morphs on the bundled demo model, from measurements of every frame (see demo_model/measure.py).

Run: python benchmarks/evaluate_morph.py [--seed N] [--pairs N] [--frames N ...] [--out FILE] [--workers N]

For pairs of hues, shapes and patterns, A turns into B over the whole video ("0%: A, 100%: B"). Each arm draws the same
noise. The report has, for each arm and number of frames:

- how well the coordinate between A and B follows the curve: rank correlation and average error over the frames;
- in how many videos every frame shows one object, and whether it moves as in A's and B's own videos;
- the largest change from one frame to the next, compared with a switch from A to B in the middle.

A's and B's own videos are the controls: what they do not do, such as moving as told, no morph between them can do.

A full run draws 24 pairs with three numbers of frames, 504 videos.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from evaluate_finder import MODEL
from finder_evaluation.estimates import estimate_mean, estimate_share
from finder_evaluation.figures import measure_prototypes, measuring
from finder_evaluation.pairs import KINDS, Pair, make_clip_seed, sample_pairs
from finder_evaluation.workers import SETTINGS, LoadedModel, load_model
from scipy.stats import spearmanr

from richspace_core import TextEmbedding, interpolate
from richspace_core.cogvideox.blending import WeightedEmbedding
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.decoding import decode_latents
from richspace_core.cogvideox.sampling import sample_latents
from richspace_core.files import write_file
from richspace_core.morph.curve import LatentTimes, MorphCurve
from richspace_core.morph.seen import weights_seen_as
from richspace_core.morph.segments import Segment, exact_segments, prompt_segments
from richspace_core.morph.text import parse_keyframes

CURVE = MorphCurve(parse_keyframes("0%: A, 100%: B"))
ARMS = {
    "exact": "exact",
    "exact, even": "exact, with the measured curve",
    "fast": "fast",
    "fast, even": "fast, with the measured curve",
    "switch": "A, then B from the middle on",
    "alone": "A's and B's own videos",
}
FRAMES = (9, 17, 25)
_PARTS = 10_000  # of a mixture, as the node counts
_LOOKS = 6  # mixtures whose first step is looked at, besides B


@dataclass(frozen=True)
class MorphRecord:
    """Measured course of one video.

    Args:
        kind: Kind of the pair.
        frames: Number of frames.
        arm: How the video was drawn.
        rank: Rank correlation of the coordinate with the curve; None for a video that follows none, or with too few
            measured frames.
        error: Average distance of the coordinate from the curve, or None.
        jump: Largest change of the coordinate from one frame to the next, or None.
        found: Whether every frame shows one object.
        moves: Whether the motion is the scene's.
        drift: Distance of its travel from the mean of A's and B's own, in pixels.
    """

    kind: str
    frames: int
    arm: str
    rank: float | None
    error: float | None
    jump: float | None
    found: bool
    moves: bool
    drift: float | None


class _FirstStep(Exception):  # noqa: N818 - it ends a sampling and is no error
    """End of a sampling after its first step, with the video predicted there."""

    def __init__(self, predicted: torch.Tensor) -> None:
        self.predicted = predicted


def measure_share_seen(model: LoadedModel, a: TextEmbedding, b: TextEmbedding, settings: Any, seed: int) -> list[float]:
    """Return the share of A seen in the first step at each of `_LOOKS` equally distant mixtures, B excluded."""

    def look(index: int) -> torch.Tensor:
        def stop(_done: int, _steps: int, predicted: torch.Tensor) -> None:
            raise _FirstStep(predicted)

        embedding = b if index == 0 else mix(a, b, index / _LOOKS)
        try:
            sample_latents(model.folder, model.transformer, embedding, model.empty, settings, seed=seed, on_step=stop)
        except _FirstStep as first:
            return first.predicted.double()
        raise AssertionError("a sampling has at least one step")

    drafts = [look(index) for index in range(_LOOKS + 1)]
    line = drafts[0] - drafts[-1]
    return [float(1 - ((draft - drafts[-1]) * line).sum() / (line * line).sum()) for draft in drafts[1:]]


def mix(a: TextEmbedding, b: TextEmbedding, share: float) -> TextEmbedding:
    """Mix two embeddings as the node does."""
    index = round(_PARTS * share)
    if index == 0:
        return b
    values = interpolate(a.values, b.values, index=index, steps=_PARTS)
    return TextEmbedding(values, max(a.token_count, b.token_count))


def weigh(segments: Sequence[Segment], a: TextEmbedding, b: TextEmbedding) -> list[WeightedEmbedding]:
    """Return the prompts of a morph with their weights over time."""
    return [WeightedEmbedding(mix(a, b, float(each.shares[0])), each.frames.float()) for each in segments]


def evaluate_pair(job: tuple[int, Pair, Any], frames: Sequence[int], seed: int) -> list[MorphRecord]:
    """Draw and measure one pair's videos of every arm."""
    number, pair, prototypes = job
    model = load_model(MODEL)
    a, b = (model.encode(prompt) for prompt in pair.prompts)
    noise = make_clip_seed(seed, number)
    return [record for count in frames for record in _evaluate(model, pair, prototypes, a, b, count, noise)]


def _evaluate(
    model: LoadedModel, pair: Pair, prototypes: Any, a: TextEmbedding, b: TextEmbedding, count: int, noise: int
) -> list[MorphRecord]:
    settings = replace(SETTINGS, size=VideoSize(0, 0, count))
    times = LatentTimes(model.folder.latent_frames(count), model.folder.temporal_ratio)
    linear = CURVE.weights(times, 2)
    even = weights_seen_as(linear, measure_share_seen(model, a, b, settings, noise))
    half = (torch.tensor(times.middles) < (count - 1) / 2).double()
    morphs = {
        "exact": exact_segments(linear, most=99),
        "exact, even": exact_segments(even, most=99),
        "fast": prompt_segments(linear),
        "fast, even": prompt_segments(even),
        "switch": exact_segments(torch.stack([half, 1 - half]), most=99),
    }

    def draw(positive: Any) -> np.ndarray:
        latents = sample_latents(model.folder, model.transformer, positive, model.empty, settings, seed=noise)
        return decode_latents(model.vae, latents).numpy()

    alone = [draw(prompt) for prompt in (a, b)]
    travels = [None if (it := measuring.measure_clip(clip)) is None else it.travel for clip in alone]
    videos = [*(("alone", clip) for clip in alone), *((arm, draw(weigh(it, a, b))) for arm, it in morphs.items())]
    return [_measure(clip, pair, prototypes, arm, travels) for arm, clip in videos]


def _measure(
    clip: np.ndarray, pair: Pair, prototypes: Any, arm: str, travels: Sequence[np.ndarray | None]
) -> MorphRecord:
    coordinates = [_coordinate(clip[frame], pair, prototypes) for frame in range(len(clip))]
    wanted = np.arange(len(clip)) / (len(clip) - 1)
    seen = np.array([np.nan if each is None else each for each in coordinates])
    known = ~np.isnan(seen)
    whole = measuring.measure_clip(clip)
    own = [travel for travel in travels if travel is not None]
    drift = None if whole is None or not own else float(np.linalg.norm(whole.travel - np.mean(own, axis=0)))
    is_course = arm != "alone"  # which does not change
    is_measured = is_course and known.sum() > len(clip) / 2 and np.ptp(seen[known]) > 0
    return MorphRecord(
        kind=pair.kind,
        frames=len(clip),
        arm=arm,
        rank=float(spearmanr(seen[known], wanted[known]).statistic) if is_measured else None,
        error=float(np.abs(np.clip(seen, 0, 1) - wanted)[known].mean()) if is_course and known.any() else None,
        jump=float(np.abs(np.diff(seen[known])).max()) if is_course and known.sum() > 1 else None,
        found=bool(known.all()),
        moves=measuring.make_prototypes().name_features(whole)["motion"] == pair.scene.motion,
        drift=drift,
    )


def _coordinate(frame: np.ndarray, pair: Pair, prototypes: Any) -> float | None:
    """Return the coordinate of one frame from A (0) to B (1); None if it shows no object or no hue."""
    measured = measuring.measure_clip(np.stack([frame, frame]))  # two frames, so that it has a travel
    located = prototypes.locate(measured, pair.kind, pair.a, pair.b)
    return None if located is None else located.t


def format_report(records: Sequence[MorphRecord]) -> str:
    """Return the figures as tables in Markdown."""
    header = ("rank correlation", "error", "largest jump", "object in every frame", "moves as told", "drift in pixels")
    lines: list[str] = []
    for count in sorted({record.frames for record in records}):
        lines += ["", f"**{count} frames**", "", "| | " + " | ".join(header) + " |", "| --- " * (len(header) + 1) + "|"]
        for arm, name in ARMS.items():
            chosen = [record for record in records if (record.arm, record.frames) == (arm, count)]
            lines.append(f"| {name} | " + " | ".join(_cells(chosen)) + " |")
    lines += ["", "Rank correlation and error by kind, all numbers of frames:", ""]
    lines += ["| | " + " | ".join(KINDS) + " |", "| --- " * (len(KINDS) + 1) + "|"]
    for arm, name in ARMS.items():
        if arm == "alone":
            continue
        cells = []
        for kind in KINDS:
            chosen = [record for record in records if (record.arm, record.kind) == (arm, kind)]
            rank, error = (_mean(chosen, field, "{:.2f}") for field in ("rank", "error"))
            cells.append(f"{rank}; {error}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines).strip()


def _cells(records: Sequence[MorphRecord]) -> list[str]:
    return [
        *(_mean(records, field, "{:.2f}") for field in ("rank", "error", "jump")),
        *(estimate_share([[getattr(record, field)] for record in records]).format() for field in ("found", "moves")),
        _mean(records, "drift", "{:.1f}"),
    ]


def _mean(records: Sequence[MorphRecord], field: str, template: str) -> str:
    values = [value for record in records if (value := getattr(record, field)) is not None]
    return estimate_mean(values).format(template) if values else "-"


def choose_pairs(seed: int, count: int) -> list[Pair]:
    """Return equally many pairs of each kind."""
    pairs = sample_pairs(seed)
    each = count // len(KINDS)
    return [pair for kind in KINDS for pair in [one for one in pairs if one.kind == kind][:: 12 // each or 1][:each]]


def main() -> None:
    """Run the evaluation from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--pairs", type=int, default=24, help="number of pairs, a multiple of 3 up to 36")
    parser.add_argument("--frames", type=int, nargs="+", default=FRAMES)
    parser.add_argument("--out", type=Path, help="file for the record of each video")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    start = time.perf_counter()
    pairs = choose_pairs(given.seed, given.pairs)
    model = load_model(MODEL)
    prototypes = measure_prototypes(pairs, given.seed, lambda clips: map(model.reconstruct, clips))
    jobs = list(zip(range(len(pairs)), pairs, prototypes, strict=True))
    evaluate = partial(evaluate_pair, frames=given.frames, seed=given.seed)
    with ProcessPoolExecutor(given.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        records = [record for found in pool.map(evaluate, jobs) for record in found]
    print(format_report(records))
    print(f"\n{len(pairs)} pairs, seed {given.seed}, {time.perf_counter() - start:.0f} s")
    if given.out:
        write_file(given.out, json.dumps([asdict(record) for record in records], indent=1))


if __name__ == "__main__":
    main()
