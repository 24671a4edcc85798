"""Row of small pictures above a plot: what was measured at some of the candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..finder.choice import Choice, Measurement
from . import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

#: Heights in the plot's units: of a picture, of the leaders below the pictures, and the gap between two pictures.
_PICTURE, _LEADER, _GAP = 96.0, 26.0, 6.0
#: Largest share of the room for the field that the row takes.
_LARGEST_SHARE = 0.45


class DraftRow:
    """Row of the pictures of a choice; empty if it has none.

    Args:
        area: Part of the figure that the plot fills.
        choice: Choice whose measurements are shown.
        size: Width and height of the area, in the plot's units.
    """

    def __init__(self, area: SubFigure, choice: Choice, size: tuple[float, float]) -> None:
        self._area = area
        self._choice = choice
        self._size = size
        self._drafts = [(each, each.picture) for each in choice.measured if each.picture is not None]
        self._height = 0.0

    def fit(self, floor: float, ceiling: float) -> float:
        """Return the height that the row takes off the top of the field between `floor` and `ceiling`."""
        if self._drafts:
            self._height = min(_PICTURE + _LEADER, _LARGEST_SHARE * (ceiling - floor))
        return self._height

    def draw(self, axes: Axes, ceiling: float, margin: float) -> None:
        """Draw the pictures below `ceiling`, each with a leader to its candidate in `axes`."""
        if not self._drafts:
            return
        box, (width, _) = axes.get_position(), self._size
        low, high = axes.get_xlim()
        across = (box.x1 - box.x0) * width / (high - low)
        places = [box.x0 * width + (each.index - low) * across for each, _ in self._drafts]
        ratio = max(picture.shape[1] / picture.shape[0] for _, picture in self._drafts)
        room = width - 2 * margin
        pictures = min((self._height - _LEADER) * ratio, room / len(places) - _GAP)
        centers = spread(places, pictures + _GAP, margin + pictures / 2, width - margin - pictures / 2)
        top = ceiling - (self._height - _LEADER - pictures / ratio) / 2
        bottom = top - pictures / ratio
        for (draft, picture), place, center in zip(self._drafts, places, centers, strict=True):
            self._draw_leader(axes, draft, place, (center, bottom))
            self._draw_picture(draft.index, picture, (center - pictures / 2, bottom, pictures, pictures / ratio))

    def _draw_leader(self, axes: Axes, draft: Measurement, place: float, start: tuple[float, float]) -> None:
        from matplotlib.lines import Line2D

        width, height = self._size
        looks: dict[str, Any] = {"color": theme.MUTED, "linewidth": 1.5, "linestyle": "-", "marker": "", "alpha": 0.7}
        x, y = (start[0] / width, place / width), (start[1] / height, axes.get_position().y1)
        self._area.add_artist(Line2D(x, y, **looks, transform=self._area.transSubfigure, gid="leader"))
        axes.plot([draft.index] * 2, [draft.value, axes.get_ylim()[1]], **looks, zorder=3, gid="leader in field")

    def _draw_picture(self, index: int, picture: Tensor, box: tuple[float, float, float, float]) -> None:
        from matplotlib.patches import Rectangle

        width, height = self._size
        relative = box[0] / width, box[1] / height, box[2] / width, box[3] / height
        axes = self._area.add_axes(relative, gid="draft")
        axes.set_axis_off()
        # Every latent element stays a square of its own, as on the page.
        axes.imshow(picture.numpy(), interpolation="nearest", aspect="auto", gid=f"draft {index}")
        is_taken = index == self._choice.index
        edge: dict[str, Any] = {"color": theme.CHOSEN if is_taken else theme.GRID, "linewidth": 5 if is_taken else 2}
        axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, clip_on=False, **edge))
        letter = {0: "B", self._choice.steps: "A"}.get(index)
        if letter:
            ground: dict[str, Any] = {"facecolor": theme.GROUND, "edgecolor": "none", "alpha": 0.8, "pad": 3}
            plain: dict[str, Any] = {"usetex": False, "parse_math": False, "transform": axes.transAxes, "bbox": ground}
            font = theme.plot_font(18, bold=True)
            at: dict[str, Any] = {"x": 0.06, "y": 0.1, "ha": "left", "va": "bottom", "color": theme.TEXT}
            axes.text(**at, s=letter, fontproperties=font, **plain, gid="draft letter")


def spread(places: Sequence[float], pitch: float, low: float, high: float) -> list[float]:
    """Move places apart until neighbors are `pitch` apart, as little as possible (least squares), in their order.

    Args:
        places: Places in ascending order.
        pitch: Least distance between neighbors.
        low: Least place in the result.
        high: Largest place in the result, at least ``low + (len(places) - 1) * pitch``.

    Returns:
        The new places, in the same order.

    Example:
        >>> spread([10.0, 11.0, 40.0], 10.0, 0.0, 100.0)
        [5.5, 15.5, 40.0]
    """
    # Without the pitch, places may touch but not swap: this is isotonic regression, by pooling neighbors that swapped.
    groups: list[tuple[float, int]] = []  # mean and number of places
    for number, place in enumerate(places):
        mean, count = place - number * pitch, 1
        while groups and groups[-1][0] >= mean:
            before, others = groups.pop()
            mean, count = (mean * count + before * others) / (count + others), count + others
        groups.append((mean, count))
    last = high - (len(places) - 1) * pitch
    starts = [min(max(mean, low), last) for mean, count in groups for _ in range(count)]
    return [start + number * pitch for number, start in enumerate(starts)]
