"""The models that other tests use: built alike each time, like the published ones, and moved by their prompts."""

from __future__ import annotations

import numpy as np
import pytest
import sentencepiece
import torch
from diffusers import CogVideoXPipeline
from small_models.random_models import PAPER_PROMPTS, PRINTABLE_ASCII, VOCABULARY_SIZE
from small_models.tiny_models import (
    KINDS,
    TEXT_LENGTH,
    save_tiny_folder,
    tiny_pipeline,
    tiny_text_encoder,
    tiny_tokenizer,
    tiny_transformer,
)

TIGER, ZEBRA, MIX = PAPER_PROMPTS


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def render(pipeline, prompt):
    return pipeline(
        prompt,
        max_sequence_length=TEXT_LENGTH,
        num_inference_steps=2,
        width=48,
        height=32,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]


@pytest.fixture(scope="module")
def folder(tiny_folder):
    return tiny_folder("2b")


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


class TestTokenizer:
    def test_has_the_published_form(self, folder):
        assert set(files_of(folder / "tokenizer")) == {
            "spiece.model",
            "special_tokens_map.json",
            "tokenizer_config.json",
        }

    def test_special_ids_and_sizes(self, tokenizer):
        assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
        assert (len(tokenizer), tokenizer.model_max_length) == (VOCABULARY_SIZE, TEXT_LENGTH)

    @pytest.mark.parametrize("text", [TIGER, ZEBRA, MIX, "A pangolin  juggles (7) ~ {x|y}: #1?", "é 雪", ""])
    def test_ids_are_those_of_sentencepiece(self, text, folder, tokenizer):
        oracle = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer" / "spiece.model"))
        assert tokenizer(text).input_ids == [*oracle.encode(text), 1]

    def test_every_printable_ascii_character_is_known(self, tokenizer):
        for character in PRINTABLE_ASCII:
            assert tokenizer.unk_token_id not in tokenizer(f"a{character}b {character}").input_ids, character

    @pytest.mark.parametrize("prompt", PAPER_PROMPTS)
    def test_the_paper_s_prompts_fit(self, prompt, tokenizer):
        assert len(tokenizer(prompt).input_ids) <= TEXT_LENGTH


class TestWeights:
    def test_two_builds_are_equal_byte_for_byte(self, folder, tmp_path):
        torch.manual_seed(99)  # the global random state is not what decides
        first, second = files_of(folder), files_of(save_tiny_folder(tmp_path, "2b"))
        assert list(first) == list(second)
        for name, path in first.items():
            assert path.read_bytes() == second[name].read_bytes(), name

    def test_seed_decides(self):
        ours, other = (tiny_text_encoder(seed).state_dict() for seed in (0, 1))
        assert not any(torch.equal(weight, other[key]) for key, weight in ours.items())


@pytest.mark.parametrize("kind", KINDS)
class TestKinds:
    def test_differ_as_the_published_ones(self, kind):
        config = tiny_transformer(kind).config
        expected = {"2b": (False, None, True), "5b": (True, None, True), "1.5": (True, 2, False)}[kind]
        assert (config.use_rotary_positional_embeddings, config.patch_size_t, config.patch_bias) == expected

    def test_a_prompt_reaches_the_video(self, kind):
        pipeline = tiny_pipeline(kind)
        tiger, zebra = (render(pipeline, prompt) for prompt in (TIGER, ZEBRA))
        assert tiger.shape == (9, 32, 48, 3)
        assert np.isfinite(tiger).all()
        assert np.abs(tiger - zebra).mean() > 1e-3

    # diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
    @pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")
    def test_a_saved_folder_loads_to_the_same_weights(self, kind, tmp_path):
        built = tiny_pipeline(kind, seed=3)
        folder = save_tiny_folder(tmp_path / "model", kind, seed=3)
        options = {"local_files_only": True, "use_safetensors": True, "torch_dtype": torch.float32}
        loaded = CogVideoXPipeline.from_pretrained(folder, **options)
        for name in ("text_encoder", "transformer", "vae"):
            expected = getattr(built, name).half().state_dict()
            for key, weight in getattr(loaded, name).state_dict().items():
                assert torch.equal(weight, expected[key].float()), (name, key)
        assert loaded.tokenizer(TIGER).input_ids == built.tokenizer(TIGER).input_ids
