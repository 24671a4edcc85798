"""What SECURITY.md promises about the code of the pack, its pages and its reports."""

import ast
import os
import re

import pytest
import torch
from environment.checkout import ROOT
from safetensors import safe_open
from safetensors.torch import save_file

from richspace_core.cogvideox.config import CogVideoXConfig, SchedulerConfig, TransformerConfig, VAEConfig, parse_part
from richspace_core.cogvideox.latent_preview import LatentColors
from richspace_core.embedding_file import SavedEmbedding, load_embedding, save_embedding
from richspace_core.errors import EmbeddingError, ModelFolderError
from richspace_core.json_files import MOST_BYTES, parse_json, read_json
from richspace_core.metrics.backbones import read_clip_shape

SHIPPED = [*(ROOT / "nodes").rglob("*.py"), *(ROOT / "richspace_core").rglob("*.py"), ROOT / "__init__.py"]
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "socket", "requests", "urllib", "http"}
DEEP = "[" * 100_000


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_code_runs_no_other_code(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for call in calls(tree):
        assert ast.unparse(call.func) not in FORBIDDEN_CALLS, ast.unparse(call)
        options = {option.arg: option.value for option in call.keywords}
        assert "shell" not in options
        if ast.unparse(call.func) == "torch.load":
            assert options["weights_only"].value is True
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    allowed = {"socket"} if "benchmark" in file.parts else set()  # to find the address of a cluster
    assert not imported & FORBIDDEN_MODULES - allowed


def test_pages_write_no_html_and_run_no_text():
    risky = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|createContextualFragment|srcdoc"
    )
    for file in (ROOT / "web").rglob("*.js"):
        assert not risky.search(file.read_text(encoding="utf-8")), file


def test_no_route_is_added():
    for file in SHIPPED:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"routes\.(get|post|put|delete)|add_routes|add_static|web\.(get|post)", text), file


class TestJson:
    @pytest.mark.parametrize("text", ["", "{", DEEP, '{"a":' * 50_000, b"\xff\xfe", " " * (MOST_BYTES + 1)])
    def test_has_one_kind_of_error(self, text, tmp_path):
        with pytest.raises(ValueError, match=r"."):
            parse_json(text)
        file = tmp_path / "x.json"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ValueError, match=r"."):
            read_json(file)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="is not a file"):
            read_json(tmp_path / "pipe")


class TestSizesInConfigurations:
    @pytest.mark.parametrize("value", [0, -1, 10**9, 10**400, True, 1.5])
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            (TransformerConfig, "num_layers"),
            (TransformerConfig, "attention_head_dim"),
            (VAEConfig, "latent_channels"),
            (SchedulerConfig, "num_train_timesteps"),
        ],
    )
    def test_have_limits(self, kind, name, value):
        with pytest.raises(ModelFolderError, match=rf"^mine: expected .* for {name}"):
            parse_part(kind, "mine", {name: value})

    @pytest.mark.parametrize("value", [[], [128] * 9, [0, 1], [10**9]])
    def test_of_each_level_have_limits(self, value):
        with pytest.raises(ModelFolderError, match="for block_out_channels"):
            parse_part(VAEConfig, "mine", {"block_out_channels": value})

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_other_numbers_are_finite(self, value):
        with pytest.raises(ModelFolderError, match="a finite number for scaling_factor"):
            parse_part(VAEConfig, "mine", {"scaling_factor": value})


class TestSavedEmbeddings:
    @pytest.fixture
    def file(self, tmp_path):
        save_embedding(tmp_path / "x.safetensors", SavedEmbedding(torch.ones(4, 3), token_count=2, text="a"))
        return tmp_path / "x.safetensors"

    @pytest.mark.parametrize(
        "about",
        [
            DEEP,
            "null",
            "[]",
            '{"token_count": 1e400, "text": "", "mixtures": [], "pack_version": ""}',
            '{"token_count": 2, "text": "", "mixtures": [7], "pack_version": ""}',
            '{"token_count": 2, "text": "", "mixtures": [{"a": 1, "b": 2, "index": 1, "steps": 1e400}]}',
        ],
    )
    def test_with_other_words_in_the_header(self, file, about):
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata() | {"about": about}
        save_file({"embedding": torch.ones(4, 3)}, file, metadata=metadata)
        with pytest.raises(EmbeddingError, match=r"^x\.safetensors"):
            load_embedding(file)

    def test_that_are_too_large_are_not_read(self, file, monkeypatch):
        monkeypatch.setattr("richspace_core.embedding_file._MOST_NUMBERS", 11)
        with pytest.raises(EmbeddingError, match="embedding of 12 numbers"):
            load_embedding(file)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
    def test_that_are_pipes_are_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.safetensors")
        with pytest.raises(EmbeddingError, match="not a file"):
            load_embedding(tmp_path / "pipe.safetensors")


def test_a_clip_whose_weights_have_no_size(tmp_path):
    names = ("vision_model.embeddings.patch_embedding.weight", "vision_model.embeddings.position_embedding.weight")
    names += ("vision_model.encoder.layers.0.mlp.fc1.weight", "visual_projection.weight")
    save_file({name: torch.tensor(1.0) for name in names}, tmp_path / "x.safetensors")
    assert read_clip_shape(tmp_path / "x.safetensors") is None


def test_colors_of_a_preview_are_finite(tmp_path):
    file = tmp_path / "latent_preview.json"
    file.write_text('{"weights": [[NaN, 0, 0]], "bias": [0, 0, 0]}')
    with pytest.raises(ModelFolderError, match="numbers that are not finite"):
        LatentColors.read(file, channels=1)


@pytest.mark.parametrize(
    "changed",
    [
        {"beta_schedule": ""},
        {"timestep_spacing": "sideways"},
        {"trained_betas": [0.1, float("nan")]},
        {"beta_start": 1e300},
    ],
)
def test_a_noise_schedule_that_nobody_can_compute(changed):
    settings = {"_class_name": "CogVideoXDDIMScheduler", "timestep_spacing": "trailing"} | changed
    with pytest.raises(ModelFolderError, match=r"^mine/scheduler: expected a noise schedule"):
        CogVideoXConfig.parse("mine", {}, {}, settings).make_scheduler()
