"""A contact sheet: a few frames of each of several videos, one labelled row a video, to compare them by eye.

It is drawn in the colours and the lettering of the score plot, with the font that matplotlib ships, so every machine
draws the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..embedding import describe
from ..errors import RichSpaceError
from . import theme
from .lettering import Lettering

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN, _GAP = 16, 6
_LEAST_SIZE = 14  # of the lettering, in pixels


def draw_contact_sheet(
    videos: Sequence[Tensor], labels: Sequence[str] = (), *, columns: int = 5, frame_width: int = 256
) -> Tensor:
    """Draw one row for each video: its label, and below it frames that are evenly far apart in time.

    Every frame is scaled to the same width, so videos of different sizes can be compared; each keeps its own shape. A
    video with fewer frames than `columns` shows all that it has.

    Args:
        videos: Float ``[frames, height, width, 3]`` in [0, 1] each, at least one; of a fourth channel nothing is seen.
        labels: One for each video, or one for several that follow one another, which are then numbered; without any,
            or where the font has no letters for one, they are called video 1, video 2 and so on.
        columns: Frames of each video, at least 1.
        frame_width: Width of every frame in pixels.

    Returns:
        float32 ``[height, width, 3]`` in [0, 1], on the CPU.

    Raises:
        RichSpaceError: If there is no video, one is no video, or the labels do not go with them.

    Example:
        >>> videos = [torch.zeros(9, 64, 64, 3), torch.ones(9, 32, 64, 3)]
        >>> draw_contact_sheet(videos, ["dark", "bright"], columns=2, frame_width=100).shape
        torch.Size([242, 238, 3])
    """
    return pixels_of(paint_contact_sheet(videos, labels, columns=columns, frame_width=frame_width))


def paint_contact_sheet(videos: Sequence[Tensor], labels: Sequence[str], *, columns: int, frame_width: int) -> Image:
    """What `draw_contact_sheet` draws, for a picture that shows more than that."""
    from PIL import Image, ImageDraw

    if columns < 1:
        raise RichSpaceError("columns", expected="at least 1 frame of each video", got=str(columns))
    _require_videos(videos)
    rows = [_row_of_frames(video, columns, frame_width) for video in videos]
    width = 2 * MARGIN + columns * frame_width + (columns - 1) * _GAP
    size = letter_size(width)
    font, lettering = theme.picture_font(size), Lettering(size)
    line = round(1.6 * size)
    height = 2 * MARGIN + sum(line + row[0].height for row in rows) + (len(rows) - 1) * MARGIN
    sheet = Image.new("RGB", (width, height), theme.GROUND)
    draw = ImageDraw.Draw(sheet)
    top = MARGIN
    for number, (row, text) in enumerate(zip(rows, _labels_of(labels, len(videos)), strict=True), start=1):
        label = lettering.elide(lettering.drawable(text) or f"video {number}", width - 2 * MARGIN)
        draw.text((MARGIN, top), label, theme.TEXT, font)
        top += line
        for column, frame in enumerate(row):
            sheet.paste(frame, (MARGIN + column * (frame_width + _GAP), top))
        top += row[0].height + MARGIN
    return sheet


def letter_size(width: int) -> int:
    """The lettering's size in pixels, for a picture of a width."""
    return max(_LEAST_SIZE, width // 40)


def pixels_of(picture: Image) -> Tensor:
    """A picture as float32 ``[height, width, 3]`` in [0, 1]."""
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.reshape(picture.height, picture.width, 3).float() / 255  # [h, w, rgb]


def _require_videos(videos: Sequence[Tensor]) -> None:
    if not videos:
        raise RichSpaceError("frames", expected="at least one video's frames", got="none")
    for number, video in enumerate(videos, start=1):
        fits = isinstance(video, Tensor) and video.ndim == 4 and video.is_floating_point()
        if not fits or video.shape[-1] not in (3, 4) or 0 in video.shape:
            raise RichSpaceError(
                f"frames, video {number}",
                expected="pictures, [frames, height, width, 3]",
                got=describe(video),
                hint="Connect the frames of RichSpace CogVideoX Decode, or any list of IMAGE.",
            )


def _labels_of(labels: Sequence[str], count: int) -> list[str]:
    """A label for each of `count` videos."""
    if not labels:
        return [f"video {number}" for number in range(1, count + 1)]
    each, left_over = divmod(count, len(labels))
    if left_over or not each:
        raise RichSpaceError(
            "labels",
            expected=f"a label for each of the {count} videos, or for groups of equally many of them",
            got=str(len(labels)),
            hint="Connect the labels of the node that made the candidates, or nothing.",
        )
    if each == 1:
        return list(labels)
    return [f"{label} ({number})" for label in labels for number in range(1, each + 1)]


def _row_of_frames(video: Tensor, columns: int, width: int) -> list[Image]:
    """Frames that are evenly far apart, the first and the last among them."""
    from PIL import Image

    last = len(video) - 1
    count = min(columns, len(video))
    places = [number * last // max(count - 1, 1) for number in range(count)]
    height = max(1, round(video.shape[1] * width / video.shape[2]))
    pixels = (video[places, ..., :3].float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)  # [columns, h, w, 3]
    scaling = Image.Resampling.BICUBIC if width > video.shape[2] else Image.Resampling.LANCZOS
    return [Image.fromarray(frame.numpy()).resize((width, height), scaling) for frame in pixels]
