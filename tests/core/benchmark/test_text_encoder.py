"""T5 encoder from a CogVideoX folder, a T5 folder and a single file: the embeddings are the same."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models.tiny_models import TEXT_LENGTH

from richspace_core import ModelFolderError
from richspace_core.benchmark.text_encoder import PUBLISHED_LENGTH, load_text_encoder

PROMPT = "The tiger, moves gracefully through the forest."
WEIGHTS = "text_encoder/model.safetensors"


@pytest.fixture
def folder(tiny_folder):
    return tiny_folder("2b")


@pytest.fixture
def expected(folder):
    return load_text_encoder(folder, dtype=torch.float32).encode(PROMPT).embedding


def same(encoder, expected):
    found = encoder.encode(PROMPT).embedding
    torch.testing.assert_close(found.values, expected.values, rtol=0, atol=0)
    assert found.token_count == expected.token_count
    assert found.values.dtype == torch.float32


def test_a_cogvideox_folder_decides_the_length(folder, expected):
    assert expected.values.shape == (TEXT_LENGTH, 32)
    assert load_text_encoder(folder).model.dtype == torch.float16  # as it was saved


def test_a_folder_of_its_own_with_the_tokenizer_beside_it(folder, expected):
    encoder = load_text_encoder(folder / "text_encoder", dtype=torch.float32, length=TEXT_LENGTH)
    same(encoder, expected)
    assert load_text_encoder(folder / "text_encoder").length == PUBLISHED_LENGTH


def test_a_folder_with_the_tokenizer_in_it(folder, expected, tmp_path):
    own = shutil.copytree(folder / "text_encoder", tmp_path / "t5")
    shutil.copytree(folder / "tokenizer", own, dirs_exist_ok=True)
    same(load_text_encoder(own, dtype=torch.float32, length=TEXT_LENGTH), expected)


def test_a_single_file(folder, expected, tmp_path):
    file = shutil.copy(folder / WEIGHTS, tmp_path / "t5.safetensors")
    encoder = load_text_encoder(file, tokenizer=folder / "tokenizer", dtype=torch.float32, length=TEXT_LENGTH)
    same(encoder, expected)
    assert load_text_encoder(file, tokenizer=folder / "tokenizer").model.dtype == torch.float16


@pytest.mark.parametrize("scale_name", ["scale_weight", "weight_scale"])
def test_a_single_file_in_scaled_float8(scale_name, folder, tmp_path):
    whole, scaled = load_file(folder / WEIGHTS), {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for key, values in whole.items():
        if key.endswith(".weight") and "layer_norm" not in key:
            scale = values.float().abs().max() / 448  # largest value of the type
            scaled[key] = (values.float() / scale).to(torch.float8_e4m3fn)
            scaled[key.removesuffix("weight") + scale_name] = scale
            whole[key] = scaled[key].float() * scale
    save_file(
        scaled | {key: values for key, values in whole.items() if key not in scaled}, tmp_path / "float8.safetensors"
    )
    save_file(whole, tmp_path / "whole.safetensors")

    def load(name, dtype):
        tokenizer = folder / "tokenizer"
        return load_text_encoder(tmp_path / name, tokenizer=tokenizer, dtype=dtype, length=TEXT_LENGTH)

    same(load("float8.safetensors", torch.float32), load("whole.safetensors", torch.float32).encode(PROMPT).embedding)
    assert load("float8.safetensors", None).model.dtype == torch.bfloat16


@pytest.mark.parametrize("quantized", ["int8", "blocks"])
def test_a_file_that_is_quantized_in_another_way_is_refused(quantized, folder, tmp_path):
    key = "encoder.block.1.layer.0.SelfAttention.q.weight"
    weights = load_file(folder / WEIGHTS)
    if quantized == "int8":
        weights[key] = torch.ones_like(weights[key], dtype=torch.int8)
    else:
        weights[key] = weights[key].to(torch.float8_e4m3fn)
        weights[key.removesuffix("weight") + "weight_scale"] = torch.ones(4, 4)
    save_file(weights, tmp_path / "t5.safetensors")
    with pytest.raises(ModelFolderError, match=rf"^t5: expected floating point weights, .*, got {key} in "):
        load_text_encoder(tmp_path / "t5.safetensors", tokenizer=folder / "tokenizer")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "t5: expected a folder or a safetensors file, got"),
        ("empty", "t5: expected a T5 encoder in safetensors"),
        ("damaged.safetensors", "t5: expected a complete safetensors file"),
        ("foreign.safetensors", "t5: expected the weights of a T5, with shared.weight, got foreign.safetensors"),
        ("unbiased.safetensors", "t5: expected every weight of a T5 encoder, got unbiased.safetensors "),
        ("partial.safetensors", "t5: expected every weight of a T5 encoder, got partial.safetensors without encoder"),
    ],
)
def test_what_is_no_t5_is_a_clear_error(name, message, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged.safetensors").write_bytes((folder / WEIGHTS).read_bytes()[:-100])
    weights = load_file(folder / WEIGHTS)
    save_file({"other": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    del weights["encoder.block.1.layer.0.SelfAttention.q.weight"]
    save_file(weights, tmp_path / "partial.safetensors")
    del weights["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    save_file(weights, tmp_path / "unbiased.safetensors")
    with pytest.raises(ModelFolderError, match=message):
        load_text_encoder(tmp_path / name, tokenizer=folder / "tokenizer")


def test_a_missing_tokenizer_is_named(folder, tmp_path):
    file = shutil.copy(folder / WEIGHTS, tmp_path / "t5.safetensors")
    with pytest.raises(ModelFolderError, match=r"^tokenizer: expected a folder with .* give --tokenizer"):
        load_text_encoder(file)
