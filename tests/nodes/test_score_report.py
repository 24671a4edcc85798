"""Choices as the page gets them: small pictures where there are any."""

import base64
import importlib
import io
import json

import pytest
import torch
from PIL import Image


@pytest.fixture
def report(pack):
    """Module that reports choices to the page."""
    return importlib.import_module(f"{pack.__name__}.nodes.host.score_report")


@pytest.fixture
def found(core):
    """Result of a search that looked at one candidate."""
    balance = importlib.import_module(f"{core.__name__}.finder.balance")
    return balance.Balance((balance.Look(0, 0.0), balance.Look(20, 0.44), balance.Look(30, 1.0)), 30, 0.5)


@pytest.mark.parametrize(
    ("size", "shown", "form"),
    [((16, 16), (96, 96), "PNG"), ((60, 90), (90, 60), "JPEG"), ((480, 720), (96, 64), "JPEG")],
)
def test_a_draft_becomes_a_small_picture(report, found, size, shown, form):
    picture = torch.rand(*size, 3, generator=torch.Generator().manual_seed(0))
    described = report.describe_choice(found.choice(pictures={20: picture}))
    json.dumps(described, allow_nan=False)
    assert ["picture" in each for each in described["measured"]] == [False, True, False]
    content = described["measured"][1]["picture"].partition("base64,")[2]
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert (image.size, image.format) == (shown, form)
    assert len(content) < 20_000
    assert described["shares"] == ["share seen"]


def test_the_picture_of_the_curves_grows_by_the_drafts(report, found):
    assert report.draw_scores([found.choice()]).shape == (1, 448, 768, 3)
    assert report.draw_scores([found.choice(pictures={0: torch.rand(8, 8, 3)})]).shape == (1, 560, 768, 3)
