"""The oldest libraries that this pack allows, in a folder that is searched before the virtual environment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from environment.checkout import DEV, ROOT
from environment.side_packages import install_beside

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = DEV / "oldest"

#: Requirements of these libraries that need old versions as well. All others come from the virtual environment.
COMPANIONS = ("huggingface-hub==0.34.4", "peft==0.17.0", "tokenizers==0.21.4")

#: Tests that call these libraries.
TESTS = (
    "core/cogvideox/test_config.py",
    "core/cogvideox/test_decoding.py",
    "core/cogvideox/test_folder.py",
    "core/cogvideox/test_sampling.py",
    "core/cogvideox/test_t5.py",
    "core/drawing/test_comparison.py",
    "core/drawing/test_score_plot.py",
    "core/metrics/test_functional.py",
    "core/metrics/test_backbones.py",
    "nodes/test_native_lora.py",
    "nodes/test_native_lora_changes.py",
    "nodes/test_native_lora_file.py",
    "nodes/test_native_lora_settings.py",
    "nodes/test_native_sampling.py",
)


def lower_bounds(requirements: str) -> list[str]:
    """Return the lower bounds of a requirements file as pins.

    Example:
        >>> lower_bounds("diffusers>=0.35,<1")
        ['diffusers==0.35']
    """
    return [re.sub(r">=([\d.]+).*", r"==\1", line) for line in requirements.split()]


def install_oldest(python: Path) -> Path:
    """Install the oldest allowed libraries, unless they are installed; return their folder."""
    install_beside(
        FOLDER,
        [*lower_bounds((ROOT / "requirements.txt").read_text(encoding="utf-8")), *COMPANIONS],
        python=python,
        label="Installing the oldest libraries that the pack allows",
        advice="Some of them have no build for a new Python. Use Python 3.11 or 3.12.",
        flags=["--no-deps"],
    )
    return FOLDER
