"""Nodes for finding and mixing against the core library, and their errors for input that cannot be mixed."""

import json
import math
from pathlib import Path

import pytest
import torch
from conditionings import conditioning, extras_of, identical, random_prompts, values_of
from node_runs import curves_of, results, run_node, says
from PIL import Image

DTYPES = [torch.float32, torch.bfloat16, torch.float16]
FINDERS = ("RichSpacePerpendicularFoot", "RichSpaceCosineScore", "RichSpaceOptimalInterpolate")

every_finder = pytest.mark.parametrize("finder", FINDERS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pytest.fixture
def prompts():
    """Return the inputs of a finder."""
    return dict(zip(("a", "b", "guide"), random_prompts(), strict=True))


@pytest.fixture
def optimal(nodes_by_id):
    return nodes_by_id["RichSpaceOptimalInterpolate"]


@pytest.fixture
def chained(nodes_by_id):
    return nodes_by_id["RichSpaceChainedFinder"]


def embedding(core, prompt):
    return core.TextEmbedding(values_of(prompt), extras_of(prompt)["richspace"]["token_count"])


def further_guides(*guides):
    """Return the growing list of the optimal interpolation."""
    return {f"guide_{number}": guide for number, guide in enumerate(guides, start=2)}


def further_guides_of(number, *guides):
    """Return a growing list of the chained finder."""
    return {f"guide_{number}_{letter}": guide for letter, guide in zip("bcdefgh", guides, strict=False)}


def as_the_host_calls(node, prompt):
    """Return the parameters that ComfyUI makes from a node's inputs in an API prompt."""
    from comfy_api.latest import _io

    _, _, v3_data = _io.get_finalized_class_inputs(node.INPUT_TYPES(), prompt)
    return _io.build_nested_inputs(prompt, v3_data)


def stages_of(*prompts):
    """Return the growing list of the chained finder: prompt 2, guide 2, prompt 3, guide 3 and so on."""
    names = [f"{kind}_{number}" for number in range(2, 7) for kind in ("prompt", "guide")]
    return dict(zip(names, prompts, strict=False))


class TestOptimalInterpolate:
    @every_dtype
    @pytest.mark.parametrize("steps", [1, 7, 30])
    def test_is_the_core_finder(self, optimal, core, dtype, steps):
        a, b, guide = random_prompts(dtype=dtype)
        mixture, index, weight, (panel,) = results(optimal, a=a, b=b, guide=guide, steps=steps)
        expected = core.find_optimal(*(embedding(core, prompt) for prompt in (a, b, guide)), steps=steps)
        assert identical(values_of(mixture), expected.embedding.values)
        assert extras_of(mixture)["richspace"]["token_count"] == expected.embedding.token_count
        assert (index, weight) == (expected.index, expected.weight)
        assert torch.equal(curves_of(panel)["sum"], expected.scores.total)
        assert (panel.index, panel.guide) == (index, 1 - expected.foot_coefficient)

    @pytest.mark.parametrize("index", [1, 3, 8])
    def test_takes_the_index_picked_by_hand(self, optimal, nodes_by_id, prompts, index):
        mixture, chosen, weight, (panel,) = results(optimal, **prompts, steps=8, index=index)
        a, b = prompts["a"], prompts["b"]
        by_hand = results(nodes_by_id["RichSpaceInterpolate"], a=a, b=b, index=index, steps=8)
        assert identical((mixture,), by_hand)
        assert (chosen, weight, panel.index) == (index, index / 8, index)

    def test_the_verdict_says_that_the_index_was_picked_by_hand(self, optimal, prompts):
        _, best, _, (panel,) = results(optimal, **prompts)
        assert "by hand" not in panel.verdict
        other = best % 30 + 1
        assert f"picked by hand (the finder says {best})" in results(optimal, **prompts, index=other)[3][0].verdict

    def test_the_highest_index_is_exactly_a(self, optimal, prompts):
        mixture, *_ = results(optimal, **prompts, steps=5, index=5)
        assert torch.equal(values_of(mixture), values_of(prompts["a"]))

    @pytest.mark.parametrize("index", [31, -1])
    def test_an_index_without_a_candidate_is_refused(self, optimal, core, prompts, index):
        message = rf"^index: expected a candidate between 1 \(nearly B\) and 30 \(exactly A\), got {index}\."
        with pytest.raises(core.RichSpaceError, match=message):
            results(optimal, **prompts, index=index)

    def test_the_prompts_words_are_in_the_note(self, optimal, prompts):
        mixture, index, *_ = results(optimal, **prompts)
        share = index / 30
        assert extras_of(mixture)["richspace"]["text"] == f"{share:.0%} (prompt 0) + {1 - share:.0%} (prompt 1)"


class TestFootScoresAndHand:
    @every_dtype
    def test_the_foot_is_the_core_s(self, nodes_by_id, core, dtype):
        a, b, guide = random_prompts(dtype=dtype)
        foot, coefficient = results(nodes_by_id["RichSpacePerpendicularFoot"], a=a, b=b, guide=guide)
        matrices = [values_of(prompt) for prompt in (a, b, guide)]
        assert identical(values_of(foot), core.perpendicular_foot(*matrices))
        assert coefficient == core.foot_coefficient(*matrices)

    def test_the_scores_are_those_of_the_optimal_interpolation(self, nodes_by_id, optimal, prompts):
        ((panel,),) = results(nodes_by_id["RichSpaceCosineScore"], **prompts, steps=9)
        _, index, _, (same,) = results(optimal, **prompts, steps=9)
        for name, values in curves_of(panel).items():
            assert torch.equal(values, curves_of(same)[name])
        assert panel.index == index

    @every_dtype
    def test_the_hand_picked_candidate_is_the_core_s(self, nodes_by_id, core, dtype):
        a, b, _ = random_prompts(dtype=dtype)
        (mixture,) = results(nodes_by_id["RichSpaceInterpolate"], a=a, b=b, index=3, steps=7)
        assert identical(values_of(mixture), core.interpolate(values_of(a), values_of(b), index=3, steps=7))

    @pytest.mark.parametrize("index", [0, 8])
    def test_an_index_without_a_candidate_is_refused(self, nodes_by_id, core, prompts, index):
        del prompts["guide"]
        with pytest.raises(
            core.RichSpaceError, match=rf"^index: expected a candidate between 1 .* and 7 .* got {index}\."
        ):
            results(nodes_by_id["RichSpaceInterpolate"], **prompts, index=index, steps=7)


class TestInterpolationSweep:
    @pytest.fixture
    def sweep(self, nodes_by_id):
        return nodes_by_id["RichSpaceInterpolationSweep"]

    @pytest.fixture
    def pair(self, prompts):
        return {name: prompts[name] for name in ("a", "b")}

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ({}, [1, 8, 15, 22, 30]),
            ({"count": 3, "steps": 9}, [1, 5, 9]),
            ({"count": 50, "steps": 4}, [1, 2, 3, 4]),
            ({"candidates": "20, 3-5"}, [20, 3, 4, 5]),
            ({"candidates": "  "}, [1, 8, 15, 22, 30]),
        ],
    )
    def test_each_mixture_is_the_one_that_is_interpolated_by_hand(self, sweep, nodes_by_id, pair, settings, expected):
        mixtures, indices, labels, names = results(sweep, **pair, **settings)
        assert indices == expected
        steps = settings.get("steps", 30)
        hand = nodes_by_id["RichSpaceInterpolate"]
        by_hand = [results(hand, **pair, index=index, steps=steps)[0] for index in expected]
        assert identical(mixtures, by_hand)
        assert names == [f"RichSpace/candidate_{index:0{len(str(steps))}}_of_{steps}" for index in expected]
        assert [label.partition(":")[0] for label in labels] == [f"{index} of {steps}" for index in expected]

    def test_a_label_gives_the_share(self, sweep, pair):
        assert results(sweep, **pair, candidates="15")[2] == ["15 of 30: 50% A"]

    def test_the_node_says_which_it_takes(self, sweep, pair):
        assert says(sweep, **pair) == "5 of 30 candidates: 1, 8, 15, 22, 30"

    def test_a_text_of_another_form_is_refused(self, sweep, core, pair):
        with pytest.raises(
            core.RichSpaceError, match=r'^candidates: expected numbers and ranges such as "1, 8, 15-18"'
        ):
            results(sweep, **pair, candidates="every 5")

    def test_an_empty_prompt_is_refused(self, sweep, core, pair):
        pair["b"] = conditioning(values_of(pair["b"]), 1, "")
        with pytest.raises(core.PromptError, match=r"^B: expected a prompt with words"):
            results(sweep, **pair)


class TestChainedFinder:
    @every_dtype
    def test_equals_the_nodes_wired_one_by_one_to_the_last_bit(self, chained, optimal, dtype):
        first, *rest = random_prompts(count=7, dtype=dtype)
        mixture, panels = first, []
        for prompt, guide in zip(rest[::2], rest[1::2], strict=True):
            mixture, _, _, scores = results(optimal, a=mixture, b=prompt, guide=guide, steps=13)
            panels += scores
        in_one, scores = results(chained, first=first, stages=stages_of(*rest), steps=13)
        assert identical(in_one, mixture)
        assert [panel.verdict for panel in scores] == [panel.verdict for panel in panels]
        for panel, expected in zip(scores, panels, strict=True):
            assert torch.equal(curves_of(panel)["sum"], curves_of(expected)["sum"])
            assert (panel.name_a, panel.name_b) == (expected.name_a, expected.name_b)

    @every_dtype
    def test_equals_the_core_chain(self, chained, core, dtype):
        first, *rest = random_prompts(count=5, dtype=dtype)
        mixture, scores = results(chained, first=first, stages=stages_of(*rest), steps=13)
        wrapped = [embedding(core, prompt) for prompt in rest]
        stages = list(zip(wrapped[::2], wrapped[1::2], strict=True))
        expected = core.find_optimal_chain(embedding(core, first), stages, steps=13)
        assert identical(values_of(mixture), expected.embedding.values)
        assert [panel.index for panel in scores] == [stage.index for stage in expected.stages]

    def test_candidates_picked_by_hand_equal_those_of_the_nodes_wired_one_by_one(self, chained, optimal):
        first, *rest = random_prompts(count=5)
        stages = stages_of(*rest)
        mixture, scores = results(chained, first=first, stages=stages, steps=13, indices="4, 0")
        middle = results(optimal, a=first, b=rest[0], guide=rest[1], steps=13, index=4)[0]
        last = results(optimal, a=middle, b=rest[2], guide=rest[3], steps=13)
        assert [panel.index for panel in scores] == [4, last[1]]
        assert identical(mixture, last[0])
        automatic = results(chained, first=first, stages=stages, steps=13)
        for text in ("", "0", ", 0"):
            assert identical(results(chained, first=first, stages=stages, steps=13, indices=text)[0], automatic[0])

    @pytest.mark.parametrize("wrong", ["1, 2, 3", "14", "a"])
    def test_wrong_indices(self, chained, core, wrong):
        first, *rest = random_prompts(count=5)
        with pytest.raises(core.RichSpaceError, match=r"^indices: expected"):
            results(chained, first=first, stages=stages_of(*rest), steps=13, indices=wrong)

    def test_one_stage_is_the_optimal_interpolation(self, chained, optimal, prompts):
        mixture, *_ = results(optimal, **prompts)
        stages = stages_of(prompts["b"], prompts["guide"])
        assert identical(results(chained, first=prompts["a"], stages=stages)[0], mixture)

    def test_inputs_of_the_list_that_are_not_wired_count_as_absent(self, chained):
        first, *rest = random_prompts()
        wired = stages_of(*rest)
        expected = results(chained, first=first, stages=wired)[0]
        assert identical(
            results(chained, first=first, stages={**wired, "prompt_3": None, "guide_3": None})[0], expected
        )

    @pytest.mark.parametrize(
        ("absent", "named"),
        [
            (["guide_2"], "guide_2"),
            (["guide_3"], "guide_3"),
            (["prompt_3"], "prompt_3"),
            (["prompt_2", "guide_2"], "prompt_2"),
            (["prompt_2", "guide_2", "prompt_3", "guide_3"], "prompt_2"),
        ],
    )
    def test_a_gap_is_named(self, chained, core, absent, named):
        first, *rest = random_prompts(count=5)
        stages = {name: None if name in absent else prompt for name, prompt in stages_of(*rest).items()}
        message = (
            rf"^{named}: expected a conditioning, since every prompt needs a guide.*got nothing connected\. Connect"
        )
        with pytest.raises(core.RichSpaceError, match=message):
            results(chained, first=first, stages=stages)

    def test_the_stage_that_fails_is_named(self, chained, core):
        first, prompt, guide, _, guide_3 = random_prompts(count=5)
        index_of_a = 1  # with one candidate the first stage's mixture is exactly A
        stages = stages_of(prompt, guide, first, guide_3)
        with pytest.raises(
            core.EmbeddingError,
            match=r"^stage 2, prompt_3: expected an embedding that differs from the mixture so far, got",
        ):
            results(chained, first=first, stages=stages, steps=index_of_a)


class TestFurtherGuides:
    @every_dtype
    @pytest.mark.parametrize("count", [2, 3, 8])
    def test_reach_the_finder(self, optimal, core, dtype, count):
        a, b, *guides = random_prompts(count=2 + count, dtype=dtype)
        inputs = {"a": a, "b": b, "guide": guides[0], "guides": further_guides(*guides[1:])}
        mixture, index, weight, (panel,) = results(optimal, **inputs, steps=17)
        embeddings = [embedding(core, guide) for guide in guides]
        expected = core.find_optimal(embedding(core, a), embedding(core, b), embeddings, steps=17)
        assert identical(values_of(mixture), expected.embedding.values)
        assert (index, weight) == (expected.index, expected.weight)
        assert torch.equal(curves_of(panel)["sum"], expected.scores.total)
        assert panel.guide == 1 - expected.foot_coefficient
        assert any(f"the average of {count} guides" in remark for remark in panel.remarks)
        alone = results(optimal, a=a, b=b, guide=guides[0], steps=17)
        assert not torch.equal(curves_of(alone[3][0])["sum"], curves_of(panel)["sum"])

    @every_dtype
    def test_of_a_chain_reach_the_core_chain(self, chained, core, dtype):
        first, b, c, *guides = random_prompts(count=8, dtype=dtype)
        lists = {"guides_2": further_guides_of(2, guides[2]), "guides_3": further_guides_of(3, *guides[3:])}
        stages = stages_of(b, guides[0], c, guides[1])
        mixture, scores = results(chained, first=first, stages=stages, **lists, steps=13)
        x, y, z, *wrapped = (embedding(core, prompt) for prompt in (first, b, c, *guides))
        stages = [(y, [wrapped[0], wrapped[2]]), (z, [wrapped[1], *wrapped[3:]])]
        expected = core.find_optimal_chain(x, stages, steps=13)
        assert identical(values_of(mixture), expected.embedding.values)
        for panel, stage in zip(scores, expected.stages, strict=True):
            assert torch.equal(curves_of(panel)["sum"], stage.scores.total)
            assert panel.index == stage.index
            assert any(f"the average of {stage.guide_count} guides" in remark for remark in panel.remarks)

    @every_dtype
    def test_of_a_chain_equal_those_of_the_nodes_wired_one_by_one(self, chained, optimal, dtype):
        first, *rest = random_prompts(count=16, dtype=dtype)
        mixture, panels, stages, lists = first, [], [], {}
        for number in range(2, 7):
            prompt, guide, *further = rest[3 * number - 6 : 3 * number - 3]
            further *= number % 3  # none for some
            inputs = {"a": mixture, "b": prompt, "guide": guide, "guides": further_guides(*further)}
            mixture, _, _, scores = results(optimal, **inputs, steps=13)
            panels += scores
            stages += [prompt, guide]
            lists[f"guides_{number}"] = further_guides_of(number, *further)
        in_one, scores = results(chained, first=first, stages=stages_of(*stages), **lists, steps=13)
        assert identical(in_one, mixture)
        counts = ["the average of 3 guides", "", "the average of 2 guides", "the average of 3 guides", ""]
        for panel, count in zip(scores, counts, strict=True):
            assert count in " ".join(panel.remarks)
            assert bool(count) == ("the average" in " ".join(panel.remarks))
        for panel, expected in zip(scores, panels, strict=True):
            assert torch.equal(curves_of(panel)["sum"], curves_of(expected)["sum"])

    @pytest.mark.parametrize("absent", [None, {}, {"guide_2": None, "guide_3": None}])
    def test_that_are_not_wired_count_as_absent(self, optimal, chained, prompts, absent):
        expected = results(optimal, **prompts)
        assert identical(results(optimal, **prompts, guides=absent)[:3], expected[:3])
        inputs = {"first": prompts["a"], "stages": stages_of(prompts["b"], prompts["guide"])}
        assert identical(results(chained, **inputs, guides_2=absent, guides_5=absent)[0], expected[0])

    def test_may_have_a_gap(self, optimal):
        a, b, guide, other = random_prompts(count=4)
        inputs = {"a": a, "b": b, "guide": guide}
        gap, none = ({"guide_2": None, "guide_6": other}, further_guides(other))
        assert identical(results(optimal, **inputs, guides=gap)[:3], results(optimal, **inputs, guides=none)[:3])

    def test_in_an_api_prompt(self, optimal, chained):
        a, b, guide, second, third = random_prompts(count=5)
        prompt = {"a": a, "b": b, "guide": guide, "steps": 9, "index": 0}
        assert as_the_host_calls(optimal, prompt)["guides"] == {}
        prompt |= {"guides.guide_2": second, "guides.guide_3": third}
        expected = results(optimal, a=a, b=b, guide=guide, steps=9, guides=further_guides(second, third))
        assert identical(results(optimal, **as_the_host_calls(optimal, prompt))[:3], expected[:3])
        prompt = {"first": a, "stages.prompt_2": b, "stages.guide_2": guide, "steps": 9}
        assert all(as_the_host_calls(chained, prompt)[f"guides_{number}"] == {} for number in range(2, 7))
        prompt |= {"guides_2.guide_2_b": second, "guides_2.guide_2_c": third}
        assert identical(results(chained, **as_the_host_calls(chained, prompt))[0], expected[0])

    def test_the_verdict_says_how_many_there_were(self, optimal, chained, prompts):
        (plain,) = run_node(optimal, **prompts).ui["text"]
        (text,) = run_node(optimal, **prompts, guides=further_guides(prompts["guide"])).ui["text"]
        assert plain == text.partition("\n")[0]
        assert text.partition("\n")[2] == "guided by the average of 2 guides"
        guides = further_guides_of(2, prompts["guide"], prompts["guide"])
        inputs = {"first": prompts["a"], "stages": stages_of(prompts["b"], prompts["guide"]), "guides_2": guides}
        assert run_node(chained, **inputs).ui["text"] == (text.replace("2 guides", "3 guides"),)

    @pytest.mark.parametrize(("end", "other"), [("a", "b"), ("b", "a")])
    def test_the_verdict_says_that_they_point_beyond_a_prompt(self, optimal, prompts, end, other):
        beyond = 2 * values_of(prompts[end]) - values_of(prompts[other])
        prompts["guide"] = conditioning(beyond, 4, "beyond")
        (text,) = run_node(optimal, **prompts, guides=further_guides(prompts["guide"])).ui["text"]
        end = end.upper()
        assert text.partition("\n")[2] == f"the average of 2 guides points beyond {end}: nearly pure {end} is best"

    def test_without_a_token_count_leave_the_full_embedding_alone(self, optimal, prompts):
        uncounted = conditioning(values_of(prompts["guide"]))
        (panel,) = results(optimal, **prompts, guides=further_guides(uncounted))[3]
        assert list(curves_of(panel)) == ["similarity"]
        assert panel.remarks == ("scored on the full embedding (no token counts)", "guided by the average of 2 guides")


class TestBadFurtherGuides:
    def test_for_a_stage_that_is_not_there(self, chained, core, prompts):
        inputs = {"first": prompts["a"], "stages": stages_of(prompts["b"], prompts["guide"])}
        guides = {"guides_2": further_guides_of(2, prompts["guide"]), "guides_4": further_guides_of(4, prompts["b"])}
        with pytest.raises(core.RichSpaceError) as caught:
            results(chained, **inputs, **guides)
        assert str(caught.value) == (
            "guide_4_b: expected prompt_4 and guide_4 to be connected as well, got nothing connected to them. This "
            "guide belongs to a prompt that is not connected. Connect both, or remove the guide."
        )

    def test_instead_of_the_guide(self, chained, core, prompts):
        stages = {"prompt_2": prompts["b"], "guide_2": None}
        with pytest.raises(core.RichSpaceError, match=r"^guide_2: expected a conditioning, since every prompt needs"):
            results(chained, first=prompts["a"], stages=stages, guides_2=further_guides_of(2, prompts["guide"]))

    def test_an_empty_prompt(self, optimal, chained, core, prompts):
        empty = conditioning(values_of(prompts["guide"]), 1, "")
        with pytest.raises(core.PromptError, match=r"^guide_3: expected a prompt with words, got an empty one"):
            results(optimal, **prompts, guides=further_guides(prompts["guide"], empty))
        inputs = {"first": prompts["a"], "stages": stages_of(prompts["b"], prompts["guide"])}
        with pytest.raises(core.PromptError, match=r"^guide_2_b: expected a prompt with words, got an empty one"):
            results(chained, **inputs, guides_2=further_guides_of(2, empty))

    def test_several_entries(self, optimal, core, prompts):
        both = [*prompts["guide"], *prompts["a"]]
        with pytest.raises(
            core.EmbeddingError, match=r"^guide_2: expected a conditioning with one prompt, got 2 prompts"
        ):
            results(optimal, **prompts, guides=further_guides(both))

    @pytest.mark.parametrize("stage", [1, 2])
    def test_from_another_encoder(self, optimal, chained, core, prompts, stage):
        (other,) = random_prompts(count=1, width=5)
        form = r", 8 tokens of width 6.*the same text encoder"
        with pytest.raises(core.EmbeddingError, match=f"^guide_2: expected the same kind of embedding as A{form}"):
            results(optimal, **prompts, guides=further_guides(other))
        a, b, guide, c, guide_3 = random_prompts(count=5)
        guides = {f"guides_{stage + 1}": further_guides_of(stage + 1, other)}
        before = "the mixture so far" if stage > 1 else r"prompt[ _]1"
        message = f"^stage {stage}, guide_{stage + 1}_b: expected the same kind of embedding as {before}{form}"
        with pytest.raises(core.EmbeddingError, match=message):
            results(chained, first=a, stages=stages_of(b, guide, c, guide_3), **guides)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_nan_and_infinity(self, optimal, core, prompts, value):
        spoilt = with_value(prompts["guide"], value)
        with pytest.raises(core.EmbeddingError, match=r"^guide_3: expected finite values, got 1 of 48"):
            results(optimal, **prompts, guides=further_guides(prompts["guide"], spoilt))


def with_value(prompt, value):
    values = values_of(prompt).clone()
    values[1, 2] = value
    return conditioning(values, 3, "overflowed")


SHOWN = {"a": "A", "b": "B", "guide": "guide"}


class TestBadPrompts:
    @every_finder
    def test_a_equals_b(self, nodes_by_id, core, prompts, finder):
        prompts["b"] = prompts["a"]
        with pytest.raises(
            core.EmbeddingError, match=r"^B: expected an embedding that differs from A, got one that equals A"
        ):
            results(nodes_by_id[finder], **prompts)

    @every_finder
    @pytest.mark.parametrize(("rows", "width"), [(9, 6), (8, 5)])
    def test_conditionings_from_different_encoders(self, nodes_by_id, core, prompts, finder, rows, width):
        prompts["guide"] = random_prompts(count=1, rows=rows, width=width)[0]
        message = rf"^guide: expected the same kind of embedding as A, 8 tokens .* got {rows} tokens of width {width} "
        with pytest.raises(core.EmbeddingError, match=message):
            results(nodes_by_id[finder], **prompts)

    def test_different_encoders_by_hand(self, nodes_by_id, core, prompts):
        (other,) = random_prompts(count=1, width=5)
        with pytest.raises(
            core.EmbeddingError, match=r"^B: expected the same kind of embedding as A, .*the same text encoder"
        ):
            results(nodes_by_id["RichSpaceInterpolate"], a=prompts["a"], b=other, index=1)

    @every_finder
    @pytest.mark.parametrize("name", ["a", "b", "guide"])
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_nan_and_infinity(self, nodes_by_id, core, prompts, finder, name, value):
        prompts[name] = with_value(prompts[name], value)
        message = rf"^{SHOWN[name]}: expected finite values, got 1 of 48 that are NaN or infinite\. .*bfloat16"
        with pytest.raises(core.EmbeddingError, match=message):
            results(nodes_by_id[finder], **prompts)

    @pytest.mark.parametrize("name", ["a", "b"])
    def test_nan_by_hand(self, nodes_by_id, core, prompts, name):
        del prompts["guide"]
        prompts[name] = with_value(prompts[name], math.nan)
        with pytest.raises(core.EmbeddingError, match=rf"^{SHOWN[name]}: expected finite values"):
            results(nodes_by_id["RichSpaceInterpolate"], **prompts)

    @every_finder
    @pytest.mark.parametrize("name", ["a", "b", "guide"])
    def test_an_empty_prompt(self, nodes_by_id, core, prompts, finder, name):
        prompts[name] = conditioning(values_of(prompts[name]), 1, "")
        with pytest.raises(core.PromptError, match=rf"^{SHOWN[name]}: expected a prompt with words, got an empty one"):
            results(nodes_by_id[finder], **prompts)

    @pytest.mark.parametrize("finder", FINDERS[1:])
    @pytest.mark.parametrize("steps", [0, -3])
    def test_steps_below_one(self, nodes_by_id, core, prompts, finder, steps):
        with pytest.raises(core.RichSpaceError, match=rf"^steps: expected an integer >= 1, got {steps}\."):
            results(nodes_by_id[finder], **prompts, steps=steps)


class TestWhatTheNodesShow:
    def ui_of(self, node, **inputs):
        return run_node(node, **inputs).ui

    def test_a_picture_of_the_curves_and_the_verdict(self, optimal, nodes_by_id, prompts):
        import folder_paths

        shown = self.ui_of(optimal, **prompts)
        (picture,) = shown["images"]
        assert picture["type"] == "temp"
        with Image.open(Path(folder_paths.get_temp_directory()) / picture["subfolder"] / picture["filename"]) as image:
            pixels = torch.frombuffer(bytearray(image.convert("RGB").tobytes()), dtype=torch.uint8)
            size = image.size
        scores = results(optimal, **prompts)[3]
        (plot,) = results(nodes_by_id["RichSpaceScorePlot"], scores=scores)
        assert size == (plot.shape[2], plot.shape[1])
        assert (pixels / 255 - plot.flatten()).abs().max() <= 1 / 255  # stored in 8 bits
        assert len(pixels.unique()) > 100
        assert shown["text"] == (scores[0].verdict,)

    def test_one_verdict_for_each_stage(self, chained):
        first, *rest = random_prompts(count=5)
        shown = self.ui_of(chained, first=first, stages=stages_of(*rest), steps=10)
        assert len(shown["text"]) == 2
        assert all(" of 10: " in verdict for verdict in shown["text"])

    @pytest.mark.parametrize("index", [0, 3])
    def test_the_numbers_of_the_curves_for_the_page(self, optimal, prompts, index):
        (scores,) = results(optimal, **prompts, index=index)[3]
        ((panel,),) = self.ui_of(optimal, **prompts, index=index)["richspace"]
        assert panel == json.loads(json.dumps(scores.as_json()))
        assert panel["chosen"] == (index or panel["best"])
        assert len(panel["curves"]["sum"]) == panel["steps"]

    def test_the_numbers_of_every_stage(self, chained):
        first, *rest = random_prompts(count=5)
        (panels,) = self.ui_of(chained, first=first, stages=stages_of(*rest), steps=10)["richspace"]
        assert [panel["steps"] for panel in panels] == [10, 10]

    def test_the_foot_s_coefficient_is_on_its_node(self, nodes_by_id, prompts):
        foot = nodes_by_id["RichSpacePerpendicularFoot"]
        _, coefficient = results(foot, **prompts)
        assert says(foot, **prompts) == f"coefficient {coefficient:.4f} (0 is A, 1 is B)"
