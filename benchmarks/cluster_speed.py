"""Rendering on a local Ray cluster against rendering in one process: the same clips of the demo model, one run.

Every worker computes on one thread. What counts beside the wall time is the pace once all workers have begun: from the
moment the last of them hands over its first clip to the last clip.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import torch
from checkout import ROOT
from ray_nodes import RayNodes
from timing import print_table

from richspace_core.benchmark.clips import ARMS, ClipJob, ClipName
from richspace_core.benchmark.indices import find
from richspace_core.benchmark.mixtures import PAPER_PROMPTS, load_mixtures
from richspace_core.benchmark.rendering import RenderSettings
from richspace_core.benchmark.runners import InProcess, OnRay, Runner
from richspace_core.benchmark.text_encoder import load_text_encoder
from richspace_core.model_config import VideoSize
from richspace_core.sampling import SamplingSettings

MODEL, SEEDS = ROOT / "demo_model", 4


def make_jobs(settings: RenderSettings) -> list[ClipJob]:
    """Both arms of each of the demo's mixtures, with several seeds."""
    encoder = load_text_encoder(MODEL, dtype=torch.float32)
    negative = encoder.encode("")
    mixtures = load_mixtures(PAPER_PROMPTS.with_name("demo_prompts.json"))
    found = [find(mixture, encoder, steps=30) for mixture in mixtures]
    jobs = []
    for seed in range(SEEDS):
        for finding in found:
            for arm, embedding in zip(ARMS, (finding.chain.embedding, finding.direct), strict=True):
                name = ClipName(finding.mixture.name, arm, seed)
                jobs.append(ClipJob(name, embedding, negative, settings.keys(embedding, negative, seed)))
    return jobs


def measure(runner: Runner, workers: int, jobs: list[ClipJob], settings: RenderSettings) -> tuple[float, float]:
    """Seconds in all, and seconds a clip once every worker is at work."""
    start = time.perf_counter()
    times = [time.perf_counter() - start for _ in runner.run(jobs, settings)]
    begun = next(place for place in range(len(times)) if place >= workers * 2)  # each has handed over one or more
    return times[-1], (times[-1] - times[begun]) / (len(times) - 1 - begun)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)  # from the start: threads that once were go on looking for work
    settings = RenderSettings(MODEL, SamplingSettings(VideoSize(0, 0, 0), steps=20, guidance_scale=4.0), device="cpu")
    jobs = make_jobs(settings)
    before = measure(InProcess(), 1, jobs, settings)
    with RayNodes() as nodes:
        runner = OnRay(nodes.address)
        one = measure(runner, 1, jobs, settings)
        nodes.add()
        two = measure(runner, 2, jobs, settings)
    here = min(before, measure(InProcess(), 1, jobs, settings))
    rows = [("this process", 1, *here), ("Ray", 1, *one), ("Ray", 2, *two)]
    pace = rows[0][3]
    print_table(
        f"{len(jobs)} clips",
        ("where", "workers", "seconds in all", "seconds a clip", "of this process's"),
        [(where, str(count), f"{all_:.1f}", f"{clip:.3f}", f"{clip / pace:.2f}") for where, count, all_, clip in rows],
    )
    print(f"\nRay's overhead: {1000 * (rows[1][3] - pace):+.0f} ms a clip, with one worker.")


if __name__ == "__main__":
    main()
