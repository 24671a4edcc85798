"""Video to video with this pack's sampler: frames encoded and changed as diffusers does, and errors before loading."""

import importlib

import pytest
import torch
from conditionings import random_prompts
from node_runs import results
from small_models.tiny_models import KINDS, TEXT_LENGTH

QUICK = {"steps": 4, "cfg": 6.0, "seed": 5, "strength": 0.6}

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


@pytest.fixture
def sample(nodes_by_id):
    """Return a function that samples latents, from start latents if there are some."""
    positive, negative = random_prompts(count=2, rows=TEXT_LENGTH, width=32)

    def sample(model, start=None, **inputs):
        latent = {} if start is None else {"start_latent": {"samples": start}}
        inputs = {"positive": positive, "negative": negative, **QUICK, **latent, **inputs}
        return results(nodes_by_id["RichSpaceCogVideoXSample"], model=model, **inputs)[0]["samples"]

    return sample


@pytest.fixture
def encode(nodes_by_id):
    """Return a function that encodes frames."""

    def encode(model, frames, **inputs):
        return results(nodes_by_id["RichSpaceCogVideoXEncode"], model=model, frames=frames, **inputs)[0]["samples"]

    return encode


@pytest.fixture
def frames():
    return torch.rand(9, 48, 64, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def latents():
    return torch.randn(1, 16, 3, 4, 6, generator=torch.Generator().manual_seed(2))


class TestEncode:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_the_mean_of_the_models_own_autoencoder(self, kind, load_model, encode, frames, progress):
        model, _ = load_model(kind)
        samples = encode(model, frames)
        with torch.no_grad():
            expected = model.vae.loaded().encode(2 * frames.permute(3, 0, 1, 2)[None] - 1).latent_dist.mode()
        assert torch.equal(samples, expected)
        assert progress[-1] == (1, 1, None)

    def test_the_alpha_of_pictures_is_left_out(self, load_model, encode, frames):
        model, _ = load_model()
        assert torch.equal(encode(model, torch.cat([frames, frames[..., :1]], dim=-1)), encode(model, frames))

    def test_again_in_tiles_if_memory_runs_out(self, load_model, encode, frames, monkeypatch):
        module = importlib.import_module("comfyui_richspace.nodes.host.video")
        tried, original = [], module.encode_frames

        def failing(vae, samples, *, tiled, on_group):
            tried.append(tiled)
            if not tiled:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return original(vae, samples, tiled=tiled, on_group=on_group)

        model, _ = load_model()
        monkeypatch.setattr(module, "encode_frames", failing)
        assert encode(model, frames).shape == (1, 16, 3, 6, 8)
        assert tried == [False, True]

    @pytest.mark.parametrize(
        ("shape", "what"),
        [((10, 48, 64, 3), "frames first"), ((9, 40, 64, 3), "height first"), ((9, 48, 72, 3), "width first")],
    )
    def test_a_size_that_the_model_cannot_make(self, shape, what, load_model, encode, core, uses):
        model, _ = load_model()
        size = f"{shape[0]} frames of {shape[2]} x {shape[1]} pixels"
        with pytest.raises(core.SamplingError, match=rf"^frames: expected 8n \+ 1 frames .* got {size}.*{what}"):
            encode(model, torch.zeros(shape))
        assert not uses


class TestSample:
    def test_equals_the_library(self, load_model, sample, encode, frames, pack):
        sampling, videos, embedding = (
            importlib.import_module(f"{pack.__name__}.richspace_core.{name}")
            for name in ("cogvideox.sampling", "cogvideox.start_video", "embedding")
        )
        model, _ = load_model()
        start = encode(model, frames)
        prompts = [
            embedding.TextEmbedding(values[0][0][0], TEXT_LENGTH)
            for values in random_prompts(count=2, rows=TEXT_LENGTH, width=32)
        ]
        settings = sampling.SamplingSettings(model.folder.video_size(width=64, height=48, frames=9), steps=4)
        expected = sampling.sample_latents(
            model.folder, model.transformer.loaded(), *prompts, settings, seed=5, start=videos.StartVideo(start, 0.6)
        )
        assert torch.equal(sample(model, start), expected)

    def test_without_a_start_the_strength_changes_nothing(self, load_model, sample):
        model, _ = load_model()
        assert torch.equal(sample(model, strength=0.3), sample(model, strength=1.0))

    def test_one_start_for_all_videos_or_one_for_each(self, load_model, sample, latents, progress):
        model, _ = load_model()
        starts = torch.cat([latents, latents.flip(2)])
        progress.clear()
        each = sample(model, starts, batch_size=2)
        assert progress[-1][:2] == (4, 4)  # two of four steps, twice
        assert torch.equal(each[:1], sample(model, latents))
        assert torch.equal(each[1:], sample(model, latents.flip(2), seed=6))
        assert torch.equal(sample(model, latents, batch_size=2)[1:], sample(model, latents, seed=6))

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ({"batch_size": 3}, r"^start_latent: expected one video, or as many as batch_size, 3, got 2 videos"),
            ({"batch_size": 2, "width": 64}, r"^width: expected 48, as the start video has, or 0, got 64"),
            ({"batch_size": 2, "strength": float("nan")}, r"^strength: expected a finite number, got nan"),
            ({"batch_size": 2, "strength": 1.5}, r"^strength: expected a number from 0.01 to 1.0, got 1.5"),
            ({"batch_size": 2, "strength": 0.1}, r"^strength: expected at least 0.25, one of 4 steps, got 0.1"),
        ],
    )
    def test_what_does_not_fit(self, inputs, message, load_model, sample, latents, core, uses):
        model, _ = load_model()
        with pytest.raises(core.RichSpaceError, match=message):
            sample(model, torch.cat([latents, latents]), **inputs)
        assert not uses

    @pytest.mark.parametrize(
        ("latent", "message"),
        [
            ({"samples": torch.full((1, 16, 3, 4, 6), float("nan"))}, "expected finite numbers"),
            ({"samples": torch.zeros(1, 4, 3, 4, 6)}, "expected latents with the model's 16 channels, got 4 channels"),
            ({"samples": torch.zeros(1, 16, 4, 6)}, "expected one video's latents"),
            (
                {"samples": torch.zeros(1, 16, 3, 4, 6), "noise_mask": torch.ones(1, 32, 48)},
                "got one with a noise mask",
            ),
        ],
    )
    def test_latents_that_are_no_start(self, latent, message, load_model, sample, core, uses):
        model, _ = load_model()
        with pytest.raises(core.SamplingError, match=f"^start_latent: .*{message}"):
            sample(model, start_latent=latent)
        assert not uses
