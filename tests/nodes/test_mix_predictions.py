"""Mix Predictions: both prompts predicted in every step and averaged, in ComfyUI's samplers and in the pack's own."""

from dataclasses import replace

import pytest
import torch
from native_models import distance
from node_runs import results, says
from small_models.tiny_models import KINDS

SIZE = {"width": 64, "height": 48, "frames": 9}
QUICK = {**SIZE, "steps": 2, "cfg": 6.0, "seed": 5}


@pytest.fixture
def mix(nodes_by_id, native_prompts):
    """Return a function that runs the node: share to CONDITIONING."""

    def mix(share, **prompts):
        given = {"a": native_prompts["positive"], "b": native_prompts["other"]} | prompts
        return results(nodes_by_id["RichSpaceMixPredictions"], share=share, **given)[0]

    return mix


@pytest.fixture
def sample(nodes_by_id, load_model, native_prompts):
    """Return a function that samples with the pack's own sampler: kind or model, and positive, to latents."""

    def sample(model, positive):
        model = load_model(model)[0] if isinstance(model, str) else model
        both = {"positive": positive, "negative": native_prompts["negative"]}
        return results(nodes_by_id["RichSpaceCogVideoXSample"], model=model, **both, **QUICK)[0]["samples"]

    return sample


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_the_own_sampler_averages_both_predictions(kind, share, mix, sample, load_model, native_prompts):
    model, _ = load_model(kind)
    averaged = sample(model, mix(share))
    transformer = model.transformer.loaded()
    forward, other = transformer.forward, native_prompts["other"][0][0]

    def predict_both(**given):
        (unguided, of_a), of_b = forward(**given)[0].split(1), forward(**{**given, "encoder_hidden_states": twice})[0]
        return (torch.cat([unguided, share * of_a + (1 - share) * of_b[1:]]),)

    twice = other.expand(2, -1, -1)
    transformer.forward = predict_both
    try:
        expected = sample(model, native_prompts["positive"])
    finally:
        del transformer.forward
    assert distance(averaged, expected) < 1e-5
    assert distance(averaged, sample(kind, native_prompts["positive"])) > 1e-3


@pytest.fixture
def sample_natively(load_native, runs):
    """Return a function that samples with ComfyUI's own model: kind and positive, to latents."""

    from comfy.samplers import CFGGuider

    def sample_natively(kind, positive):
        model = load_native(kind)
        sampler, sigmas = runs.published(model, steps=2, noise="diffusers", scheduler="DDIM")
        guider = replace(runs, prompts={**runs.prompts, "positive": positive}).cfg_guider(model, 6.0)
        assert isinstance(guider, CFGGuider)
        return runs.custom(guider, sampler, sigmas, runs.empty(model))["samples"]

    return sample_natively


@pytest.mark.parametrize("kind", KINDS)
def test_both_samplers_make_the_same_video(kind, mix, sample, sample_natively):
    assert distance(sample(kind, mix(0.3)), sample_natively(kind, mix(0.3))) < 2e-5


def test_masks_on_the_prompts_are_applied_by_both_samplers(mix, sample, sample_natively, native_prompts):
    import nodes

    mask = torch.zeros(48, 64)
    mask[:, :32] = 1
    (left,) = nodes.ConditioningSetMask().append(native_prompts["positive"], mask, "default", 1.0)
    (right,) = nodes.ConditioningSetMask().append(native_prompts["other"], 1 - mask, "default", 1.0)
    halves = sample("2b", mix(0.3, a=left, b=right))
    assert distance(halves, sample_natively("2b", mix(0.3, a=left, b=right))) < 2e-5
    assert distance(halves, sample("2b", mix(0.3))) > 1e-3


def test_equal_prompts_are_one_prompt(mix, sample, native_prompts):
    same = mix(0.5, b=native_prompts["positive"])
    assert distance(sample("2b", same), sample("2b", native_prompts["positive"])) < 1e-5


def test_says_what_a_step_costs(nodes_by_id, native_prompts):
    given = {"a": native_prompts["positive"], "b": native_prompts["other"], "share": 0.3}
    said = says(nodes_by_id["RichSpaceMixPredictions"], **given)
    assert said == "30% A, 70% B: 3 predictions a step in place of 2"


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 2.0])
def test_a_share_out_of_range(mix, core, share):
    with pytest.raises(core.RichSpaceError, match="share: expected a number above 0 and below 1"):
        mix(share)


def test_prompts_of_different_text_encoders(mix, core):
    wide = [[torch.zeros(1, 5, 7), {}]]
    with pytest.raises(core.RichSpaceError, match="B: expected the same kind of embedding as A"):
        mix(0.5, b=wide)


def test_several_other_prompts_are_still_refused(sample, core, native_prompts):
    with pytest.raises(core.RichSpaceError, match="positive: expected a conditioning with one prompt"):
        sample("2b", native_prompts["positive"] + native_prompts["other"])
