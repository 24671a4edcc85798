"""A folder as the host's own MODEL, CLIP and VAE: the same video as the pack's other path, and as diffusers."""

import pytest
import torch
from node_runs import results

DEMO = "bundled demo"
PROMPTS = {
    "plain": "a red circle moves right",
    "mixture": "a large blue square moves up",
    "other": "a small dotted green star moves left",
}


@pytest.fixture(scope="module")
def nodes(nodes_by_id):
    return nodes_by_id


@pytest.fixture(scope="module")
def native_demo(nodes):
    """MODEL, CLIP and VAE of the bundled demo."""
    return results(nodes["RichSpaceLoadCogVideoXNative"], model=DEMO, dtype="auto")


@pytest.fixture(scope="module")
def demo(nodes):
    return results(nodes["RichSpaceLoadCogVideoX"], model=DEMO, dtype="auto")


def distance(ours, reference):
    return float((ours - reference).norm() / reference.norm())


def sample_custom(model, sampler, sigmas, positive, negative, latent, *, seed, cfg=6.0):
    """What the host's SamplerCustom makes."""
    from comfy_extras.nodes_custom_sampler import SamplerCustom

    output = SamplerCustom.execute(model, True, seed, cfg, positive, negative, sampler, sigmas, latent)
    return output.result[0]["samples"]


def native_video(nodes, native_demo, text, *, scheduler, dynamic="off", steps=20, seed=5):
    """Latents and frames by the host's own nodes."""
    import nodes as stock

    model, clip, vae = native_demo
    encode = nodes["RichSpaceT5Encode"]
    positive, negative = (results(encode, encoder=clip, text=words)[0] for words in (text, ""))
    (latent,) = results(nodes["RichSpaceEmptyCogVideoXLatent"], model=model, width=0, height=0, frames=0, batch_size=1)
    sampler, sigmas = results(
        nodes["RichSpaceCogVideoXSampler"],
        model=model,
        steps=steps,
        scheduler=scheduler,
        dynamic_cfg=dynamic,
        noise="diffusers",
    )
    with torch.inference_mode():
        samples = sample_custom(model, sampler, sigmas, positive, negative, latent, seed=seed)
        (frames,) = stock.VAEDecode().decode(vae, {"samples": samples})
    return samples, frames


def own_video(nodes, demo, text, *, scheduler, dynamic="off", steps=20, seed=5):
    """Latents and frames by this pack's sampler."""
    model, t5 = demo
    encode = nodes["RichSpaceT5Encode"]
    positive, negative = (results(encode, encoder=t5, text=words)[0] for words in (text, ""))
    settings = {"width": 0, "height": 0, "frames": 0, "steps": steps, "cfg": 6.0, "seed": seed, "batch_size": 1}
    (latent,) = results(
        nodes["RichSpaceCogVideoXSample"],
        model=model,
        positive=positive,
        negative=negative,
        scheduler=scheduler,
        dynamic_cfg=dynamic,
        **settings,
    )
    ((frames,),) = results(nodes["RichSpaceCogVideoXDecode"], model=model, latent=latent, tiled=False)
    return latent["samples"], frames


@pytest.mark.parametrize(
    ("text", "scheduler", "dynamic"),
    [
        (PROMPTS["plain"], "DDIM", "off"),
        (PROMPTS["mixture"], "DPM", "cosine"),
        (PROMPTS["other"], "DPM", "as diffusers"),
    ],
)
def test_both_paths_make_the_same_video(nodes, native_demo, demo, text, scheduler, dynamic):
    latents, frames = native_video(nodes, native_demo, text, scheduler=scheduler, dynamic=dynamic)
    reference, expected = own_video(nodes, demo, text, scheduler=scheduler, dynamic=dynamic)
    assert distance(latents, reference) < 5e-4
    assert frames.shape == expected.shape
    assert float((frames - expected).abs().max()) < 1e-2
