"""Caches, attention kernels, float8, streaming and compiling against diffusers, and the model before and after them."""

from __future__ import annotations

import copy
from functools import cache as cached_once

import diffusers
import pytest
import torch
from diffusers import hooks
from pipeline_oracle import direct, host_layout, sample, settings_of
from small_models.tiny_models import KINDS

from richspace_core import LibraryError, SamplingError
from richspace_core.cogvideox.blending import WeightedEmbedding
from richspace_core.cogvideox.caching import CacheSettings
from richspace_core.cogvideox.drafts import sample_draft
from richspace_core.cogvideox.options import NO_OPTIONS, SpeedOptions

pytestmark = [
    # diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
    pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning"),  # of diffusers' FasterCache
]

CACHES = [
    CacheSettings(kind, threshold=5.0)
    for kind, config in (
        ("pyramid attention", "PyramidAttentionBroadcastConfig"),
        ("FasterCache", "FasterCacheConfig"),
        ("first block", "FirstBlockCacheConfig"),
        ("TaylorSeer", "TaylorSeerCacheConfig"),
    )
    if hasattr(hooks, config)
]
each_cache = pytest.mark.parametrize("cache", CACHES, ids=lambda cache: cache.kind)
STEPS = 10


@pytest.fixture(scope="module")
def deep_model_of(model_of):
    """Return a function from a kind to its tiny model with three different blocks."""

    @cached_once
    def deep_model(kind):
        model = copy.copy(model_of(kind))
        model.transformer = deepen(copy.deepcopy(model.transformer))
        return model

    return deep_model


@pytest.fixture
def model(deep_model_of):
    """Return the 2B-like model with three blocks."""
    return deep_model_of("2b")


def deepen(transformer):
    """Give a denoiser two more blocks, each with other weights."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        block = copy.deepcopy(transformer.transformer_blocks[0])
        for weight in block.parameters():
            weight.data += 0.1 * weight.std() * torch.randn(weight.shape, generator=generator).to(weight.dtype)
        transformer.transformer_blocks.append(block)
    return transformer


def settings_for(model, **others):
    return settings_of(model, steps=STEPS, **others)


def blocks_run(model, run):
    """Return how often the attention's queries are computed."""
    seen = []
    watches = [
        block.attn1.to_q.register_forward_hook(lambda *_: seen.append(1))
        for block in model.transformer.transformer_blocks
    ]
    try:
        run()
    finally:
        for watch in watches:
            watch.remove()
    return len(seen)


class TestCaches:
    @each_cache
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_model_is_the_same_before_and_after(self, kind, cache, deep_model_of):
        model = deep_model_of(kind)
        before = sample(model, settings_for(model))
        with_cache = sample(model, settings_for(model), options=SpeedOptions(cache))
        assert torch.isfinite(with_cache).all()
        assert not torch.equal(with_cache, before)
        assert torch.equal(with_cache, sample(model, settings_for(model), options=SpeedOptions(cache)))
        assert torch.equal(sample(model, settings_for(model)), before)
        assert not model.transformer.is_cache_enabled

    @each_cache
    def test_less_is_computed(self, cache, model):
        whole = blocks_run(model, lambda: sample(model, settings_for(model)))
        less = blocks_run(model, lambda: sample(model, settings_for(model), options=SpeedOptions(cache)))
        assert less < whole

    @pytest.mark.parametrize("guidance_scale", [6.0, 1.0])
    @each_cache
    def test_equals_diffusers_with_the_same_cache(self, cache, guidance_scale, model):
        settings = settings_for(model, guidance_scale=guidance_scale)
        ours = sample(model, settings, options=SpeedOptions(cache))
        transformer = copy.deepcopy(model.transformer)
        timestep = []
        transformer.register_forward_pre_hook(
            lambda _module, _args, kwargs: timestep.append(int(kwargs["timestep"][0])), with_kwargs=True
        )
        transformer.enable_cache(self.documented(cache, guidance_scale > 1, lambda: timestep[-1]))
        expected = direct(model, steps=STEPS, guidance_scale=guidance_scale, transformer=transformer)
        torch.testing.assert_close(ours, host_layout(expected), rtol=1e-5, atol=1e-5)

    def documented(self, cache, guided, timestep):
        """Write down the configurations of diffusers' documentation."""
        if cache.kind == "pyramid attention":
            return diffusers.PyramidAttentionBroadcastConfig(
                spatial_attention_block_skip_range=2,
                spatial_attention_timestep_skip_range=(100, 800),
                current_timestep_callback=timestep,
            )
        if cache.kind == "FasterCache":
            return diffusers.FasterCacheConfig(
                spatial_attention_block_skip_range=2,
                spatial_attention_timestep_skip_range=(-1, 681),
                low_frequency_weight_update_timestep_range=(99, 641),
                high_frequency_weight_update_timestep_range=(-1, 301),
                spatial_attention_block_identifiers=["transformer_blocks"],
                attention_weight_callback=lambda _: 0.3,
                tensor_format="BFCHW",
                is_guidance_distilled=not guided,
                current_timestep_callback=timestep,
            )
        if cache.kind == "first block":
            return hooks.FirstBlockCacheConfig(threshold=5.0)
        return hooks.TaylorSeerCacheConfig(
            cache_interval=5,
            disable_cache_before_step=3,
            max_order=1,
            taylor_factors_dtype=torch.float32,
            cache_identifiers=[r"transformer_blocks\.[0-9]+\.attn1", r"transformer_blocks\.[0-9]+\.ff"],
        )

    @each_cache
    def test_a_cancel_leaves_no_cache(self, cache, model):
        class CancelledError(BaseException):
            """What ComfyUI raises is no Exception either."""

        def cancel(done, _steps, _video):
            if done == 5:
                raise CancelledError

        before = sample(model, settings_for(model))
        with pytest.raises(CancelledError):
            sample(model, settings_for(model), options=SpeedOptions(cache), on_step=cancel)
        assert not model.transformer.is_cache_enabled
        assert torch.equal(sample(model, settings_for(model)), before)

    @each_cache
    def test_with_a_draft(self, cache, model):
        draft = [
            sample_draft(
                model.folder, model.transformer, model.positive, model.negative, settings_of(model, steps=1), seed=3,
                options=options,
            )
            for options in (NO_OPTIONS, SpeedOptions(cache))
        ]  # fmt: skip
        assert torch.equal(*draft)  # the first prediction is always computed
        assert not model.transformer.is_cache_enabled

    @each_cache
    def test_with_several_prompts(self, cache, model):
        weights = torch.linspace(0, 1, 3)
        prompts = [WeightedEmbedding(model.positive, weights), WeightedEmbedding(model.negative, 1 - weights)]
        if cache.kind in ("pyramid attention", "FasterCache"):
            with pytest.raises(SamplingError, match=f"cache: expected .* got {cache.kind} with 2 prompts in one video"):
                sample(model, settings_for(model), positive=prompts, options=SpeedOptions(cache))
            return
        one = [WeightedEmbedding(model.positive, torch.ones(1))] * 2
        # Twice the same prompt is that prompt, also with the cache's two states. The rest is of other batch sizes.
        torch.testing.assert_close(
            sample(model, settings_for(model, guidance_scale=1.0), positive=one, options=SpeedOptions(cache)),
            sample(model, settings_for(model, guidance_scale=1.0), options=SpeedOptions(cache)),
            rtol=1e-4,
            atol=1e-4,
        )
        assert torch.isfinite(sample(model, settings_for(model), positive=prompts, options=SpeedOptions(cache))).all()

    def test_a_model_of_one_block_has_no_first_block(self, model_of):
        model = model_of("2b")
        with pytest.raises(SamplingError, match="cache: expected a model with at least two blocks, got one block"):
            sample(model, settings_of(model), options=SpeedOptions(CacheSettings("first block")))

    def test_a_cache_that_diffusers_lacks(self, monkeypatch):
        monkeypatch.delattr(hooks, "FirstBlockCacheConfig")
        with pytest.raises(LibraryError, match="cache first block: expected a diffusers that has it, got diffusers 0"):
            CacheSettings("first block").require_available()
        CacheSettings().require_available()

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("cache", {"kind": "TeaCache"}),
            ("cache_interval", {"interval": -1}),
            ("cache_interval", {"interval": True}),
            ("cache_threshold", {"threshold": float("nan")}),
            ("cache_threshold", {"threshold": -0.1}),
        ],
    )
    def test_settings_out_of_range(self, name, settings):
        with pytest.raises(SamplingError, match=f"^{name}: expected"):
            CacheSettings(**settings)


class TestAttention:
    @pytest.mark.parametrize("name", ["flash", "math"])
    def test_another_kernel_computes_the_same(self, name, model):
        latents = sample(model, settings_of(model), options=SpeedOptions(attention=name))
        torch.testing.assert_close(latents, sample(model, settings_of(model)), rtol=1e-4, atol=1e-4)

    def test_a_kernel_that_the_device_lacks(self, model):
        with pytest.raises(SamplingError, match=r"attention: expected a kernel .* got cuDNN"):
            sample(model, settings_of(model), options=SpeedOptions(attention="cuDNN"))
        assert torch.equal(sample(model, settings_of(model)), host_layout(direct(model)))

    def test_an_unknown_kernel(self):
        with pytest.raises(SamplingError, match="attention: expected one of auto"):
            SpeedOptions(attention="sage")

    def test_diffusers_own_choice_does_not_reach_this_model(self, model):
        processors = model.transformer.attn_processors.values()
        assert not any(hasattr(processor, "_attention_backend") for processor in processors)


class TestOwnWeights:
    def prepared(self, model, dtype=torch.float32, **options):
        options = SpeedOptions(**options)
        assert options.needs_own_weights
        transformer = options.prepare(deepen(model.folder.load("transformer", dtype)), backend="eager")
        return {"transformer": transformer, "options": options}

    def test_float8_is_the_model_with_rounded_weights(self, model):
        ours = sample(model, settings_of(model), **self.prepared(model, float8=True))
        rounded = copy.deepcopy(model.transformer)
        for name, layer in rounded.named_modules():
            if isinstance(layer, torch.nn.Linear) and "norm" not in name and not name.startswith(("patch", "proj_out")):
                for weight in layer.parameters():
                    weight.data = weight.to(torch.float8_e4m3fn).to(weight.dtype)
        assert torch.equal(ours, host_layout(direct(model, transformer=rounded)))

    def test_float8_takes_less_memory(self, model):
        stored = self.prepared(model, float8=True)["transformer"]
        sizes = [sum(weight.nbytes for weight in each.parameters()) for each in (stored, model.transformer)]
        assert sizes[0] < 0.6 * sizes[1]  # the tiny model's norms are large

    @pytest.mark.parametrize("options", [{"stream_to": torch.device("cpu")}, {"compile": True}])
    def test_streamed_and_compiled_blocks_compute_the_same(self, options, model):
        latents = sample(model, settings_of(model), **self.prepared(model, **options))
        assert torch.equal(latents, sample(model, settings_of(model)))

    @each_cache
    def test_with_a_cache(self, cache, model):
        prepared = self.prepared(model, cache=cache, float8=True, stream_to=torch.device("cpu"))
        first, again = (sample(model, settings_for(model), **prepared) for _ in range(2))
        assert torch.equal(first, again)


def test_options_in_words():
    assert NO_OPTIONS.describe() == ""
    assert not NO_OPTIONS.needs_own_weights
    options = SpeedOptions(CacheSettings("FasterCache"), "flash", float8=True, compile=True, tiled_vae=True)
    assert options.describe() == "cache FasterCache, flash attention, float8 weights, compiled blocks, tiled VAE"
