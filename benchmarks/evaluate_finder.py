"""The finder judged on the bundled demo model, by what can be measured of its clips (see demo_model/measure.py).

Run: python benchmarks/evaluate_finder.py [--quick] [--seed N] [--model FOLDER] [--out FOLDER] [--workers N]

Four things: how often a single prompt is drawn as it says; how often a mixture of two features that the model never saw
together shows both, by the finder's candidate, the middle one, a random one, and the guide prompt itself; how far the
finder's index is from the best one; and what a clip costs. Full: some 1,800 clips, about 16 minutes on two cores.
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
from finder_evaluation.figures import Choice, Figures, PairRecords
from finder_evaluation.pairs import GUIDE, ONLY_B, STEPS, Pair, Source, clip_seed, draw_pairs, draw_scenes
from finder_evaluation.report import Strip, markdown, write
from finder_evaluation.sampler import Clip, Draw, Job, Rebuild, load, measure_cost, processes
from tqdm import tqdm

from richspace_core import TextEmbedding, find_optimal, interpolate

MODEL = Path(__file__).resolve().parents[1] / "demo_model"
_SINGLE_NOISE = 900  # in place of a repetition, so that no single prompt shares its noise with a pair


@dataclass(frozen=True)
class Plan:
    """How much to draw.

    Args:
        scenes: Number of single prompts.
        every_pair: Take every n-th pair.
        every_candidate: Draw every n-th candidate of a sweep.
        repetitions: Seeds for each arm; the first one's clips are the sweep's.
        strips: Of each kind of pair, how many are kept as pictures.
    """

    scenes: int = 240
    every_pair: int = 1
    every_candidate: int = 1
    repetitions: int = 3
    strips: int = 2


QUICK = Plan(scenes=12, every_pair=12, every_candidate=6, repetitions=1, strips=1)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A pair with its embeddings and what the finder chose.

    Args:
        pair: The two features.
        a: Prompt A's embedding.
        b: Prompt B's.
        guide: That of the guide that names A first.
        choice: The finder's indices.
    """

    pair: Pair
    a: TextEmbedding
    b: TextEmbedding
    guide: TextEmbedding
    choice: Choice

    @classmethod
    def find(cls, pair: Pair, encode: Callable[[str], TextEmbedding]) -> Mixture:
        """Encode a pair's prompts and let the finder choose, with each guide alone and with both."""
        a, b, guide, swapped = (encode(text) for text in (*pair.prompts, *pair.guides))
        found = [find_optimal(a, b, one, steps=STEPS).index for one in (guide, swapped, [guide, swapped])]
        return cls(pair, a, b, guide, Choice(*found))

    def embedding(self, source: Source) -> TextEmbedding:
        """What a clip is drawn from."""
        if not isinstance(source, int):
            return {GUIDE: self.guide, ONLY_B: self.b}[source]
        values = interpolate(self.a.values, self.b.values, index=source, steps=STEPS)
        return TextEmbedding(values, max(self.a.token_count, self.b.token_count))

    def sources(self, plan: Plan, repetition: int) -> list[Source]:
        """What to draw in a repetition: what the arms need, and in the first one the sweep as well."""
        needed = list(self.choice.arms.values())
        if repetition == 0:
            needed += range(1, STEPS + 1, plan.every_candidate)
        return list(dict.fromkeys(needed))


def single_jobs(scenes: Sequence[Any], seed: int, encode: Callable[[str], TextEmbedding]) -> list[Job]:
    """A clip of each scene."""
    return [
        make_job(("single", number), encode(scene.prompt), clip_seed(seed, number, _SINGLE_NOISE))
        for number, scene in enumerate(scenes)
    ]


def pair_jobs(mixtures: Sequence[Mixture], seed: int, plan: Plan) -> list[Job]:
    """The clips of each pair."""
    return [
        make_job(("pair", number, source, repetition), mixture.embedding(source), clip_seed(seed, number, repetition))
        for number, mixture in enumerate(mixtures)
        for repetition in range(plan.repetitions)
        for source in mixture.sources(plan, repetition)
    ]


def make_job(key: tuple, embedding: TextEmbedding, seed: int) -> Job:
    return Job(key, embedding.values.float().numpy(), embedding.token_count, seed)


def run(
    plan: Plan, seed: int, encode: Callable[[str], TextEmbedding], draw: Draw, rebuild: Rebuild
) -> tuple[Figures, list[Strip]]:
    """Draw everything, look at it, and make the figures.

    Args:
        plan: How much.
        seed: Of scenes, pairs and noise.
        encode: Prompt to embedding.
        draw: Draws clips, in order.
        rebuild: Passes clips through the model's autoencoder, in order.

    Returns:
        The figures, and strips of candidates to look at.
    """
    scenes = draw_scenes(plan.scenes, seed)
    mixtures = [Mixture.find(pair, encode) for pair in draw_pairs(seed)[:: plan.every_pair]]
    jobs = single_jobs(scenes, seed, encode) + pair_jobs(mixtures, seed, plan)
    singles: list[dict[str, bool]] = []
    records: list[PairRecords] = [{} for _ in mixtures]
    strips = [Strip(mixture.pair, mixture.choice) for mixture in mixtures]
    ends = figures.find_ends([mixture.pair for mixture in mixtures], seed, rebuild)
    for job, clip in draw(jobs):
        kind, number, *rest = job.key
        if kind == "single":
            singles.append(figures.look_at_single(clip, scenes[number]))
            continue
        source, repetition = rest
        records[number][source, repetition] = figures.look_at_pair(clip, mixtures[number].pair, ends[number])
        if repetition == 0:
            strips[number].frames[source] = clip[len(clip) // 2]
    return summarise(mixtures, singles, records), chosen_strips(strips, plan.strips)


def summarise(mixtures: Sequence[Mixture], singles: Sequence[dict[str, bool]], records: list[PairRecords]) -> Figures:
    pairs = [mixture.pair for mixture in mixtures]
    choices = [mixture.choice for mixture in mixtures]
    return {
        "singles": figures.singles(singles),
        "mixtures": figures.mixtures(pairs, records, choices),
        "differences": figures.differences(records, choices),
        "kept": figures.kept(records, choices),
        "sweeps": figures.sweeps(pairs, records, choices),
        "indices": figures.indices(choices),
        "pairs": figures.raw(pairs, records, choices),
    }


def chosen_strips(strips: Sequence[Strip], each: int) -> list[Strip]:
    """The first so many of each kind of pair."""
    kinds = dict.fromkeys(strip.pair.kind for strip in strips)
    return [strip for kind in kinds for strip in [one for one in strips if one.pair.kind == kind][:each]]


def with_progress(draw: Draw) -> Draw:
    """The same, with a progress bar."""

    def shown(jobs: Sequence[Job]) -> Iterable[tuple[Job, Clip]]:
        return tqdm(draw(jobs), total=len(jobs), desc="clips", unit="clip", smoothing=0.05)

    return shown


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Judge the finder on a CogVideoX that knows the demo model's world.")
    parser.add_argument("--quick", action="store_true", help="a few clips of everything, to see that it runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of scenes, pairs and noise (default: 0)")
    parser.add_argument("--model", type=Path, default=MODEL, help="diffusers folder (default: the bundled one)")
    parser.add_argument("--out", type=Path, help="folder for figures.json, figures.md and pictures (default: none)")
    workers = min(os.cpu_count() or 1, 4)
    parser.add_argument("--workers", type=int, default=workers, help=f"processes (default here: {workers})")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    options = parse(arguments)
    path = options.model.resolve()
    print("Measuring what a clip costs on one core ...", flush=True)
    cost = measure_cost(path)
    plan = QUICK if options.quick else Plan()
    with processes(path, options.workers) as (draw, rebuild):
        found, strips = run(plan, options.seed, load(path).encode, with_progress(draw), rebuild)
    found = {"model": path.name, "seed": options.seed, "quick": options.quick, "cost": cost} | found
    print(markdown(found))
    if options.out:
        write(options.out, found, strips)
        print(f"Written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
