"""ComfyUI's caches of predictions, EasyCache and LazyCache, with a corrected CogVideoX."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from host_windows import in_windows
from native_models import distance
from node_runs import results

EXACT = 1e-5
FRAMES = 17  # 5 latent frames; 6 with the one in front that CogVideoX 1.5 needs
STEPS = 9
KINDS = ("2b", "1.5")  # patches of one frame and of two


def easy(model, threshold, start=0.0, end=0.95):
    from comfy_extras.nodes_easycache import EasyCacheNode

    return EasyCacheNode.execute(model, threshold, start, end, False).result[0]


def lazy(model, threshold, start=0.0, end=0.95):
    from comfy_extras.nodes_easycache import LazyCacheNode

    return LazyCacheNode.execute(model, threshold, start, end, False).result[0]


@pytest.fixture
def sample(runs):
    """Return a function that samples a video and returns it with the noise levels at which the network ran."""
    from comfy.patcher_extension import WrappersMP

    def sample(model, sampler="euler", positive=None):
        import comfy.samplers

        given = replace(runs, prompts={**runs.prompts, "positive": positive or runs.prompts["positive"]})
        model, levels = model.clone(), []

        def note(forward, x, timestep, context, ofs, options, **rest):
            levels.append(float(options["sigmas"][0]))
            return forward(x, timestep, context, ofs, options, **rest)

        model.add_wrapper(WrappersMP.DIFFUSION_MODEL, note)  # within a cache: called where nothing is reused
        sampler = comfy.samplers.sampler_object(sampler) if isinstance(sampler, str) else sampler
        sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "simple", STEPS)
        video = runs.custom(given.cfg_guider(model), sampler, sigmas, runs.empty(model, frames=FRAMES))["samples"]
        return video, list(dict.fromkeys(levels))

    return sample


def literal(computed, reuse):
    """Return a sampler of Euler steps that reuses a prediction at all noise levels but those of a list.

    Args:
        computed: Noise levels at which the model runs.
        reuse: Function from the latents before, the clean video before, the latents, and their noise levels, to the
            clean video.
    """
    import comfy.samplers

    def literally(model, x, sigmas, extra_args, **_):
        for sigma, after in pairwise(sigmas):
            if any(float(sigma) == pytest.approx(level) for level in computed):
                clean = model(x, sigma * x.new_ones(len(x)), **extra_args)
                last = x, clean, sigma
            else:
                clean = reuse(*last, x, sigma)
            x = x + (x - clean) / sigma * (after - sigma)
        return x

    return comfy.samplers.KSAMPLER(literally)


def the_clean_video(_x_before, clean_before, _sigma_before, _x, _sigma):
    return clean_before


def the_change_of_the_network(x_before, clean_before, sigma_before, x, sigma):
    """Add the change that the network made to its input; all of a guided prediction is linear."""
    norm_before, norm = ((1 + level**2).sqrt() for level in (sigma_before, sigma))
    change = (x_before / norm_before - norm_before * clean_before) / sigma_before - x_before / norm_before
    return (x / norm - sigma * (x / norm + change)) / norm


REUSES = {lazy: the_clean_video, easy: the_change_of_the_network}


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_lazycache_skips_keeps_the_clean_video(load_native, sample, kind):
    model = load_native(kind)
    video, computed = sample(lazy(model, 0.6))
    assert 2 < len(computed) < STEPS
    assert distance(video, sample(model, literal(computed, the_clean_video))[0]) < EXACT
    assert distance(video, sample(model)[0]) > 1e-3


def test_lazycache_covers_all_context_windows(load_native, sample):
    windows = in_windows(load_native("2b"), 3, overlap=1)
    video, computed = sample(lazy(windows, 0.6))
    assert len(computed) < STEPS
    assert distance(video, sample(windows, literal(computed, the_clean_video))[0]) < EXACT


@pytest.fixture
def several(nodes_by_id, native_prompts, runs):
    """Return a function that makes a CONDITIONING of several entries: the name of a node and a MODEL to it."""

    def several(node, model):
        given = {"a": native_prompts["positive"], "b": native_prompts["other"]}
        if node == "RichSpaceMorph":
            given |= {"model": model, "latent": runs.empty(model, frames=FRAMES)}
        return results(nodes_by_id[node], **given)[0]

    return several


@pytest.mark.parametrize("cache", [easy, lazy])
@pytest.mark.parametrize("node", ["RichSpaceMorph", "RichSpaceMixPredictions"])
def test_a_cache_holds_several_prompts(load_native, sample, several, node, cache):
    model = load_native("2b")
    positive = several(node, model)
    video, computed = sample(cache(model, 1.5), positive=positive)
    assert 2 < len(computed) < STEPS
    assert distance(video, sample(model, literal(computed, REUSES[cache]), positive)[0]) < EXACT
    assert distance(video, sample(model, positive=positive)[0]) > 1e-3


@pytest.mark.parametrize("cache", [easy, lazy])
def test_a_cache_that_skips_nothing_changes_nothing(load_native, sample, cache):
    model = load_native("1.5")
    video, computed = sample(cache(model, 0.0))
    assert len(computed) == STEPS
    torch.testing.assert_close(video, sample(model)[0], rtol=0, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_easycache_counts_each_context_window_alone(load_native, runs, kind):
    """Windows that do not overlap are videos of their own, which skip steps of their own."""
    model = load_native(kind)
    noise = torch.randn(1, 16, 8, 6, 8, generator=torch.Generator().manual_seed(3))
    noise[:, :, 4:] *= 0.3  # so that the second half skips other steps than the first one
    sampler, sigmas = runs.published(model, steps=STEPS)

    def denoise(model, noise):
        with torch.inference_mode():
            return runs.cfg_guider(model).sample(noise, torch.zeros_like(noise), sampler, sigmas, seed=5)

    cached = easy(model, 1.0)
    halves = torch.cat([denoise(cached, noise[:, :, :4]), denoise(cached, noise[:, :, 4:])], dim=2)
    assert distance(halves, torch.cat([denoise(model, half) for half in noise.split(4, dim=2)], dim=2)) > 1e-3
    windows = in_windows(cached, 4, schedule="batched", causal_window_fix=False)
    assert distance(denoise(windows, noise), halves) < EXACT
