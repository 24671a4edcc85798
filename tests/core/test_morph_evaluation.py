"""The morph's evaluation without the model: its figures for videos with a known course."""

import importlib

import numpy as np
import pytest
from environment.checkout import ROOT
from small_models.demo_scripts import import_demo_script

world = import_demo_script("world")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "benchmarks")
    evaluation = importlib.import_module("evaluate_morph")

SCENE = world.Scene("circle", "red", "plain", "large", "right")
PAIR = evaluation.Pair("hue", "red", "yellow", SCENE)


@pytest.fixture(scope="module")
def clips():
    """A's and B's videos, with the same noise."""
    return [world.render(scene, np.random.default_rng(0), steady=True) for scene in PAIR.scenes]


@pytest.fixture(scope="module")
def prototypes():
    (found,) = evaluation.measure_prototypes([PAIR], 0, lambda drawn: drawn)
    return found


@pytest.fixture(scope="module")
def measure(clips, prototypes):
    """Return a function that measures a video in which frame t shows `shares_b[t]` of B."""
    travels = [evaluation.measuring.measure_clip(clip).travel for clip in clips]

    def measure(shares_b, arm="exact"):
        shares = np.asarray(shares_b).reshape(-1, 1, 1, 1)
        video = (1 - shares) * clips[0] + shares * clips[1]
        return evaluation._measure(video, PAIR, prototypes, arm, travels)

    return measure


def test_a_video_that_follows_the_curve(clips, measure):
    found = measure(np.linspace(0, 1, len(clips[0])))
    assert found.rank == pytest.approx(1)
    assert found.error < 0.1
    assert found.jump < 0.3
    assert found.found
    assert found.moves
    assert found.drift < 0.5


def test_a_switch_follows_it_worse(clips, measure):
    count = len(clips[0])
    smooth, switch = measure(np.linspace(0, 1, count)), measure(np.arange(count) >= count / 2)
    assert switch.rank < smooth.rank
    assert switch.error > smooth.error
    assert switch.jump > 0.8


def test_a_video_of_one_prompt_follows_no_curve(clips, measure):
    found = measure(np.zeros(len(clips[0])), arm="alone")
    assert (found.rank, found.error, found.jump) == (None, None, None)
    assert found.found
    assert found.moves


def test_an_object_that_is_gone_is_noticed(clips, prototypes):
    video = clips[0].copy()
    video[3] = video[3, 0, 0]
    assert not evaluation._measure(video, PAIR, prototypes, "exact", [None, None]).found


def test_the_report_has_a_row_for_each_arm(measure):
    records = [measure(np.linspace(0, 1, 9), arm=arm) for arm in evaluation.ARMS]
    report = evaluation.format_report(records)
    assert all(f"| {name} |" in report for name in evaluation.ARMS.values())
