"""Pictures of workflows for the frontend's templates dialog, which shows them square and about 250 pixels wide."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
from PIL import Image, ImageDraw, ImageOps

from richspace_core.drawing import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.ImageFont import FreeTypeFont

SIDE = 768
FRAMES = 3
CAPTION = "frames from the bundled demo model"

_MARGIN, _GAP = 22, 8
_TITLE_SIZE, _CAPTION_SIZE, _STATION_SIZE = 56, 34, 42
_LEAST_STRIP = 130  # height that a plot leaves to the frames
_TIME_SIZE = 26
_ARROW = 48


def read_frames(video: bytes) -> list[Image.Image]:
    """Read every frame of an mp4 file."""
    with av.open(io.BytesIO(video), mode="r") as container:
        return [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def draw_thumbnail(title: str, plot: Image.Image, frames: Sequence[Image.Image]) -> Image.Image:
    """Draw a title, a score plot, and a strip of evenly spaced frames, from top to bottom.

    A single picture that is more than half as high as wide, such as a contact sheet, is shown without the plot, which
    would leave it no room.

    Args:
        title: A short line.
        plot: Score plot of a finder.
        frames: All frames of a video, or a single picture.

    Returns:
        A square picture.
    """
    picture, draw, top = _titled(title)
    caption_top = SIDE - round(2.6 * _CAPTION_SIZE)
    if not _is_high(frames):
        room = caption_top - top - 2 * _GAP - _LEAST_STRIP
        plot = ImageOps.contain(plot.convert("RGB"), (SIDE, room), Image.Resampling.LANCZOS)
        picture.paste(plot, ((SIDE - plot.width) // 2, top))
        top += plot.height + _GAP
    _draw_strip(picture, frames, (top, caption_top - _GAP))
    _draw_caption(draw, CAPTION, caption_top)
    return picture


def draw_course(title: str, frames: Sequence[Image.Image]) -> Image.Image:
    """Draw a title, and frames of a video in the order of time, row by row, each with its time in percent.

    Args:
        title: A short line.
        frames: All frames of a video.

    Returns:
        A square picture.
    """
    picture, draw, top = _titled(title)
    caption_top = SIDE - round(2.6 * _CAPTION_SIZE)
    width = (SIDE - 2 * _MARGIN - (FRAMES - 1) * _GAP) // FRAMES
    row = (caption_top - _GAP - top) // 2
    for place in range(2 * FRAMES):
        share = place / (2 * FRAMES - 1)
        frame = frames[round(share * (len(frames) - 1))].convert("RGB")
        shown = ImageOps.fit(frame, (width, row - _TIME_SIZE - 2 * _GAP), Image.Resampling.BICUBIC)
        left, above = _MARGIN + place % FRAMES * (width + _GAP), top + place // FRAMES * row
        picture.paste(shown, (left, above))
        at = (left + width / 2, above + shown.height + _GAP / 2)
        draw.text(at, f"{share:.0%}", theme.MUTED, theme.picture_font(_TIME_SIZE), anchor="ma")
    _draw_caption(draw, CAPTION, caption_top)
    return picture


def draw_redrawing(title: str, before: Sequence[Image.Image], after: Sequence[Image.Image]) -> Image.Image:
    """Draw a title, and frames of a video next to those of the video that was made from it, from top to bottom.

    Args:
        title: A short line.
        before: All frames of the video that was changed.
        after: As many frames of the new video.

    Returns:
        A square picture.
    """
    picture, draw, top = _titled(title)
    caption_top = SIDE - round(2.6 * _CAPTION_SIZE)
    row = (caption_top - top) // FRAMES
    side = row - _GAP
    lefts = [SIDE // 2 - _ARROW - side, SIDE // 2 + _ARROW]
    for place in range(FRAMES):
        above = top + place * row
        for left, frames in zip(lefts, (before, after), strict=True):
            frame = frames[round(place * (len(frames) - 1) / (FRAMES - 1))].convert("RGB")
            picture.paste(ImageOps.fit(frame, (side, side), Image.Resampling.BICUBIC), (left, above))
        middle, half = above + side / 2, _ARROW / 2
        tip = SIDE / 2 + half / 2
        draw.polygon([(tip - half, middle - half), (tip - half, middle + half), (tip, middle)], fill=theme.MUTED)
    _draw_caption(draw, CAPTION, caption_top)
    return picture


def draw_flow(title: str, stations: Sequence[str], caption: str) -> Image.Image:
    """Draw a title and the steps of a workflow whose video cannot be made here.

    Args:
        title: A short line.
        stations: Steps of the workflow, one or two short lines each. The last but one is the pack's and is highlighted.
        caption: One or two lines below them.

    Returns:
        A square picture.
    """
    picture, draw, top = _titled(title)
    caption_top = SIDE - round(3.2 * _CAPTION_SIZE)
    height = (caption_top - top - len(stations) * _ARROW) / len(stations)
    for place, station in enumerate(stations):
        above = top + _GAP + place * (height + _ARROW)
        ours = place == len(stations) - 2
        box = (3 * _MARGIN, above, SIDE - 3 * _MARGIN, above + height)
        draw.rounded_rectangle(box, 16, fill=theme.FINDER_NODE if ours else theme.NODE)
        draw.multiline_text(
            (SIDE / 2, above + height / 2),
            station,
            theme.TEXT,
            theme.picture_font(_STATION_SIZE, bold=ours),
            anchor="mm",
            align="center",
        )
        if place < len(stations) - 1:
            tip, half = above + height + _ARROW - _GAP, _ARROW / 2
            draw.polygon(
                [(SIDE / 2 - half, tip - half), (SIDE / 2 + half, tip - half), (SIDE / 2, tip)], fill=theme.MUTED
            )
    _draw_caption(draw, caption, caption_top)
    return picture


def _titled(title: str) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    """Return a picture with a title, an object that draws on it, and the top of the free area."""
    picture = Image.new("RGB", (SIDE, SIDE), theme.GROUND)
    draw = ImageDraw.Draw(picture)
    fonts = (theme.picture_font(size, bold=True) for size in range(_TITLE_SIZE, 0, -1))
    font = next(font for font in fonts if _fits(title, font))
    draw.text((_MARGIN, 14 + _TITLE_SIZE), title, theme.TEXT, font, anchor="ls")
    return picture, draw, 14 + round(1.35 * _TITLE_SIZE)


def _fits(title: str, font: FreeTypeFont) -> bool:
    return font.getlength(title) <= SIDE - 2 * _MARGIN


def _draw_caption(draw: ImageDraw.ImageDraw, caption: str, top: int) -> None:
    font = theme.picture_font(_CAPTION_SIZE)
    draw.multiline_text((SIDE / 2, top), caption, theme.MUTED, font, anchor="ma", align="center", spacing=6)


def _is_high(frames: Sequence[Image.Image]) -> bool:
    """Return whether there is a single picture that is more than half as high as wide."""
    return len(frames) == 1 and 2 * frames[0].height > frames[0].width


def _draw_strip(picture: Image.Image, frames: Sequence[Image.Image], rows: tuple[int, int]) -> None:
    """Draw frames side by side over the whole width, between two rows, and crop those that are too high."""
    top, bottom = rows
    if len(frames) == 1:  # a single picture is shown whole
        size = (SIDE - 2 * _MARGIN, bottom - top)
        whole = ImageOps.contain(frames[0].convert("RGB"), size, Image.Resampling.LANCZOS)
        picture.paste(whole, ((SIDE - whole.width) // 2, top))
        return
    width = (SIDE - 2 * _MARGIN - (FRAMES - 1) * _GAP) // FRAMES
    for place in range(FRAMES):
        frame = frames[round(place * (len(frames) - 1) / (FRAMES - 1))].convert("RGB")
        height = round(frame.height * width / frame.width)
        frame = frame.resize((width, height), Image.Resampling.BICUBIC)
        cut = max(0, height - (bottom - top)) // 2
        shown = frame.crop((0, cut, width, height - cut))
        picture.paste(shown, (_MARGIN + place * (width + _GAP), top))
