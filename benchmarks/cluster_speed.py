"""Time of rendering clips of the demo model on a local Ray cluster, compared with rendering them in one process.

Each worker uses one thread. In addition to the total time, the benchmark measures the time per clip once all workers
are running: from the first clip of the last worker to the last clip of all.

Run: python benchmarks/cluster_speed.py
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import torch
from environment.checkout import ROOT
from ray_nodes import RayNodes
from timing import print_table

from richspace_core.benchmark.clips import Arm, ClipJob, ClipName
from richspace_core.benchmark.indices import find_mixture
from richspace_core.benchmark.mixtures import PAPER_PROMPTS, load_mixtures
from richspace_core.benchmark.rendering import RenderSettings
from richspace_core.benchmark.runners import InProcess, OnRay, Runner
from richspace_core.benchmark.text_encoder import load_text_encoder
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.sampling import SamplingSettings

MODEL, SEEDS = ROOT / "demo_model", 4
PAPER_ARMS: tuple[Arm, ...] = ("optimum", "direct")


def make_jobs(settings: RenderSettings) -> list[ClipJob]:
    """Make jobs for the paper's two arms of each demo mixture, with several seeds."""
    encoder = load_text_encoder(MODEL, dtype=torch.float32)
    negative = encoder.encode("").embedding
    mixtures = load_mixtures(PAPER_PROMPTS.with_name("demo_prompts.json"))
    found = [find_mixture(mixture, encoder, steps=30) for mixture in mixtures]
    jobs = []
    for seed in range(SEEDS):
        for finding in found:
            for arm, embedding in zip(PAPER_ARMS, (finding.chain.embedding, finding.direct), strict=True):
                name = ClipName(finding.mixture.name, arm, seed)
                jobs.append(ClipJob(name, embedding, negative, settings.keys(embedding, negative, seed)))
    return jobs


def measure_runner(runner: Runner, workers: int, jobs: list[ClipJob], settings: RenderSettings) -> tuple[float, float]:
    """Measure the total seconds, and the seconds per clip once all workers are running."""
    start = time.perf_counter()
    times = [time.perf_counter() - start for _ in runner.run(jobs, settings)]
    start_up = workers * 2  # clips, after which each worker has returned at least one
    return times[-1], (times[-1] - times[start_up]) / (len(times) - 1 - start_up)


def main() -> None:
    """Measure and print the table."""
    torch.set_num_threads(1)  # before any work: idle threads would keep using the cores
    settings = RenderSettings(MODEL, SamplingSettings(VideoSize(0, 0, 0), steps=20, guidance_scale=4.0), device="cpu")
    jobs = make_jobs(settings)
    before = measure_runner(InProcess(), 1, jobs, settings)
    with RayNodes() as nodes:
        runner = OnRay(nodes.address)
        one = measure_runner(runner, 1, jobs, settings)
        nodes.add()
        two = measure_runner(runner, 2, jobs, settings)
    here = min(before, measure_runner(InProcess(), 1, jobs, settings))
    rows = [("this process", 1, *here), ("Ray", 1, *one), ("Ray", 2, *two)]
    pace = rows[0][3]
    print_table(
        f"{len(jobs)} clips",
        ("where", "workers", "total seconds", "seconds per clip", "ratio"),
        [(name, str(count), f"{total:.1f}", f"{clip:.3f}", f"{clip / pace:.2f}") for name, count, total, clip in rows],
    )
    print(f"\nOverhead of Ray with one worker: {1000 * (rows[1][3] - pace):+.0f} ms per clip")


if __name__ == "__main__":
    main()
