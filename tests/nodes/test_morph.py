"""RichSpace Morph: masks over time for ComfyUI's samplers and for the pack's own, against diffusers frame by frame."""

import pytest
import torch
from conditionings import conditioning, frozen, identical
from morph_oracle import exactly, fast, sample_literally
from native_models import distance
from node_runs import results, run_node, says
from small_models.tiny_models import KINDS

STEPS = 6
SIZE = {"width": 64, "height": 48, "frames": 17}  # 5 latent frames; 6 with the one in front that CogVideoX 1.5 needs
LATENTS = 5
CURVE = "0%: A, 25%: A, 75%: B"
MIDDLES = [0, 2.5, 6.5, 10.5, 14.5]
WEIGHTS = [min(max((12 - middle) / 8, 0), 1) for middle in MIDDLES]

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


@pytest.fixture
def morph(nodes_by_id, native_prompts):
    """Return a function that runs RichSpace Morph on two prompts: to its CONDITIONING."""

    def morph(model, **inputs):
        given = {"a": native_prompts["positive"], "b": native_prompts["other"], "curve": CURVE, "frames": 17} | inputs
        return results(nodes_by_id["RichSpaceMorph"], model=model, **given)[0]

    return morph


@pytest.fixture
def native(runs):
    """Return a function that samples a MODEL with a positive CONDITIONING and RichSpace CogVideoX Sampler."""

    def native(model, positive, *, cfg=6.0, latent=None, seed=5, **sampler):
        from comfy_extras.nodes_custom_sampler import CFGGuider

        settings = {"noise": "diffusers", "steps": STEPS} | sampler
        guider = CFGGuider.execute(model, positive, runs.prompts["negative"], cfg).result[0]
        latent = latent or runs.empty(model, frames=SIZE["frames"])
        return runs.custom(guider, *runs.published(model, **settings), latent, seed=seed)["samples"]

    return native


@pytest.fixture
def own(nodes_by_id, native_prompts):
    """Return a function that samples with RichSpace CogVideoX Sample."""

    def own(model, positive, **inputs):
        settings = {**SIZE, "steps": STEPS, "cfg": 6.0, "seed": 5, "scheduler": "DDIM"} | inputs
        both = {"positive": positive, "negative": native_prompts["negative"]}
        return results(nodes_by_id["RichSpaceCogVideoXSample"], model=model, **both, **settings)[0]["samples"]

    return own


@pytest.fixture
def literal(tiny_folders, native_prompts):
    """Return a function that samples the same morph with diffusers, frame by frame."""

    def literal(kind, quality, *, weights=WEIGHTS, **options):
        a, b = native_prompts["positive"][0][0], native_prompts["other"][0][0]
        of_frame = {"exact": exactly, "fast": fast}[quality](a, b, weights)
        given = {**SIZE, "num_inference_steps": STEPS} | options
        given["num_frames"] = given.pop("frames")
        return sample_literally(tiny_folders[kind], of_frame, a, native_prompts["negative"][0][0], latents=5, **given)

    return literal


@pytest.mark.parametrize("quality", ["exact", "fast"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_video_is_that_of_a_literal_loop_in_both_samplers(
    load_native, load_model, morph, native, own, literal, kind, quality
):
    model = load_native(kind)
    expected = literal(kind, quality)
    # Shares are rounded to a hundredth of a percent, and float32 sums run in another order.
    assert distance(native(model, morph(model, quality=quality)), expected) < 1e-4
    ours, _ = load_model(kind)
    assert distance(own(ours, morph(ours, quality=quality)), expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_morph_that_holds_one_prompt_is_that_prompt(
    load_native, load_model, morph, native, own, native_prompts, kind
):
    model, (ours, _) = load_native(kind), load_model(kind)
    plain = native_prompts["positive"]
    for quality in ("exact", "fast"):
        held = morph(model, curve="0%: A", quality=quality)
        assert len(held) == 1
        assert torch.equal(native(model, held), native(model, plain))
        assert torch.equal(own(ours, morph(ours, curve="0%: A", quality=quality)), own(ours, plain))
