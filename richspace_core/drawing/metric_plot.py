"""Plot of a metric along a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..metrics import FrameScores
from . import theme
from .raster import figure_to_tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: One unit of length is one pixel.
_WIDTH, _HEIGHT = 768, 320
_MARGIN, _LEFT, _TOP, _BOTTOM = 22, 120, 68, 74
#: Number of frames up to which each value has a dot.
_MOST_DOTS = 24


def plot_metric(title: str, scores: FrameScores, *, first_frame: int = 1) -> Tensor:
    """Draw the values of a metric frame by frame, below its name and its average.

    Args:
        title: Name of the metric.
        scores: Values of the metric.
        first_frame: Number of the frame that the first value belongs to, counted from 1.

    Returns:
        float32 ``[320, 768, 3]`` in [0, 1], on the CPU.

    Example:
        >>> import torch
        >>> plot_metric("flickering", FrameScores(torch.tensor([0.98, 0.99]).double()), first_frame=2).shape
        torch.Size([320, 768, 3])
    """
    from matplotlib.figure import Figure

    # Half a pixel more, since matplotlib rounds down.
    figure = Figure(figsize=((_WIDTH + 0.5) / 72, (_HEIGHT + 0.5) / 72), dpi=72, facecolor=theme.GROUND)
    figure.set_layout_engine("none")
    _write_header(figure, title, scores.score)
    width, height = _WIDTH - _LEFT - _MARGIN, _HEIGHT - _TOP - _BOTTOM
    axes = figure.add_axes((_LEFT / _WIDTH, _BOTTOM / _HEIGHT, width / _WIDTH, height / _HEIGHT))
    _draw_values(axes, scores, first_frame)
    _draw_scales(axes)
    return figure_to_tensor(figure)


def _write_header(figure: Figure, title: str, score: float) -> None:
    """Write the average on the left and the name on the right."""
    looks: dict[str, Any] = {"va": "top", "usetex": False, "parse_math": False}
    large, plain = theme.plot_font(theme.TITLE_SIZE, bold=True), theme.plot_font()
    left, right = _MARGIN / _WIDTH, 1 - _MARGIN / _WIDTH
    figure.text(left, 1 - 16 / _HEIGHT, f"{score:.4f}", color=theme.CHOSEN, fontproperties=large, **looks)
    figure.text(right, 1 - 23 / _HEIGHT, title, color=theme.MUTED, ha="right", fontproperties=plain, **looks)


def _draw_values(axes: Axes, scores: FrameScores, first_frame: int) -> None:
    """Draw the values as a line, and their average as a dashed line."""
    values = scores.per_frame.tolist()
    numbers = range(first_frame, first_frame + len(values))
    looks: dict[str, Any] = {"color": theme.CURVES[0], "linewidth": 3.5, "linestyle": "-", "markersize": 9}
    marker = "o" if len(values) <= _MOST_DOTS else ""
    axes.plot(numbers, values, marker=marker, **looks, solid_capstyle="round", gid="values")
    axes.axhline(scores.score, color=theme.TEXT, linewidth=2, linestyle=(0, (4, 3)), marker="", gid="mean")
    axes.set_xlim(first_frame - 0.5, numbers[-1] + 0.5)
    axes.margins(y=0.15)


def _draw_scales(axes: Axes) -> None:
    """Draw the field, its grid, and numbers of frames and values."""
    from matplotlib.ticker import MaxNLocator

    axes.set_facecolor(theme.FIELD)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(visible=True, axis="y", color=theme.GRID, linewidth=1.5, linestyle="-")
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.tick_params(length=0, pad=8)
    axes.set_xlabel("frame", color=theme.MUTED, fontproperties=theme.plot_font())
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(color=theme.MUTED, fontproperties=theme.plot_font())
