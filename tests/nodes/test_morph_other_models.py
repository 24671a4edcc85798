"""RichSpace Morph with ComfyUI's other video models, tiny and random, against a loop over the latent frames."""

import copy
from itertools import pairwise

import pytest
import torch
from conditionings import conditioning
from host_video_models import VIDEO_MODELS, WIDTH, image_model, sound_model, tiny_model
from native_models import distance
from node_runs import results

LATENTS, SIDE = 4, 8


@pytest.fixture(scope="module", params=VIDEO_MODELS)
def family(request, host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return a family's name, its MODEL, an empty LATENT, and prompts A, B and negative."""
    return make_family(request.param)


@pytest.fixture(scope="module")
def wan(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return the same of Wan."""
    return make_family("Wan")


def make_family(name):
    generator = torch.Generator().manual_seed(3)
    pooled = {"pooled_output": torch.randn(1, 24, generator=generator)}
    mask = {"attention_mask": torch.ones(1, 8, dtype=torch.int64)} if name in ("Mochi", "LTX-Video") else {}
    prompts = [conditioning(torch.randn(8, WIDTH, generator=generator), **pooled, **mask) for _ in range(3)]
    latent = {"samples": torch.zeros(1, VIDEO_MODELS[name][2], LATENTS, SIDE, SIDE)}
    return name, tiny_model(name), latent, prompts


def literal(model, mixtures, negative, latent, *, steps, cfg, seed):
    """Sample with Euler steps, in which each latent frame comes from the prediction with its own mixture."""
    import comfy.sample
    import comfy.samplers

    def literally(sample, x, sigmas, extra_args, **_):
        guider = sample.inner_model
        both = [guider.conds["positive"], guider.conds["negative"]]
        for sigma, after in pairwise(sigmas):
            level = sigma * x.new_ones(len(x))
            options = extra_args["model_options"]
            predict = comfy.samplers.sampling_function
            each = [predict(guider.inner_model, x, level, both[1], [one], cfg, options) for one in both[0]]
            denoised = torch.stack([each[frame][:, :, frame] for frame in range(x.shape[2])], dim=2)
            x = x + (x - denoised) / sigma * (after - sigma)
        return x

    entries = [entry for mixture in mixtures for entry in mixture]
    return sampled(
        model, entries, negative, latent, comfy.samplers.KSAMPLER(literally), steps=steps, cfg=cfg, seed=seed
    )


def sampled(model, positive, negative, latent, sampler, *, steps, cfg, seed):
    import comfy.sample
    import comfy.samplers

    noise = comfy.sample.prepare_noise(latent["samples"], seed)
    sigmas = comfy.samplers.calculate_sigmas(model.get_model_object("model_sampling"), "simple", steps)
    with torch.inference_mode():
        return comfy.sample.sample_custom(
            model, noise, cfg, sampler, sigmas, positive, negative, latent["samples"], seed=seed
        )


def test_the_video_is_that_of_a_loop_over_the_latent_frames(nodes_by_id, family):
    import comfy.samplers

    name, model, latent, (a, b, negative) = family
    group = VIDEO_MODELS[name][3]
    last = (LATENTS - 1) * group
    middles = [0, *(1 + number * group + (group - 1) / 2 for number in range(LATENTS - 1))]
    (positive, captions) = results(nodes_by_id["RichSpaceMorph"], model=model, a=a, b=b, latent=latent, quality="exact")
    assert len(captions) == last + 1
    assert [tuple(entry[1]["mask"].shape) for entry in positive] == [(LATENTS, SIDE, SIDE)] * LATENTS
    mixtures = []
    for middle in middles:
        share = 1 - middle / last
        mixed = {key: torch.lerp(b[0][1][key], a[0][1][key], share) for key in ("pooled_output",)}
        extras = {**a[0][1], **mixed}
        mixtures.append([[torch.lerp(b[0][0], a[0][0], share), extras]])
    settings = {"steps": 3, "cfg": 3.0, "seed": 2}
    ours = sampled(model, positive, negative, latent, comfy.samplers.sampler_object("euler"), **settings)
    theirs = literal(model, mixtures, negative, latent, **settings)
    assert torch.isfinite(ours).all()
    assert (
        distance(ours, sampled(model, a, negative, latent, comfy.samplers.sampler_object("euler"), **settings)) > 1e-3
    )
    # Shares are rounded to a hundredth of a percent.
    assert distance(ours, theirs) < 1e-3


def test_image_models_are_refused(nodes_by_id, core, wan):
    _, _, latent, (a, b, _) = wan
    with pytest.raises(
        core.ModelFolderError, match=r"^model: expected a video model .* got BaseModel\. Pictures have no"
    ):
        results(nodes_by_id["RichSpaceMorph"], model=image_model(), a=a, b=b, latent=latent)


@pytest.mark.parametrize("shape", [(1, 16, 8, 8), (1, 16, 1, 8, 8)])
def test_pictures_are_refused(nodes_by_id, core, wan, shape):
    _, model, _, (a, b, _) = wan
    with pytest.raises(
        core.SamplingError, match=r"^latent: expected a video of at least 2 latent frames, got a picture"
    ):
        results(nodes_by_id["RichSpaceMorph"], model=model, a=a, b=b, latent={"samples": torch.zeros(shape)})


class TestSound:
    def test_latents_with_sound_are_refused(self, nodes_by_id, core, wan):
        from comfy.nested_tensor import NestedTensor

        _, model, latent, (a, b, _) = wan
        both = NestedTensor((latent["samples"], torch.zeros(1, 8, 20, 16)))
        with pytest.raises(core.SamplingError, match=r"^latent: expected a video, got a video together with sound\. "):
            results(nodes_by_id["RichSpaceMorph"], model=model, a=a, b=b, latent={"samples": both})

    def test_a_model_with_sound_needs_the_latent(self, nodes_by_id, core, wan):
        _, _, _, (a, b, _) = wan
        given = {"model": sound_model(), "a": a, "b": b}
        with pytest.raises(core.SamplingError, match=r"^latent: expected .* can also hold sound, got nothing"):
            results(nodes_by_id["RichSpaceMorph"], **given, frames=25)
        video = {"samples": torch.zeros(1, 128, LATENTS, SIDE, SIDE)}
        (positive, captions) = results(nodes_by_id["RichSpaceMorph"], **given, latent=video)
        assert len(positive) == 2
        assert len(captions) == (LATENTS - 1) * 8 + 1


def windows(model, length):
    """Return the model with Context Windows (Manual) over its latent frames."""
    from comfy_extras.nodes_context_windows import ContextWindowsManualNode

    return ContextWindowsManualNode.execute(
        model, length, 0, "standard_static", 1, False, "flat", 2, False, "", ""
    ).result[0]


class TestWhatOtherNodesDoAfterwards:
    """ComfyUI samples with a model that the pack has not touched, and the morph itself says what it cannot bear."""

    @pytest.fixture
    def denoise(self, family):
        """Return a function that samples with a MODEL and a positive CONDITIONING and counts the model's calls."""
        import comfy.samplers

        _, _, latent, (_, _, negative) = family

        def denoise(model, positive):
            model, calls = model.clone(), []
            model.set_model_unet_function_wrapper(
                lambda apply, given: calls.append(1) or apply(given["input"], given["timestep"], **given["c"])
            )
            sampler = comfy.samplers.sampler_object("euler")
            try:
                return sampled(model, positive, negative, latent, sampler, steps=2, cfg=3.0, seed=2)
            finally:
                denoise.calls = len(calls)

        return denoise

    @pytest.fixture
    def positive(self, nodes_by_id, family):
        _, model, latent, (a, b, _) = family
        return results(nodes_by_id["RichSpaceMorph"], model=model, a=a, b=b, latent=latent)[0]

    def test_a_mask_is_refused_before_the_model_runs(self, core, family, positive, denoise):
        import nodes

        mask = torch.zeros(SIDE, SIDE)
        mask[:, :4] = 1
        (masked,) = nodes.ConditioningSetMask().append(positive, mask, "default", 0.7)
        message = r"^positive: expected the morph .* got one whose masks another node has replaced\. Set the mask on"
        with pytest.raises(core.SamplingError, match=message):
            denoise(family[1], masked)
        assert denoise.calls == 0

    def test_context_windows_are_refused_before_the_model_runs(self, core, family, positive, denoise):
        message = rf"^context windows: expected none for a morph with .* got one of 2 of {LATENTS} latent frames\. "
        with pytest.raises(core.SamplingError, match=message):
            denoise(windows(family[1], 2), positive)
        assert denoise.calls == 0

    def test_a_window_as_long_as_the_video_is_none(self, family, positive, denoise):
        assert torch.equal(denoise(windows(family[1], LATENTS), positive), denoise(family[1], positive))
        assert denoise.calls > 0

    def test_strength_area_and_steps_may_be_set(self, family, positive, denoise):
        import nodes

        plain = denoise(family[1], positive)
        (halved,) = nodes.ConditioningSetAreaStrength().append(positive, 0.5)
        assert distance(denoise(family[1], halved), plain) < 1e-5  # all entries count half as much
        (early,) = nodes.ConditioningSetTimestepRange().set_range(positive, 0.0, 1.0)
        assert torch.equal(denoise(family[1], early), plain)

    def test_a_copy_is_the_same_morph(self, family, positive, denoise):
        copied = copy.deepcopy(positive)
        assert torch.equal(denoise(family[1], copied), denoise(family[1], positive))
        assert {type(entry[1]["strength"]) for entry in copied} == {type(positive[0][1]["strength"])}
        assert {float(entry[1]["strength"]) for entry in copied} == {1.0}


def test_context_windows_are_refused_since_comfyui_does_not_cut_the_masks(nodes_by_id, core, wan):
    _, model, latent, (a, b, _) = wan
    with pytest.raises(core.ModelFolderError, match=r"^model: expected a model without context windows"):
        results(nodes_by_id["RichSpaceMorph"], model=windows(model, 2), a=a, b=b, latent=latent)
