"""A picture of why: the score curves of each finder, with the candidate that was taken.

It is drawn for a node of a graph editor, some 400 screen pixels wide, so the lettering is large and the panels of a
chain stand one below the other. matplotlib is used through its objects only: no pyplot, no global settings read or
changed where that can be helped, and the font is the one matplotlib ships, so every machine draws the same picture.

References:
    RichSpace, Algorithm 1 (the scores, and the sum that decides) and Algorithm 2 (the foot).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import RichSpaceError
from ..finder.candidates import shares
from ..finder.cosine import OptimalInterpolation, Scores
from .lettering import Lettering, font_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_BACKGROUND, _FIELD, _GRID = "#1e1e24", "#25252d", "#3b3b47"
_TEXT, _MUTED = "#f2f2f5", "#b4b4c2"
# Okabe and Ito's colours, told apart by every kind of colour vision; the line styles differ as well.
_CHOSEN, _FULL, _TRUNCATED, _FOOT = "#f5a81c", "#56b4e9", "#dd8dbb", "#1fc497"
_OPTIMUM: dict[str, Any] = {"color": _TEXT, "linewidth": 2, "linestyle": (0, (4, 3)), "marker": ""}

#: All lengths here are in 1/768 of the picture's width; the resolution is set so that one of them is one point.
_UNITS = 768
_MARGIN, _LINE = 22, 29
_TITLE_SIZE, _SIZE = 31, 22
#: The least height of a panel, as a share of its width, that leaves room for the curves below a full header.
_LEAST_ASPECT = 0.5
#: Prompts whose embeddings differ by less than this share of their length are said to be almost the same.
_LEAST_CONTRAST = 0.05
#: A mixture with less than this share of one prompt is said to be nearly pure.
_LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class ScorePanel:
    """One finder's curves, ready to be drawn.

    Args:
        scores: The curves, float64 ``[steps]`` each.
        chosen: The candidate taken, 1..steps; differs from ``scores.best_index`` when it was picked by hand.
        continuous_weight: The share of A, in [0, 1], with the highest score.
        foot_coefficient: Where the guide's foot lies: 0 is A, 1 is B, outside [0, 1] beyond the two prompts.
        counted: False where no token counts came, so that only the full embedding was scored.
        name_a: What the first prompt says, for the right end of the axis; cut short where it is long.
        name_b: What the second prompt says, for the left end.
        guide_count: Number of guides whose mean guided.
        contrast: How much the prompts differ: the length of B - A, as a share of the longer of A and B.
        lengths: Tokens of A and of B, before the shorter one was filled up to the longer.
        notes: Further remarks, of whoever made the panel.

    Raises:
        RichSpaceError: If `chosen` is not one of the candidates.
    """

    scores: Scores
    chosen: int
    continuous_weight: float
    foot_coefficient: float
    counted: bool
    name_a: str = "A"
    name_b: str = "B"
    guide_count: int = 1
    contrast: float = 1.0
    lengths: tuple[int, int] = (0, 0)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        chosen, steps = self.chosen, self.scores.steps
        if isinstance(chosen, bool) or not isinstance(chosen, int) or not 1 <= chosen <= steps:
            raise RichSpaceError(
                "chosen",
                expected=f"a candidate between 1 and {steps}",
                got=repr(chosen),
                hint="Candidates count from 1, as in the paper.",
            )

    @classmethod
    def of(
        cls,
        result: OptimalInterpolation,
        *,
        chosen: int | None = None,
        counted: bool = True,
        name_a: str = "A",
        name_b: str = "B",
        lengths: tuple[int, int] = (0, 0),
        notes: tuple[str, ...] = (),
    ) -> ScorePanel:
        """The panel of a finder's `result`; `chosen` is the candidate picked by hand, None for the finder's own."""
        return cls(
            scores=result.scores,
            chosen=result.index if chosen is None else chosen,
            continuous_weight=result.continuous_weight,
            foot_coefficient=result.foot_coefficient,
            counted=counted,
            name_a=name_a,
            name_b=name_b,
            guide_count=result.guide_count,
            contrast=result.contrast,
            lengths=lengths,
            notes=notes,
        )

    @property
    def verdict(self) -> str:
        """The choice in words: ``14 of 30: 47% A, 53% B``, and whether it was picked by hand."""
        return ", ".join(filter(None, (self._choice, self._by_hand)))

    @property
    def remarks(self) -> list[str]:
        """What one should know about the choice, beside the verdict; often nothing."""
        uncounted = "" if self.counted else "scored on the full embedding (no token counts)"
        alike = "A and B are almost the same: every mixture looks alike" if self.contrast < _LEAST_CONTRAST else ""
        remarks = (uncounted, about_lengths(*self.lengths), *self.notes, alike, self._about_the_guide)
        return [remark for remark in remarks if remark]

    def as_json(self) -> dict[str, Any]:
        """The panel in plain JSON, for a page that draws it by itself.

        Returns:
            steps: Number of candidates k.
            chosen: The candidate taken, 1..k.
            best: The finder's own choice, 1..k.
            choices: Each candidate in words, ``14 of 30: 47% A, 53% B``; entry 0 belongs to candidate 1.
            curves: Name to scores of the candidates, the one that decides first: `sum`, `full` and `truncated`, or
                without token counts the one `similarity`.
            optimum: The share of A, in [0, 1], with the highest score.
            guide: The share of A at the guide's foot: below 0 it is beyond B, above 1 beyond A.
            remarks: As `remarks`.
            prompts: What A and B say.
        """
        scores = self.scores
        parts = {"sum": scores.total, "full": scores.full, "truncated": scores.truncated}
        curves = parts if self.counted else {"similarity": scores.full}
        return {
            "steps": scores.steps,
            "chosen": self.chosen,
            "best": scores.best_index,
            "choices": [self._in_words(index) for index in range(1, scores.steps + 1)],
            "curves": {name: curve.tolist() for name, curve in curves.items()},
            "optimum": self.continuous_weight,
            "guide": 1 - self.foot_coefficient,
            "remarks": self.remarks,
            "prompts": {"A": self.name_a, "B": self.name_b},
        }

    def _in_words(self, index: int) -> str:
        share_a, share_b = shares(index, self.scores.steps)
        return f"{index} of {self.scores.steps}: {share_a} A, {share_b} B"

    @property
    def _choice(self) -> str:
        return self._in_words(self.chosen)

    @property
    def _by_hand(self) -> str:
        best = self.scores.best_index
        return "" if self.chosen == best else f"picked by hand (the finder says {best})"

    @property
    def _about_the_guide(self) -> str:
        # One line for all of it, since each line of the picture's header costs the curves some room.
        beyond = "A" if self.foot_coefficient < 0 else "B" if self.foot_coefficient > 1 else ""
        share = self.scores.best_index / self.scores.steps
        pure = "A" if share > 1 - _LEAST_SHARE else "B" if share < _LEAST_SHARE else ""
        several = self.guide_count > 1
        guide = f"the mean of {self.guide_count} guides" if several else "the guide"
        if beyond:
            return f"{guide} points beyond {beyond}" + (f": nearly pure {pure} is best" if pure else "")
        if pure:
            return f"{guide} is closest to pure {pure}"
        return f"guided by {guide}" if several else ""


def about_lengths(of_a: int, of_b: int) -> str:
    """What to say of A and B of so many tokens, one of which was filled up to the other: nothing if they are equal."""
    return "" if of_a == of_b else f"A has {of_a} tokens, B {of_b}: the shorter is filled with zeros"


def plot_scores(panels: Sequence[ScorePanel], *, width: int = 768, height: int = 448) -> Tensor:
    """Draw the score curves of one finder, or of each stage of a chain from top to bottom.

    Each panel shows the sum that decides, the two similarities it is the sum of, the candidate taken, the continuous
    optimum and the guide's foot. Without token counts it shows the one similarity there is.

    Args:
        panels: One for each finder, at least one.
        width: Width of the picture in pixels, at least 256; the lettering grows with it.
        height: Height of *each* panel in pixels, at least half the width.

    Returns:
        float32 ``[height * len(panels), width, 3]`` in [0, 1], on the CPU.

    Raises:
        RichSpaceError: If there is no panel, or the picture would be too small to read.

    Reference:
        RichSpace, Algorithm 1, lines 21-26.

    Example:
        >>> curve = torch.tensor([0.97, 0.99, 0.98], dtype=torch.float64)
        >>> panel = ScorePanel(Scores(curve, curve), 2, continuous_weight=0.7, foot_coefficient=0.3, counted=False)
        >>> panel.verdict
        '2 of 3: 67% A, 33% B'
        >>> plot_scores([panel], width=256, height=144).shape
        torch.Size([144, 256, 3])
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(_figure(panels, width=width, height=height))
    canvas.draw()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    return pixels.reshape(height * len(panels), width, 4)[..., :3].float() / 255  # [h, w, rgb]


def _figure(panels: Sequence[ScorePanel], *, width: int, height: int) -> Figure:
    """The picture before it is turned into pixels: one subfigure a panel."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    _require_drawable(panels, width, height)
    dpi = 72 * width / _UNITS
    # Half a pixel more: matplotlib rounds down, and width / dpi * dpi may fall just short of width.
    size = (width + 0.5) / dpi, (height * len(panels) + 0.5) / dpi
    figure = Figure(figsize=size, dpi=dpi, facecolor=_BACKGROUND, edgecolor="none")
    figure.set_layout_engine("none")
    areas = figure.subfigures(len(panels), 1, squeeze=False, facecolor="none")[:, 0]
    for number, (area, panel) in enumerate(zip(areas, panels, strict=True), start=1):
        _Panel(area, panel, height * _UNITS / width).draw(f"stage {number}" if len(panels) > 1 else "")
        if number > 1:
            divider: dict[str, Any] = {"color": _GRID, "linewidth": 3, "linestyle": "-", "marker": ""}
            area.add_artist(Line2D([0, 1], [1, 1], **divider, transform=area.transSubfigure))
    return figure


def _require_drawable(panels: Sequence[ScorePanel], width: int, height: int) -> None:
    if not panels:
        raise RichSpaceError("panels", expected="at least one finder's scores", got="none")
    if width < 256:
        raise RichSpaceError("width", expected="at least 256 pixels", got=str(width))
    if height < _LEAST_ASPECT * width:
        least = math.ceil(_LEAST_ASPECT * width)
        raise RichSpaceError("height", expected=f"at least {least} pixels, half the width", got=str(height))


class _Panel:
    """Draws one panel into its part of the figure."""

    def __init__(self, area: SubFigure, panel: ScorePanel, height: float) -> None:
        self.area = area
        self.panel = panel
        self.height = height
        self.lettering = Lettering(_SIZE)
        self.steps = panel.scores.steps

    def draw(self, stage: str) -> None:
        ceiling = self._draw_header(stage)
        floor = self._draw_names() + 2 * _LINE + 4
        curves = self._add_axes(floor, ceiling)
        for axes in curves:
            self._draw_marks(axes)
        if self.panel.counted:
            above, below = curves
            self._draw_curve(above, "sum", self.panel.scores.total, _TEXT, width=4.5)
            self._draw_curve(below, "full", self.panel.scores.full, _FULL)
            self._draw_curve(below, "truncated", self.panel.scores.truncated, _TRUNCATED, style=(0, (3, 1.2)))
        else:
            self._draw_curve(curves[0], "similarity", self.panel.scores.full, _FULL, width=4.5)
        self._draw_candidates(curves[0])
        self._draw_ticks(curves[-1])
        self._draw_foot(curves[-1])
        self._draw_legend(curves, ceiling)

    def _draw_header(self, stage: str) -> float:
        """Title and notes; returns where they end."""
        y = self.height - 16
        self._write(_MARGIN, y, self.panel._choice, gid="title", size=_TITLE_SIZE, bold=True, color=_CHOSEN, va="top")
        self._write(_UNITS - _MARGIN, y - 7, stage, gid="stage", color=_MUTED, va="top", ha="right")
        y -= _TITLE_SIZE + 10
        for note in filter(None, (self.panel._by_hand, *self.panel.remarks)):
            self._write(_MARGIN, y, note, gid="note", color=_TEXT, va="top")
            y -= _LINE
        return y - _LINE - 6  # the legend's line

    def _draw_names(self) -> float:
        """What the two prompts say, below everything else; returns where that ends."""
        name_a = self.lettering.drawable(self.panel.name_a)
        name_b = self.lettering.drawable(self.panel.name_b)
        for letter, name, x, side in (("B", name_b, _MARGIN, "left"), ("A", name_a, _UNITS - _MARGIN, "right")):
            if name not in ("", letter):
                text = self.lettering.elide(f"{letter}: {name}", (_UNITS - 3 * _MARGIN) / 2)
                self._write(x, 14, text, gid=f"name {letter}", color=_TEXT, ha=side, va="baseline")
        return 14 + (_LINE if name_a not in ("", "A") or name_b not in ("", "B") else 0)

    def _add_axes(self, floor: float, ceiling: float) -> list[Axes]:
        """The sum above its two parts, or one field where there is only one similarity."""
        scores = self.panel.scores
        gap = 10
        room = ceiling - floor
        if self.panel.counted:
            part = round(0.38 * (room - gap))
            fields = [(floor + part + gap, ceiling, scores.total, 2), (floor, floor + part, self._parts(), 1)]
        else:
            fields = [(floor, ceiling, scores.full, 1)]
        scales = [_Scale.of(values, bound) for _, _, values, bound in fields]
        left = _MARGIN + 10 + max(self.lettering.width(label) for scale in scales for label in scale.labels)
        width = _UNITS - _MARGIN - left
        return [
            self._add_field(scale, (left, bottom, width, top - bottom))
            for scale, (bottom, top, _, _) in zip(scales, fields, strict=True)
        ]

    def _parts(self) -> Tensor:
        return torch.cat([self.panel.scores.full, self.panel.scores.truncated])

    def _add_field(self, scale: _Scale, box: tuple[float, float, float, float]) -> Axes:
        from matplotlib.patches import Rectangle

        left, bottom, width, height = box
        relative = left / _UNITS, bottom / self.height, width / _UNITS, height / self.height
        axes = self.area.add_axes(relative)
        axes.set_axis_off()  # frame, ticks and grid are drawn here, whatever the global settings are
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, color=_FIELD, linewidth=0, zorder=0))
        axes.set_xlim(-0.025 * self.steps, 1.025 * self.steps)
        axes.set_ylim(scale.low, scale.high)
        for tick, label in zip(scale.ticks, scale.labels, strict=True):
            axes.axhline(tick, color=_GRID, linewidth=1.5, linestyle="-", marker="", zorder=1)
            self._annotate(axes, label, (0, tick), (-8, 0), across="axes fraction", ha="right", va="center_baseline")
        return axes

    def _draw_marks(self, axes: Axes) -> None:
        """The chosen candidate as a band, and the continuous optimum."""
        half = self.steps / 60  # of 30 candidates, the width of one
        chosen, best = self.panel.chosen, self.panel.continuous_weight * self.steps
        axes.axvspan(chosen - half, chosen + half, color=_CHOSEN, alpha=0.3, linewidth=0, zorder=2, gid="chosen band")
        axes.axvline(best, **_OPTIMUM, zorder=3, gid="optimum")

    def _draw_curve(
        self, axes: Axes, name: str, values: Tensor, color: str, *, width: float = 3.5, style: Any = "-"
    ) -> None:
        index = range(1, self.steps + 1)
        marker = "o" if self.steps == 1 else ""  # one point is no line
        looks: dict[str, Any] = {
            "color": color,
            "linewidth": width,
            "linestyle": style,
            "marker": marker,
            "markersize": 9,
        }
        axes.plot(index, values.tolist(), **looks, label=name, gid=name, zorder=4, solid_capstyle="round")

    def _draw_candidates(self, axes: Axes) -> None:
        """The chosen candidate on the curve that decided, and the finder's own where it is another one."""
        scores = self.panel.scores
        deciding = scores.total if self.panel.counted else scores.full
        shape: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgewidth": 3.5, "clip_on": False}
        chosen, best = self.panel.chosen, scores.best_index
        if chosen != best:
            ring: dict[str, Any] = {"markersize": 15, "markerfacecolor": _FIELD, "markeredgecolor": _TEXT}
            axes.plot([best], [float(deciding[best - 1])], **shape, **ring, zorder=5, gid="finder's choice")
        dot: dict[str, Any] = {"markersize": 21, "markerfacecolor": _CHOSEN, "markeredgecolor": _BACKGROUND}
        axes.plot([chosen], [float(deciding[chosen - 1])], **shape, **dot, zorder=6, gid="chosen")

    def _draw_ticks(self, axes: Axes) -> None:
        """Candidate numbers, and below each the share of A it means."""
        last = self.steps
        ticks = sorted({1, *_middle_ticks(last), last})
        for tick in ticks:
            share = "exactly A" if tick == last else "nearly B" if tick <= 0.1 * last else f"{tick / last:.0%} A"
            self._annotate(axes, f"{tick}", (tick, 0), (0, -6), ha="center", va="top", color=_TEXT, gid="candidate")
            # The words at the ends are wider than the room beside their tick.
            side, x = ("right", 1) if tick == last else ("left", 0) if tick < 0.1 * last else ("center", tick)
            across = "data" if side == "center" else "axes fraction"
            self._annotate(axes, share, (x, 0), (0, -6 - _LINE), across=across, ha=side, va="top", gid="share")

    def _draw_foot(self, axes: Axes) -> None:
        if 0 <= self.panel.foot_coefficient <= 1:
            x = (1 - self.panel.foot_coefficient) * self.steps
            looks: dict[str, Any] = {"color": _FOOT, "marker": "^", "markersize": 16, "markeredgewidth": 0}
            place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 7}
            axes.plot([x], [0.06], **looks, **place, linestyle="none", label="guide", gid="guide")

    def _draw_legend(self, curves: list[Axes], y: float) -> None:
        from matplotlib.lines import Line2D

        handles = [line for axes in curves for line in axes.lines if not str(line.get_label()).startswith("_")]
        optimum = f"optimum {self.panel.continuous_weight:.1%} A"
        handles.append(Line2D([], [], **_OPTIMUM, label=optimum))
        handles.sort(key=lambda handle: str(handle.get_label()) == "guide")
        legend = self.area.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(_MARGIN / _UNITS, (y + 3) / self.height),
            bbox_transform=self.area.transSubfigure,
            ncols=len(handles),
            prop=_font(),
            labelcolor=_TEXT,
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

    def _write(self, x: float, y: float, text: str, *, size: int = _SIZE, bold: bool = False, **looks: Any) -> None:
        """Text at a place of the panel."""
        font = _font(size, bold=bold)
        place = x / _UNITS, y / self.height
        self.area.text(*place, text, fontproperties=font, usetex=False, parse_math=False, **looks)

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
        """Text beside the axes: below its lower edge, or at a height of its left edge."""
        up = "data" if looks.get("va") == "center_baseline" else "axes fraction"
        where: dict[str, Any] = {"xy": place, "xytext": offset, "xycoords": (across, up), "textcoords": "offset points"}
        plain: dict[str, Any] = {"annotation_clip": False, "usetex": False, "parse_math": False}
        axes.annotate(text, **where, fontproperties=_font(), **plain, **{"color": _MUTED, **looks})


def _font(size: int = _SIZE, *, bold: bool = False) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=font_file(bold=bold), size=size)


@dataclass(frozen=True)
class _Scale:
    """Limits of a vertical axis, its ticks, and their labels written out in full."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, values: Tensor, bound: int) -> _Scale:
        """A scale that shows how `values` differ, with no tick at a score beyond `bound` that cannot be."""
        low, high = float(values.min()), float(values.max())
        # Differences below what can be written in seven digits are left flat; a single value has no differences.
        span = max(high - low, 2e-5) if high > low else 0.1
        middle = (low + high) / 2
        low, high = min(low, middle - span / 2) - 0.1 * span, max(high, middle + span / 2) + 0.16 * span
        step = _round_step(high - low, parts=3)
        multiples = range(math.ceil(max(low, -bound) / step), math.floor(min(high, bound) / step + 1e-9) + 1)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        ticks = tuple(round(multiple * step, decimals) + 0.0 for multiple in multiples)  # + 0.0: no negative zero
        return cls(low, high, ticks, tuple(f"{tick:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for tick in ticks))


def _round_step(span: float, *, parts: int) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that cuts `span` into at most `parts` parts."""
    power = 10.0 ** math.floor(math.log10(span / parts))
    return next(factor * power for factor in (1, 2, 5, 10) if span <= factor * power * parts * (1 + 1e-9))


def _middle_ticks(steps: int) -> list[int]:
    """Round candidate numbers in the middle half, clear of the words at the ends."""
    step = max(1, round(_round_step(steps, parts=5)))
    return [tick for tick in range(step, steps, step) if tick > 1 and 0.25 <= tick / steps <= 0.75]
