"""Comparison of videos: a contact sheet with a table of their scores, as a picture and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from ..errors import RichSpaceError
from ..markdown import markdown_table
from . import theme
from .contact_sheet import MARGIN, letter_size, paint_contact_sheet
from .lettering import Lettering
from .raster import image_to_tensor

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_LINE, _COLUMN, _FIGURES = (
    1.6,
    8.5,
    5,
)  # height of a line, width of a column and of its figures, in sizes of the letters


@dataclass(frozen=True)
class ScoreColumn:
    """Scores of every video by one metric.

    Args:
        title: Name of the metric.
        scores: One score for each video.
    """

    title: str
    scores: tuple[float, ...]

    @property
    def cells(self) -> list[str]:
        """Scores as they are written, with four decimals as in the paper's Table 1."""
        return [f"{score:.4f}" for score in self.scores]

    @property
    def highest(self) -> list[bool]:
        """Marks of the highest scores, as they are written; no score is marked if all are equal."""
        cells = self.cells
        best = f"{max(self.scores):.4f}"
        return [cell == best and len({*cells}) > 1 for cell in cells]


def name_videos(names: str, count: int) -> list[str]:
    r"""Return a name for each of `count` videos.

    Args:
        names: One name a line, in the order of the videos. A video without a name is called by its number; further
            lines are ignored.
        count: Number of videos.

    Example:
        >>> name_videos("A\n\nmixture", 4)
        ['A', 'video 2', 'mixture', 'video 4']
    """
    lines = [" ".join(line.split()) for line in names.splitlines()[:count]]
    lines += [""] * (count - len(lines))
    return [line or f"video {number}" for number, line in enumerate(lines, start=1)]


def score_table(names: Sequence[str], columns: Sequence[ScoreColumn]) -> str:
    """Return the scores as a Markdown table, with the highest of each column in bold.

    Args:
        names: One name for each video.
        columns: Metrics, with one score for each video.

    Raises:
        RichSpaceError: If a metric does not have one score for each video.

    Example:
        >>> print(score_table(["A", "B"], [ScoreColumn("flickering", (0.98, 0.99))]))
        | video | flickering |
        | :--- | ---: |
        | A | 0.9800 |
        | B | **0.9900** |
    """
    _require_whole(names, columns)
    marked = (
        [f"**{cell}**" if best else cell for cell, best in zip(column.cells, column.highest, strict=True)]
        for column in columns
    )
    return markdown_table(["video", *(column.title for column in columns)], list(zip(names, *marked, strict=True)))


def draw_comparison(
    videos: Sequence[Tensor],
    names: Sequence[str],
    columns: Sequence[ScoreColumn],
    *,
    frames: int = 5,
    frame_width: int = 256,
) -> Tensor:
    """Draw a row of frames for each video, and below them the table of their scores if there are any.

    Args:
        videos: Float ``[frames, height, width, 3]`` in [0, 1] each, at least one.
        names: One name for each video.
        columns: Metrics, with one score for each video; the highest of each is marked.
        frames: Number of frames of each video, at least 1.
        frame_width: Width of every frame in pixels.

    Returns:
        float32 ``[height, width, 3]`` in [0, 1], on the CPU.

    Raises:
        RichSpaceError: If there is not one name and one score for each video, or one of them is not a video.
    """
    from PIL import Image

    if len(names) != len(videos):
        raise RichSpaceError("names", expected=f"one for each of the {len(videos)} videos", got=str(len(names)))
    _require_whole(names, columns)
    strip, _ = paint_contact_sheet(videos, names, columns=frames, frame_width=frame_width)
    if not columns:
        return image_to_tensor(strip)
    size = letter_size(strip.width)
    width = max(strip.width, 2 * MARGIN + round((len(columns) + 0.7) * _COLUMN * size))
    table = _paint_table(names, columns, width, size)
    picture = Image.new("RGB", (width, strip.height + table.height), theme.GROUND)
    picture.paste(strip, (0, 0))
    picture.paste(table, (0, strip.height))
    return image_to_tensor(picture)


def _paint_table(names: Sequence[str], columns: Sequence[ScoreColumn], width: int, size: int) -> Image:
    from PIL import Image, ImageDraw

    line = round(_LINE * size)
    head = round(1.25 * size) * max((len(column.title.split()) for column in columns), default=0)
    table = Image.new("RGB", (width, head + line * len(names) + 2 * MARGIN), theme.GROUND)
    draw = ImageDraw.Draw(table)
    right = [width - MARGIN - round(place * _COLUMN * size) for place in reversed(range(len(columns)))]
    for column, edge in zip(columns, right, strict=True):
        draw.multiline_text(
            (edge, head),
            "\n".join(column.title.split()),
            theme.MUTED,
            theme.picture_font(size),
            anchor="rd",
            align="right",
            spacing=0,
        )
    room = (right[0] - _FIGURES * size if right else width) - 2 * MARGIN
    lettering = Lettering(size)
    for row, name in enumerate(names):
        top = head + MARGIN // 2 + row * line
        draw.line((MARGIN, top, width - MARGIN, top), theme.GRID)
        label = lettering.elide(lettering.drawable(name) or f"video {row + 1}", room)
        draw.text((MARGIN, top + line / 2), label, theme.TEXT, theme.picture_font(size), anchor="lm")
        _write_scores(draw, columns, row, right, top + line / 2, size)
    return table


def _write_scores(
    draw: ImageDraw, columns: Sequence[ScoreColumn], row: int, right: Sequence[int], middle: float, size: int
) -> None:
    for column, edge in zip(columns, right, strict=True):
        highest = column.highest[row]
        font, color = theme.picture_font(size, bold=highest), theme.CHOSEN if highest else theme.TEXT
        draw.text((edge, middle), column.cells[row], color, font, anchor="rm")


def _require_whole(names: Sequence[str], columns: Sequence[ScoreColumn]) -> None:
    for column in columns:
        if len(column.scores) != len(names):
            raise RichSpaceError(
                column.title, expected=f"a score for each of the {len(names)} videos", got=str(len(column.scores))
            )
