"""Plot of the curves of a finder, with the candidate that was taken.

The plot is meant for a node of a graph editor, about 400 screen pixels wide, so the lettering is large and the panels
of a chain are stacked. It uses matplotlib's objects without pyplot, and changes no global setting.

References:
    RichSpace, Algorithm 1 for the scores and the sum that decides, Algorithm 2 for the foot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import RichSpaceError
from ..finder.choice import Choice, Curve
from . import theme
from .draft_row import DraftRow
from .lettering import Lettering
from .raster import figure_to_tensor
from .scale import ValueScale, candidate_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_WANTED: dict[str, Any] = {"color": theme.MUTED, "linewidth": 2.5, "linestyle": (0, (1, 1.6)), "marker": ""}
_OPTIMUM: dict[str, Any] = {"color": theme.TEXT, "linewidth": 2, "linestyle": (0, (4, 3)), "marker": ""}

#: All lengths are in 1/768 of the picture's width, which the resolution makes equal to one point.
_UNITS = 768
_MARGIN, _LINE, _GAP = 22, 29, 10
#: Share of the height for the curves below the one that decides.
_LOWER_SHARE = 0.38
#: Least height of a panel, as a share of its width, that leaves room for curves below a full header.
_LEAST_ASPECT = 0.5


def plot_scores(choices: Sequence[Choice], *, width: int = 768, height: int = 448) -> Tensor:
    """Draw the curves of one finder, or of each stage of a chain from top to bottom.

    Each panel shows the curve that decides and, below it, the other curves, with the candidate taken, the optimum
    between candidates, and the guide's foot if there is a guide. Where the finder measured only some candidates, dots
    mark them, a line marks the value that it looked for, and their pictures stand in a row above the curve.

    Args:
        choices: One choice for each finder, at least one.
        width: Width of the picture in pixels, at least 256; the lettering grows with it.
        height: Height of *each* panel in pixels, at least half the width.

    Returns:
        float32 ``[height * len(choices), width, 3]`` in [0, 1], on the CPU.

    Raises:
        RichSpaceError: If there is no choice, or the picture would be too small to read.

    Reference:
        RichSpace, Algorithm 1, lines 21-26.

    Example:
        >>> curve = Curve("similarity", torch.tensor([0.97, 0.99, 0.98], dtype=torch.float64))
        >>> choice = Choice(2, best=2, optimum=0.7, curves=(curve,), guide=0.7)
        >>> choice.verdict
        '2 of 3: 67% A, 33% B'
        >>> plot_scores([choice], width=256, height=144).shape
        torch.Size([144, 256, 3])
    """
    return figure_to_tensor(_make_figure(choices, width=width, height=height))


def _make_figure(choices: Sequence[Choice], *, width: int, height: int) -> Figure:
    """Return the matplotlib figure of the plot, with one subfigure for each panel."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    _require_drawable(choices, width, height)
    dpi = 72 * width / _UNITS
    # Half a pixel more, since matplotlib rounds down and width / dpi * dpi may be slightly less than width.
    size = (width + 0.5) / dpi, (height * len(choices) + 0.5) / dpi
    figure = Figure(figsize=size, dpi=dpi, facecolor=theme.GROUND, edgecolor="none")
    figure.set_layout_engine("none")
    areas = figure.subfigures(len(choices), 1, squeeze=False, facecolor="none")[:, 0]
    for number, (area, choice) in enumerate(zip(areas, choices, strict=True), start=1):
        _Panel(area, choice, height * _UNITS / width).draw(f"stage {number}" if len(choices) > 1 else "")
        if number > 1:
            divider: dict[str, Any] = {"color": theme.GRID, "linewidth": 3, "linestyle": "-", "marker": ""}
            area.add_artist(Line2D([0, 1], [1, 1], **divider, transform=area.transSubfigure))
    return figure


def _require_drawable(choices: Sequence[Choice], width: int, height: int) -> None:
    if not choices:
        raise RichSpaceError("choices", expected="at least one finder's scores", got="none")
    if width < 256:
        raise RichSpaceError("width", expected="at least 256 pixels", got=str(width))
    if height < _LEAST_ASPECT * width:
        least = math.ceil(_LEAST_ASPECT * width)
        raise RichSpaceError("height", expected=f"at least {least} pixels, half the width", got=str(height))


class _Panel:
    """Panel of one choice in its part of the figure."""

    def __init__(self, area: SubFigure, choice: Choice, height: float) -> None:
        self.area = area
        self.choice = choice
        self.height = height
        self.lettering = Lettering(theme.SIZE)

    def draw(self, stage: str) -> None:
        ceiling = self._draw_header(stage)
        floor = self._draw_names() + 2 * _LINE + 4
        row = DraftRow(self.area, self.choice, (_UNITS, self.height))
        fields = self._add_fields(floor, ceiling - row.fit(floor, ceiling))
        for axes in fields:
            self._draw_marks(axes)
        deciding, *parts = self.choice.curves
        self._draw_curve(fields[0], deciding, theme.TEXT if parts else theme.CURVES[0], width=4.5)
        for number, curve in enumerate(parts):
            color, style = theme.curve_look(number)
            self._draw_curve(fields[-1], curve, color, style=style)
        self._draw_measured(fields[0], deciding, parts)
        row.draw(fields[0], ceiling, _MARGIN)
        self._draw_candidates(fields[0], deciding)
        self._draw_ticks(fields[-1])
        self._draw_guide(fields[-1])
        self._draw_legend(fields, ceiling)

    def _draw_header(self, stage: str) -> float:
        """Write the title and the notes, and return their lower end."""
        y = self.height - 16
        title: dict[str, Any] = {"size": theme.TITLE_SIZE, "bold": True, "color": theme.CHOSEN}
        self._write(_MARGIN, y, self.choice.in_words, **title, gid="title", va="top")
        self._write(_UNITS - _MARGIN, y - 7, stage, gid="stage", color=theme.MUTED, va="top", ha="right")
        y -= theme.TITLE_SIZE + 10
        for note in filter(None, (self.choice.by_hand, *self.choice.remarks)):
            self._write(_MARGIN, y, note, gid="note", color=theme.TEXT, va="top")
            y -= _LINE
        return y - _LINE - 6  # the legend's line

    def _draw_names(self) -> float:
        """Write the texts of the two prompts at the bottom, and return their upper end."""
        name_a = self.lettering.drawable(self.choice.name_a)
        name_b = self.lettering.drawable(self.choice.name_b)
        for letter, name, x, side in (("B", name_b, _MARGIN, "left"), ("A", name_a, _UNITS - _MARGIN, "right")):
            if name not in ("", letter):
                text = self.lettering.elide(f"{letter}: {name}", (_UNITS - 3 * _MARGIN) / 2)
                self._write(x, 14, text, gid=f"name {letter}", color=theme.TEXT, ha=side, va="baseline")
        return 14 + (_LINE if name_a not in ("", "A") or name_b not in ("", "B") else 0)

    def _add_fields(self, floor: float, ceiling: float) -> list[Axes]:
        """Add a field for the curve that decides and, if there are other curves, one for them below it."""
        deciding, *parts = self.choice.curves
        lower = round(_LOWER_SHARE * (ceiling - floor - _GAP)) if parts else -_GAP
        shown = [each.value for each in self.choice.measured] + [self.choice.wanted] * (self.choice.wanted is not None)
        values = torch.cat([deciding.values, deciding.values.new_tensor(shown)])
        scales = [ValueScale.fit(values, deciding.bound, percent=deciding.is_share)]
        spans = [(floor + lower + _GAP, ceiling)]
        if parts:
            bound, percent = max(one.bound for one in parts), all(one.is_share for one in parts)
            scales.append(ValueScale.fit(torch.cat([one.values for one in parts]), bound, percent=percent))
            spans.append((floor, floor + lower))
        left = _MARGIN + 10 + max(self.lettering.width(label) for scale in scales for label in scale.labels)
        width = _UNITS - _MARGIN - left
        return [
            self._add_field(scale, (left, bottom, width, top - bottom))
            for scale, (bottom, top) in zip(scales, spans, strict=True)
        ]

    def _add_field(self, scale: ValueScale, box: tuple[float, float, float, float]) -> Axes:
        from matplotlib.patches import Rectangle

        left, bottom, width, height = box
        relative = left / _UNITS, bottom / self.height, width / _UNITS, height / self.height
        axes = self.area.add_axes(relative)
        axes.set_axis_off()  # frame, ticks and grid are drawn below, whatever the global settings are
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, color=theme.FIELD, linewidth=0, zorder=0))
        axes.set_xlim(-0.025 * self.choice.steps, 1.025 * self.choice.steps)
        axes.set_ylim(scale.low, scale.high)
        for tick, label in zip(scale.ticks, scale.labels, strict=True):
            axes.axhline(tick, color=theme.GRID, linewidth=1.5, linestyle="-", marker="", zorder=1)
            self._annotate(axes, label, (0, tick), (-8, 0), across="axes fraction", ha="right", va="center_baseline")
        return axes

    def _draw_marks(self, axes: Axes) -> None:
        """Draw the candidate taken as a band, and the optimum as a line."""
        half = self.choice.steps / 60  # the band is as wide as one of 30 candidates
        left, right = self.choice.index - half, self.choice.index + half
        axes.axvspan(left, right, color=theme.CHOSEN, alpha=0.3, linewidth=0, zorder=2, gid="chosen band")
        axes.axvline(self.choice.optimum * self.choice.steps, **_OPTIMUM, zorder=3, gid="optimum")

    def _draw_curve(self, axes: Axes, curve: Curve, color: str, *, width: float = 3.5, style: Any = "-") -> None:
        marker = "o" if self.choice.steps == 1 else ""  # one point is no line
        looks: dict[str, Any] = {"color": color, "linewidth": width, "linestyle": style}
        looks |= {"marker": marker, "markersize": 9, "solid_capstyle": "round"}
        # A curve that was measured at B begins there.
        start = [each.value for each in self.choice.measured if each.index == 0 and curve is self.choice.curves[0]]
        index = range(1 - len(start), self.choice.steps + 1)
        axes.plot(index, start + curve.values.tolist(), **looks, label=curve.name, gid=curve.name, zorder=4)

    def _draw_measured(self, axes: Axes, curve: Curve, parts: list[Curve]) -> None:
        """Mark the places at which the curve was measured, and the value that the finder looked for."""
        wanted, color = self.choice.wanted, theme.TEXT if parts else theme.CURVES[0]
        if wanted is not None:
            label = f"wanted {wanted:.0%}" if curve.is_share else f"wanted {wanted:g}"
            axes.axhline(wanted, **_WANTED, zorder=3, label=label, gid="wanted")
        if self.choice.measured:
            dots: dict[str, Any] = {"marker": "o", "markersize": 13, "color": color, "markeredgewidth": 0}
            places = [each.index for each in self.choice.measured], [each.value for each in self.choice.measured]
            axes.plot(*places, **dots, linestyle="none", clip_on=False, zorder=5, gid="measured")

    def _draw_candidates(self, axes: Axes, curve: Curve) -> None:
        """Mark the candidate taken on the curve that decides, and the finder's own if it is another one."""
        shape: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgewidth": 3.5, "clip_on": False}
        chosen, best = self.choice.index, self.choice.best
        if chosen != best:
            ring: dict[str, Any] = {"markersize": 15, "markerfacecolor": theme.FIELD, "markeredgecolor": theme.TEXT}
            axes.plot([best], [float(curve.values[best - 1])], **shape, **ring, zorder=5, gid="finder's choice")
        dot: dict[str, Any] = {"markersize": 21, "markerfacecolor": theme.CHOSEN, "markeredgecolor": theme.GROUND}
        axes.plot([chosen], [float(curve.values[chosen - 1])], **shape, **dot, zorder=6, gid="chosen")

    def _draw_ticks(self, axes: Axes) -> None:
        """Write the numbers of candidates, and the share of A below each."""
        last = self.choice.steps
        below: dict[str, Any] = {"va": "top"}
        for tick in candidate_ticks(last):
            share = "exactly A" if tick == last else "nearly B" if tick <= 0.1 * last else f"{tick / last:.0%} A"
            number: dict[str, Any] = {"ha": "center", "color": theme.TEXT, "gid": "candidate"}
            self._annotate(axes, f"{tick}", (tick, 0), (0, -6), **number, **below)
            # At the ends, the words are wider than the room next to their tick.
            side, x = ("right", 1) if tick == last else ("left", 0) if tick < 0.1 * last else ("center", tick)
            across = "data" if side == "center" else "axes fraction"
            self._annotate(axes, share, (x, 0), (0, -6 - _LINE), across=across, ha=side, gid="share", **below)

    def _draw_guide(self, axes: Axes) -> None:
        guide = self.choice.guide
        if guide is not None and 0 <= guide <= 1:
            looks: dict[str, Any] = {"color": theme.GUIDE, "marker": "^", "markersize": 16, "markeredgewidth": 0}
            place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 7}
            axes.plot(
                [guide * self.choice.steps], [0.06], **looks, **place, linestyle="none", label="guide", gid="guide"
            )

    def _draw_legend(self, fields: list[Axes], y: float) -> None:
        from matplotlib.lines import Line2D

        handles = [line for axes in fields for line in axes.lines if not str(line.get_label()).startswith("_")]
        handles.append(Line2D([], [], **_OPTIMUM, label=f"optimum {self.choice.optimum:.1%} A"))
        handles.sort(key=lambda handle: str(handle.get_label()) == "guide")
        legend = self.area.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(_MARGIN / _UNITS, (y + 3) / self.height),
            bbox_transform=self.area.transSubfigure,
            ncols=len(handles),
            prop=theme.plot_font(),
            labelcolor=theme.TEXT,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handlelength=1.2,
            handletextpad=0.35,
            columnspacing=0.65,
            numpoints=1,
            markerscale=1,
        )
        for text in legend.get_texts():
            text.set(usetex=False, parse_math=False)

    def _write(
        self, x: float, y: float, text: str, *, size: int = theme.SIZE, bold: bool = False, **looks: Any
    ) -> None:
        """Write text at a position in the panel."""
        font = theme.plot_font(size, bold=bold)
        self.area.text(x / _UNITS, y / self.height, text, fontproperties=font, usetex=False, parse_math=False, **looks)

    def _annotate(
        self,
        axes: Axes,
        text: str,
        place: tuple[float, float],
        offset: tuple[float, float],
        *,
        across: str = "data",
        **looks: Any,
    ) -> None:
        """Write text next to the axes: below the lower edge, or left of the left edge."""
        up = "data" if looks.get("va") == "center_baseline" else "axes fraction"
        where: dict[str, Any] = {"xy": place, "xytext": offset, "xycoords": (across, up), "textcoords": "offset points"}
        plain: dict[str, Any] = {"annotation_clip": False, "usetex": False, "parse_math": False}
        font = theme.plot_font()
        axes.annotate(text, **where, fontproperties=font, **plain, **{"color": theme.MUTED, **looks})
