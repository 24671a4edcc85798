"""A small picture of a metric along a video, in the colours and the lettering of the score plot."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..metrics import FrameScores
from . import theme

_WIDTH, _HEIGHT = 768, 320


def plot_metric(title: str, scores: FrameScores, *, first_frame: int = 1) -> Tensor:
    """Draw a metric's values frame by frame, below its name and its mean.

    Args:
        title: The metric's name.
        scores: Its values.
        first_frame: The number of the frame that the first value belongs to, counted from 1.

    Returns:
        float32 ``[320, 768, 3]`` in [0, 1], on the CPU.

    Example:
        >>> plot_metric("flickering", FrameScores(torch.tensor([0.98, 0.99]).double()), first_frame=2).shape
        torch.Size([320, 768, 3])
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # One unit is one pixel; half a pixel more, since matplotlib rounds down.
    figure = Figure(figsize=((_WIDTH + 0.5) / 72, (_HEIGHT + 0.5) / 72), dpi=72, facecolor=theme.GROUND)
    figure.set_layout_engine("none")
    words: dict[str, Any] = {"va": "top", "usetex": False, "parse_math": False}
    figure.text(
        22 / _WIDTH,
        1 - 16 / _HEIGHT,
        f"{scores.score:.4f}",
        color=theme.CHOSEN,
        fontproperties=theme.plot_font(theme.TITLE_SIZE, bold=True),
        **words,
    )
    figure.text(
        1 - 22 / _WIDTH,
        1 - 23 / _HEIGHT,
        title,
        color=theme.MUTED,
        ha="right",
        fontproperties=theme.plot_font(),
        **words,
    )
    axes = figure.add_axes((120 / _WIDTH, 74 / _HEIGHT, (_WIDTH - 142) / _WIDTH, (_HEIGHT - 142) / _HEIGHT))
    axes.set_facecolor(theme.FIELD)
    for spine in axes.spines.values():
        spine.set_visible(False)
    values = scores.per_frame.tolist()
    numbers = range(first_frame, first_frame + len(values))
    looks: dict[str, Any] = {"color": theme.CURVES[0], "linewidth": 3.5, "linestyle": "-", "markersize": 9}
    axes.plot(numbers, values, marker="o" if len(values) <= 24 else "", **looks, solid_capstyle="round", gid="values")
    axes.axhline(scores.score, color=theme.TEXT, linewidth=2, linestyle=(0, (4, 3)), marker="", gid="mean")
    axes.set_xlim(first_frame - 0.5, numbers[-1] + 0.5)
    axes.margins(y=0.15)
    axes.grid(visible=True, axis="y", color=theme.GRID, linewidth=1.5, linestyle="-")
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.tick_params(length=0, pad=8)
    axes.set_xlabel("frame", color=theme.MUTED, fontproperties=theme.plot_font())
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set(color=theme.MUTED, fontproperties=theme.plot_font())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    return pixels.reshape(_HEIGHT, _WIDTH, 4)[..., :3].float() / 255  # [h, w, rgb]
