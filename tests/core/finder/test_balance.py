"""Balance finder: its search, its curve, its errors, and its way to the forms that every finder shares."""

import itertools
import math
import pickle

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from richspace_core import Balance, Look, RichSpaceError, find_balance
from richspace_core.drawing.score_plot import plot_scores
from richspace_core.finder.balance import share_seen

A = torch.tensor([[3.0, 1.0], [0.0, 2.0]])
B = torch.tensor([[-1.0, 1.0], [2.0, 2.0]])
ACROSS = torch.tensor([[2.0, 5.0], [4.0, -3.0]])  # at right angles to A - B


class Model:
    """Drafts that show a share of A as a function of the candidate's weight, and something else besides."""

    def __init__(self, share_of, steps=30):
        self.share_of, self.steps, self.drafted = share_of, steps, []

    def __call__(self, index):
        self.drafted.append(index)
        return B + self.share_of(index / self.steps) * (A - B) + ACROSS * (0 < index < self.steps)


class TestSearch:
    @pytest.mark.parametrize("power", [0.25, 0.5, 1, 2, 4])
    @pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
    def test_finds_what_looking_at_every_candidate_finds(self, power, share):
        found = find_balance(Model(lambda weight: weight**power), share=share, looks=10)
        best = min(range(1, 30), key=lambda index: abs((index / 30) ** power - share))
        assert abs(found.index - best) <= 1  # a straight line is only so exact where the curve is steep
        assert found.share_seen == pytest.approx((found.index / 30) ** power)
        assert found.weight == found.index / 30
        assert abs(found.continuous_weight - share ** (1 / power)) < 1 / 30

    def test_looks_at_a_b_the_middle_and_then_by_regula_falsi(self):
        model = Model(lambda weight: weight**2)
        found = find_balance(model, looks=2)
        # The middle shows 1/4; from there to A the straight line passes 1/2 at 15 + 15 / 3.
        assert model.drafted == [30, 0, 15, 20]
        assert [look.index for look in found.looks] == model.drafted
        assert [look.share_seen for look in found.looks] == pytest.approx([1, 0, 1 / 4, 4 / 9])
        assert found.index == 20

    def test_ends_early_if_the_share_is_met_within_half_a_candidate(self):
        model = Model(lambda weight: weight - 0.49 / 30)
        assert find_balance(model, looks=9).index == 15
        assert model.drafted == [30, 0, 15]

    def test_starts_where_it_is_told_to(self):
        model = Model(lambda weight: weight**2)
        find_balance(model, first_look=22)
        assert model.drafted[:3] == [30, 0, 22]
        model = Model(lambda weight: weight**2)
        find_balance(model, first_look=30)
        assert model.drafted[2] == 29  # 30 is A

    @given(
        shares=st.lists(st.floats(-2, 3), min_size=1, max_size=40),
        share=st.floats(0.01, 0.99),
        looks=st.integers(1, 50),
    )
    def test_any_drafts_end_in_a_candidate(self, shares, share, looks):
        steps = len(shares) + 1
        seen = dict(enumerate([0.0, *shares, 1.0]))
        model = Model(lambda weight: seen[round(weight * steps)], steps)
        found = find_balance(model, share=share, steps=steps, looks=looks)
        assert model.drafted[:3] == [steps, 0, steps // 2]
        assert len(set(model.drafted)) == len(model.drafted) <= 2 + looks
        between = [look for look in found.looks[2:] if 0 < look.index < steps]
        assert abs(found.share_seen - share) == min(abs(look.share_seen - share) for look in between)
        assert 1 <= found.index < steps
        assert 0 <= found.continuous_weight <= 1
        assert torch.isfinite(found.curve).all()

    def test_few_candidates(self):
        assert find_balance(Model(lambda weight: weight, 1), steps=1).index == 1
        assert find_balance(Model(lambda weight: weight, 2), steps=2, share=0.9, looks=7).index == 1

    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
    def test_number_types_and_shapes(self, dtype):
        a, b = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
        found = find_balance(lambda index: torch.lerp(b.double(), a.double(), (index / 30) ** 2).to(dtype))
        assert found.index == 21
        assert found.share_seen == pytest.approx(0.49, abs=4e-3)


class TestCurve:
    def test_passes_through_the_looks_and_rises_between_them(self):
        found = find_balance(Model(lambda weight: weight**6), looks=4)
        assert found.is_monotone
        assert found.curve.dtype == torch.float64
        assert found.curve.shape == (30,)
        assert bool((found.curve.diff() > 0).all())
        for look in found.looks:
            if look.index:
                assert float(found.curve[look.index - 1]) == pytest.approx(look.share_seen)

    def test_says_where_the_share_does_not_rise(self):
        found = find_balance(Model(lambda weight: 1.2 if weight == 0.5 else weight))
        assert not found.is_monotone
        assert any("does not rise" in remark for remark in found.choice().remarks)
        assert found.index != 15

    def test_continuous_weight_has_the_wanted_share(self):
        found = find_balance(Model(lambda weight: weight**3), share=0.3, looks=6)
        at = found.continuous_weight * 30
        low, high = (float(found.curve[round(n) - 1]) for n in (math.floor(at), math.ceil(at)))
        assert low <= 0.3 <= high


class TestChoice:
    def test_has_the_looks_in_order_with_their_pictures(self):
        found = find_balance(Model(lambda weight: weight**2), looks=2)
        picture = torch.rand(4, 6, 3)
        choice = found.choice(pictures={20: picture}, remarks=("4 drafts of 1 step",), name_a="a tiger")
        assert [each.index for each in choice.measured] == [0, 15, 20, 30]
        assert [each.picture is picture for each in choice.measured] == [False, False, True, False]
        assert choice.wanted == 0.5
        assert choice.guide is None
        assert choice.verdict == "20 of 30: 67% A, 33% B"
        assert choice.remarks == ("4 drafts of 1 step",)
        assert choice.as_json()["measured"][2] == {"index": 20, "value": pytest.approx(4 / 9)}
        assert choice.as_json()["wanted"] == 0.5

    def test_a_candidate_picked_by_hand(self):
        found = find_balance(Model(lambda weight: weight**2), looks=2)
        assert found.choice(index=3).verdict == "3 of 30: 10% A, 90% B, picked by hand (the finder says 20)"
        with pytest.raises(RichSpaceError, match="index"):
            found.choice(index=31)

    def test_is_drawn(self):
        found = find_balance(Model(lambda weight: weight**2))
        assert plot_scores([found.choice()], width=256, height=160).shape == (160, 256, 3)


class TestErrors:
    def test_equal_drafts(self):
        with pytest.raises(RichSpaceError, match="the same video with this seed"):
            find_balance(lambda _: A)
        with pytest.raises(RichSpaceError, match="the same draft twice"):
            find_balance(lambda index: A + 1e-9 * index)

    @pytest.mark.parametrize("index", [30, 0, 15])
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (A * math.nan, "NaN or infinity"),
            (A * math.inf, "NaN or infinity"),
            (torch.zeros(0), "an empty tensor"),
            ([1.0], "a list"),
        ],
        ids=["nan", "infinity", "empty", "list"],
    )
    def test_a_draft_that_is_none(self, index, wrong, said):
        name = {30: "A", 0: "B", 15: "candidate 15"}[index]
        with pytest.raises(RichSpaceError, match=f"draft of {name}: .*{said}"):
            find_balance(lambda each: wrong if each == index else Model(lambda weight: weight)(each))

    @pytest.mark.parametrize(("index", "name"), [(0, "B"), (15, "candidate 15")])
    def test_shapes_that_differ(self, index, name):
        with pytest.raises(RichSpaceError, match=rf"draft of {name}: expected the shape of A's draft, \[2, 2\]"):
            find_balance(lambda each: torch.ones(3) if each == index else Model(lambda weight: weight)(each))

    @pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, math.nan, math.inf, True, "half", None])
    def test_share(self, share):
        with pytest.raises(RichSpaceError, match="share: expected a number above 0 and below 1"):
            find_balance(Model(lambda weight: weight), share=share)

    @pytest.mark.parametrize("looks", [0, -1, 2.5, True, None])
    def test_looks(self, looks):
        with pytest.raises(RichSpaceError, match="looks: expected an integer >= 1"):
            find_balance(Model(lambda weight: weight), looks=looks)

    @pytest.mark.parametrize(("name", "value"), [("steps", 0), ("steps", 2.0), ("first_look", 0), ("first_look", 31)])
    def test_counts(self, name, value):
        with pytest.raises(RichSpaceError, match=name):
            find_balance(Model(lambda weight: weight), **{name: value})

    def test_nothing_is_drafted_before_the_arguments_are_checked(self):
        model = Model(lambda weight: weight)
        for wrong in ({"share": 2}, {"looks": 0}, {"steps": 0}, {"first_look": 99}):
            with pytest.raises(RichSpaceError):
                find_balance(model, **wrong)
        assert model.drafted == []


def test_results_pickle():
    found = find_balance(Model(lambda weight: weight**2))
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(again, Balance)
    assert again.looks == found.looks
    assert all(isinstance(look, Look) for look in again.looks)
    assert [low.index < high.index for low, high in itertools.pairwise(again.choice().measured)] == [True] * 4


class TestShareSeen:
    def test_is_that_of_the_search(self):
        model = Model(lambda weight: weight**3)
        found = find_balance(model)
        for look in found.looks:
            assert share_seen(model(look.index), a=model(30), b=model(0)) == pytest.approx(look.share_seen, abs=1e-12)

    def test_goes_on_beyond_a_and_b_and_ignores_what_is_neither(self):
        assert share_seen(A, A, B) == 1
        assert share_seen(B, A, B) == 0
        assert share_seen(A + 0.5 * (A - B) + ACROSS, A, B) == pytest.approx(1.5)

    def test_refuses_what_cannot_be_compared(self):
        with pytest.raises(RichSpaceError, match="prompts whose drafts differ"):
            share_seen(B, A, A)
        with pytest.raises(RichSpaceError, match=r"^draft of the mixture: expected the shape of A's draft, \[2, 2\]"):
            share_seen(torch.ones(3), A, B)
        with pytest.raises(RichSpaceError, match=r"^draft of the mixture: expected finite values"):
            share_seen(A * torch.nan, A, B)
