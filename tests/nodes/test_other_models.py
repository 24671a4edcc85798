"""Finder with embeddings of other models' text encoders: ComfyUI's own classes, tiny and random."""

from functools import cache

import pytest
import torch
from conditionings import extras_of, values_of
from host_encoders import FAMILIES, tiny_clip
from node_runs import results, run_node

TEXTS = {"a": "a red circle", "b": "a red square", "guide": "a red house"}  # of as many tokens each
LONG = "a large striped red circle moves slowly to the right, " * 8
UNCOUNTED = "scored on the full embedding (no token counts)"
POOLED = {"Stable Diffusion 1", "Stable Diffusion XL", "Flux", "HunyuanVideo"}
MASKED = {"Cosmos", "Mochi", "LTX-Video"}
ROWS = {
    "Stable Diffusion 1": 77,
    "Stable Diffusion XL": 77,
    "Flux": 256,
    "Cosmos": 512,
    "Mochi": 256,
    "LTX-Video": 128,
    "Wan": 512,
    "HunyuanVideo": 4,
}
# Of families whose text encoders cannot be made small: width, width of the pooled output, and what else travels beside
# the embedding, as seen in ComfyUI's own encode methods. None of them pads.
RECORDED = {
    "LTX-2": (3840, None, {"unprocessed_ltxav_embeds": True}),
    "Kandinsky 5": (3584, 768, {}),
    "Qwen-Image": (3584, None, {}),
}

families = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def encode(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return a function that encodes with ComfyUI's CLIP Text Encode: (family, text) to conditioning."""
    import nodes

    clips = cache(tiny_clip)

    @cache
    def encode(family, text):
        with torch.inference_mode():
            return nodes.CLIPTextEncode().encode(clips(family), text)[0]

    return encode


@pytest.fixture
def prompts(encode):
    """Return {a, b and guide} of a family."""
    return lambda family: {name: encode(family, text) for name, text in TEXTS.items()}


@families
def test_the_mixture_is_what_the_weight_says_in_all_its_parts(nodes_by_id, prompts, family):
    given = prompts(family)
    output = run_node(nodes_by_id["RichSpaceOptimalInterpolate"], **given)
    mixture, _, weight, _ = output.result
    assert values_of(mixture).shape[0] == ROWS[family]
    expected = weight * values_of(given["a"]) + (1 - weight) * values_of(given["b"])
    torch.testing.assert_close(values_of(mixture), expected, rtol=1e-5, atol=1e-6)
    assert UNCOUNTED in output.ui["text"][0]
    pooled, *both = (extras_of(each)["pooled_output"] for each in (mixture, given["a"], given["b"]))
    assert (pooled is not None) == (family in POOLED)
    if family in POOLED:
        torch.testing.assert_close(pooled, weight * both[0] + (1 - weight) * both[1], rtol=1e-5, atol=1e-6)
    assert ("attention_mask" in extras_of(mixture)) == (family in MASKED)


@pytest.mark.parametrize("family", sorted(MASKED))
def test_a_mixture_is_attended_where_either_prompt_is(nodes_by_id, encode, family):
    a, b = encode(family, "a circle"), encode(family, "a large striped red circle moves slowly")
    (mixture,) = results(nodes_by_id["RichSpaceInterpolate"], a=a, b=b, index=20, steps=30)
    masks = [extras_of(each)["attention_mask"] for each in (mixture, a, b)]
    assert masks[1].sum() < masks[2].sum() < masks[2].numel()
    assert torch.equal(masks[0], masks[2])


@families
def test_every_node_of_the_finder_takes_them(nodes_by_id, prompts, family):
    given = prompts(family)
    ab = {name: given[name] for name in "ab"}
    (foot, _) = results(nodes_by_id["RichSpacePerpendicularFoot"], **given)
    (scores,) = results(nodes_by_id["RichSpaceCosineScore"], **given, steps=30)
    (mixtures, *_) = results(nodes_by_id["RichSpaceInterpolationSweep"], **ab, steps=30, count=3, candidates="")
    stages = {"prompt_2": given["b"], "guide_2": given["guide"]}
    chained = results(nodes_by_id["RichSpaceChainedFinder"], first=given["a"], stages=stages)[0]
    assert scores
    for mixture in (foot, chained, *mixtures):
        assert values_of(mixture).shape == values_of(given["a"]).shape
        assert values_of(mixture).isfinite().all()


def filled(values, rows):
    return torch.cat([values, torch.zeros(rows - len(values), values.shape[1])])


@pytest.mark.parametrize("family", ["Stable Diffusion 1", "LTX-Video", "HunyuanVideo"])
def test_the_shorter_of_two_prompts_is_filled_with_zeros_and_the_node_says_so(nodes_by_id, encode, family):
    a, b, guide = encode(family, TEXTS["a"]), encode(family, 2 * LONG), encode(family, 3 * LONG)
    lengths = [len(values_of(each)) for each in (a, b, guide)]
    assert lengths[0] < lengths[1] <= lengths[2]
    output = run_node(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide)
    mixture, _, weight, _ = output.result
    expected = weight * filled(values_of(a), lengths[1]) + (1 - weight) * values_of(b)
    torch.testing.assert_close(values_of(mixture), expected, rtol=1e-5, atol=1e-6)
    said = f"A has {lengths[0]} tokens, B {lengths[1]}: the shorter is filled with zeros"
    assert said in output.ui["text"][0]
    if family in MASKED:
        assert torch.equal(extras_of(mixture)["attention_mask"], extras_of(b)["attention_mask"])
    swept = run_node(nodes_by_id["RichSpaceInterpolationSweep"], a=b, b=a, steps=30, count=3, candidates="")
    assert f"A has {lengths[1]} tokens, B {lengths[0]}: " in swept.ui["text"][0]
    (by_hand,) = results(nodes_by_id["RichSpaceInterpolate"], a=a, b=b, index=round(30 * weight), steps=30)
    torch.testing.assert_close(values_of(by_hand), values_of(mixture))


@pytest.mark.parametrize("family", ["Stable Diffusion 1", "LTX-Video", "HunyuanVideo"])
def test_a_guide_that_is_longer_than_both_counts_as_far_as_they_reach(nodes_by_id, encode, family):
    a, b, guide = encode(family, TEXTS["a"]), encode(family, TEXTS["b"]), encode(family, 2 * LONG)
    rows = len(values_of(a))
    assert len(values_of(guide)) > rows == len(values_of(b))
    output = run_node(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide)
    assert len(values_of(output.result[0])) == rows
    assert "filled" not in output.ui["text"][0]
    cut = [[guide[0][0][:, :rows], {**guide[0][1], "attention_mask": None}]]
    foot, same_foot = (
        results(nodes_by_id["RichSpacePerpendicularFoot"], a=a, b=b, guide=each) for each in (guide, cut)
    )
    assert foot[1] == same_foot[1]


def test_a_chain_grows_to_its_longest_prompt(nodes_by_id, encode):
    first, second, third = (encode("HunyuanVideo", text) for text in (TEXTS["a"], LONG, 2 * LONG))
    stages = {"prompt_2": second, "guide_2": third, "prompt_3": third, "guide_3": first}
    output = run_node(nodes_by_id["RichSpaceChainedFinder"], first=first, stages=stages)
    assert len(values_of(output.result[0])) == len(values_of(third))
    for stage, (shorter, longer) in enumerate([(first, second), (second, third)]):
        said = f"A has {len(values_of(shorter))} tokens, B {len(values_of(longer))}: the shorter"
        assert said in output.ui["text"][stage]


def test_long_prompts_of_as_many_chunks_are_mixed(nodes_by_id, encode):
    family = "Stable Diffusion 1"
    a, b, guide = (encode(family, LONG.replace("red", word)) for word in ("red", "blue", "green"))
    mixture = results(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide)[0]
    assert len(values_of(mixture)) == 2 * 77


@pytest.mark.parametrize("family", ["Flux", "Mochi", "Wan"])
def test_prompts_that_are_padded_to_one_length_may_differ_in_theirs(nodes_by_id, encode, family):
    a, b = encode(family, TEXTS["a"]), encode(family, LONG)
    assert values_of(results(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=b)[0]).isfinite().all()


def test_conditionings_of_two_models_are_refused(nodes_by_id, encode, core):
    flux, mochi = encode("Flux", TEXTS["a"]), encode("Stable Diffusion 1", TEXTS["b"])
    with pytest.raises(core.EmbeddingError, match=r"^B: .* Encode all prompts of a mixture with the same text encoder"):
        results(nodes_by_id["RichSpaceInterpolate"], a=flux, b=mochi, index=1, steps=30)


def test_other_keys_come_from_a_and_stock_nodes_go_on(nodes_by_id, prompts):
    import node_helpers

    import nodes

    given = prompts("Flux")
    given["a"] = node_helpers.conditioning_set_values(given["a"], {"guidance": 3.5})
    mixture = results(nodes_by_id["RichSpaceOptimalInterpolate"], **given)[0]
    assert extras_of(mixture)["guidance"] == 3.5
    (timed,) = nodes.ConditioningSetTimestepRange().set_range(mixture, 0.0, 0.5)
    (both,) = nodes.ConditioningCombine().combine(timed, given["b"])
    assert len(both) == 2


@pytest.mark.parametrize("family", RECORDED)
def test_embeddings_of_recorded_shapes_are_mixed(nodes_by_id, family):
    width, pooled_width, beside = RECORDED[family]
    generator = torch.Generator().manual_seed(3)

    def encoded(tokens):
        pooled = None if pooled_width is None else torch.randn(1, pooled_width, generator=generator)
        return [[torch.randn(1, tokens, width, generator=generator), {"pooled_output": pooled, **beside}]]

    a, b, guide = encoded(9), encoded(12), encoded(20)
    mixture, _, weight, _ = results(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide)
    expected = weight * filled(values_of(a), 12) + (1 - weight) * values_of(b)
    torch.testing.assert_close(values_of(mixture), expected)
    extras = extras_of(mixture)
    assert {name: extras[name] for name in beside} == beside
    if pooled_width is not None:
        pooled = (extras_of(each)["pooled_output"] for each in (a, b))
        torch.testing.assert_close(extras["pooled_output"], torch.lerp(*reversed([*pooled]), weight))
