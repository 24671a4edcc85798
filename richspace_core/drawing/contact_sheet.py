"""Contact sheet: a few frames of each of several videos, one labeled row for each, to compare them by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..embedding import describe
from ..errors import RichSpaceError
from . import theme
from .frame_captions import FrameCaptions, captions_of
from .lettering import Lettering
from .raster import image_to_tensor

if TYPE_CHECKING:
    from PIL.Image import Image

MARGIN, _GAP = 16, 6
_LEAST_SIZE = 14  # smallest lettering, in pixels


@dataclass(frozen=True)
class SheetRow:
    """Place of a video in a contact sheet.

    Args:
        label: Its label, complete even where the sheet has room for a part of it only.
        top: Upper edge, as a share of the sheet's height.
        bottom: Lower edge, as a share of the sheet's height.
    """

    label: str
    top: float
    bottom: float


def draw_contact_sheet(
    videos: Sequence[Tensor],
    labels: Sequence[str] = (),
    *,
    columns: int = 5,
    frame_width: int = 256,
    captions: Sequence[str] = (),
) -> Tensor:
    """Draw one row for each video: its label, and below it frames at equal distances in time.

    Every frame is scaled to the same width and keeps its own aspect ratio. A video with fewer frames than `columns`
    shows all of them.

    Args:
        videos: Float ``[frames, height, width, 3]`` in [0, 1] each, at least one; a fourth channel is ignored.
        labels: One label for each video, or one for each group of equally many videos, which are then numbered. A video
            without a label, or with one that the font cannot draw, is called video 1, video 2 and so on.
        columns: Number of frames of each video, at least 1.
        frame_width: Width of every frame in pixels.
        captions: A text to write below each frame: one for each frame of every video in turn, or of one video, which
            then holds for all. A single video with captions has no label unless one is given.

    Returns:
        float32 ``[height, width, 3]`` in [0, 1], on the CPU.

    Raises:
        RichSpaceError: If there is no video, one of them is not a video, or the labels or captions do not fit their
            number.

    Example:
        >>> videos = [torch.zeros(9, 64, 64, 3), torch.ones(9, 32, 64, 3)]
        >>> draw_contact_sheet(videos, ["dark", "bright"], columns=2, frame_width=100).shape
        torch.Size([242, 238, 3])
    """
    return draw_sheet_and_rows(videos, labels, columns=columns, frame_width=frame_width, captions=captions)[0]


def draw_sheet_and_rows(
    videos: Sequence[Tensor], labels: Sequence[str], *, columns: int, frame_width: int, captions: Sequence[str] = ()
) -> tuple[Tensor, list[SheetRow]]:
    """Draw what `draw_contact_sheet` does, and return where each video is as well."""
    sheet, rows = paint_contact_sheet(videos, labels, columns=columns, frame_width=frame_width, captions=captions)
    return image_to_tensor(sheet), rows


def paint_contact_sheet(
    videos: Sequence[Tensor], labels: Sequence[str], *, columns: int, frame_width: int, captions: Sequence[str] = ()
) -> tuple[Image, list[SheetRow]]:
    """Draw what `draw_sheet_and_rows` does, as a Pillow image."""
    from PIL import Image, ImageDraw

    if columns < 1:
        raise RichSpaceError("columns", expected="at least 1 frame of each video", got=str(columns))
    _require_videos(videos)
    rows = [_scale_frames(video, columns, frame_width) for video in videos]
    below = _lay_out_captions(videos, captions, columns, frame_width)
    width = 2 * MARGIN + columns * frame_width + (columns - 1) * _GAP
    size = letter_size(width)
    font, lettering = theme.picture_font(size), Lettering(size)
    line = 0 if captions and not labels and len(videos) == 1 else round(1.6 * size)
    heights = [line + row[0].height + texts.height for row, texts in zip(rows, below, strict=True)]
    sheet = Image.new("RGB", (width, 2 * MARGIN + sum(heights) + (len(rows) - 1) * MARGIN), theme.GROUND)
    draw = ImageDraw.Draw(sheet)
    top, placed = MARGIN, []
    for number, text in enumerate(_label_videos(labels, len(videos))):
        label = lettering.elide(lettering.drawable(text) or f"video {number + 1}", width - 2 * MARGIN)
        if line:
            draw.text((MARGIN, top), label, theme.TEXT, font)
        for column, frame in enumerate(rows[number]):
            left = MARGIN + column * (frame_width + _GAP)
            sheet.paste(frame, (left, top + line))
            below[number].draw(draw, column, left, top + line + frame.height)
        placed.append(SheetRow(text, top / sheet.height, (top + heights[number]) / sheet.height))
        top += heights[number] + MARGIN
    return sheet, placed


def letter_size(width: int) -> int:
    """Return the size of the lettering for a picture of some width, in pixels."""
    return max(_LEAST_SIZE, width // 40)


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


def _label_videos(labels: Sequence[str], count: int) -> list[str]:
    """Return a label for each of `count` videos."""
    if not labels:
        return [f"video {number}" for number in range(1, count + 1)]
    each, left_over = divmod(count, len(labels))
    if left_over or not each:
        raise RichSpaceError(
            "labels",
            expected=f"a label for each of the {count} videos, or for each group of equally many videos",
            got=str(len(labels)),
            hint="Connect the labels of the node that made the candidates, or leave this input unconnected.",
        )
    if each == 1:
        return list(labels)
    return [f"{label} ({number})" for label in labels for number in range(1, each + 1)]


def _lay_out_captions(
    videos: Sequence[Tensor], captions: Sequence[str], columns: int, width: int
) -> list[FrameCaptions]:
    """Return the captions of the frames that each row shows."""
    each = captions_of(captions, [len(video) for video in videos])
    shown = [[texts[place] for place in _places(len(texts), columns)] if texts else [] for texts in each]
    return [FrameCaptions.lay_out(texts, width) for texts in shown]


def _places(count: int, columns: int) -> list[int]:
    """Return the numbers of at most `columns` of `count` frames at equal distances, from the first to the last."""
    shown = min(columns, count)
    return [number * (count - 1) // max(shown - 1, 1) for number in range(shown)]


def _scale_frames(video: Tensor, columns: int, width: int) -> list[Image]:
    """Return frames at equal distances, from the first to the last."""
    from PIL import Image

    places = _places(len(video), columns)
    height = max(1, round(video.shape[1] * width / video.shape[2]))
    pixels = (video[places, ..., :3].float().clamp(0, 1) * 255).round().to("cpu", torch.uint8)  # [columns, h, w, 3]
    scaling = Image.Resampling.BICUBIC if width > video.shape[2] else Image.Resampling.LANCZOS
    return [Image.fromarray(frame.numpy()).resize((width, height), scaling) for frame in pixels]
