"""Native denoising in several stages equals denoising in one; a video of a batch equals the same video alone."""

import pytest
import torch
from native_models import distance
from native_runs import MAX_SEED, STEPS
from small_models.tiny_models import KINDS

HALF = STEPS // 2

# Between the stages the latents are scaled and scaled back, each time rounded to float32; the model makes 1e-6 of it.
EXACT = 1e-5


def ksampler_in_two(runs, model, latent, *, between=lambda latent: latent, second_seed=5):
    """Sample both halves with KSampler Advanced; `between` is the work of nodes between them."""
    noisy = runs.ksampler(model, latent, end_at_step=HALF, return_with_leftover_noise="enable")
    return runs.ksampler(model, between(noisy), seed=second_seed, add_noise="disable", start_at_step=HALF)


def published_in_two(runs, model, latent, *, cut=HALF, between=lambda latent: latent, **settings):
    """Sample both parts with SplitSigmas, SamplerCustomAdvanced and DisableNoise, as in ComfyUI's own examples."""
    from comfy_extras.nodes_custom_sampler import SplitSigmas

    sampler, sigmas = runs.published(model, **settings)
    high, low = SplitSigmas.execute(sigmas, cut).result
    noisy = runs.custom(runs.cfg_guider(model), sampler, high, latent)
    return runs.custom(runs.cfg_guider(model), sampler, low, between(noisy), add_noise=False, seed=0)


@pytest.mark.parametrize("kind", KINDS)
def test_ksampler_advanced_in_two_stages(load_native, runs, kind):
    model = load_native(kind)
    latent = runs.empty(model)
    whole = runs.ksampler(model, latent)
    assert distance(ksampler_in_two(runs, model, latent, second_seed=99)["samples"], whole["samples"]) < EXACT


@pytest.mark.parametrize("cut", [0, 1, HALF, STEPS - 1])
@pytest.mark.parametrize(
    ("scheduler", "dynamic", "noise"), [("DDIM", "cosine", "ComfyUI"), ("DPM", "off", "diffusers")]
)
@pytest.mark.parametrize("kind", KINDS)
def test_published_samplers_in_two_stages(load_native, runs, kind, scheduler, dynamic, noise, cut):
    model = load_native(kind)
    settings = {"scheduler": scheduler, "dynamic": dynamic, "noise": noise}
    parts = published_in_two(runs, model, runs.empty(model), cut=cut, **settings)
    assert distance(parts["samples"], runs.sample(model, **settings)) < EXACT


@pytest.mark.parametrize("steps", [10, 7])  # 7: DPM's own timesteps and the levels between them are not the same
def test_each_video_of_a_batch_in_three_stages(load_native, runs, steps):
    model = load_native("1.5")
    sampler, sigmas = runs.published(model, scheduler="DPM", steps=steps)
    latent, guider = runs.empty(model, videos=2), runs.cfg_guider(model)
    whole = runs.custom(guider, sampler, sigmas, latent)["samples"]
    for first, last in ((0, 2), (2, 5), (5, steps)):
        latent = runs.custom(guider, sampler, sigmas[first : last + 1], latent, add_noise=first == 0)
    assert distance(latent["samples"], whole) < EXACT


def test_a_stage_can_be_sampled_again(load_native, runs):
    model = load_native("1.5")
    sampler, sigmas = runs.published(model, scheduler="DPM")
    guider = runs.cfg_guider(model)
    noisy = runs.custom(guider, sampler, sigmas[: HALF + 1], runs.empty(model))
    once, again = (
        runs.custom(guider, sampler, sigmas[HALF:], noisy, add_noise=False, seed=0)["samples"] for _ in range(2)
    )
    torch.testing.assert_close(once, again, rtol=0, atol=0)


def test_nodes_that_pass_the_latents_on_do_not_matter(load_native, runs):
    import nodes

    def masked(latent):
        return nodes.SetLatentNoiseMask().set_mask(latent, torch.ones(1, 48, 64))[0]

    model = load_native("1.5")
    latent = runs.empty(model)
    assert (
        distance(
            published_in_two(runs, model, latent, scheduler="DPM", between=masked)["samples"],
            runs.sample(model, scheduler="DPM"),
        )
        < EXACT
    )


def remade(latent):
    """Return a copy, as a node that makes a new tensor does, such as LoadLatent or an upscaler."""
    return latent | {"samples": latent["samples"].clone()}


@pytest.mark.parametrize("seed", [5, 6])
def test_ddim_needs_nothing_that_the_stage_before_has_left(load_native, runs, caplog, seed):
    model = load_native("2b")
    sampler, sigmas = runs.published(model)
    guider = runs.cfg_guider(model)
    noisy = remade(runs.custom(guider, sampler, sigmas[: HALF + 1], runs.empty(model)))
    parts = runs.custom(guider, sampler, sigmas[HALF:], noisy, add_noise=False, seed=seed)
    assert distance(parts["samples"], runs.sample(model)) < EXACT
    assert "straight from" not in caplog.text


def test_dpm_starts_anew_without_the_prediction_before(load_native, runs, caplog):
    """With the noise that it would have drawn at that place, and a step that does not look back, as its first."""
    import diffusers

    model = load_native("2b")
    sampler, sigmas = runs.published(model, scheduler="DPM")
    guider = runs.cfg_guider(model)
    latent = runs.empty(model)
    noisy = runs.custom(guider, sampler, sigmas[: HALF + 1], latent)
    ours = runs.custom(guider, sampler, sigmas[HALF : HALF + 2], remade(noisy), add_noise=False)["samples"]
    assert "DPM starts again" in caplog.text

    # One step of DDIM from the same latents tells what the model predicts there.
    ddim, _ = runs.published(model)
    stepped = runs.custom(guider, ddim, sigmas[HALF : HALF + 2], remade(noisy), add_noise=False)["samples"]
    scheduler = diffusers.CogVideoXDPMScheduler.from_config(
        model.get_model_object("model_sampling").config.make_scheduler("DPM").config
    )
    scheduler.set_timesteps(STEPS)
    before, after = (scheduler.alphas_cumprod[scheduler.timesteps[step]] for step in (HALF, HALF + 1))
    start, end = (noisy["samples"] * before**0.5).movedim(1, 2), (stepped * after**0.5).movedim(1, 2)
    angle, angle_after = torch.acos(before**0.5), torch.acos(after**0.5)
    v = (torch.cos(angle - angle_after) * start - end) / torch.sin(angle - angle_after)
    generator = torch.Generator().manual_seed(5)
    for _ in range(1 + 1 + 2 * (HALF - 1)):  # the video's own noise, a first step, and those that look back
        torch.randn(start.shape, generator=generator)
    scale = model.model.latent_format.scale_factor
    reference, _ = scheduler.step(
        v * scale, None, int(scheduler.timesteps[HALF]), None, start * scale, generator=generator
    )
    assert distance(ours, reference.movedim(1, 2) / scale / after**0.5) < 1e-4


def test_the_first_frame_takes_the_place_of_the_frame_in_front(load_native, runs, caplog):
    model = load_native("1.5")
    latent = runs.empty(model)
    whole = runs.ksampler(model, latent)["samples"]
    one, other = (ksampler_in_two(runs, model, latent, between=remade, second_seed=seed)["samples"] for seed in (5, 6))
    torch.testing.assert_close(one, other, rtol=0, atol=0)  # no noise is added where noise is disabled
    assert EXACT < distance(one, whole) < 0.5
    assert "The video's first frame is used in its place" in caplog.text


def test_noise_that_was_disabled_is_not_drawn(load_native, runs):
    model = load_native("2b")
    sampler, sigmas = runs.published(model, noise="diffusers")
    noisy = runs.empty(model)
    noisy["samples"] = torch.randn(noisy["samples"].shape, generator=torch.Generator().manual_seed(1)) * sigmas[0]
    other = noisy | {"samples": noisy["samples"].flip(-1)}
    one, two = (
        runs.custom(runs.cfg_guider(model), sampler, sigmas, each, add_noise=False, seed=0)["samples"]
        for each in (noisy, other)
    )
    assert distance(one, two) > 0.1


@pytest.mark.parametrize(
    "choose",
    [
        lambda sigmas: sigmas.flip(0),
        lambda sigmas: sigmas[::2],
        lambda sigmas: torch.cat([sigmas[:5], sigmas[-1:]]),
    ],
    ids=["backwards", "every other", "to the end too soon"],
)
def test_steps_that_do_not_follow_one_another_are_refused(load_native, runs, core, choose):
    model = load_native("2b")
    sampler, sigmas = runs.published(model)
    with pytest.raises(core.SamplingError, match=r"^sigmas: expected the sigmas of this sampler's 10 steps, or a part"):
        runs.custom(runs.cfg_guider(model), sampler, choose(sigmas), runs.empty(model))


@pytest.mark.parametrize("seed", [MAX_SEED, MAX_SEED - 1])
def test_the_largest_seed(load_native, runs, seed):
    model = load_native("1.5")
    assert torch.isfinite(runs.ksampler(model, runs.empty(model, videos=2), seed=seed)["samples"]).all()
    for noise in ("ComfyUI", "diffusers"):
        assert torch.isfinite(runs.sample(model, seed=seed, scheduler="DPM", noise=noise)).all()


@pytest.mark.parametrize(("scheduler", "noise"), [("DDIM", "ComfyUI"), ("DPM", "ComfyUI"), ("DDIM", "diffusers")])
@pytest.mark.parametrize("kind", KINDS)
def test_a_video_of_a_batch_alone(load_native, runs, kind, scheduler, noise):
    import nodes

    model = load_native(kind)
    sampler, sigmas = runs.published(model, scheduler=scheduler, noise=noise)
    batch, guider = runs.empty(model, videos=3), runs.cfg_guider(model)
    both = runs.custom(guider, sampler, sigmas, batch)["samples"]
    for first, videos in ((1, 1), (1, 2)):
        (chosen,) = nodes.LatentFromBatch().frombatch(batch, first, videos)
        alone = runs.custom(guider, sampler, sigmas, chosen)["samples"]
        assert distance(alone, both[first : first + videos]) < EXACT


def test_a_video_of_a_batch_alone_with_ksampler(load_native, runs):
    import nodes

    model = load_native("1.5")
    batch = runs.empty(model, videos=3)
    both = runs.ksampler(model, batch)["samples"]
    (chosen,) = nodes.LatentFromBatch().frombatch(batch, 2, 1)
    assert distance(runs.ksampler(model, chosen)["samples"], both[2:]) < EXACT


def test_a_batch_with_one_seed_for_all(load_native, runs):
    import comfy_extras.nodes_post_processing  # noqa: F401 - which the next module needs first
    from comfy_extras.nodes_latent import LatentBatchSeedBehavior

    model = load_native("1.5")
    fixed = LatentBatchSeedBehavior.execute(runs.empty(model, videos=2), "fixed").result[0]
    one, other = runs.ksampler(model, fixed)["samples"]
    assert distance(one, other) < EXACT


def test_noise_that_is_no_seeds_counts_by_order(load_native, runs):
    model = load_native("1.5")
    sampler, sigmas = runs.published(model, scheduler="DPM")
    latent = runs.empty(model)
    noise = torch.randn(1, 16, 3, 6, 8, generator=torch.Generator().manual_seed(12))
    with torch.inference_mode():
        guider = runs.cfg_guider(model)
        one, again = (guider.sample(noise, latent["samples"], sampler, sigmas, seed=5) for _ in range(2))
    torch.testing.assert_close(one, again, rtol=0, atol=0)
