"""Tiny models that the tests of sampling and decoding share."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import pytest
import torch
from small_models.tiny_models import TEXT_LENGTH

from richspace_core import TextEmbedding
from richspace_core.cogvideox.folder import CogVideoXFolder


@pytest.fixture(scope="module")
def model_of(tiny_folder):
    """Return a function from a kind to its tiny model, loaded once, with a positive and a negative embedding."""

    @cache
    def model(kind):
        folder = CogVideoXFolder.open(tiny_folder(kind))
        values = torch.randn(2, TEXT_LENGTH, 32, generator=torch.Generator().manual_seed(5))
        return SimpleNamespace(
            folder=folder,
            transformer=folder.load("transformer", torch.float32),
            vae=folder.load("vae", torch.float32),
            positive=TextEmbedding(values[0], 9),
            negative=TextEmbedding(values[1], 1),
        )

    return model


@pytest.fixture
def model(model_of):
    """Return the 2B-like model."""
    return model_of("2b")
