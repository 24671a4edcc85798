"""Evaluation of the finder on the bundled demo model, from measurements of its clips (see demo_model/measure.py).

Run: python benchmarks/evaluate_finder.py [--quick] [--seed N] [--model FOLDER] [--out FOLDER] [--workers N]

It reports four things:

- how often the clip of a single prompt is correct;
- how often a mixture of two features that the model never saw together shows both: for the candidates of the paper's
  finder and of the balance finder, the middle one, a random one, other ways to mix, and the guide prompt itself;
- how far each finder's index is from the best one, and what it costs;
- the time and memory of one clip.

Mixtures are drawn from two kinds of prompts: complete ones, which state every feature of the scene, and open ones,
which name only the object and the two features.

A full run draws about 2,800 clips and takes about 20 minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from finder_evaluation import figures
from finder_evaluation.figures import ChosenIndices, Figures, PairRecords
from finder_evaluation.mixing import mix
from finder_evaluation.pairs import (
    AVERAGED,
    CANDIDATES,
    GUIDE,
    ONLY_B,
    STEPS,
    Mixed,
    Pair,
    Source,
    leave_open,
    make_clip_seed,
    sample_pairs,
    sample_scenes,
)
from finder_evaluation.reach import summarize_reach
from finder_evaluation.report import COMPLETE, OPEN, Strip, format_markdown, write_report
from finder_evaluation.searches import SearchJob, SearchPairs
from finder_evaluation.workers import (
    SETTINGS,
    DrawClips,
    DrawJob,
    ReconstructClips,
    load_model,
    measure_cost,
    start_workers,
)
from numpy.typing import NDArray
from tqdm import tqdm

from richspace_core import TextEmbedding, find_optimal

MODEL = Path(__file__).resolve().parents[1] / "demo_model"
_SINGLE_PROMPTS = 900  # repetition number of the single prompts, so that none shares its noise with a pair


@dataclass(frozen=True)
class Workload:
    """Number of clips to draw.

    Args:
        scenes: Number of single prompts.
        every_pair: Use every n-th pair.
        every_candidate: Draw every n-th candidate of a sweep.
        repetitions: Number of seeds for each arm. The sweep and the searches use the first one.
        strips: Number of pairs of each kind to save as pictures.
    """

    scenes: int = 240
    every_pair: int = 1
    every_candidate: int = 1
    repetitions: int = 1
    strips: int = 2


QUICK = Workload(scenes=12, every_pair=12, every_candidate=6, repetitions=1, strips=1)


@dataclass(frozen=True, eq=False)
class EncodedPair:
    """A pair with its embeddings and the finders' indices.

    Args:
        pair: The two features.
        a: Embedding of prompt A.
        b: Embedding of prompt B.
        guide: Embedding of the guide that names A first.
        choice: The indices that the finders chose.
    """

    pair: Pair
    a: TextEmbedding
    b: TextEmbedding
    guide: TextEmbedding
    choice: ChosenIndices

    @classmethod
    def encode(cls, pair: Pair, encode: Callable[[str], TextEmbedding]) -> EncodedPair:
        """Encode a pair's prompts and run the paper's finder with each guide and with both."""
        a, b, guide, swapped = (encode(text) for text in (*pair.prompts, *pair.guides))
        found = [find_optimal(a, b, one, steps=STEPS).index for one in (guide, swapped, [guide, swapped])]
        return cls(pair, a, b, guide, ChosenIndices(*found))

    def make_embedding(self, source: Source) -> TextEmbedding:
        """Return the embedding of a source; a candidate is interpolated. Predictions for B are averaged with A's."""
        if isinstance(source, str):
            return {GUIDE: self.guide, ONLY_B: self.b}[source]
        if isinstance(source, Mixed):
            return self.a if source.way == AVERAGED else mix(source.way, self.a, self.b, source.index)
        return mix(CANDIDATES, self.a, self.b, source)

    def make_search_job(self, seed: int) -> SearchJob:
        """Make the job of the balance finder's searches."""
        token_count = max(self.a.token_count, self.b.token_count)
        return SearchJob(_to_numpy(self.a), _to_numpy(self.b), token_count, seed)

    def make_draw_job(self, key: tuple, source: Source, seed: int) -> DrawJob:
        """Make the job of a source's clip."""
        job = make_job(key, self.make_embedding(source), seed)
        if not isinstance(source, Mixed) or source.way != AVERAGED:
            return job
        return replace(job, other=_to_numpy(self.b), weight=source.index / STEPS)

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
        pair.make_draw_job(("pair", number, source, repetition), source, make_clip_seed(seed, number, repetition))
        for number, pair in enumerate(pairs)
        for repetition in range(workload.repetitions)
        for source in pair.list_sources(workload, repetition)
    ]


def make_job(key: tuple, embedding: TextEmbedding, seed: int) -> DrawJob:
    return DrawJob(key, _to_numpy(embedding), embedding.token_count, seed)


def _to_numpy(embedding: TextEmbedding) -> NDArray[np.float32]:
    return embedding.values.float().numpy()


def encode_pairs(
    workload: Workload, seed: int, encode: Callable[[str], TextEmbedding], search: SearchPairs
) -> list[EncodedPair]:
    """Encode all pairs with complete prompts, then the same with open ones, and run both finders."""
    sampled = sample_pairs(seed)[:: workload.every_pair]
    encoded = [EncodedPair.encode(pair, encode) for pair in (*sampled, *leave_open(sampled))]
    jobs = [pair.make_search_job(make_clip_seed(seed, number)) for number, pair in enumerate(encoded)]
    return [
        replace(pair, choice=replace(pair.choice, searches=found))
        for pair, found in zip(encoded, search(jobs), strict=True)
    ]


def evaluate(
    workload: Workload,
    seed: int,
    encode: Callable[[str], TextEmbedding],
    draw: DrawClips,
    reconstruct: ReconstructClips,
    search: SearchPairs,
) -> tuple[Figures, list[Strip]]:
    """Draw and measure all clips and compute the figures.

    Args:
        workload: Number of clips.
        seed: Seed of scenes, pairs and noise.
        encode: Encodes a prompt.
        draw: Draws clips, in order.
        reconstruct: Encodes and decodes clips with the model's autoencoder, in order.
        search: Runs the balance finder's searches, in order.

    Returns:
        The figures, and strips of candidates.
    """
    scenes = sample_scenes(workload.scenes, seed)
    pairs = encode_pairs(workload, seed, encode, search)
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
    """Compute the figures of the single prompts, and of the mixtures of each kind of prompts."""
    found: Figures = {"singles": figures.summarize_singles(singles)}
    for prompts, is_open in ((COMPLETE, False), (OPEN, True)):
        chosen = [number for number, each in enumerate(encoded) if each.pair.is_open == is_open]
        found[prompts] = summarize_pairs([encoded[number] for number in chosen], [records[number] for number in chosen])
    return found


def summarize_pairs(encoded: Sequence[EncodedPair], records: list[PairRecords]) -> Figures:
    """Compute the figures of the mixtures of some pairs."""
    pairs = [each.pair for each in encoded]
    choices = [each.choice for each in encoded]
    return {
        "mixtures": figures.summarize_mixtures(pairs, records, choices),
        "reach": summarize_reach(pairs, records, choices, SETTINGS.steps),
        "differences": figures.compare_arms(records, choices),
        "kept": figures.summarize_kept(records, choices),
        "sweeps": figures.summarize_sweeps(pairs, records, choices),
        "indices": figures.average_indices(choices),
        "pairs": figures.list_clips(pairs, records, choices),
    }


def select_strips(strips: Sequence[Strip], count: int) -> list[Strip]:
    """Return the first strips of each kind of pair and of prompts."""
    groups: dict[tuple[bool, str], list[Strip]] = {}
    for strip in strips:
        groups.setdefault((strip.pair.is_open, strip.pair.kind), []).append(strip)
    return [strip for group in groups.values() for strip in group[:count]]


def add_search_bar(search: SearchPairs) -> SearchPairs:
    """Wrap a function that searches, to show a progress bar."""

    def search_with_progress(jobs: Sequence[SearchJob]) -> Iterable[Any]:
        return tqdm(search(jobs), total=len(jobs), desc="searches", unit="pair")

    return search_with_progress


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
    with start_workers(path, options.workers) as (draw, reconstruct, search):
        show = add_progress_bar(draw), reconstruct, add_search_bar(search)
        found, strips = evaluate(workload, options.seed, load_model(path).encode, *show)
    found = {"model": path.name, "seed": options.seed, "quick": options.quick, "cost": cost} | found
    print(format_markdown(found))
    if options.out:
        write_report(options.out, found, strips)
        print(f"Wrote the report to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
