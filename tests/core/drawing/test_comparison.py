"""Comparison of videos: the table as text, the picture, and a metric along a video."""

from __future__ import annotations

import pytest
import torch

from richspace_core import RichSpaceError
from richspace_core.drawing.comparison import ScoreColumn, draw_comparison, name_videos, score_table
from richspace_core.drawing.contact_sheet import draw_contact_sheet
from richspace_core.drawing.metric_plot import plot_metric
from richspace_core.metrics import FrameScores

ORANGE = torch.tensor([0xF5, 0xA8, 0x1C]) / 255
CONSISTENCY = ScoreColumn("subject consistency", (0.97514, 0.9739, 0.975139))
QUALITY = ScoreColumn("aesthetic quality", (0.5, 0.5, 0.5))
NAMES = ["A", "B", "both"]


def videos(count=3):
    return [torch.full((4, 32, 64, 3), 0.5)] * count


def orange_rows(picture):
    """Return the rows of pixels that have orange."""
    return ((picture - ORANGE).abs().amax(dim=-1) < 0.02).any(dim=1).nonzero().flatten()


class TestTable:
    def test_the_highest_as_written_is_bold(self):
        assert score_table(NAMES, [CONSISTENCY, QUALITY]).splitlines() == [
            "| video | subject consistency | aesthetic quality |",
            "| :--- | ---: | ---: |",
            "| A | **0.9751** | 0.5000 |",
            "| B | 0.9739 | 0.5000 |",
            "| both | **0.9751** | 0.5000 |",
        ]

    def test_a_name_cannot_end_its_cell(self):
        assert "| A \\| B |" in score_table(["A | B"], [ScoreColumn("m", (1.0,))])

    def test_scores_that_do_not_go_with_the_videos(self):
        with pytest.raises(
            RichSpaceError, match=r"^subject consistency: expected a score for each of the 2 videos, got 3"
        ):
            score_table(["A", "B"], [CONSISTENCY])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", ["video 1", "video 2", "video 3"]),
        ("A", ["A", "video 2", "video 3"]),
        ("A\n\n  the   mixture ", ["A", "video 2", "the mixture"]),
        ("A\nB\nC\nD", ["A", "B", "C"]),
    ],
)
def test_names(names, expected):
    assert name_videos(names, 3) == expected


class TestPicture:
    def test_the_strip_stands_above_the_table(self):
        picture = draw_comparison(videos(), NAMES, [CONSISTENCY, QUALITY])
        strip = draw_contact_sheet(videos(), NAMES)
        assert torch.equal(picture[: len(strip)], strip)
        assert picture.shape[0] > len(strip)
        assert picture.shape[1:] == strip.shape[1:]

    def test_without_scores_there_is_no_table(self):
        assert torch.equal(draw_comparison(videos(), NAMES, []), draw_contact_sheet(videos(), NAMES))

    def test_the_highest_of_each_column_is_marked(self):
        height = len(draw_contact_sheet(videos(), NAMES))
        rows = orange_rows(draw_comparison(videos(), NAMES, [CONSISTENCY]))
        assert rows.min() > height
        gaps = (rows.diff() > 1).sum()
        assert gaps == 1  # two rows of figures, apart from one another
        assert len(orange_rows(draw_comparison(videos(), NAMES, [QUALITY]))) == 0

    @pytest.mark.parametrize("name", ["very long " * 50, "虎と縞馬"])
    def test_a_name_that_does_not_fit_leaves_the_figures_alone(self, name):
        columns = [CONSISTENCY, QUALITY, QUALITY]
        plain = draw_comparison(videos(), NAMES, columns)
        other = draw_comparison(videos(), [name, "B", "both"], columns)
        top = len(draw_contact_sheet(videos(), NAMES))
        figures = plain.shape[1] - 3 * 8 * 33  # the table's right
        assert torch.equal(other[top:, figures:], plain[top:, figures:])

    def test_small_frames_leave_room_for_the_table(self):
        picture = draw_comparison(videos(), NAMES, [CONSISTENCY, QUALITY], frames=1, frame_width=64)
        assert picture.shape[1] > 2 * 8 * 14

    def test_names_that_do_not_go_with_the_videos(self):
        with pytest.raises(RichSpaceError, match=r"^names: expected one for each of the 3 videos, got 1"):
            draw_comparison(videos(), ["A"], [])


class TestPlot:
    @pytest.mark.parametrize("values", [[1.0], [1.0] * 48, [0.5, 0.50001], list(torch.linspace(0, 1, 100))])
    def test_is_drawn_whatever_the_values(self, values):
        picture = plot_metric("subject consistency", FrameScores(torch.tensor(values).double()))
        assert picture.shape == (320, 768, 3)
        assert 0 <= picture.min() < picture.max() <= 1
        assert len(orange_rows(picture)) > 10  # the score

    def test_other_values_are_another_curve(self):
        low, high = (FrameScores(torch.tensor([0.5, value, 0.5]).double()) for value in (0.4, 0.6))
        assert not torch.equal(plot_metric("m", low), plot_metric("m", high))

    def test_frames_are_counted_from_the_first_value_s(self):
        scores = FrameScores(torch.tensor([0.5, 0.6]).double())
        assert not torch.equal(plot_metric("m", scores), plot_metric("m", scores, first_frame=2))
