"""Prompts from ComfyUI's own text-encode node: their tokens are not counted, and the finder says so."""

import pytest
import torch
from conditionings import extras_of, values_of
from host_clips import PUBLISHED_LENGTH, cogvideox_clip, t5_with_the_host_s_vocabulary
from node_runs import results, run_node

TEXTS = {"a": "a red circle moves right", "b": "a blue square moves right", "guide": "a red and blue circle"}
UNCOUNTED = "scored on the full embedding (no token counts)"


@pytest.fixture(scope="module")
def stock(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return ComfyUI's module of stock nodes."""
    import nodes

    return nodes


@pytest.fixture(scope="module")
def prompts(stock):
    """Encode three prompts with Load CLIP (type cogvideox) and CLIP Text Encode."""
    clip = cogvideox_clip(t5_with_the_host_s_vocabulary())
    with torch.inference_mode():
        return {name: stock.CLIPTextEncode().encode(clip, text)[0] for name, text in TEXTS.items()}


def remarks(output):
    ((panel,),) = output.ui["richspace"]
    return panel["remarks"]


def test_they_are_mixed_and_the_node_says_how_they_were_scored(nodes_by_id, prompts):
    output = run_node(nodes_by_id["RichSpaceOptimalInterpolate"], **prompts)
    mixture, index, weight, _ = output.result
    assert values_of(mixture).shape == (PUBLISHED_LENGTH, values_of(prompts["a"]).shape[1])
    expected = weight * values_of(prompts["a"]) + (1 - weight) * values_of(prompts["b"])
    torch.testing.assert_close(values_of(mixture), expected, rtol=1e-5, atol=1e-6)
    assert weight == index / 30
    assert "richspace" not in extras_of(mixture)
    assert UNCOUNTED in remarks(output)
    assert UNCOUNTED in output.ui["text"][0]


def test_they_are_mixed_with_prompts_of_this_pack(nodes_by_id, prompts):
    clip = cogvideox_clip(t5_with_the_host_s_vocabulary())
    counted, _ = results(nodes_by_id["RichSpaceT5Encode"], encoder=clip, text=TEXTS["a"])
    torch.testing.assert_close(values_of(counted), values_of(prompts["a"]), rtol=1e-5, atol=1e-6)
    both = [
        run_node(nodes_by_id["RichSpaceOptimalInterpolate"], **{**prompts, "a": a}) for a in (counted, prompts["a"])
    ]
    assert both[0].result[1] == both[1].result[1]
    assert all(UNCOUNTED in remarks(output) for output in both)


def test_they_are_chained(nodes_by_id, prompts):
    stages = {"prompt_2": prompts["b"], "guide_2": prompts["guide"]}
    chain = run_node(nodes_by_id["RichSpaceChainedFinder"], first=prompts["a"], stages=stages)
    alone = run_node(nodes_by_id["RichSpaceOptimalInterpolate"], **prompts)
    assert torch.equal(values_of(chain.result[0]), values_of(alone.result[0]))
    assert remarks(chain) == remarks(alone)


def test_the_mixture_goes_on_to_the_host_s_own_nodes(nodes_by_id, prompts, stock):
    (mixture, *_) = results(nodes_by_id["RichSpaceOptimalInterpolate"], **prompts)
    (combined,) = stock.ConditioningCombine().combine(mixture, prompts["b"])
    assert len(combined) == 2
    (zero,) = stock.ConditioningZeroOut().zero_out(mixture)
    assert not values_of(zero).any()


def test_what_is_combined_before_is_refused_with_what_to_do(nodes_by_id, prompts, stock, core):
    (combined,) = stock.ConditioningCombine().combine(prompts["a"], prompts["b"])
    with pytest.raises(core.RichSpaceError, match=r"Mix the prompts before they are combined, and combine the result"):
        results(nodes_by_id["RichSpaceOptimalInterpolate"], **{**prompts, "a": combined})
