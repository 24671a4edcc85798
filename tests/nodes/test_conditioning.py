"""Reading and writing of CONDITIONING: what is read, what is passed on with the embedding, and unchanged inputs."""

from copy import deepcopy

import pytest
import torch
from conditionings import conditioning, extras_of, frozen, identical, random_prompts, values_of
from node_runs import curves_of, results

POOLED_A, POOLED_B = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[3.0, 4.0, -0.5]])
MASK_A, MASK_B = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0]]), torch.tensor([[1, 1, 0, 1, 0, 0, 0, 0]])


@pytest.fixture
def dressed():
    """Return A, B and a guide with everything that a conditioning can hold."""
    a, b, guide = random_prompts()
    extras_of(a).update(pooled_output=POOLED_A, attention_mask=MASK_A, strength=0.5, area=(1, 2, 3, 4))
    extras_of(b).update(pooled_output=POOLED_B, attention_mask=MASK_B, strength=0.9, start_percent=0.1)
    return a, b, guide


@pytest.fixture
def mix(nodes_by_id):
    """Mix one quarter of A with three quarters of B."""
    node = nodes_by_id["RichSpaceInterpolate"]

    def mix(a, b):
        (mixture,) = results(node, a=a, b=b, index=1, steps=4)
        return mixture

    return mix


def run_all(nodes_by_id, a, b, guide):
    """Run every node that mixes conditionings."""
    pair, three = {"a": a, "b": b}, {"a": a, "b": b, "guide": guide}
    results(nodes_by_id["RichSpaceInterpolate"], **pair)
    for name in ("RichSpacePerpendicularFoot", "RichSpaceCosineScore", "RichSpaceOptimalInterpolate"):
        results(nodes_by_id[name], **three)
    stages = {"prompt_2": b, "guide_2": guide, "prompt_3": guide, "guide_3": b}
    results(nodes_by_id["RichSpaceChainedFinder"], first=a, stages=stages)


class TestInputs:
    def test_are_never_changed(self, nodes_by_id, dressed):
        # ComfyUI caches them: a change would show in the next run and in every other branch of the graph.
        before = frozen(*dressed)
        run_all(nodes_by_id, *dressed)
        assert identical(before, dressed)

    @pytest.mark.parametrize("index", [1, 4])
    def test_share_nothing_with_the_mixture_that_could_be_changed(self, nodes_by_id, dressed, index):
        a, b, _ = dressed
        (mixture,) = results(nodes_by_id["RichSpaceInterpolate"], a=a, b=b, index=index, steps=4)  # 4 of 4 is exactly A
        assert values_of(mixture).data_ptr() not in (values_of(a).data_ptr(), values_of(b).data_ptr())
        before = frozen(*dressed)
        extras_of(mixture)["strength"] = 2
        assert identical(before, dressed)


class TestWhatTravelsBeside:
    def test_pooled_outputs_are_mixed_with_the_same_weight(self, mix, dressed):
        a, b, _ = dressed
        mixture = mix(a, b)
        torch.testing.assert_close(values_of(mixture), 0.25 * values_of(a) + 0.75 * values_of(b))
        torch.testing.assert_close(extras_of(mixture)["pooled_output"], 0.25 * POOLED_A + 0.75 * POOLED_B)

    def test_a_pooled_output_that_only_one_has_is_not_invented_for_the_other(self, mix, dressed):
        a, b, _ = dressed
        extras_of(b)["pooled_output"] = None
        assert identical(extras_of(mix(a, b))["pooled_output"], POOLED_A)
        assert extras_of(mix(b, a))["pooled_output"] is None

    def test_the_foot_mixes_pooled_outputs_with_its_own_weight(self, nodes_by_id, dressed):
        a, b, guide = dressed
        foot, coefficient = results(nodes_by_id["RichSpacePerpendicularFoot"], a=a, b=b, guide=guide)
        expected = POOLED_A + coefficient * (POOLED_B - POOLED_A)
        torch.testing.assert_close(extras_of(foot)["pooled_output"], expected)

    def test_attention_masks_are_joined(self, mix, dressed):
        a, b, _ = dressed
        assert extras_of(mix(a, b))["attention_mask"].tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]]

    def test_without_a_mask_everything_is_attended_to(self, mix, dressed):
        a, b, _ = dressed
        del extras_of(b)["attention_mask"]
        assert "attention_mask" not in extras_of(mix(a, b))
        assert "attention_mask" not in extras_of(mix(b, a))

    def test_every_other_key_comes_from_a(self, mix, dressed):
        a, b, _ = dressed
        extras = extras_of(mix(a, b))
        assert (extras["strength"], extras["area"]) == (0.5, (1, 2, 3, 4))
        assert "start_percent" not in extras

    def test_the_note_holds_the_longer_count_and_the_mixture_in_words(self, mix, dressed):
        a, b, _ = dressed
        assert extras_of(mix(a, b))["richspace"] == {"token_count": 4, "text": "25% (prompt 0) + 75% (prompt 1)"}
        assert extras_of(mix(b, a))["richspace"]["token_count"] == 4

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_the_mixture_has_the_dtype_of_its_inputs(self, mix, dtype):
        a, b, _ = random_prompts(dtype=dtype)
        assert values_of(mix(a, b)).dtype == dtype


def own_prompts(nodes_by_id):
    """Return prompts with this pack's own notes: each is mixed with itself, which changes nothing else."""
    node = nodes_by_id["RichSpaceInterpolate"]
    return [results(node, a=prompt, b=prompt, index=4, steps=4)[0] for prompt in random_prompts()]


class TestWithoutTokenCounts:
    def test_the_full_embedding_alone_decides_and_the_panel_says_so(self, nodes_by_id, core):
        a, b, guide = random_prompts(counted=False)
        mixture, index, _, (panel,) = results(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide)
        full = core.cosine_scores(values_of(a), values_of(b), values_of(guide), steps=30)
        ((name, values),) = curves_of(panel).items()
        assert name == "similarity"
        assert torch.equal(values, full)
        assert index == int(full.argmax()) + 1
        assert "richspace" not in extras_of(mixture)

    @pytest.mark.parametrize("uncounted", ["a", "b", "guide"])
    def test_one_uncounted_prompt_is_enough(self, nodes_by_id, uncounted):
        prompts = dict(zip(("a", "b", "guide"), random_prompts(), strict=True))
        del extras_of(prompts[uncounted])["richspace"]
        ((panel,),) = results(nodes_by_id["RichSpaceCosineScore"], **prompts)
        assert list(curves_of(panel)) == ["similarity"]

    def test_counted_prompts_are_scored_on_their_tokens_too(self, nodes_by_id):
        a, b, guide = random_prompts()
        ((panel,),) = results(nodes_by_id["RichSpaceCosineScore"], a=a, b=b, guide=guide)
        curves = curves_of(panel)
        assert list(curves) == ["sum", "full", "truncated"]
        assert not torch.equal(curves["full"], curves["truncated"])

    @pytest.mark.parametrize("node", ["ConditioningAverage", "ConditioningConcat", "ConditioningZeroOut"])
    def test_what_a_stock_node_has_made_of_it_is_no_longer_the_tensor_that_was_counted(self, nodes_by_id, node):
        import nodes as host

        a, b, _ = own_prompts(nodes_by_id)
        changed = {
            "ConditioningAverage": lambda: host.ConditioningAverage().addWeighted(a, b, 0.25),
            "ConditioningConcat": lambda: host.ConditioningConcat().concat(a, b),
            "ConditioningZeroOut": lambda: host.ConditioningZeroOut().zero_out(a),
        }[node]()[0]
        assert extras_of(changed)["richspace"] == extras_of(a)["richspace"]  # which would be wrong here
        others = {"a": changed, "b": changed} if node == "ConditioningConcat" else {"a": changed, "b": b}
        (mixture,) = results(nodes_by_id["RichSpaceInterpolate"], **others, index=1, steps=4)
        assert "richspace" not in extras_of(mixture)

    @pytest.mark.parametrize("keep", ["the same list", "a copy", "another range"])
    def test_the_count_stays_with_the_tensor(self, nodes_by_id, keep):
        import nodes as host

        a, b, _ = own_prompts(nodes_by_id)
        kept = {
            "the same list": lambda: a,
            "a copy": lambda: deepcopy(a),
            "another range": lambda: host.ConditioningSetTimestepRange().set_range(a, 0.0, 0.5)[0],
        }[keep]()
        (mixture,) = results(nodes_by_id["RichSpaceInterpolate"], a=kept, b=b, index=1, steps=4)
        assert extras_of(mixture)["richspace"]["token_count"] == 4

    def test_the_picture_shows_the_difference(self, nodes_by_id):
        pictures = []
        for counted in (True, False):
            a, b, guide = random_prompts(counted=counted)
            (scores,) = results(nodes_by_id["RichSpaceCosineScore"], a=a, b=b, guide=guide)
            pictures += results(nodes_by_id["RichSpaceScorePlot"], scores=scores)
        header = (slice(None), slice(0, 100))  # where the words are
        assert not torch.equal(pictures[0][header], pictures[1][header])


GOOD = random_prompts()[0]
BAD_CONDITIONINGS = {
    "none": (
        None,
        r"^A: expected a conditioning with one prompt, got nothing\. Connect the output of a node that encodes",
    ),
    "a latent": ({"samples": torch.zeros(1, 4, 8, 8)}, r"^A: expected a conditioning with one prompt, got a dict\."),
    "no entry": ([], r"^A: expected a conditioning with one prompt, got 0 prompts\. Connect the output of a node"),
    "two entries": (GOOD + GOOD, r"got 2 prompts\. Mix the prompts before they are combined, and combine the result\."),
    "a batch": (
        [[values_of(GOOD).repeat(2, 1, 1), {}]],
        r"^A: expected the embedding of one prompt, got a batch of 2\. Mix one prompt at a time",
    ),
    "no tokens": (
        [[torch.zeros(1, 6), {}]],
        r"^A: expected an embedding of shape \[1, tokens, width\], got float32 of shape \[1, 6\]\. Connect the",
    ),
    "no tensor": ([["words", {}]], r"^A: expected an embedding of shape \[1, tokens, width\], got str\."),
    "no dictionary": (
        [[values_of(GOOD)[None], None]],
        r"^A: expected a conditioning of an embedding and a dictionary, got a list\.",
    ),
    "no pair": ([values_of(GOOD)], r"^A: expected a conditioning of an embedding and a dictionary, got a Tensor\."),
    "whole numbers": (
        [[torch.ones(1, 8, 6, dtype=torch.int64), {}]],
        r"^A: .*floating point.*got int64 of shape",
    ),
}


class TestBadConditionings:
    @pytest.mark.parametrize("kind", BAD_CONDITIONINGS)
    def test_are_told_apart(self, mix, core, kind):
        bad, message = BAD_CONDITIONINGS[kind]
        with pytest.raises(core.EmbeddingError, match=message):
            mix(bad, GOOD)

    def test_the_message_names_the_input(self, mix, core):
        with pytest.raises(core.EmbeddingError, match=r"^B: expected a conditioning"):
            mix(GOOD, GOOD + GOOD)

    def test_a_count_that_cannot_be_is_refused(self, mix, core):
        bad = conditioning(values_of(GOOD), token_count=9)
        with pytest.raises(core.EmbeddingError, match=r"^A, token_count: expected between 1 and .*8 rows, got 9"):
            mix(bad, GOOD)
