"""SAMPLER and SIGMAS of the host for CogVideoX: diffusers' own pipeline, with the same weights, noise and settings."""

import pytest
import torch
from checkout import link_folder
from conditionings import random_prompts
from node_runs import results
from tiny_models import KINDS, TEXT_LENGTH

SIZE = {"width": 64, "height": 48, "frames": 9}
TEXT_WIDTH = 32
CFG = 6.0

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


def distance(ours, reference):
    return float((ours - reference).norm() / reference.norm())


@pytest.fixture(scope="module")
def prompts():
    """{name: conditioning} of random embeddings."""
    positive, negative = random_prompts(count=2, rows=TEXT_LENGTH, width=TEXT_WIDTH)
    return {"positive": positive, "negative": negative}


@pytest.fixture
def load(diffusers_folder, nodes_by_id, tiny_folders):
    """Loads a tiny model's MODEL: kind and dtype to the corrected one."""

    def load(kind, dtype="float32"):
        link = diffusers_folder / f"tiny-{kind}"
        if not link.exists():
            link_folder(link, tiny_folders[kind])
        return results(nodes_by_id["RichSpaceLoadCogVideoXNative"], model=link.name, dtype=dtype)[0]

    return load


@pytest.fixture
def native(nodes_by_id, prompts):
    """Samples with the host's SamplerCustom: the samples of its LATENT."""

    def native(model, *, steps, scheduler="DDIM", dynamic="off", noise="diffusers", seed=5, cfg=CFG, videos=1):
        from comfy_extras.nodes_custom_sampler import SamplerCustom

        settings = {"steps": steps, "scheduler": scheduler, "dynamic_cfg": dynamic, "noise": noise}
        sampler, sigmas = results(nodes_by_id["RichSpaceCogVideoXSampler"], model=model, **settings)
        (latent,) = results(nodes_by_id["RichSpaceEmptyCogVideoXLatent"], model=model, **SIZE, batch_size=videos)
        assert latent["samples"].shape == (videos, 16, 3, 6, 8)
        with torch.inference_mode():
            out = SamplerCustom.execute(
                model, True, seed, cfg, prompts["positive"], prompts["negative"], sampler, sigmas, latent
            )
        return out.result[0]["samples"]

    return native


@pytest.fixture
def direct(tiny_folders, prompts):
    """diffusers' pipeline itself: latents in the host's layout and scale."""
    import diffusers

    def direct(kind, *, steps, scheduler="DDIM", dynamic="off", dtype=torch.float32, seed=5):
        pipeline = diffusers.CogVideoXPipeline.from_pretrained(
            tiny_folders[kind], text_encoder=None, tokenizer=None, torch_dtype=dtype
        )
        kind_of_scheduler = getattr(diffusers, f"CogVideoX{scheduler}Scheduler")
        pipeline.scheduler = kind_of_scheduler.from_config(pipeline.scheduler.config, timestep_spacing="trailing")
        pipeline.set_progress_bar_config(disable=True)
        latents = pipeline(
            prompt_embeds=prompts["positive"][0][0].to(dtype),
            negative_prompt_embeds=prompts["negative"][0][0].to(dtype),
            num_frames=SIZE["frames"],
            width=SIZE["width"],
            height=SIZE["height"],
            num_inference_steps=steps,
            guidance_scale=CFG,
            use_dynamic_cfg=dynamic == "as diffusers",
            generator=torch.Generator().manual_seed(seed),
            max_sequence_length=TEXT_LENGTH,
            output_type="latent",
        ).frames
        surplus = latents.shape[1] - 3  # CogVideoX 1.5 pads to whole patches
        return latents[:, surplus:].movedim(1, 2).float() / pipeline.vae.config.scaling_factor

    return direct


@pytest.mark.parametrize("dynamic", ["off", "as diffusers"])
@pytest.mark.parametrize("scheduler", ["DDIM", "DPM"])
@pytest.mark.parametrize("steps", [50, 30])
@pytest.mark.parametrize("kind", KINDS)
def test_the_video_is_diffusers(load, native, direct, kind, steps, scheduler, dynamic):
    ours = native(load(kind), steps=steps, scheduler=scheduler, dynamic=dynamic)
    # What is left is the last alpha, which is zero in diffusers and has no sigma in the host.
    assert distance(ours, direct(kind, steps=steps, scheduler=scheduler, dynamic=dynamic)) < 5e-4
