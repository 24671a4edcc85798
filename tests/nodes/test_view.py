"""Score plot and contact sheet as an IMAGE."""

from pathlib import Path

import pytest
import torch
from conditionings import random_prompts
from node_runs import results, run_node
from PIL import Image


@pytest.fixture
def scores(nodes_by_id):
    a, b, guide = random_prompts()
    (panels,) = results(nodes_by_id["RichSpaceCosineScore"], a=a, b=b, guide=guide, steps=12)
    return panels


def test_the_plot_is_an_image_of_the_host(nodes_by_id, scores):
    (image,) = results(nodes_by_id["RichSpaceScorePlot"], scores=scores)
    assert image.ndim == 4
    assert (image.shape[0], image.shape[-1], image.dtype) == (1, 3, torch.float32)
    assert 0 <= image.min() < image.max() <= 1


def test_the_plot_shows_something(nodes_by_id, scores):
    (image,) = results(nodes_by_id["RichSpaceScorePlot"], scores=scores)
    colours = image[0].flatten(0, 1).unique(dim=0)
    assert len(colours) > 100  # antialiased curves and lettering


def test_each_finder_of_a_chain_has_a_panel_of_its_own(nodes_by_id, scores):
    (one,) = results(nodes_by_id["RichSpaceScorePlot"], scores=scores)
    (two,) = results(nodes_by_id["RichSpaceScorePlot"], scores=(*scores, *scores))
    assert (two.shape[1], two.shape[2]) == (2 * one.shape[1], one.shape[2])


def test_another_choice_is_another_picture(nodes_by_id):
    a, b, guide = random_prompts()
    node = nodes_by_id["RichSpaceOptimalInterpolate"]
    pictures = [
        results(
            nodes_by_id["RichSpaceScorePlot"], scores=results(node, a=a, b=b, guide=guide, steps=12, index=index)[3]
        )
        for index in (2, 9)
    ]
    assert not torch.equal(pictures[0][0], pictures[1][0])


class TestContactSheet:
    @pytest.fixture
    def sheet(self, nodes_by_id):
        return nodes_by_id["RichSpaceContactSheet"]

    @pytest.fixture
    def videos(self):
        generator = torch.Generator().manual_seed(3)
        return [torch.rand(9, 16, 24, 3, generator=generator) for _ in range(3)]

    def test_the_sheet_is_the_core_s(self, sheet, core, videos):
        draw = core.drawing.contact_sheet.draw_contact_sheet
        labels = ["one", "two", "three"]
        (image,) = results(sheet, frames=videos, labels=labels, columns=[4], frame_width=[96])
        assert torch.equal(image, draw(videos, labels, columns=4, frame_width=96)[None])
        (image,) = results(sheet, frames=videos, columns=[4], frame_width=[96])
        assert torch.equal(image, draw(videos, columns=4, frame_width=96)[None])

    def test_the_node_shows_it(self, sheet, videos):
        import folder_paths

        shown = run_node(sheet, frames=videos, columns=[2], frame_width=[96])
        (picture,) = shown.ui["images"]
        assert picture["type"] == "temp"
        with Image.open(Path(folder_paths.get_temp_directory()) / picture["subfolder"] / picture["filename"]) as image:
            assert image.size == (shown.result[0].shape[2], shown.result[0].shape[1])

    def test_the_page_knows_each_row(self, sheet, videos):
        (rows,) = run_node(sheet, frames=videos, labels=["one"], columns=[2], frame_width=[96]).ui["richspace_sheet"]
        assert [row["label"] for row in rows] == ["one (1)", "one (2)", "one (3)"]
        edges = [row[edge] for row in rows for edge in ("top", "bottom")]
        assert edges == sorted(edges)
        assert 0 < edges[0] < edges[-1] < 1

    def test_labels_that_do_not_go_with_the_videos_are_refused(self, sheet, core, videos):
        with pytest.raises(core.RichSpaceError, match=r"^labels: expected a label for each of the 3 videos.*, got 2\."):
            results(sheet, frames=videos, labels=["one", "two"], columns=[2], frame_width=[96])
