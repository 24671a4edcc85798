"""Guidance that changes from step to step, with ComfyUI's guiders and its nodes that change the guidance."""

import math

import pytest
import torch
from native_models import distance
from native_runs import CFG, STEPS
from small_models.tiny_models import KINDS, TEXT_LENGTH

EXACT = 1e-5
DYNAMIC = ["off", "cosine", "as diffusers"]


def scale(dynamic, step, timestep, cfg=CFG):
    """Compute the published formulas, written out."""
    place = step / STEPS if dynamic == "cosine" else (STEPS - timestep) / STEPS
    return cfg if dynamic == "off" else 1 + cfg * (1 - math.cos(math.pi * place**5)) / 2


def scales(dynamic, cfg=CFG):
    """Compute the formulas at each of the steps, which end at the timesteps 999, 899 and so on."""
    return [scale(dynamic, step, 999 - 100 * step, cfg) for step in range(STEPS)]


@pytest.fixture
def by_hand(runs):
    """Sample one step after another, each with its own guider: ``make(cfg)`` returns the guider of a cfg."""

    def by_hand(model, dynamic, make):
        sampler, sigmas = runs.published(model)
        latent = runs.empty(model)
        for step, cfg in enumerate(scales(dynamic)):
            latent = runs.custom(make(cfg), sampler, sigmas[step : step + 2], latent, add_noise=step == 0)
        return latent["samples"]

    return by_hand


@pytest.fixture
def without_negative(tiny_folders, native_prompts):
    """Sample with diffusers' pipeline and a guidance that leaves the negative prompt out."""
    import diffusers

    def direct(kind, cfg, *, dynamic):
        pipeline = diffusers.CogVideoXPipeline.from_pretrained(
            tiny_folders[kind], text_encoder=None, tokenizer=None, torch_dtype=torch.float32
        )
        pipeline.scheduler = diffusers.CogVideoXDDIMScheduler.from_config(
            pipeline.scheduler.config, timestep_spacing="trailing"
        )
        pipeline.set_progress_bar_config(disable=True)
        latents = pipeline(
            prompt_embeds=native_prompts["positive"][0][0],
            negative_prompt_embeds=native_prompts["negative"][0][0],
            num_frames=9,
            width=64,
            height=48,
            num_inference_steps=STEPS,
            guidance_scale=cfg,
            use_dynamic_cfg=dynamic == "as diffusers",
            generator=torch.Generator().manual_seed(5),
            max_sequence_length=TEXT_LENGTH,
            output_type="latent",
        ).frames
        return latents[:, latents.shape[1] - 3 :].movedim(1, 2) / pipeline.vae.config.scaling_factor

    return direct


@pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")  # of diffusers 0.42, not of 0.35
@pytest.mark.parametrize("dynamic", DYNAMIC)
@pytest.mark.parametrize("kind", KINDS)
def test_at_most_one_leaves_the_negative_out(load_native, runs, without_negative, kind, dynamic):
    model = load_native(kind)
    reference = without_negative(kind, 1.0, dynamic=dynamic)
    guiders = [runs.cfg_guider(model, cfg) for cfg in (1.0, 0.5, 0.0)] + [runs.basic_guider(model)]
    for guider in guiders:
        ours = runs.sample(model, guider=guider, dynamic=dynamic, noise="diffusers")
        assert distance(ours, reference) < EXACT
    if kind == "2b":
        assert distance(without_negative(kind, 0.5, dynamic=dynamic), reference) == 0  # diffusers' own meaning


@pytest.mark.parametrize("dynamic", DYNAMIC)
def test_a_cfg_just_above_one_is_no_other(load_native, runs, dynamic):
    model = load_native("2b")
    one, more = (runs.sample(model, cfg=cfg, dynamic=dynamic) for cfg in (1.0, 1.0000001))
    if dynamic == "off":
        assert distance(one, more) < EXACT
    else:  # diffusers' own: above 1 the guidance goes up to 1 + cfg
        assert distance(one, more) > 1e-2


def patched_by(name, model):
    """Return a MODEL with one of ComfyUI's nodes that change how the guidance is used."""
    from comfy_extras import nodes_cfg, nodes_lumina2, nodes_model_advanced, nodes_video_model

    if name == "RescaleCFG":
        return nodes_model_advanced.RescaleCFG().patch(model, 0.7)[0]
    if name == "RenormCFG":
        return nodes_lumina2.RenormCFG.execute(model, 100.0, 0.9).result[0]
    if name == "CFGNorm":
        return nodes_cfg.CFGNorm.execute(model, 0.9, pre_cfg=True).result[0]
    if name == "CFGZeroStar":
        return nodes_cfg.CFGZeroStar.execute(model).result[0]
    return getattr(nodes_video_model, name)().patch(model, 2.0)[0]


PATCHES = (
    "CFGNorm",
    "CFGZeroStar",
    "RenormCFG",
    "RescaleCFG",
    "VideoLinearCFGGuidance",
    "VideoTriangleCFGGuidance",
)


@pytest.mark.parametrize("dynamic", ["cosine", "as diffusers"])
@pytest.mark.parametrize("name", PATCHES)
def test_nodes_that_change_the_guidance_do(load_native, runs, by_hand, dynamic, name):
    plain = load_native("2b")
    patched = patched_by(name, plain)
    ours = runs.sample(patched, dynamic=dynamic)
    assert distance(ours, by_hand(patched, dynamic, lambda cfg: runs.cfg_guider(patched, cfg))) < EXACT
    assert distance(ours, runs.sample(plain, dynamic=dynamic)) > 1e-4


@pytest.mark.parametrize("dynamic", DYNAMIC)
def test_perp_neg_guider(load_native, runs, by_hand, dynamic):
    from comfy_extras.nodes_perpneg import PerpNegGuider

    model = load_native("2b")

    def make(cfg):
        return PerpNegGuider.execute(model, *runs.prompts.values(), cfg, 1.0).result[0]

    ours = runs.sample(model, guider=make(CFG), dynamic=dynamic)
    assert distance(ours, by_hand(model, dynamic, make)) < EXACT
    if dynamic != "off":
        assert distance(ours, runs.sample(model, guider=make(CFG))) > 1e-2


def test_cfg_override_has_the_last_word_in_its_range(load_native, runs):
    from comfy_extras.nodes_custom_sampler import CFGOverride

    model = load_native("2b")
    (fixed,) = CFGOverride.execute(model, 3.0, 0.0, 1.0).result
    assert distance(runs.sample(fixed, dynamic="cosine"), runs.sample(model, cfg=3.0)) < EXACT


def dual_guider(runs, model):
    from comfy_extras.nodes_custom_sampler import DualCFGGuider

    return DualCFGGuider.execute(model, *runs.prompts.values(), 5.0, 3.0, "regular").result[0]


def test_a_guider_with_two_cfgs_is_refused(load_native, runs, core):
    model = load_native("2b")
    message = (
        r"^dynamic_cfg: expected off, or a guider with one cfg, got cosine with a Guider_DualCFG\. "
        r"Set dynamic_cfg to off, or use CFGGuider\.$"
    )
    with pytest.raises(core.SamplingError, match=message):
        runs.sample(model, guider=dual_guider(runs, model), dynamic="cosine")
    assert torch.isfinite(runs.sample(model, guider=dual_guider(runs, model))).all()


def test_the_guider_has_its_own_cfg_again(load_native, runs):
    model = load_native("2b")
    guider = runs.cfg_guider(model)
    runs.sample(model, guider=guider, dynamic="cosine")
    assert guider.cfg == CFG

    def cancel(*_args):
        raise InterruptedError

    sampler, sigmas = runs.published(model, dynamic="cosine")
    latent = runs.empty(model)["samples"]
    with pytest.raises(InterruptedError), torch.inference_mode():
        guider.sample(torch.ones_like(latent), latent, sampler, sigmas, callback=cancel)
    assert guider.cfg == CFG
