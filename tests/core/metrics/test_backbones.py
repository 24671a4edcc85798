"""Loading of the metrics' networks: published files load, and anything else is an error that names the file."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from vbench import VBENCH

from richspace_core import ModelFolderError
from richspace_core.metrics import load_aesthetic_head, load_clip, load_dino
from richspace_core.metrics.backbones import read_clip_shape

CLIP = VBENCH / "clip_tiny.safetensors"
HEAD = VBENCH / "aesthetic_head_random.pth"


@pytest.fixture
def dino(tmp_path) -> Path:
    """Folder that a test may damage."""
    return Path(shutil.copytree(VBENCH / "dino_tiny", tmp_path / "dino-vitb16"))


@pytest.fixture
def clip(tmp_path) -> Path:
    return Path(shutil.copy(CLIP, tmp_path / "clip_l.safetensors"))


def change(file, *, drop=(), **changes):
    weights = {name: weight for name, weight in load_file(file).items() if name not in drop}
    save_file(weights | changes, file)


def pixels(height=224, width=224):
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))


class TestDino:
    def test_is_in_float32_and_ready(self, dino):
        change(dino / "model.safetensors", **{"layernorm.weight": torch.ones(64, dtype=torch.float16)})
        backbone = load_dino(dino)
        assert {weight.dtype for weight in backbone.parameters()} == {torch.float32}
        assert not backbone.training
        assert not any(weight.requires_grad for weight in backbone.parameters())
        assert backbone(pixels(224, 336)).shape == (2, 64)

    def test_the_layer_norms_are_dinos_and_not_the_folders(self, dino):
        config = json.loads((dino / "config.json").read_text())
        assert config["layer_norm_eps"] == 1e-12  # as in the published folder
        norms = [module for module in load_dino(dino).modules() if isinstance(module, torch.nn.LayerNorm)]
        assert {norm.eps for norm in norms} == {1e-6}

    def test_no_class_is_patched(self, dino):
        from transformers import ViTConfig, ViTModel

        load_dino(dino)
        fresh = ViTModel(ViTConfig(hidden_size=32, num_attention_heads=2, num_hidden_layers=1))
        assert type(fresh.embeddings).__module__.startswith("transformers.")

    @pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
    def test_a_missing_file(self, dino, name):
        (dino / name).unlink()
        with pytest.raises(ModelFolderError) as caught:
            load_dino(dino)
        assert str(caught.value) == (
            f"{name}: expected this file in {dino}, got no such file. Download it from "
            "huggingface.co/facebook/dino-vitb16 (config.json and model.safetensors) and put it there."
        )

    def test_a_pickled_file(self, dino):
        (dino / "model.safetensors").rename(dino / "pytorch_model.bin")
        message = r"got no such file, only pickled weights \(pytorch_model\.bin\), which are not opened\."
        with pytest.raises(ModelFolderError, match=message):
            load_dino(dino)

    @pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"<html>"])
    def test_a_damaged_file(self, dino, content):
        (dino / "model.safetensors").write_bytes(content)
        with pytest.raises(
            ModelFolderError,
            match=rf"^dino-vitb16/model\.safetensors: expected a complete .* got a damaged .* {len(content)} bytes",
        ):
            load_dino(dino)

    def test_an_unfinished_file(self, dino):
        file = dino / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-1000])
        with pytest.raises(ModelFolderError, match="a damaged or incomplete file of"):
            load_dino(dino)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("{", "expected valid JSON, got a damaged file"),
            ("[]", r"expected the configuration of a vision transformer \(ViT\), got another"),
            ('{"model_type": "clip"}', r"expected the configuration of a vision transformer \(ViT\), got another"),
        ],
    )
    def test_another_configuration(self, dino, content, message):
        (dino / "config.json").write_text(content)
        with pytest.raises(ModelFolderError, match=rf"^dino-vitb16/config\.json: {message}"):
            load_dino(dino)

    def test_a_weight_that_is_missing(self, dino):
        change(dino / "model.safetensors", drop=("layernorm.weight", "layernorm.bias"))
        with pytest.raises(
            ModelFolderError, match=r"got a file without layernorm\.bias and 1 more\. The file is damaged or"
        ):
            load_dino(dino)

    def test_a_weight_of_another_shape(self, dino):
        change(dino / "model.safetensors", **{"embeddings.cls_token": torch.zeros(1, 1, 63)})
        with pytest.raises(
            ModelFolderError, match=r"expected every weight of the model, in the right shape, got an error while"
        ):
            load_dino(dino)


class TestClip:
    def test_from_a_file_with_the_text_half(self, clip):
        expected = load_clip(clip)(pixels())
        text = {"text_model.final_layer_norm.weight": torch.ones(64), "logit_scale": torch.tensor(4.6)}
        old = {"vision_model.embeddings.position_ids": torch.arange(50)[None]}  # also in the published file
        change(clip, **text, **old)
        assert torch.equal(load_clip(clip)(pixels()), expected)

    def test_from_a_folder(self, clip, tmp_path):
        folder = tmp_path / "clip-vit-large-patch14"
        folder.mkdir()
        shutil.copy(clip, folder / "model.safetensors")
        assert torch.equal(load_clip(folder)(pixels()), load_clip(clip)(pixels()))

    def test_the_shapes_say_what_it_is(self, clip):
        config = load_clip(clip).model.config
        assert (config.hidden_size, config.num_attention_heads, config.num_hidden_layers) == (128, 2, 3)
        assert (config.intermediate_size, config.patch_size, config.image_size) == (512, 32, 224)
        assert (config.projection_dim, config.hidden_act) == (768, "quick_gelu")

    def test_is_in_float32(self, clip):
        assert {weight.dtype for weight in load_file(clip).values()} == {torch.float16}
        assert {weight.dtype for weight in load_clip(clip).parameters()} == {torch.float32}

    def test_its_shape_is_read_without_its_weights(self, clip, dino, tmp_path):
        assert read_clip_shape(clip) == (768, 32)
        assert read_clip_shape(dino) is None
        assert read_clip_shape(tmp_path / "nothing.safetensors") is None
        (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
        assert read_clip_shape(tmp_path / "damaged.safetensors") is None
        assert read_clip_shape(HEAD) is None

    @pytest.mark.parametrize("path", ["clip_l.safetensors", "clip-vit-large-patch14/model.safetensors"])
    def test_a_missing_file(self, tmp_path, path):
        (tmp_path / "clip-vit-large-patch14").mkdir()
        with pytest.raises(ModelFolderError) as caught:
            load_clip(tmp_path / path if "/" not in path else tmp_path / "clip-vit-large-patch14")
        file = tmp_path / path
        assert str(caught.value) == (
            f"{file.name}: expected this file in {file.parent}, got no such file. Download it from "
            "huggingface.co/openai/clip-vit-large-patch14 (model.safetensors) and put it there."
        )

    def test_a_pickled_file(self, tmp_path):
        file = tmp_path / "clip.bin"
        file.write_bytes(pickle.dumps({}))
        with pytest.raises(ModelFolderError, match=r"expected weights in safetensors, got a format that can run code"):
            load_clip(file)

    def test_another_model(self, dino):
        with pytest.raises(
            ModelFolderError, match=r"got a file without vision_model\.embeddings\.patch_embedding\.weight"
        ):
            load_clip(dino)

    @pytest.mark.parametrize("name", ["post_layernorm.weight", "encoder.layers.1.mlp.fc2.bias"])
    def test_a_weight_that_is_missing(self, clip, name):
        change(clip, drop=(f"vision_model.{name}",))
        with pytest.raises(
            ModelFolderError, match="expected every weight of the model, in the right shape, got a file without"
        ):
            load_clip(clip)

    def test_a_weight_of_another_shape(self, clip):
        change(clip, **{"vision_model.post_layernorm.weight": torch.ones(3)})
        with pytest.raises(ModelFolderError, match="in the right shape, got an error while loading"):
            load_clip(clip)


class TestHead:
    def test_from_either_form(self, tmp_path):
        weights = torch.load(HEAD, weights_only=True)
        save_file(weights, tmp_path / "head.safetensors")
        features = torch.rand(5, 768)
        expected = features @ weights["weight"].T + weights["bias"]
        for file in (HEAD, tmp_path / "head.safetensors"):
            torch.testing.assert_close(load_aesthetic_head(file)(features), expected)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(ModelFolderError) as caught:
            load_aesthetic_head(tmp_path / "sa_0_4_vit_l_14_linear.pth")
        assert str(caught.value) == (
            f"sa_0_4_vit_l_14_linear.pth: expected this file in {tmp_path}, got no such file. Download it "
            "from github.com/LAION-AI/aesthetic-predictor (sa_0_4_vit_l_14_linear.pth) and put it there."
        )

    def test_a_file_that_would_run_code(self, tmp_path):
        class Harmful:
            def __reduce__(self):
                return Path.touch, (tmp_path / "ran",)

        torch.save({"weight": Harmful()}, tmp_path / "head.pth")
        with pytest.raises(ModelFolderError, match="expected a file with tensors only, got a damaged file or other"):
            load_aesthetic_head(tmp_path / "head.pth")
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 cut off"])
    @pytest.mark.parametrize("name", ["head.pth", "head.safetensors"])
    def test_a_damaged_file(self, tmp_path, content, name):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelFolderError, match=rf"{name}: expected .* got a damaged"):
            load_aesthetic_head(tmp_path / name)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"weight": torch.ones(1, 512), "bias": torch.ones(1)}, r"got weight \[1, 512\], bias \[1\]\. This is not"),
            ({"weight": torch.ones(1, 768)}, r"got weight \[1, 768\]\."),
            ({}, "got nothing"),
            ([torch.ones(1)], "expected named tensors, got other content"),
            ({"weight": [1.0]}, "expected named tensors, got other content"),
        ],
    )
    def test_another_head(self, tmp_path, content, message):
        torch.save(content, tmp_path / "head.pth")
        with pytest.raises(ModelFolderError, match=message):
            load_aesthetic_head(tmp_path / "head.pth")
