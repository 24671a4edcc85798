"""Row of drafts above a score plot: in order, apart from each other, each above its candidate."""

import itertools
from dataclasses import replace

import pytest
import torch

from richspace_core.drawing import score_plot
from richspace_core.drawing.draft_row import spread
from richspace_core.finder.balance import Balance, Look


def balance_choice(*between, size=(16, 16)):
    looks = tuple(Look(index, (index / 30) ** 2) for index in (0, *between, 30))
    pictures = {look.index: torch.full((*size, 3), look.index / 30) for look in looks}
    return Balance(looks, 30, 0.5).choice(pictures=pictures)


def figure_of(choice, height=560):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = score_plot._make_figure([choice], width=768, height=height)
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    return figure


def marks(figure, gid):
    return figure.findobj(lambda artist: artist.get_gid() == gid)


@pytest.mark.parametrize("places", [[0, 0, 0], [10, 11, 12, 90], [50], [99, 100], list(range(12))])
def test_spread_keeps_order_distance_and_limits(places):
    moved = spread(places, 8.0, 4.0, 96.0)
    assert all(right - left >= 8 - 1e-9 for left, right in itertools.pairwise(moved))
    assert min(moved) >= 4 - 1e-9
    assert max(moved) <= 96 + 1e-9


def test_places_that_are_apart_stay():
    assert spread([10.0, 30.0, 50.0], 8.0, 0.0, 100.0) == [10.0, 30.0, 50.0]


@pytest.mark.parametrize("between", [(21,), (15, 20, 21), tuple(range(10, 20))])
@pytest.mark.parametrize("size", [(16, 16), (60, 90), (90, 60)])
@pytest.mark.parametrize("height", [384, 560])
def test_pictures_are_in_order_and_apart(between, size, height):
    figure = figure_of(balance_choice(*between, size=size), height)
    boxes = [axes.get_window_extent() for axes in marks(figure, "draft")]
    assert len(boxes) == len(between) + 2
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert boxes[0].x0 >= 0
    assert boxes[-1].x1 <= 768
    field = marks(figure, "measured")[0].axes.get_window_extent()
    assert field.y1 < min(box.y0 for box in boxes)
    for box in boxes:
        assert box.width / box.height == pytest.approx(size[1] / size[0], rel=0.01)  # half a pixel in the figure's size


def test_measured_places_and_the_wanted_share():
    figure = figure_of(balance_choice(15, 20, 21))
    (dots,) = marks(figure, "measured")
    assert list(dots.get_xdata()) == [0, 15, 20, 21, 30]
    assert list(dots.get_ydata()) == pytest.approx([(index / 30) ** 2 for index in (0, 15, 20, 21, 30)])
    (wanted,) = [line for line in dots.axes.lines if line.get_gid() == "wanted"]
    assert (list(wanted.get_ydata()), wanted.get_label()) == ([0.5, 0.5], "wanted 50%")
    (curve,) = marks(figure, "share seen")
    assert list(curve.get_xdata()) == list(range(31))
    assert [text.get_text() for text in marks(figure, "draft letter")] == ["B", "A"]


def test_without_pictures_there_is_no_row():
    choice = balance_choice(20)
    bare = replace(choice, measured=tuple(replace(each, picture=None) for each in choice.measured))
    assert not marks(figure_of(bare), "draft")
    assert marks(figure_of(bare), "measured")
