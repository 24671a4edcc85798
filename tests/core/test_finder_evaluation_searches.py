"""The finder's evaluation: open prompts, other ways to mix, the balance finder's searches and what they cost."""

import importlib
import math
from dataclasses import replace

import pytest
import torch
from environment.checkout import ROOT
from small_models.demo_scripts import import_demo_script

from richspace_core import find_balance, interpolate

world = import_demo_script("world")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "benchmarks")
    evaluation = importlib.import_module("evaluate_finder")
    figures, mixing, pairs, reach, searches, workers = (
        importlib.import_module(f"finder_evaluation.{name}")
        for name in ("figures", "mixing", "pairs", "reach", "searches", "workers")
    )

A, B = "a large plain red circle moves right", "a large plain red square moves right"
FIRST_STEP, DRAFTS = (searches.Search(pairs.CANDIDATES, draft, 3) for draft in (searches.FIRST_STEP, searches.LONG))


@pytest.fixture(scope="module")
def model():
    return workers.load_model(ROOT / "demo_model")


class TestOpenPrompts:
    @pytest.mark.parametrize(
        ("kind", "a", "b", "prompts", "guide", "stated"),
        [
            ("hue", "orange", "blue", ("an orange star", "a blue star"), "an orange and blue star", ("shape",)),
            ("shape", "circle", "star", ("a circle", "a star"), "a circle and star", ()),
            (
                *("pattern", "dotted", "plain", ("a dotted star", "a plain star"), "a dotted and plain star"),
                ("shape",),
            ),
        ],
    )
    def test_name_the_object_and_the_features_alone(self, kind, a, b, prompts, guide, stated):
        scene = world.Scene("star", "red", "striped", "large", "left").replace(**{kind: a})
        pair = pairs.Pair(kind, a, b, scene, is_open=True)
        assert (pair.prompts, pair.guides[0], pair.stated) == (prompts, guide, stated)

    def test_are_of_the_same_pairs(self):
        complete = pairs.sample_pairs(0)
        opened = pairs.leave_open(complete)
        assert [replace(pair, is_open=False) for pair in opened] == complete
        assert not {pair.name for pair in opened} & {pair.name for pair in complete}

    def test_use_words_that_the_model_knows(self):
        words = {
            word for pair in pairs.leave_open(pairs.sample_pairs(0)) for text in pair.guides for word in text.split()
        }
        assert words <= set(world.VOCABULARY)


class TestMixing:
    def test_slerp_follows_the_arc_and_keeps_lengths_between(self):
        a, b = torch.tensor([[3.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 4.0]])
        mixed = mixing.slerp_rows(a, b, 1 / 3)
        angle = math.radians(60)  # from a; the second rows are parallel
        expected = torch.tensor([[math.cos(angle), math.sin(angle)], [0.0, 2.0]]) * torch.tensor([[5 / 3], [5 / 3]])
        assert torch.allclose(mixed, expected, atol=1e-6)

    @pytest.mark.parametrize("way", [pairs.CANDIDATES, pairs.SLERP])
    def test_ends_are_the_prompts(self, way, model):
        a, b = model.encode(A), model.encode(B)
        assert mixing.mix(way, a, b, 0) is b
        assert mixing.mix(way, a, b, pairs.STEPS) is a

    def test_candidates_are_the_papers(self, model):
        a, b = model.encode(A), model.encode(B)
        mixed = mixing.mix(pairs.CANDIDATES, a, b, 7)
        assert torch.equal(mixed.values, interpolate(a.values, b.values, index=7, steps=pairs.STEPS))

    @torch.inference_mode()
    def test_averaged_predictions_are_those_of_two_calls(self, model):
        a, b = model.encode(A), model.encode(B)
        noisy = torch.randn(1, 3, 8, 16, 16, generator=torch.Generator().manual_seed(0))
        settings = {"timestep": torch.tensor([500]), "return_dict": False}

        def predict(embedding):
            values = embedding.values[None]
            return model.transformer(hidden_states=noisy, encoder_hidden_states=values, **settings)[0]

        averaged = mixing.AveragedPredictions(model.transformer, b, 0.25)(
            hidden_states=noisy.expand(2, -1, -1, -1, -1),
            encoder_hidden_states=torch.stack([model.empty.values, a.values]),
            **settings | {"timestep": torch.tensor([500, 500])},
        )[0]
        expected = torch.cat([predict(model.empty), 0.25 * predict(a) + 0.75 * predict(b)])
        assert torch.allclose(averaged, expected, atol=1e-5)

    def test_all_of_one_prompts_predictions_is_that_prompts_clip(self, model):
        a, b = model.encode(A), model.encode(B)
        alone = model.sample(a, 3, steps=2)
        assert torch.allclose(model.sample(a, 3, steps=2, other=b, weight=1.0), alone, atol=1e-4)
        assert torch.allclose(model.sample(a, 3, steps=2, other=a, weight=0.3), alone, atol=1e-4)
        assert not torch.allclose(model.sample(a, 3, steps=2, other=b, weight=0.5), alone, atol=1e-1)


class TestSearches:
    def test_a_draft_is_made_once_for_all_numbers_of_looks(self):
        made = []

        def make_draft(way, index, draft):
            made.append((way, index, draft))
            return torch.tensor([(index / pairs.STEPS) ** 3, 1.0])

        found = searches.run_searches(make_draft)
        assert set(found) == set(searches.SEARCHES)
        assert len(made) == len(set(made))

    def test_finds_what_the_finder_finds_and_counts_its_drafts(self):
        def draft(index):
            return torch.tensor([(index / pairs.STEPS) ** 3, 1.0])

        found = searches.run_searches(lambda _way, index, _draft: draft(index))
        for search in searches.SEARCHES:
            balance = find_balance(draft, steps=pairs.STEPS, looks=search.looks)
            crossing = round(30 * balance.continuous_weight)
            assert found[search].index == (crossing if search.crossing else balance.index)
            looks = len(balance.looks) - 2
            own = 1.5 if search.way == pairs.AVERAGED else 1
            assert found[search].cost == search.draft.steps * (2 + own * looks)

    def test_names_are_unique(self):
        assert len({search.arm for search in searches.SEARCHES}) == len(searches.SEARCHES)
        assert searches.Search(pairs.CANDIDATES, searches.LONG, 1).arm == "Balance: 8-step drafts, 1 look"
        crossing = searches.Search(pairs.CANDIDATES, searches.SECOND_STEP, 3, crossing=True)
        assert crossing.arm == "Balance: step 2 of 8, 3 looks, crossing"

    def test_the_crossing_can_be_a_candidate_that_was_not_drafted(self):
        drawn = []

        def draft(index):
            drawn.append(index)
            return torch.tensor([(index / pairs.STEPS) ** 2, 1.0])

        balance = find_balance(draft, steps=pairs.STEPS, looks=2)
        search = searches.Search(pairs.CANDIDATES, searches.FIRST_STEP, 2, crossing=True)
        assert search.choose(balance) == 21  # the square root of 1/2 is 21.2 / 30
        assert 21 not in drawn

    @pytest.mark.parametrize(("layout", "expected", "cost"), [(0.0, 15, 8 + 8 + 8), (3.0, 21, 8 + 8 + 3)])
    def test_checked_drafts_are_used_only_if_they_differ_as_first_predictions_do(self, layout, expected, cost):
        """Drafts whose A and B also differ in the layout, which first predictions leave out, are not used."""

        def draft(_way, index, kind):
            share = index / pairs.STEPS
            if kind == searches.FIRST_STEP:
                return torch.tensor([share**2, 0.0, 0.0])
            return torch.tensor([share, layout * share, 0.0])

        found = searches.run_searches(draft)[searches.Search(pairs.CANDIDATES, searches.LONG, 3, checked=True)]
        assert found.index == expected
        assert found.cost == cost

    def test_drafts_are_the_models_own_clips(self, model):
        """A draft of one step is the model's first prediction, from the noise of the clips."""
        a, b = model.encode(A), model.encode(B)
        job = searches.SearchJob(a.values.numpy(), b.values.numpy(), max(a.token_count, b.token_count), 3)

        def draft(index):
            return model.sample(mixing.mix(pairs.CANDIDATES, a, b, index), 3, steps=1)

        found = model.search(job)
        assert found[FIRST_STEP].index == find_balance(draft, steps=pairs.STEPS, looks=3).index
        assert found[FIRST_STEP].cost in (3, 4, 5)
        assert all(0 < one.index < pairs.STEPS for one in found.values())

    def test_a_prediction_is_what_the_denoiser_returns_in_that_step(self, model):
        """The only step of a schedule ends at its prediction; a later one starts from what the earlier left."""
        a = model.encode(A)
        first = model.predict(a, 3, searches.Draft(1, 8))
        assert torch.allclose(first / model.folder.scaling_factor, model.sample(a, 3, steps=1), atol=1e-4)
        scheduler = model.folder.make_scheduler("auto")
        scheduler.set_timesteps(8)
        noisy = torch.randn(1, 3, 8, 16, 16, generator=torch.Generator().manual_seed(3))
        prompts = torch.stack([model.empty.values, a.values])
        with torch.inference_mode():
            for time in scheduler.timesteps[:2]:
                unguided, guided = model.transformer(
                    noisy.expand(2, -1, -1, -1, -1), prompts, time.expand(2), return_dict=False
                )[0].chunk(2)
                step = scheduler.step(unguided + 4 * (guided - unguided), time, noisy, return_dict=False)
                noisy, clean = step
        second = model.predict(a, 3, searches.SECOND_STEP)
        assert torch.allclose(second, clean.permute(0, 2, 1, 3, 4), atol=1e-3)

    def test_a_step_that_the_schedule_does_not_have_is_an_error(self, model):
        with pytest.raises(ValueError, match="8 steps has no step 9"):
            model.predict(model.encode(A), 3, searches.Draft(9, 8))


def record(both):
    return figures.PairRecord(0.5 if both else 0.0, 0.0, both, {})


class TestReach:
    @pytest.fixture
    def found(self):
        """Two pairs with candidates that show both features, and one without."""
        scene = world.Scene("circle", "red", "plain", "large", "right")
        drawn = [pairs.Pair(kind, "a", "b", scene) for kind in ("hue", "shape", "shape")]
        good = [range(10, 13), range(16, 18), ()]
        taken = {FIRST_STEP: searches.Found(12, 5), DRAFTS: searches.Found(20, 40)}
        choices = [figures.ChosenIndices(29, 1, 15, taken)] * 3
        records = []
        for indices in good:
            clips = {(index, 0): record(index in indices) for index in range(1, pairs.STEPS + 1)}
            clips |= {(source, 0): record(False) for source in choices[0].arms.values() if not isinstance(source, int)}
            records.append(clips)
        records[0][pairs.Mixed(pairs.AVERAGED, pairs.MIDDLE), 0] = record(True)
        return reach.summarize_reach(drawn, records, choices, 20)

    def test_counts_only_pairs_that_have_a_mixture(self, found):
        assert (found["of"], found["pairs"]) == (3, {"hue": 1, "shape": 1, "pattern": 0})
        assert set(found["arms"][figures.CENTER]["shares"]) == {"hue", "shape", "all"}

    def test_shares(self, found):
        shares = {arm: row["shares"]["all"].value for arm, row in found["arms"].items()}
        assert (shares[FIRST_STEP.arm], shares[DRAFTS.arm], shares[figures.CENTER]) == (0.5, 0, 0)
        assert (shares[figures.HALF], shares[figures.DIRECT]) == (0.5, 0)

    def test_distances_from_the_nearest_mixture(self, found):
        distances = {arm: row["distance"] for arm, row in found["arms"].items()}
        assert distances[FIRST_STEP.arm].value == (0 + 4) / 2
        assert distances[DRAFTS.arm].value == (8 + 3) / 2
        assert distances[figures.CENTER].value == (3 + 1) / 2
        assert distances[figures.HALF] is distances[figures.DIRECT] is None

    def test_costs(self, found):
        costs = {arm: row["cost"]["largest"] for arm, row in found["arms"].items()}
        assert (costs[FIRST_STEP.arm], costs[DRAFTS.arm], costs[figures.CENTER], costs[figures.ONE]) == (5, 40, 0, 0)
        assert costs[figures.HALF] == 10  # half a step more in each of 20

    def test_nothing_to_find(self):
        assert reach.summarize_reach([], [], [], 20)["arms"] == {}
