"""Balance with other models of ComfyUI, of its own classes and random: pictures, flow models, pooled outputs."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from conditionings import extras_of, values_of
from environment.checkout import ROOT, import_file
from node_runs import results, run_node

NETWORKS = ROOT / "tools" / "small_models" / "tiny_single_files" / "networks.py"
TEXTS = {"a": "a photo of a tiger", "b": "a photo of a zebra", "negative": ""}
CONTEXT, POOLED = 32, 24  # widths of the tiny Flux's prompts
WAN_CONTEXT = 4096  # which every Wan requires
SEED = 7
STEPS = 8  # drafts of fewer steps may end before their schedule does


@dataclass(frozen=True)
class Family:
    """Model with two prompts, a negative one, and what its sampler needs.

    Args:
        model: ComfyUI's MODEL.
        prompts: Conditionings: a, b and negative.
        latent: Empty latents for it.
        cfg: Scale of the guidance.
        scheduler: Its usual scheduler.
    """

    model: Any
    prompts: dict[str, Any]
    latent: dict[str, torch.Tensor]
    cfg: float
    scheduler: str


@pytest.fixture(scope="module")
def networks(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return the module that makes tiny networks."""
    return import_file("tiny_networks", NETWORKS)


def random_prompts(width, **extras):
    """Return random conditionings: a, b and negative; `extras` are the widths of further tensors."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    further = [{key: draw(1, size) for key, size in extras.items()} for _ in TEXTS]
    return {name: [[draw(1, 20, width), more]] for name, more in zip(TEXTS, further, strict=True)}


def make_sdxl(networks):
    import comfy.sd

    import nodes

    model, clip, _vae, _vision = comfy.sd.load_state_dict_guess_config(networks.sdxl_checkpoint())
    prompts = {name: nodes.CLIPTextEncode().encode(clip, text)[0] for name, text in TEXTS.items()}
    return Family(model, prompts, {"samples": torch.zeros(1, 4, 8, 8)}, 7.0, "normal")


def make_flux(networks):
    import comfy.sd

    model = comfy.sd.load_diffusion_model_state_dict(networks.flux(context=CONTEXT, pooled=POOLED))
    prompts = random_prompts(CONTEXT, pooled_output=POOLED)
    return Family(model, prompts, {"samples": torch.zeros(1, 16, 8, 8)}, 1.0, "simple")


def make_wan(networks):
    import comfy.sd

    model = comfy.sd.load_diffusion_model_state_dict(networks.wan())
    return Family(model, random_prompts(WAN_CONTEXT), {"samples": torch.zeros(1, 16, 3, 4, 6)}, 6.0, "simple")


MAKERS = {"Stable Diffusion XL": make_sdxl, "Flux": make_flux, "Wan": make_wan}
every_family = pytest.mark.parametrize("family", MAKERS, indirect=True)


@pytest.fixture(scope="module")
def family(request, networks):
    """Return a model family."""
    with torch.inference_mode():
        return MAKERS[request.param](networks)


@pytest.fixture
def balance(nodes_by_id, family):
    """Return a function that runs the node on the family; its inputs can be changed."""

    def run(node_id="RichSpaceBalance", **inputs):
        usual = {
            "model": family.model,
            "latent": family.latent,
            "negative": family.prompts["negative"],
            "cfg": family.cfg,
            "scheduler": family.scheduler,
            "sampler_name": "euler",
            "seed": SEED,
            "draft_steps": 2,
            "looks": 2,
        }
        prompts = {} if "prompts" in inputs else {name: family.prompts[name] for name in "ab"}
        return run_node(nodes_by_id[node_id], **{**usual, **prompts, **inputs})

    return run


def sampled(family, positive):
    """Sample with ComfyUI's KSampler, in the model's own scale."""
    import nodes

    with torch.inference_mode():
        latent = nodes.KSampler().sample(
            family.model,
            SEED,
            STEPS,
            family.cfg,
            "euler",
            family.scheduler,
            positive,
            family.prompts["negative"],
            family.latent,
        )[0]["samples"]
        return family.model.model.process_latent_in(latent).double()


@every_family
def test_the_shares_are_those_of_the_videos_that_ksampler_makes(balance, family, nodes_by_id):
    output = balance(draft_steps=STEPS)
    _, index, weight, (choice,) = output.result
    assert weight == index / 30
    a, b = (sampled(family, family.prompts[name]) for name in "ab")
    for look in choice.measured:
        if 0 < look.index < 30:
            ab = {name: family.prompts[name] for name in "ab"}
            (candidate,) = results(nodes_by_id["RichSpaceInterpolate"], **ab, index=look.index, steps=30)
            x = sampled(family, candidate)
            expected = 1 - ((x - a) * (b - a)).sum() / (b - a).square().sum()
            assert look.value == pytest.approx(float(expected), abs=1e-4)
    assert {0, 15, 30} <= {look.index for look in choice.measured}


@every_family
def test_the_mixture_has_all_parts_of_its_prompts(balance, family):
    mixture, _, weight, _ = balance().result
    values, *both = (values_of(each) for each in (mixture, family.prompts["a"], family.prompts["b"]))
    torch.testing.assert_close(values, weight * both[0] + (1 - weight) * both[1], rtol=1e-5, atol=1e-5)
    pooled, *both = (
        extras_of(each).get("pooled_output") for each in (mixture, family.prompts["a"], family.prompts["b"])
    )
    if pooled is not None:
        torch.testing.assert_close(pooled, weight * both[0] + (1 - weight) * both[1], rtol=1e-5, atol=1e-5)


@every_family
def test_every_draft_has_a_picture_of_the_latents_size(balance, family):
    (choice,) = balance().result[3]
    for look in choice.measured:
        assert look.picture.shape == (*family.latent["samples"].shape[-2:], 3)


@every_family
@pytest.mark.parametrize("sampler", ["euler", "uni_pc", "dpm_fast", "dpm_adaptive", "dpmpp_2m_sde", "lcm"])
def test_one_step_reads_the_first_prediction_with_every_sampler(balance, sampler):
    (expected,) = balance(draft_steps=1).result[3]
    (choice,) = balance(draft_steps=1, sampler_name=sampler).result[3]
    assert [look.index for look in choice.measured] == [look.index for look in expected.measured]
    assert [look.value for look in choice.measured] == pytest.approx([look.value for look in expected.measured])


@every_family
def test_three_prompts(balance, family):
    prompts = {f"prompt_{number}": family.prompts[name] for number, name in enumerate(TEXTS, start=1)}
    mixture, choices = balance("RichSpaceChainedBalance", prompts=prompts, draft_steps=1).result
    assert [choice.wanted for choice in choices] == pytest.approx([1 / 2, 2 / 3])
    assert values_of(mixture).shape == values_of(family.prompts["a"]).shape
    assert values_of(mixture).isfinite().all()


@pytest.mark.parametrize("family", ["Stable Diffusion XL"], indirect=True)
def test_the_pooled_output_of_a_candidate_is_seen_too(balance, family):
    """A prompt that differs in its pooled output alone is another prompt."""
    values, extras = family.prompts["a"][0]
    other = [[values, {**extras, "pooled_output": -extras["pooled_output"]}]]
    (choice,) = balance(b=other).result[3]
    assert len(choice.measured) > 2
