"""Captions below the frames of a contact sheet: a first line, and below it a smaller text in a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import RichSpaceError
from . import theme
from .lettering import Lettering

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_LEAST_SIZE = 11  # smallest lettering, in pixels
_LARGEST = 1 / 11  # size of the first line, in widths of a frame
_SMALLER = 0.8  # size of the text below the first line
_LINES = 3  # most lines of that text
_LINE = 1.35  # height of a line, in sizes of its letters


@dataclass(frozen=True)
class FrameCaptions:
    """Captions of the frames in one row.

    Args:
        texts: First line of each caption, and the lines below it.
        size: Size of the first lines in pixels.
    """

    texts: Sequence[tuple[str, Sequence[str]]]
    size: int

    @classmethod
    def lay_out(cls, captions: Sequence[str], width: int) -> FrameCaptions:
        """Fit captions to frames of some width. The first line break of a caption ends its first line."""
        size = max(_LEAST_SIZE, round(_LARGEST * width))
        widest = max((Lettering(size).width(caption.partition("\n")[0]) for caption in captions), default=0)
        size = max(_LEAST_SIZE, min(size, int(size * width / max(widest, 1))))
        first, below = Lettering(size), Lettering(_small(size))
        texts = []
        for caption in captions:
            head, _, rest = caption.strip().partition("\n")
            lines = below.wrap(below.drawable(rest), width, _LINES)
            texts.append((first.elide(first.drawable(head), width), lines))
        return cls(texts, size)

    @property
    def height(self) -> int:
        """Height of the highest caption in pixels; 0 without captions."""
        if not self.texts:
            return 0
        most = max(len(lines) for _, lines in self.texts)
        return round(_LINE * (self.size + most * _small(self.size)))

    def draw(self, draw: ImageDraw, frame: int, left: int, top: int) -> None:
        """Draw the caption of one frame of the row, if it has one, from its upper left corner."""
        head, lines = self.texts[frame] if self.texts else ("", ())
        draw.text((left, top), head, theme.TEXT, theme.picture_font(self.size))
        top += round(_LINE * self.size)
        for line in lines:
            draw.text((left, top), line, theme.MUTED, theme.picture_font(_small(self.size)))
            top += round(_LINE * _small(self.size))


def captions_of(captions: Sequence[str], frames: Sequence[int]) -> list[Sequence[str]]:
    """Return the captions of each of several videos, none if there are no captions at all.

    Args:
        captions: One text for each frame: of every video in turn, or of one video, which then holds for all.
        frames: Number of frames of each video.

    Raises:
        RichSpaceError: If there are more or fewer captions than frames.

    Example:
        >>> captions_of(["A", "B"], frames=[2, 2])
        [['A', 'B'], ['A', 'B']]
    """
    if not captions:
        return [[] for _ in frames]
    if len(captions) == sum(frames):
        ends = [sum(frames[: number + 1]) for number in range(len(frames))]
        return [captions[end - count : end] for end, count in zip(ends, frames, strict=True)]
    if any(count != len(captions) for count in frames):
        counts = " and ".join(map(str, sorted({*frames})))
        raise RichSpaceError(
            "captions",
            expected=f"a text for each of the {counts} frames of a video",
            got=str(len(captions)),
            hint="Connect the captions of the RichSpace Morph that made the video, or leave this input unconnected.",
        )
    return [captions for _ in frames]


def _small(size: int) -> int:
    return max(_LEAST_SIZE - 1, round(_SMALLER * size))
