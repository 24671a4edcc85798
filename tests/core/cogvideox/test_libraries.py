"""Libraries that do not work with the installed torch: real modules that fail as theirs do."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import diffusers
import pytest
import torch

from richspace_core import LibraryError
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.libraries import find_class

# The first line is diffusers 0.42's with torch 2.5, the others are what its and transformers' lazy modules raise.
FAILURES = {
    "import torch; torch.not_in_this_version": "has no attribute 'not_in_this_version'",
    "raise ImportError('needs PyTorch >= 9')": "needs PyTorch >= 9",
    "raise RuntimeError('Failed to import a model')": "Failed to import a model",
}


@pytest.mark.parametrize(("content", "reason"), FAILURES.items(), ids=["attribute", "import", "runtime"])
def test_a_library_that_cannot_be_imported(tmp_path, monkeypatch, content, reason):
    (tmp_path / "outdated.py").write_text(content)
    (tmp_path / "outdated-1.2.dist-info").mkdir()
    (tmp_path / "outdated-1.2.dist-info" / "METADATA").write_text("Name: outdated\nVersion: 1.2\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(LibraryError, match=f"outdated 1.2: expected a version that works with torch .*{reason}") as it:
        find_class("outdated", "Model")
    assert torch.__version__ in it.value.expected
    assert "Update torch" in it.value.hint


def test_a_class_that_stands_in_for_one_that_is_not_offered():
    assert hasattr(diffusers.OnnxRuntimeModel, "_backends")  # it needs ONNX, which the pack does not use
    with pytest.raises(LibraryError, match=f"^diffusers {version('diffusers')}: .*got no OnnxRuntimeModel"):
        find_class("diffusers", "OnnxRuntimeModel")


def test_a_model_names_the_library_that_does_not_work(tiny_folder, monkeypatch):
    import transformers

    # What transformers 5.24 offers in place of the class if it finds torch 2.5.
    stand_in = type("T5EncoderModel", (), {"_backends": ["torch"]})
    monkeypatch.setattr(transformers, "T5EncoderModel", stand_in)
    with pytest.raises(LibraryError, match=r"^transformers \d"):
        CogVideoXFolder.open(tiny_folder("2b")).load("text_encoder", torch.float32)
