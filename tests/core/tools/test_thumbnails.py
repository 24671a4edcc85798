"""The pictures of the templates dialog."""

import numpy as np
import pytest
from PIL import Image
from thumbnails import SIDE, draw_flow, draw_redrawing, draw_thumbnail

RED, GREEN = (200, 30, 30), (30, 160, 60)
PLOT = Image.new("RGB", (768, 448), RED)


def box_of(color, thumbnail):
    """Left, top, right and bottom of what has a color, without its edges, which scaling may blur."""
    rows, columns = np.nonzero(np.abs(np.asarray(thumbnail, dtype=int) - color).max(axis=-1) < 8)
    return columns.min(), rows.min(), columns.max(), rows.max()


def has(color, thumbnail):
    return bool((np.abs(np.asarray(thumbnail, dtype=int) - color).max(axis=-1) < 8).any())


@pytest.mark.parametrize(
    "frames", [[Image.new("RGB", (64, 64), GREEN)] * 9, [Image.new("RGB", (1328, 588), GREEN)]], ids=["video", "grid"]
)
def test_the_plot_stands_above_what_came_out(frames):
    thumbnail = draw_thumbnail("Title", PLOT, frames)
    assert thumbnail.size == (SIDE, SIDE)
    _, _, _, bottom = box_of(RED, thumbnail)
    _, top, _, _ = box_of(GREEN, thumbnail)
    assert top > bottom


@pytest.mark.parametrize("size", [(600, 800), (944, 850)])
def test_a_high_picture_has_the_room_of_the_plot_too(size):
    sheet = Image.new("RGB", size, GREEN)
    thumbnail = draw_thumbnail("Title", PLOT, [sheet])
    assert thumbnail.size == (SIDE, SIDE)
    assert not has(RED, thumbnail)
    left, top, right, bottom = box_of(GREEN, thumbnail)
    assert top < 0.15 * SIDE  # just below the title
    assert bottom - top > 0.7 * SIDE
    assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], abs=0.02)  # whole
    assert left + right == pytest.approx(SIDE, abs=4)  # in the middle


def test_a_flow_fills_the_picture_below_its_title():
    thumbnail = draw_flow("Title", ["First", "Ours", "Last"], "What it needs")
    assert thumbnail.size == (SIDE, SIDE)
    stock, ours = (box_of(color, thumbnail) for color in ((0x3A, 0x3A, 0x46), (0x33, 0x33, 0x5C)))
    assert stock[1] < ours[1] < ours[3] < stock[3] < 0.9 * SIDE
    assert ours[2] - ours[0] > 0.8 * SIDE


def test_a_redrawn_video_stands_right_of_the_first():
    videos = [[Image.new("RGB", (64, 64), color)] * 9 for color in (RED, GREEN)]
    thumbnail = draw_redrawing("Title", *videos)
    assert thumbnail.size == (SIDE, SIDE)
    before, after = (box_of(color, thumbnail) for color in (RED, GREEN))
    assert before[2] < SIDE / 2 < after[0]
    assert before[0] + after[2] == pytest.approx(SIDE, abs=4)
    assert before[1::2] == after[1::2]
    assert after[3] - after[1] > 0.7 * SIDE


@pytest.mark.parametrize("title", ["Mix", "Mix two prompts, with ComfyUI's own nodes all the way"])
def test_a_title_is_seen_whole(title):
    thumbnail = draw_flow(title, ["First", "Ours", "Last"], "What it needs")
    heading = np.asarray(thumbnail.convert("L"), dtype=int)[:80]
    columns = np.nonzero((heading > 100).any(axis=0))[0]
    assert columns.min() >= 15
    assert columns.max() <= SIDE - 15
