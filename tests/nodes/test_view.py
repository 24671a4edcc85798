"""The score plot as an IMAGE."""

import pytest
import torch
from conditionings import random_prompts
from node_runs import results


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
