"""The bundled demo model: a folder in the published form, of the real classes, that its script builds again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sentencepiece
import tiny_models
import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from safetensors.torch import load_file
from tiny_models import DEMO_MODEL, KINDS, build, save_tiny_folder, tiny_pipeline
from transformers import T5EncoderModel, T5Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

TIGER = "The tiger, moves gracefully through the forest, its fur flowing in the breeze."
ZEBRA = "The zebra, moves gracefully through the forest, its fur flowing in the breeze."
# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
old_name_of_dtype = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")
WEIGHT_FILES = (
    "text_encoder/model.safetensors",
    "transformer/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)


def model_files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "__pycache__"
    }


def load(folder: Path, **options) -> CogVideoXPipeline:
    pipeline = CogVideoXPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True, **options)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def encode(pipeline: CogVideoXPipeline, prompt: str) -> torch.Tensor:
    length = pipeline.transformer.config.max_text_seq_length
    embedding, _ = pipeline.encode_prompt(prompt, do_classifier_free_guidance=False, max_sequence_length=length)
    return embedding.detach()


def render(pipeline: CogVideoXPipeline, embedding: torch.Tensor, *, steps: int, **options) -> np.ndarray:
    return pipeline(
        prompt_embeds=embedding,
        negative_prompt_embeds=encode(pipeline, ""),
        num_inference_steps=steps,
        guidance_scale=6.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
        **options,
    ).frames[0]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Layers this small are slower on several threads than on one, much slower where others use the cores too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def demo() -> CogVideoXPipeline:
    return load(DEMO_MODEL)


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rebuilt")
    build.build(folder)
    return folder


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
        files = model_files(DEMO_MODEL)
        assert {path.suffix for path in files.values()} == {".json", ".md", ".model", ".py", ".safetensors"}
        assert set(WEIGHT_FILES) <= set(files)
        assert sum(path.stat().st_size for path in files.values()) <= 4e6

    def test_scheduler_is_the_one_of_cogvideox_2b(self, demo):
        config = demo.scheduler.config
        assert {name: config[name] for name in build.SCHEDULER} == build.SCHEDULER
        assert demo.scheduler.alphas_cumprod[-1] == 0  # the last training step is pure noise

    def test_own_size_is_what_the_card_says(self, demo):
        assert render(demo, encode(demo, TIGER), steps=1).shape == (9, 64, 96, 3)
        card = (DEMO_MODEL / "README.md").read_text(encoding="utf-8")
        assert "96 x 64" in card
        assert "random" in card


class TestTokenizer:
    def test_has_the_published_form(self):
        names = {path.name for path in (DEMO_MODEL / "tokenizer").iterdir()}
        assert names == {"spiece.model", "special_tokens_map.json", "tokenizer_config.json"}

    def test_special_ids_are_those_of_t5(self, demo):
        tokenizer = demo.tokenizer
        assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
        assert len(tokenizer) == demo.text_encoder.config.vocab_size == build.VOCABULARY_SIZE
        assert tokenizer.model_max_length == demo.transformer.config.max_text_seq_length == build.TEXT_LENGTH

    @pytest.mark.parametrize("text", [*build.PAPER_PROMPTS, "A pangolin  juggles (7) ~ {x|y}: #1?", "é 雪", ""])
    def test_ids_are_those_of_sentencepiece(self, demo, text):
        oracle = sentencepiece.SentencePieceProcessor(model_file=str(DEMO_MODEL / "tokenizer" / "spiece.model"))
        assert demo.tokenizer(text).input_ids == [*oracle.encode(text), 1]

    def test_every_printable_ascii_character_is_known(self, demo):
        for character in build.PRINTABLE_ASCII:
            assert demo.tokenizer.unk_token_id not in demo.tokenizer(f"a{character}b {character}").input_ids, character


class TestScript:
    def test_two_builds_are_equal_byte_for_byte(self, rebuilt, tmp_path):
        torch.manual_seed(99)  # the global random state is not what decides
        build.build(tmp_path)
        first, second = model_files(rebuilt), model_files(tmp_path)
        assert list(first) == list(second)
        for name, path in first.items():
            assert path.read_bytes() == second[name].read_bytes(), name

    def test_seed_decides_the_weights(self, rebuilt, tmp_path, capsys):
        assert build.main(["--out", str(tmp_path), "--seed", "1"]) == 0
        assert "random weights" in capsys.readouterr().out
        for name in WEIGHT_FILES:
            ours, other = load_file(rebuilt / name), load_file(tmp_path / name)
            assert ours.keys() == other.keys()
            assert not any(torch.equal(ours[key], other[key]) for key in ours)

    def test_committed_weights_are_what_it_builds(self, rebuilt):
        # Not byte for byte: another torch or processor may round a random number differently, which is at most one
        # unit in the last of float16's ten binary places (2**-10 of the value, 2**-24 near zero).
        for name in WEIGHT_FILES:
            committed, built = load_file(DEMO_MODEL / name), load_file(rebuilt / name)
            assert {key: weight.shape for key, weight in committed.items()} == {
                key: weight.shape for key, weight in built.items()
            }
            for key, weight in committed.items():
                torch.testing.assert_close(weight.float(), built[key].float(), rtol=2**-10, atol=2**-24, msg=key)

    def test_committed_configs_are_what_it_builds(self, rebuilt):
        names = [name for name in model_files(rebuilt) if name.endswith(".json")]
        assert len(names) == 7
        for name in names:
            committed, built = (json.loads((folder / name).read_text()) for folder in (DEMO_MODEL, rebuilt))
            # Other library versions write their own number, and may know more settings or fewer.
            shared = (committed.keys() & built.keys()) - {"_diffusers_version", "transformers_version"}
            assert {key: committed[key] for key in shared} == {key: built[key] for key in shared}, name

    def test_committed_pieces_are_what_it_trains(self, rebuilt):
        committed, built = (
            sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer" / "spiece.model"))
            for folder in (DEMO_MODEL, rebuilt)
        )
        pieces = [[model.id_to_piece(index) for index in range(len(model))] for model in (committed, built)]
        assert pieces[0] == pieces[1]


@pytest.fixture(scope="module")
def clips(demo) -> dict[float, np.ndarray]:
    """The clips of zebra (0), tiger (1) and the mix half way between, from the same noise."""
    tiger, zebra = encode(demo, TIGER), encode(demo, ZEBRA)
    return {weight: render(demo, torch.lerp(zebra, tiger, weight), steps=20) for weight in (0.0, 0.5, 1.0)}


class TestVideos:
    def test_frames_are_finite_and_not_flat(self, clips):
        for clip in clips.values():
            assert np.isfinite(clip).all()
            assert clip.std(axis=(1, 2)).min() > 0.1  # contrast within every frame and colour
            assert np.abs(np.diff(clip, axis=0)).mean() > 0.02  # and something moves
            assert ((clip == 0) | (clip == 1)).mean() < 0.25  # without burning out

    def test_one_other_word_changes_embedding_and_video(self, demo, clips):
        assert (encode(demo, TIGER) - encode(demo, ZEBRA)).abs().mean() > 0.01
        assert np.abs(clips[1.0] - clips[0.0]).mean() > 0.02  # five 8-bit levels

    def test_interpolation_changes_the_video(self, clips):
        whole = np.abs(clips[1.0] - clips[0.0]).mean()
        assert 0.01 < np.abs(clips[0.5] - clips[0.0]).mean() < whole
        assert 0.01 < np.abs(clips[1.0] - clips[0.5]).mean() < whole

    def test_decoding_in_tiles_keeps_the_size(self, demo):
        latents = torch.randn(1, 16, 1, 8, 12, generator=torch.Generator().manual_seed(0))  # more than a tile each way
        demo.vae.enable_tiling()
        try:
            assert demo.vae.tile_latent_min_height < 8
            assert demo.vae.tile_latent_min_width < 12
            with torch.no_grad():
                assert demo.vae.decode(latents).sample.shape == (1, 3, 1, 64, 96)
        finally:
            demo.vae.disable_tiling()

    @old_name_of_dtype
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_types_work(self, dtype):
        pipeline = load(DEMO_MODEL, torch_dtype=dtype)
        assert {part.dtype for part in (pipeline.text_encoder, pipeline.transformer, pipeline.vae)} == {dtype}
        assert np.isfinite(render(pipeline, encode(pipeline, TIGER), steps=2)).all()


@pytest.mark.parametrize("kind", KINDS)
class TestTinyModels:
    def test_kinds_differ_as_the_published_ones(self, kind):
        config = tiny_models.tiny_transformer(kind).config
        expected = {"2b": (False, None, True), "5b": (True, None, True), "1.5": (True, 2, False)}[kind]
        assert (config.use_rotary_positional_embeddings, config.patch_size_t, config.patch_bias) == expected

    def test_prompt_reaches_the_video(self, kind):
        pipeline = tiny_pipeline(kind)
        tiger, zebra = (
            render(pipeline, encode(pipeline, prompt), steps=2, width=48, height=32) for prompt in (TIGER, ZEBRA)
        )
        assert tiger.shape == (9, 32, 48, 3)
        assert np.isfinite(tiger).all()
        assert np.abs(tiger - zebra).mean() > 1e-3

    @old_name_of_dtype
    def test_saved_folder_loads_to_the_same_weights(self, kind, tmp_path):
        built = tiny_pipeline(kind, seed=3)
        loaded = load(save_tiny_folder(tmp_path / "model", kind, seed=3), torch_dtype=torch.float32)
        assert not list(tmp_path.rglob("tokenizer.json"))
        for name in ("text_encoder", "transformer", "vae"):
            expected = getattr(built, name).half().state_dict()
            for key, weight in getattr(loaded, name).state_dict().items():
                assert torch.equal(weight, expected[key].float()), (name, key)
        assert loaded.tokenizer(TIGER).input_ids == built.tokenizer(TIGER).input_ids
