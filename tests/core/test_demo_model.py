"""The bundled demo model: a small diffusers folder in the published format, with the real classes."""

from __future__ import annotations

import numpy as np
import pytest
import sentencepiece
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from safetensors.torch import load_file
from small_models.demo_scripts import import_demo_script
from small_models.random_models import published_form
from small_models.tiny_models import DEMO_MODEL
from transformers import T5EncoderModel, T5Tokenizer

from richspace_core import TextEmbedding, find_optimal

measure = import_demo_script("measure")

CIRCLE, SQUARE = "a red circle moves right", "a blue square moves right"
MAX_SIZE = 16e6  # bytes of the whole folder, which every user downloads with the pack
WEIGHT_FILES = (
    "text_encoder/model.safetensors",
    "transformer/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)


def load(**options) -> CogVideoXPipeline:
    pipeline = CogVideoXPipeline.from_pretrained(DEMO_MODEL, local_files_only=True, use_safetensors=True, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def encode(pipeline: CogVideoXPipeline, prompt: str) -> torch.Tensor:
    length = pipeline.transformer.config.max_text_seq_length
    embedding, _ = pipeline.encode_prompt(prompt, do_classifier_free_guidance=False, max_sequence_length=length)
    return embedding.detach()


def render(pipeline: CogVideoXPipeline, embedding: torch.Tensor, *, steps: int) -> np.ndarray:
    return pipeline(
        prompt_embeds=embedding,
        negative_prompt_embeds=encode(pipeline, ""),
        num_inference_steps=steps,
        guidance_scale=6.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]


@pytest.fixture(scope="module")
def demo() -> CogVideoXPipeline:
    return load()


class TestFolder:
    def test_parts_are_the_real_classes_in_one_dtype(self, demo):
        assert type(demo.tokenizer) is T5Tokenizer
        assert type(demo.text_encoder) is T5EncoderModel
        assert type(demo.transformer) is CogVideoXTransformer3DModel
        assert type(demo.vae) is AutoencoderKLCogVideoX
        assert type(demo.scheduler) is CogVideoXDDIMScheduler
        assert {part.dtype for part in (demo.text_encoder, demo.transformer, demo.vae)} == {torch.float32}

    def test_no_weight_is_missing_or_left_over(self, demo):
        parts = zip(WEIGHT_FILES, (demo.text_encoder, demo.transformer, demo.vae), strict=True)
        for file, part in parts:
            stored = load_file(DEMO_MODEL / file)
            assert set(stored) == {name for name, _ in part.named_parameters()}
            assert {weight.dtype for weight in stored.values()} == {torch.float16}
            for name, weight in part.named_parameters():
                assert torch.equal(weight, stored[name].float()), name

    def test_small_and_without_pickles(self):
        files = [path for path in DEMO_MODEL.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
        assert {path.suffix for path in files} <= {".json", ".md", ".model", ".py", ".safetensors"}
        assert sum(path.stat().st_size for path in files) <= MAX_SIZE

    def test_scheduler_is_the_one_of_cogvideox_2b(self, demo):
        config = demo.scheduler.config
        assert {name: config[name] for name in published_form.SCHEDULER} == published_form.SCHEDULER
        assert demo.scheduler.alphas_cumprod[-1] == 0  # the last training step is pure noise

    def test_own_size_is_what_the_card_says(self, demo):
        frames, height, width, _ = render(demo, encode(demo, CIRCLE), steps=1).shape
        card = " ".join((DEMO_MODEL / "README.md").read_text(encoding="utf-8").split())
        assert f"{width} x {height} pixels and {frames} frames" in card


class TestTokenizer:
    def test_has_the_published_form(self):
        names = {path.name for path in (DEMO_MODEL / "tokenizer").iterdir()}
        assert names == {"spiece.model", "special_tokens_map.json", "tokenizer_config.json"}

    def test_special_ids_are_those_of_t5(self, demo):
        tokenizer = demo.tokenizer
        assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
        assert len(tokenizer) == demo.text_encoder.config.vocab_size
        assert tokenizer.model_max_length == demo.transformer.config.max_text_seq_length

    @pytest.mark.parametrize("text", [CIRCLE, "A red, striped  circle with 3 dots.", "é 雪", ""])
    def test_ids_are_those_of_sentencepiece(self, demo, text):
        oracle = sentencepiece.SentencePieceProcessor(model_file=str(DEMO_MODEL / "tokenizer" / "spiece.model"))
        assert demo.tokenizer(text).input_ids == [*oracle.encode(text), 1]


class TestVideos:
    def test_another_prompt_makes_another_video(self, demo):
        first, second = (render(demo, encode(demo, prompt), steps=5) for prompt in (CIRCLE, SQUARE))
        for clip in (first, second):
            assert np.isfinite(clip).all()
            assert clip.std(axis=(1, 2)).mean(axis=-1).min() > 0.01  # no frame is blank
        assert np.abs(first - second).mean() > 0.05

    def test_decoding_in_tiles_keeps_the_size(self, demo):
        tile = demo.vae.tile_latent_min_height, demo.vae.tile_latent_min_width
        height, width = (side + 2 for side in tile)  # more than a tile each way
        channels, ratio = demo.vae.config.latent_channels, demo.vae_scale_factor_spatial
        latents = torch.randn(1, channels, 1, height, width, generator=torch.Generator().manual_seed(0))
        demo.vae.enable_tiling()
        try:
            with torch.no_grad():
                assert demo.vae.decode(latents).sample.shape == (1, 3, 1, ratio * height, ratio * width)
        finally:
            demo.vae.disable_tiling()

    # diffusers 0.42 expects `dtype`, which 0.35, the oldest supported version, does not have.
    @pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_types_work(self, dtype):
        pipeline = load(torch_dtype=dtype)
        assert {part.dtype for part in (pipeline.text_encoder, pipeline.transformer, pipeline.vae)} == {dtype}
        assert np.isfinite(render(pipeline, encode(pipeline, CIRCLE), steps=2)).all()


class TestWorld:
    """What the model learned. All assertions held with a wide margin."""

    @pytest.mark.parametrize(
        ("hue", "shape", "pattern", "motion"),
        [
            ("red", "circle", "plain", "right"),
            ("blue", "square", "plain", "left"),
            ("green", "star", "plain", "up"),
            ("magenta", "circle", "plain", "down"),
            ("red", "square", "striped", "right"),
            ("red", "square", "dotted", "right"),
        ],
    )
    def test_what_is_drawn_is_what_the_prompt_says(self, demo, hue, shape, pattern, motion):
        clip = render(demo, encode(demo, f"a large {pattern} {hue} {shape} moves {motion}"), steps=20)
        names = measure.make_prototypes().name_features(measure.measure_clip(clip))
        assert names == {"hue": hue, "shape": shape, "pattern": pattern, "motion": motion}

    def test_a_mixture_has_both_hues(self, demo):
        cyan, blue = (encode(demo, f"a large plain {hue} square moves right") for hue in ("cyan", "blue"))
        guides = [
            encode(demo, f"a large plain {hues} square moves right") for hues in ("cyan and blue", "blue and cyan")
        ]
        prompts = [TextEmbedding(values[0], 9) for values in (cyan, blue, *guides)]
        found = find_optimal(prompts[0], prompts[1], prompts[2:])
        places = []
        for values in (cyan, found.embedding.values[None], blue):
            clip = render(demo, values, steps=20)
            places.append(measure.make_prototypes().locate(measure.measure_clip(clip), "hue", "cyan", "blue"))
        assert [place.has_both for place in places] == [False, True, False]
        assert places[0].t < 0.25 < places[1].t < 0.75 < places[2].t
