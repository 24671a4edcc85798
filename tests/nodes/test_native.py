"""ComfyUI's own CogVideoX against diffusers, before and after the corrections."""

import gc
from types import SimpleNamespace

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel
from native_models import (
    CONFIG,
    KINDS,
    SCHEDULE,
    SIZES,
    config_of,
    distance,
    forward_of_diffusers,
    forward_of_host,
    inputs,
    random_transformer,
    rotary_of_diffusers,
    stock_model,
)
from node_runs import run_node


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def theirs(kind):
    return random_transformer(kind)


@pytest.fixture(scope="module")
def scheduler():
    return CogVideoXDDIMScheduler(**SCHEDULE)


@pytest.fixture(scope="module")
def stock(theirs, native):
    return stock_model(native, theirs)


@pytest.fixture(scope="module")
def config(theirs, native):
    return config_of(native, theirs)


@pytest.fixture(scope="module")
def corrected(stock, native, config):
    return native.correct_model(stock, config)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_one_forward_is_diffusers(theirs, corrected, size):
    assert distance(forward_of_host(corrected, size), forward_of_diffusers(theirs, size)) < 1e-5


def test_the_stock_model_is_wrong_and_stays_as_it_was(theirs, stock, corrected, kind):
    size = SIZES[0]
    before = forward_of_host(stock, size)
    forward_of_host(corrected, size)
    torch.testing.assert_close(forward_of_host(stock, size), before, rtol=0, atol=0)
    assert distance(before, forward_of_diffusers(theirs, size)) > {"2b": 0.1, "5b": 5e-3}[kind]
    assert stock.model.diffusion_model.use_rotary_positional_embeddings  # as its loader has set it
    assert not stock.object_patches


def test_the_cures_go_with_their_clone(stock, native, config):
    before = forward_of_host(stock, SIZES[0])
    network = stock.model.diffusion_model
    sampling = stock.model.model_sampling
    clone = native.correct_model(stock, config)
    forward_of_host(clone, SIZES[0])  # its patches are in the model now
    del clone
    gc.collect()
    torch.testing.assert_close(forward_of_host(stock, SIZES[0]), before, rtol=0, atol=0)
    assert network.patch_embed.forward.__func__ is type(network.patch_embed).forward
    assert network._get_rotary_emb.__func__ is type(network)._get_rotary_emb
    assert stock.model.model_sampling is sampling


def test_the_schedule_is_the_schedulers(native, config, scheduler):
    sigmas = native.schedule.PublishedSampling(config).sigmas.double()
    torch.testing.assert_close(1 / (1 + sigmas**2), scheduler.alphas_cumprod.double(), rtol=1e-6, atol=5e-8)


def sample_with_host(patcher, steps, *, sampler="euler", seed=3):
    """Sample with KSampler: latents in ComfyUI's layout, multiplied by the scaling factor again."""
    import comfy.sample

    height, width, frames = SIZES[0]
    noise = torch.randn(1, 16, frames, height, width, generator=torch.Generator().manual_seed(seed))
    _, text, _ = inputs(SIZES[0])
    positive, negative = ([[row[None], {}]] for row in text)
    empty = torch.zeros_like(noise)
    latents = comfy.sample.sample(
        patcher, noise, steps, 6.0, sampler, "simple", positive, negative, empty, disable_pbar=True, seed=seed
    )
    return latents * patcher.model.latent_format.scale_factor


def sample_with_diffusers(model, scheduler, steps, *, seed=3):
    """Sample with the plain loop of diffusers' pipeline."""
    height, width, frames = SIZES[0]
    noise = torch.randn(1, 16, frames, height, width, generator=torch.Generator().manual_seed(seed))
    _, text, _ = inputs(SIZES[0])
    rotary = rotary_of_diffusers(model, SIZES[0])
    latents = noise.transpose(1, 2)
    scheduler.set_timesteps(steps)
    with torch.inference_mode():
        for step in scheduler.timesteps:
            both = latents.repeat(2, 1, 1, 1, 1)
            out = model(both, text, step.expand(2), image_rotary_emb=rotary, return_dict=False)[0]
            positive, negative = out.chunk(2)
            guided = negative + 6.0 * (positive - negative)
            latents = scheduler.step(guided, step, latents, eta=0.0, return_dict=False)[0]
    return latents.transpose(1, 2)


@pytest.mark.parametrize("sampler", ["euler", "ddim"])
@pytest.mark.parametrize("steps", [50, 20])
def test_ksampler_makes_diffusers_video(theirs, corrected, scheduler, steps, sampler):
    ours = sample_with_host(corrected, steps, sampler=sampler)
    reference = sample_with_diffusers(theirs, scheduler, steps)
    # What is left is the last alpha: zero in diffusers, which has no sigma.
    assert distance(ours, reference) < 5e-4


def test_ksampler_with_the_stock_model_makes_another(theirs, stock, scheduler):
    assert distance(sample_with_host(stock, 20), sample_with_diffusers(theirs, scheduler, 20)) > 0.1


def wide_model(native, heads, **changes):
    """Return ComfyUI's MODEL of a CogVideoX as wide as a published one, with one layer."""
    import comfy.sd

    torch.manual_seed(heads)
    config = CONFIG | {"num_attention_heads": heads, "num_layers": 1, "sample_height": 60, "sample_width": 90}
    theirs = CogVideoXTransformer3DModel(**config | changes).eval().requires_grad_(False)
    weights = native.host_keys(theirs.state_dict())
    return theirs, comfy.sd.load_diffusion_model_state_dict(weights, model_options={"dtype": torch.float32})


PUBLISHED = {
    "CogVideoX-2b": (30, {}),
    "CogVideoX-5b": (48, {"use_rotary_positional_embeddings": True}),
    "CogVideoX1.5-5B": (
        48,
        {"use_rotary_positional_embeddings": True, "patch_size_t": 2, "patch_bias": False}
        | {"sample_height": 300, "sample_width": 300},
    ),
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_node_recognises_a_model_and_makes_it_right(nodes_by_id, native, vaes, kind):
    heads, changes = PUBLISHED[kind]
    theirs, stock = wide_model(native, heads, **changes)
    output = run_node(nodes_by_id["RichSpaceFixCogVideoX"], model=stock, vae=vaes[1])
    model, vae = output.result
    assert output.ui["text"] == (f"{kind}: positions, noise schedule, VAE as published",)
    size = (*SIZES[0][:2], 4)  # whole patches of 1.5
    assert distance(forward_of_host(model, size), forward_of_diffusers(theirs, size)) < 1e-5
    sigmas = model.get_model_object("model_sampling").sigmas.double()
    scheduler = CogVideoXDDIMScheduler(**SCHEDULE | {"snr_shift_scale": 3.0 if heads == 30 else 1.0})
    torch.testing.assert_close(1 / (1 + sigmas**2), scheduler.alphas_cumprod.double(), rtol=1e-6, atol=5e-8)
    assert "decode" in vae.patcher.object_patches
    assert not stock.object_patches
    assert not vaes[1].patcher.object_patches


def test_it_works_without_a_vae(nodes_by_id, native):
    _, stock = wide_model(native, 30)
    output = run_node(nodes_by_id["RichSpaceFixCogVideoX"], model=stock)
    assert output.result[1] is None
    assert output.ui["text"] == ("CogVideoX-2b: positions, noise schedule as published",)


def test_what_it_does_not_know_is_refused(nodes_by_id, native, core, stock, vaes):
    node = nodes_by_id["RichSpaceFixCogVideoX"]
    with pytest.raises(core.ModelFolderError, match=r"model: expected CogVideoX-2b \(1920 wide\), .* that is 192 wide"):
        run_node(node, model=stock)
    _, pictures = wide_model(native, 30, in_channels=32)
    with pytest.raises(
        core.ModelFolderError, match=r"expected a text-to-video model, got a model with 32 input channels"
    ):
        run_node(node, model=pictures)
    other = SimpleNamespace(get_model_object=lambda _: torch.nn.Linear(1, 1))
    with pytest.raises(core.ModelFolderError, match="model: expected a CogVideoX, got Linear"):
        run_node(node, model=other)
    _, right = wide_model(native, 30)
    wrong = SimpleNamespace(first_stage_model=torch.nn.Linear(1, 1))
    with pytest.raises(core.ModelFolderError, match="vae: expected the VAE of a CogVideoX, got Linear"):
        run_node(node, model=right, vae=wrong)
    assert vaes  # the right one is taken above


def test_slow_attention_gives_way_to_pytorchs(corrected, stock):
    from comfy.ldm.modules import attention

    assert attention.optimized_attention is attention.attention_sub_quad  # ComfyUI's choice without an accelerator
    override = corrected.model_options["transformer_options"]["optimized_attention_override"]
    q, k, v = torch.randn(3, 1, 7, 128, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        override(attention.attention_sub_quad, q, k, v, heads=2), attention.attention_pytorch(q, k, v, heads=2)
    )
    assert "optimized_attention_override" not in stock.model_options.get("transformer_options", {})
