"""The flags of ComfyUI's command line for speed and memory.

ComfyUI reads its flags when it starts, so each of them is measured in a process of its own, which runs this file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from native_subjects import MODELS, Subject, start_host
from pictures import decibels
from timing import compare_times, own_clock, print_table

FLAGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--use-pytorch-cross-attention",),
    ("--use-quad-cross-attention",),
    ("--use-sage-attention",),
    ("--use-flash-attention",),
    ("--bf16-unet",),
    ("--fp8_e4m3fn-unet",),
    ("--fp8_e4m3fn-unet", "--fast"),
)
FURTHER_FLAGS: tuple[tuple[str, ...], ...] = (("--use-split-cross-attention",), ("--fp8_e5m2-unet",))
"""Flags that differ little from others."""


def main(name: str, exact: str, *flags: str) -> None:
    """Measure a model with flags, and print the figures for the process that started this one."""
    torch.set_num_threads(1)  # several threads would also wait for other programs
    with start_host(flags) as pack:
        print(json.dumps(measure_flags(MODELS[name](pack, dtype="auto"), Path(exact))))


def measure_flags(subject: Subject, exact: Path) -> dict[str, Any]:
    """Measure a sampling with this process's flags, and the pack's own sampler, which no flag changes.

    Args:
        subject: Model to measure.
        exact: File of what the model draws without flags.
    """
    seen = subject.observe(subject.model)
    samplers = partial(subject.sample, subject.model), subject.sampler_of_pack()
    ours, theirs = compare_times(*samplers, rounds=subject.settings.rounds, clock=own_clock())
    weights = sum(weight.nbytes for weight in subject.model.model.diffusion_model.parameters())
    return {
        "ratio": f"{ours / theirs:.2f}",
        "PSNR": decibels(seen.picture, torch.load(exact, weights_only=True)),
        "weights": f"{weights / 2**20:.1f}",
        "peak": f"{seen.peak / 2**20:.1f}",
        "balance": subject.balance(subject.model),
    }


def print_flags(name: str, subject: Subject, exact: Path, every: Sequence[tuple[str, ...]]) -> None:
    """Measure each set of flags in a process of its own, and print the table.

    Args:
        name: Name of the model in `MODELS`.
        subject: The model, loaded without flags.
        exact: File of what it draws.
        every: Sets of flags.
    """
    header = ("flags", "time / that of RichSpace CogVideoX Sample", "PSNR in dB", "weights in MiB",
              "peak MiB without them", *subject.balance_header)  # fmt: skip
    rows = []
    for flags in every:
        command = [sys.executable, __file__, name, str(exact), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this file
        shown = " ".join(flags) or "none"
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "must be installed" in line or "Error" in line]
            failed = said[-1].strip() if said else f"exit status {done.returncode}"
            rows.append((shown, failed, *[""] * (len(header) - 2)))
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append((shown, *(found[key] for key in ("ratio", "PSNR", "weights", "peak")), *found["balance"]))
    print_table(f"Flags of ComfyUI's command line, {subject.title}, {subject.settings.steps} steps", header, rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
