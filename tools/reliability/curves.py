"""What a long run measured, as curves, and whether they are flat."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SETTLED = 100  # runs, after which memory has to be flat
ALLOWED = 0.01
MIB = 2**20
# Title of each curve, the names in a point of what it draws, and what its values are divided by.
PANELS = (
    (
        "Memory of the process, MiB",
        {"rss": "RSS", "held": "held", "anonymous": "without files"},
        MIB,
    ),
    ("malloc, MiB", {"malloc_used": "in use", "malloc_unused": "kept unused"}, MIB),
    ("Open files and threads", {"open_files": "open files", "threads": "threads"}, 1),
    ("Objects besides the history, thousands", {"objects": "objects"}, 1000),
    ("Tensors alive", {"tensors": "tensors"}, 1),
    ("Host's history of runs, MiB", {"history_bytes": "history"}, MIB),
    ("Cached, after memory was freed", {"cached_results": "results", "kept_drafts": "drafts"}, 1),
    ("Temporary files", {"temp_files": "host's folder", "system_temp_files": "system's folder"}, 1),
)


@dataclass(frozen=True)
class Drift:
    """How far a curve has gone between two runs.

    Attributes:
        start: Value at the first of them, on the line through the points.
        end: Value at the last.
    """

    start: float
    end: float

    @property
    def share(self) -> float:
        """Change as a share of the start."""
        return (self.end - self.start) / self.start if self.start else float(self.end != self.start)

    @property
    def is_flat(self) -> bool:
        """Whether the change is within what is allowed."""
        return abs(self.share) <= ALLOWED


def drift(points: Sequence[Mapping[str, Any]], name: str) -> Drift:
    """Fit a line through a curve from run 100 on, by the median of the slopes between every two points."""
    runs = [(point["run"], point[name]) for point in points]
    settled = [each for each in runs if each[0] >= SETTLED]
    settled = settled if len(settled) > 1 else runs
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(settled, 2) if i != j]
    slope = median(slopes or [0.0])
    offset = median(value - slope * run for run, value in settled)
    return Drift(offset + slope * settled[0][0], offset + slope * settled[-1][0])


def draw(points: Sequence[Mapping[str, Any]], file: Path, title: str) -> None:
    """Draw the curves of the quiet points into a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), layout="constrained", dpi=80)
    figure.suptitle(title)
    runs = [point["run"] for point in points]
    for axes, (heading, names, unit) in zip(figure.subplots(2, 4).flat, PANELS, strict=True):
        for name, label in names.items():
            if all(name in point for point in points):
                axes.plot(runs, [point[name] / unit for point in points], ".-", label=label, markersize=3)
        axes.set_title(heading, fontsize=9)
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=7, loc="lower right")
        axes.grid(alpha=0.3)
    for axes in figure.axes[4:]:
        axes.set_xlabel("runs", fontsize=8)
    figure.savefig(file)
