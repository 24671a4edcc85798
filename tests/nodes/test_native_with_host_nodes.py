"""Corrected models with ComfyUI's nodes that patch a MODEL: context windows, caches, other noise schedules."""

import pytest
import torch
from host_windows import in_windows
from native_models import distance
from native_runs import STEPS
from small_models.tiny_models import KINDS

EXACT = 1e-5
FRAMES = 17  # 5 latent frames; 6 with the one in front that CogVideoX 1.5 needs


@pytest.fixture
def sample(runs):
    """Return a function that samples a video of five latent frames with KSampler."""

    def sample(model, frames=FRAMES, **settings):
        return runs.ksampler(model, runs.empty(model, frames=frames), steps=4, **settings)["samples"]

    return sample


@pytest.mark.parametrize("length", [5, 6, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_a_window_as_long_as_the_video_is_none(load_native, sample, kind, length):
    model = load_native(kind)
    assert distance(sample(in_windows(model, length)), sample(model)) < EXACT


def test_windows_of_single_frames_stay_as_they_are(load_native, sample):
    model = load_native("2b")
    assert distance(sample(in_windows(model, 3, overlap=1)), sample(model)) > 1e-3


@pytest.fixture
def network_lengths(load_native):
    """Return CogVideoX 1.5 and the number of frames in each call of its network."""
    from comfy.patcher_extension import WrappersMP

    model, lengths = load_native("1.5").clone(), []

    def count(forward, x, *args, **kwargs):
        lengths.append(x.shape[2])
        return forward(x, *args, **kwargs)

    model.add_wrapper(WrappersMP.DIFFUSION_MODEL, count)
    return model, lengths


SHAPES = [(length, overlap) for length in range(1, 5) for overlap in range(length)]


@pytest.mark.parametrize("schedule", ["standard_static", "standard_uniform", "looped_uniform", "batched"])
def test_windows_are_whole_patches(native_frames, schedule):
    from comfy import context_windows as host

    for length, overlap in SHAPES:
        theirs = host.IndexListContextHandler(
            host.get_matching_context_schedule(schedule),
            host.get_matching_fuse_method("flat"),
            context_length=length,
            context_overlap=overlap,
            context_stride=2,
            dim=2,
        )
        ours = native_frames.windows_of_patches(theirs, 2)
        windows = [each.index_list for each in ours.get_context_windows(None, torch.zeros(1, 16, 10, 2, 2), {})]
        assert {frame for window in windows for frame in window} == set(range(10))
        for window in windows:
            patches = list(zip(window[::2], window[1::2], strict=True))
            assert all(even % 2 == 0 and odd == even + 1 for even, odd in patches)
        assert not ours.causal_window_fix
        assert (theirs.context_length, theirs.context_overlap, theirs.causal_window_fix) == (length, overlap, True)


@pytest.mark.parametrize("frames", [FRAMES, 25])
def test_the_network_sees_whole_patches_only(network_lengths, sample, frames):
    model, lengths = network_lengths
    assert torch.isfinite(sample(in_windows(model, 3, overlap=1, freenoise=True), frames)).all()
    assert set(lengths) == {4}


def test_a_window_is_the_models_own_video(network_lengths, runs):
    """Two windows that do not overlap are two videos: each is denoised as diffusers would denoise it alone."""
    model, _ = network_lengths
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(1, 16, 8, 6, 8, generator=generator)
    sampler, sigmas = runs.published(model)

    def denoise(model, noise):
        with torch.inference_mode():
            return runs.cfg_guider(model).sample(noise, torch.zeros_like(noise), sampler, sigmas, seed=5)

    halves = torch.cat([denoise(model, noise[:, :, :4]), denoise(model, noise[:, :, 4:])], dim=2)
    assert distance(denoise(in_windows(model, 3, schedule="batched"), noise), halves) < EXACT


@pytest.mark.parametrize("name", ["EasyCacheNode", "LazyCacheNode"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_cache_starts_at_the_same_step_cold_and_warm(load_native, runs, management, kind, name):
    from comfy_extras import nodes_easycache

    model = load_native(kind)
    (cached,) = getattr(nodes_easycache, name).execute(model, 1.0, 0.4, 0.95, False).result
    latent = runs.empty(model)
    management.unload_all_models()
    cold = runs.ksampler(cached, latent, steps=20)["samples"]
    warm = runs.ksampler(cached, latent, steps=20)["samples"]
    torch.testing.assert_close(cold, warm, rtol=0, atol=0)
    assert distance(cold, runs.ksampler(model, latent, steps=20)["samples"]) > 1e-3  # it does skip steps


def test_a_cache_starts_where_the_published_schedule_does(load_native, runs, management):
    from comfy.patcher_extension import WrappersMP
    from comfy_extras.nodes_easycache import EasyCacheNode

    model = load_native("2b")
    (cached,) = EasyCacheNode.execute(model, 100.0, 0.45, 0.95, False).result
    computed = []

    def note(forward, x, timestep, *args, **kwargs):
        computed.append(float(timestep[0]))
        return forward(x, timestep, *args, **kwargs)

    cached.add_wrapper(WrappersMP.DIFFUSION_MODEL, note)  # within the cache: called where nothing is reused
    management.unload_all_models()
    runs.ksampler(cached, runs.empty(model), steps=STEPS)
    # 45% of the schedule are over at 549; the cache then wants two steps to compare before it skips one.
    assert computed == [999, 899, 799, 699, 599, 499, 399]


@pytest.mark.parametrize("scheduler", ["DDIM", "DPM"])
def test_freenoise_shuffles_the_noise_of_diffusers_too(load_native, runs, scheduler):
    model = in_windows(load_native("2b"), 3, overlap=1, freenoise=True)
    own = torch.randn(1, 16, 8, 6, 8, generator=torch.Generator().manual_seed(5))
    of_diffusers = torch.randn(1, 8, 16, 6, 8, generator=torch.Generator().manual_seed(5)).movedim(1, 2)

    def denoise(model, noise, kind):
        sampler, sigmas = runs.published(model, scheduler=scheduler, noise=kind, steps=4)
        with torch.inference_mode():
            return runs.cfg_guider(model).sample(noise.clone(), torch.zeros_like(noise), sampler, sigmas, seed=5)

    video = denoise(model, own, "diffusers")
    assert distance(video, denoise(model, of_diffusers, "ComfyUI")) < EXACT
    assert distance(video, denoise(in_windows(load_native("2b"), 3, overlap=1), own, "diffusers")) > 1e-3


@pytest.mark.parametrize("kind", ["2b", "1.5"])
def test_windows_of_a_batch_are_those_of_each_video(load_native, runs, kind):
    model = in_windows(load_native(kind), 3, overlap=1)
    both = runs.empty(model, videos=2, frames=FRAMES)
    alone = [{"samples": both["samples"][:1], "batch_index": [place]} for place in range(2)]
    videos = torch.cat([runs.ksampler(model, each, steps=4)["samples"] for each in alone])
    assert distance(runs.ksampler(model, both, steps=4)["samples"], videos) < EXACT


def test_freenoise_leaves_the_seed_of_each_video(load_native, runs):
    """DPM draws noise for the place of a video in its batch, which is found by the noise that it starts from."""
    model = in_windows(load_native("2b"), 3, overlap=1, freenoise=True)
    both = runs.empty(model, videos=2, frames=FRAMES)
    second = {"samples": both["samples"][1:], "batch_index": [1]}
    sampler, sigmas = runs.published(model, scheduler="DPM", steps=4)
    of_both, alone = (runs.custom(runs.cfg_guider(model), sampler, sigmas, each)["samples"] for each in (both, second))
    assert distance(alone, of_both[1:]) < EXACT


def replaced(name, model):
    from comfy_extras import nodes_model_advanced as host

    if name == "ModelSamplingDiscrete":
        return host.ModelSamplingDiscrete().patch(model, "v_prediction", True)[0]
    return host.ModelSamplingSD3().patch(model, 3.0)[0]


@pytest.mark.parametrize("name", ["ModelSamplingDiscrete", "ModelSamplingSD3"])
def test_another_noise_schedule_is_named(load_native, runs, core, name):
    model = load_native("2b")
    other = replaced(name, model)
    message = (
        r"^model: expected tiny-2b with its published noise schedule, got another schedule "
        r"\(ModelSamplingAdvanced\), set by a node after the loader\. "
        r"Remove or bypass that node, such as ModelSamplingDiscrete or ModelSamplingSD3\.$"
    )
    with pytest.raises(core.ModelFolderError, match=message):
        runs.published(other)
    sampler, sigmas = runs.published(model)
    with pytest.raises(core.ModelFolderError, match=message):
        runs.custom(runs.cfg_guider(other), sampler, sigmas, runs.empty(model))
    assert runs.empty(other)["samples"].shape == runs.empty(model)["samples"].shape  # a size has no schedule
