"""Evaluation of the finder on the bundled demo model, from measurements of its clips (see demo_model/measure.py).

Run: python benchmarks/evaluate_finder.py [--quick] [--seed N] [--model FOLDER] [--out FOLDER] [--workers N]

It reports four things:

- how often the clip of a single prompt is correct;
- how often a mixture of two features that the model never saw together shows both: for the finder's candidate, the
  middle one, a random one, and the guide prompt itself;
- how far the finder's index is from the best one;
- the time and memory of one clip.

A full run draws about 1,800 clips and takes about 16 minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finder_evaluation import figures
from finder_evaluation.figures import ChosenIndices, Figures, PairRecords
from finder_evaluation.pairs import GUIDE, ONLY_B, STEPS, Pair, Source, make_clip_seed, sample_pairs, sample_scenes
from finder_evaluation.report import Strip, format_markdown, write_report
from finder_evaluation.workers import (
    DrawClips,
    DrawJob,
    ReconstructClips,
    load_model,
    measure_cost,
    start_workers,
)
from tqdm import tqdm

from richspace_core import TextEmbedding, find_optimal, interpolate

MODEL = Path(__file__).resolve().parents[1] / "demo_model"
_SINGLE_PROMPTS = 900  # repetition number of the single prompts, so that none shares its noise with a pair


@dataclass(frozen=True)
class Workload:
    """Number of clips to draw.

    Args:
        scenes: Number of single prompts.
        every_pair: Use every n-th pair.
        every_candidate: Draw every n-th candidate of a sweep.
        repetitions: Number of seeds for each arm. The sweep uses the first one.
        strips: Number of pairs of each kind to save as pictures.
    """

    scenes: int = 240
    every_pair: int = 1
    every_candidate: int = 1
    repetitions: int = 3
    strips: int = 2


QUICK = Workload(scenes=12, every_pair=12, every_candidate=6, repetitions=1, strips=1)


@dataclass(frozen=True, eq=False)
class EncodedPair:
    """A pair with its embeddings and the finder's indices.

    Args:
        pair: The two features.
        a: Embedding of prompt A.
        b: Embedding of prompt B.
        guide: Embedding of the guide that names A first.
        choice: The indices that the finder chose.
    """

    pair: Pair
    a: TextEmbedding
    b: TextEmbedding
    guide: TextEmbedding
    choice: ChosenIndices

    @classmethod
    def encode(cls, pair: Pair, encode: Callable[[str], TextEmbedding]) -> EncodedPair:
        """Encode a pair's prompts and run the finder with each guide and with both."""
        a, b, guide, swapped = (encode(text) for text in (*pair.prompts, *pair.guides))
        found = [find_optimal(a, b, one, steps=STEPS).index for one in (guide, swapped, [guide, swapped])]
        return cls(pair, a, b, guide, ChosenIndices(*found))

    def make_embedding(self, source: Source) -> TextEmbedding:
        """Return the embedding of a source; a candidate is interpolated."""
        if not isinstance(source, int):
            return {GUIDE: self.guide, ONLY_B: self.b}[source]
        values = interpolate(self.a.values, self.b.values, index=source, steps=STEPS)
        return TextEmbedding(values, max(self.a.token_count, self.b.token_count))

    def list_sources(self, workload: Workload, repetition: int) -> list[Source]:
        """List the sources to draw in a repetition: those of the arms, and in the first repetition also the sweep."""
        needed = list(self.choice.arms.values())
        if repetition == 0:
            needed += range(1, STEPS + 1, workload.every_candidate)
        return list(dict.fromkeys(needed))


def make_single_jobs(scenes: Sequence[Any], seed: int, encode: Callable[[str], TextEmbedding]) -> list[DrawJob]:
    """Make a job for each single prompt."""
    return [
        make_job(("single", number), encode(scene.prompt), make_clip_seed(seed, number, _SINGLE_PROMPTS))
        for number, scene in enumerate(scenes)
    ]


def make_pair_jobs(pairs: Sequence[EncodedPair], seed: int, workload: Workload) -> list[DrawJob]:
    """Make the jobs of all pairs."""
    return [
        make_job(
            ("pair", number, source, repetition), pair.make_embedding(source), make_clip_seed(seed, number, repetition)
        )
        for number, pair in enumerate(pairs)
        for repetition in range(workload.repetitions)
        for source in pair.list_sources(workload, repetition)
    ]


def make_job(key: tuple, embedding: TextEmbedding, seed: int) -> DrawJob:
    return DrawJob(key, embedding.values.float().numpy(), embedding.token_count, seed)


def evaluate(
    workload: Workload,
    seed: int,
    encode: Callable[[str], TextEmbedding],
    draw: DrawClips,
    reconstruct: ReconstructClips,
) -> tuple[Figures, list[Strip]]:
    """Draw and measure all clips and compute the figures.

    Args:
        workload: Number of clips.
        seed: Seed of scenes, pairs and noise.
        encode: Encodes a prompt.
        draw: Draws clips, in order.
        reconstruct: Encodes and decodes clips with the model's autoencoder, in order.

    Returns:
        The figures, and strips of candidates.
    """
    scenes = sample_scenes(workload.scenes, seed)
    pairs = [EncodedPair.encode(pair, encode) for pair in sample_pairs(seed)[:: workload.every_pair]]
    jobs = make_single_jobs(scenes, seed, encode) + make_pair_jobs(pairs, seed, workload)
    singles: list[dict[str, bool]] = []
    records: list[PairRecords] = [{} for _ in pairs]
    strips = [Strip(each.pair, each.choice) for each in pairs]
    prototypes = figures.measure_prototypes([each.pair for each in pairs], seed, reconstruct)
    for job, clip in draw(jobs):
        kind, number, *rest = job.key
        if kind == "single":
            singles.append(figures.check_single(clip, scenes[number]))
            continue
        source, repetition = rest
        records[number][source, repetition] = figures.measure_pair(clip, pairs[number].pair, prototypes[number])
        if repetition == 0:
            strips[number].frames[source] = clip[len(clip) // 2]
    return summarize(pairs, singles, records), select_strips(strips, workload.strips)


def summarize(
    encoded: Sequence[EncodedPair], singles: Sequence[dict[str, bool]], records: list[PairRecords]
) -> Figures:
    pairs = [each.pair for each in encoded]
    choices = [each.choice for each in encoded]
    return {
        "singles": figures.summarize_singles(singles),
        "mixtures": figures.summarize_mixtures(pairs, records, choices),
        "differences": figures.compare_arms(records, choices),
        "kept": figures.summarize_kept(records, choices),
        "sweeps": figures.summarize_sweeps(pairs, records, choices),
        "indices": figures.average_indices(choices),
        "pairs": figures.list_clips(pairs, records, choices),
    }


def select_strips(strips: Sequence[Strip], count: int) -> list[Strip]:
    """Return the first strips of each kind of pair."""
    kinds = dict.fromkeys(strip.pair.kind for strip in strips)
    return [strip for kind in kinds for strip in [one for one in strips if one.pair.kind == kind][:count]]


def add_progress_bar(draw: DrawClips) -> DrawClips:
    """Wrap a function that draws clips, to show a progress bar."""

    def draw_with_progress(jobs: Sequence[DrawJob]) -> Iterable[tuple[DrawJob, Any]]:
        return tqdm(draw(jobs), total=len(jobs), desc="clips", unit="clip", smoothing=0.05)

    return draw_with_progress


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Evaluate the finder on a CogVideoX that draws the demo model's world."
    )
    parser.add_argument("--quick", action="store_true", help="draw a few clips of each kind, to check that it runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of scenes, pairs and noise (default: 0)")
    parser.add_argument("--model", type=Path, default=MODEL, help="diffusers folder (default: the demo model)")
    parser.add_argument("--out", type=Path, help="folder for figures.json, figures.md and pictures (default: none)")
    workers = min(os.cpu_count() or 1, 4)
    parser.add_argument("--workers", type=int, default=workers, help=f"number of processes (default here: {workers})")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parse_arguments(arguments)
    path = options.model.resolve()
    print("Measuring the time and memory of one clip on one core ...", flush=True)
    cost = measure_cost(path)
    workload = QUICK if options.quick else Workload()
    with start_workers(path, options.workers) as (draw, reconstruct):
        found, strips = evaluate(workload, options.seed, load_model(path).encode, add_progress_bar(draw), reconstruct)
    found = {"model": path.name, "seed": options.seed, "quick": options.quick, "cost": cost} | found
    print(format_markdown(found))
    if options.out:
        write_report(options.out, found, strips)
        print(f"Wrote the report to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
