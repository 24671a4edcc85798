"""The oldest libraries that this pack allows, in a folder that stands before the virtual environment's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from environment.checkout import DEV, ROOT
from environment.side_packages import install_beside

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = DEV / "oldest"

#: What the oldest ones need of their own, in versions of their time. Everything else is taken from the environment.
COMPANIONS = ("huggingface-hub==0.34.4", "peft==0.17.0", "tokenizers==0.21.4")

#: The tests that call those libraries.
TESTS = (
    "core/test_comparison.py",
    "core/test_encoding.py",
    "core/test_metrics.py",
    "core/test_metrics_backbones.py",
    "core/test_model_folder.py",
    "core/drawing/test_score_plot.py",
    "core/test_sampling.py",
    "nodes/test_native_lora.py",
    "nodes/test_native_lora_changes.py",
    "nodes/test_native_lora_file.py",
    "nodes/test_native_lora_settings.py",
    "nodes/test_native_sampling.py",
)


def lower_bounds(requirements: str) -> list[str]:
    """The pins of a requirements file's lower bounds.

    Example:
        >>> lower_bounds("diffusers>=0.35,<1")
        ['diffusers==0.35']
    """
    return [re.sub(r">=([\d.]+).*", r"==\1", line) for line in requirements.split()]


def install_oldest(python: Path) -> Path:
    """Install the oldest allowed libraries, unless just those are there; returns their folder."""
    install_beside(
        FOLDER,
        [*lower_bounds((ROOT / "requirements.txt").read_text(encoding="utf-8")), *COMPANIONS],
        python=python,
        label="Installing the oldest libraries that the pack allows",
        advice="Some have no build for a new Python: use Python 3.11 or 3.12.",
        flags=["--no-deps"],
    )
    return FOLDER
