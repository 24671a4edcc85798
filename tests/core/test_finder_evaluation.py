"""The finder's evaluation without the model: its statistics, and its figures for clips with known features."""

import importlib
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from environment.checkout import ROOT
from scipy import stats
from small_models.demo_scripts import import_demo_script

from richspace_core import TextEmbedding

world = import_demo_script("world")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "benchmarks")
    evaluation = importlib.import_module("evaluate_finder")
    estimates, figures, mixing, pairs, reach, report, searches = (
        importlib.import_module(f"finder_evaluation.{name}")
        for name in ("estimates", "figures", "mixing", "pairs", "reach", "report", "searches")
    )

FEW = evaluation.Workload(scenes=6, every_pair=12, every_candidate=5, repetitions=2, strips=1)
FEWEST = replace(FEW, scenes=1, every_candidate=pairs.STEPS, repetitions=1)
#: The candidates for which the oracle draws a mixture; it draws B before them and A after them.
MIXED = range(11, 21)
COST = {"load": 1.0, "load again": 0.5, "sample": 0.5, "decode": 0.25, "peak memory": 5e8}


class TestEstimates:
    def test_wilson_against_the_published_interval(self):
        # Newcombe (1998), table I: 81 of 263, and 0 of 20.
        assert estimates.compute_wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
        assert estimates.compute_wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)

    @pytest.mark.parametrize("count", [1, 2, 7, 36, 240])
    def test_wilson_of_whole_numbers_is_scipys(self, count):
        for successes in range(count + 1):
            interval = stats.binomtest(successes, count).proportion_ci(method="wilson")
            assert estimates.compute_wilson_interval(successes / count, count) == pytest.approx(interval, abs=1e-12)

    def test_single_answers_are_independent(self):
        found = estimates.estimate_share([[True]] * 3 + [[False]])
        assert (found.low, found.high) == pytest.approx(estimates.compute_wilson_interval(0.75, 4))

    def test_answers_that_are_all_alike_in_their_group_count_once(self):
        found = estimates.estimate_share([[True] * 5, [False] * 5] * 4)
        assert (found.low, found.high) == pytest.approx(estimates.compute_wilson_interval(0.5, 8), abs=0.03)

    def test_answers_as_varied_within_groups_as_between_them_count_each(self):
        found = estimates.estimate_share([[True, False]] * 3 + [[False, False], [True, True]])
        assert (found.low, found.high) == pytest.approx(estimates.compute_wilson_interval(0.5, 10))

    def test_unanimous_answers_keep_an_interval(self):
        found = estimates.estimate_share([[True] * 3] * 12)
        assert (found.value, found.high) == (1, 1)
        assert found.low == pytest.approx(estimates.compute_wilson_interval(1, 12)[0])

    def test_mean_and_its_bootstrap_interval(self):
        values = np.random.default_rng(0).normal(3, 2, 400)
        found = estimates.estimate_mean(values)
        assert found.value == pytest.approx(values.mean())
        assert (found.high - found.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)

    @pytest.mark.parametrize("values", [[3.5], [3.5] * 8])
    def test_values_that_are_all_alike_have_no_interval(self, values):
        found = estimates.estimate_mean(values)
        assert (found.value, found.low, found.high) == (3.5, 3.5, 3.5)

    def test_the_same_values_have_the_same_interval_again(self):
        values = np.random.default_rng(0).normal(3, 2, 12)
        assert estimates.estimate_mean(values) == estimates.estimate_mean(values)

    def test_falling_pools_what_rises(self):
        assert estimates.fit_falling([1, 0.5, 0.7, 0.2, 0.2, 0.6]) == pytest.approx([1, 0.6, 0.6, 1 / 3, 1 / 3, 1 / 3])

    @pytest.mark.parametrize(
        ("coordinates", "best", "turn"),
        [
            ([1.0, 0.75, 0.5, 0.25, 0.0], 3, 3),  # a line
            ([1.0, 0.98, 0.51, 0.5, 0.49, 0.0], 4, 4),  # a part that stays in the middle
            (
                [0.9, 0.9, 0.9, 0.0, 0.0],
                2,
                3.44,
            ),  # a jump: many indices are equally near to 0.5, but the jump is in one place
            ([1.0, 0.9, 0.8, 0.7, 0.6], 5, None),  # does not reach A
        ],
    )
    def test_the_best_index_by_both_definitions(self, coordinates, best, turn):
        indices = range(1, len(coordinates) + 1)
        assert estimates.find_nearest_to_middle(indices, coordinates) == best
        found = estimates.find_turning_point(indices, coordinates, (0.25, 0.75))
        assert found == (turn if turn is None else pytest.approx(turn, abs=0.05))


class TestPairs:
    def test_thirty_six_and_the_same_again(self):
        drawn = pairs.sample_pairs(0)
        assert [pair.kind for pair in drawn] == ["hue"] * 12 + ["shape"] * 12 + ["pattern"] * 12
        assert drawn == pairs.sample_pairs(0)
        assert drawn != pairs.sample_pairs(1)

    def test_hues_are_three_pairs_of_each_gap(self):
        gaps = [
            abs((world.HUES[pair.a] - world.HUES[pair.b] + 180) % 360 - 180)
            for pair in pairs.sample_pairs(3)
            if pair.kind == "hue"
        ]
        assert gaps == [60] * 3 + [90] * 3 + [120] * 3 + [150] * 3
        assert len({frozenset((pair.a, pair.b)) for pair in pairs.sample_pairs(3)}) == 12 + 6 + 6

    @pytest.mark.parametrize("kind", ["shape", "pattern"])
    def test_every_other_pair_comes_in_both_orders(self, kind):
        found = {(pair.a, pair.b) for pair in pairs.sample_pairs(0) if pair.kind == kind}
        assert len(found) == 12
        assert {(b, a) for a, b in found} == found

    def test_sentences(self):
        scene = world.Scene("circle", "red", "plain", "large", "right")
        pair = pairs.Pair("hue", "red", "blue", scene)
        assert pair.prompts == ("a large plain red circle moves right", "a large plain blue circle moves right")
        assert pair.guides[1] == "a large plain blue and red circle moves right"
        assert (
            pairs.Pair("shape", "circle", "square", scene).guides[0]
            == "a large plain red circle and square moves right"
        )
        striped = pairs.Pair("pattern", "plain", "striped", scene)
        assert striped.guides[0] == "a large plain and striped red circle moves right"


def encode(text):
    """Return an embedding that depends on the text."""
    seed = zlib.crc32(text.encode())
    return TextEmbedding(torch.randn(8, 4, generator=torch.Generator().manual_seed(seed)), 6)


def oracle(jobs, *, guide_mixes=False):
    """Draw what the job asks for: A and B as they are, and for the candidates in `MIXED` the average of both clips."""
    scenes, complete = pairs.sample_scenes(FEW.scenes, 0), pairs.sample_pairs(0)[:: FEW.every_pair]
    drawn = [*complete, *pairs.leave_open(complete)]
    for job in jobs:
        kind, number, *rest = job.key
        if kind == "single":
            yield job, world.render(scenes[number], np.random.default_rng(job.seed))
            continue
        pair, source = drawn[number], rest[0]
        a, b = (
            world.render(pair.scene.replace(**{pair.kind: feature}), np.random.default_rng(job.seed))
            for feature in (pair.a, pair.b)
        )
        index = source.index if isinstance(source, pairs.Mixed) else source
        mixed = guide_mixes if source == pairs.GUIDE else index in MIXED
        is_a = isinstance(source, int) and source >= MIXED.stop
        yield job, (a + b) / 2 if mixed else a if is_a else b


def search(jobs):
    """Run the searches with drafts in which the share of A is what the embedding has."""
    for _ in jobs:
        yield searches.run_searches(lambda _way, index, _steps: torch.tensor([index / pairs.STEPS, 1.0]))


def dulled(clip):
    return np.mean([np.roll(clip, shift, axis=2) for shift in range(-2, 3)], axis=0)


def blank(jobs):
    for job in jobs:
        yield job, np.full((9, 64, 64, 3), world.BACKGROUND, dtype=np.float32)


@pytest.fixture(scope="module")
def run():
    return evaluation.evaluate(FEW, 0, encode, oracle, list, search)


class TestOracle:
    def test_single_prompts_are_all_right(self, run):
        assert {name: one.value for name, one in run[0]["singles"].items()} == dict.fromkeys(
            ("hue", "shape", "pattern", "motion", "all four"), 1.0
        )

    def test_pure_clips_count_as_no_mixture_and_mixed_ones_do(self, run):
        shares = {arm: columns["all"].value for arm, columns in run[0]["complete"]["mixtures"].items()}
        assert shares[figures.CENTER] == shares[figures.ANY] == 1
        assert shares[figures.CONTROLS[0]] == shares[figures.CONTROLS[1]] == shares[figures.DIRECT] == 0
        assert 0 < shares[figures.RANDOM] < 1

    def test_the_rest_is_kept(self, run):
        for arm, columns in run[0]["complete"]["mixtures"].items():
            assert columns["all, rest kept"].value == pytest.approx(columns["all"].value)
            assert arm == figures.ANY or columns["rest kept"].value == 1
        assert all(one.value == 1 for row in run[0]["complete"]["kept"].values() for one in row.values())

    def test_a_mixture_that_the_guide_prompt_draws_is_to_its_credit(self):
        found, _ = evaluation.evaluate(FEWEST, 0, encode, lambda jobs: oracle(jobs, guide_mixes=True), list, search)
        assert found["complete"]["mixtures"][figures.DIRECT]["all"].value == 1
        assert all(
            found["complete"]["differences"][f"{arm} - {figures.DIRECT}"].value <= 0
            for arm in (figures.ONE, figures.BOTH)
        )

    def test_what_the_autoencoder_does_to_a_feature_makes_no_mixture_of_it(self):
        """A blur over half a period removes a third of the stripes' contrast: on the world's own line, a mixture."""

        def draw(jobs):
            return ((job, dulled(clip)) for job, clip in oracle(jobs))

        found, unaware = (
            evaluation.evaluate(FEWEST, 0, encode, draw, reconstruct, search)[0]["complete"]["mixtures"]
            for reconstruct in (lambda clips: map(dulled, clips), list)
        )
        assert {found[arm]["pattern"].value for arm in figures.CONTROLS} == {0}
        assert found[figures.CENTER]["pattern"].value == 1
        assert {unaware[arm]["pattern"].value for arm in figures.CONTROLS} == {0, 1}

    def test_the_best_index_is_the_middle_of_the_mixtures(self, run):
        assert run[0]["complete"]["sweeps"]["pairs"] == dict.fromkeys(pairs.KINDS, 1)
        assert run[0]["complete"]["sweeps"]["best"]["turning point"].value == pytest.approx(
            15.5, abs=2
        )  # only a few candidates are drawn
        assert run[0]["complete"]["sweeps"]["errors"][f"always {pairs.MIDDLE}"]["turning point"].value < 2.5

    def test_each_clip_is_drawn_once_with_its_pairs_noise(self):
        asked = []

        def draw(jobs):
            asked.extend(jobs)
            return blank(jobs)

        evaluation.evaluate(FEW, 0, encode, draw, list, search)
        keys = [job.key for job in asked]
        assert len(set(keys)) == len(keys)
        seeds = {job.key[:2] + job.key[3:]: job.seed for job in asked}
        assert len(set(seeds.values())) == len(seeds)  # one per scene, and one per pair and repetition
        assert all(job.seed == seeds[job.key[:2] + job.key[3:]] for job in asked)

    def test_files(self, run, tmp_path):
        found = {"model": "oracle", "seed": 0, "quick": True, "cost": COST | {"peak memory": None}} | run[0]
        report.write_report(tmp_path / "out", found, run[1])
        written = json.loads((tmp_path / "out" / "figures.json").read_text())
        assert written["singles"]["hue"]["value"] == 1
        assert written["complete"]["pairs"][0]["clips"][0]["both"] in (True, False)
        text = (tmp_path / "out" / "figures.md").read_text()
        assert "nan" not in text
        tables = [line.count("|") for line in text.splitlines() if line.startswith("|")]
        assert all(count > 2 for count in tables)
        assert len(list((tmp_path / "out").glob("*.png"))) == 2 * len(pairs.KINDS)


def test_clips_where_nothing_is_seen_count_as_failures():
    found, strips = evaluation.evaluate(FEW, 0, encode, blank, list, search)
    assert found["singles"]["all four"].value == 0
    assert found["complete"]["mixtures"][figures.BOTH]["all"].value == 0
    assert found["complete"]["sweeps"]["errors"] == {}
    assert "No pair's sweep" in report.format_markdown({"model": "", "seed": 0, "quick": False, "cost": COST} | found)
    assert strips[0].draw().width > 64
