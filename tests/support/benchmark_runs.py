"""Short runs of the benchmark's `videos` on the demo model, with tiny metrics that have random weights."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from environment.checkout import ROOT

from richspace_core.benchmark.cli import main
from richspace_core.benchmark.mixtures import PAPER_PROMPTS

if TYPE_CHECKING:
    from pathlib import Path

MIXTURES = ("Red+Blue", "Circle+Square+Star")
ARMS = ("optimum", "direct", "balance")

_DATA = ROOT / "tests" / "data" / "vbench"
_METRICS = {"dino": "dino_tiny", "clip": "clip_tiny.safetensors", "aesthetic-head": "aesthetic_head_random.pth"}


def arguments(folder: Path, *options: str, metrics: bool = True) -> list[str]:
    """Return the arguments of `richspace_core.benchmark`; later options override earlier ones."""
    scored = [text for option, file in _METRICS.items() for text in (f"--{option}", str(_DATA / file))]
    prompts = str(PAPER_PROMPTS.with_name("demo_prompts.json"))
    short = ["--prompts", prompts, "--only", *MIXTURES, "--steps", "4", "--cfg", "4", "--seeds", "2", "--device", "cpu"]
    short += ["--width", "48", "--height", "32"]  # decoded several times as fast as the model's own size
    model = str(ROOT / "demo_model")
    return ["videos", model, "--out", str(folder), *short, *(scored if metrics else []), *options]


def run_here(folder: Path, *options: str, metrics: bool = True) -> int:
    """Run the benchmark in this process; return the exit status."""
    return main(arguments(folder, *options, metrics=metrics))


def videos_command(folder: Path, *options: str) -> list[str]:
    """Return the command that runs the benchmark in a process of its own."""
    return [sys.executable, "-m", "richspace_core.benchmark", *arguments(folder, *options)]


def clip_folders(folder: Path) -> list[Path]:
    """Return the folders of a run's finished clips."""
    return sorted(file.parent for file in folder.rglob("clip.json"))
