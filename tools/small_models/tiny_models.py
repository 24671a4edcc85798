"""Tiny CogVideoX models and folders of each published kind, of the real classes with random weights.

`random_models` has the configuration like CogVideoX-2B's and makes the weights. This module adds the differences of the
other kinds, as published.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from environment.checkout import ROOT
from transformers import T5Tokenizer

from small_models import random_models

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline, CogVideoXTransformer3DModel
    from torch import Tensor
    from transformers import T5EncoderModel

DEMO_MODEL = ROOT / "demo_model"

Kind = Literal["2b", "5b", "1.5"]  # CogVideoX-2B, CogVideoX-5B and CogVideoX1.5-5B
KINDS: tuple[Kind, ...] = ("2b", "5b", "1.5")

TEXT_LENGTH, TEXT_ENCODER = random_models.TEXT_LENGTH, random_models.TEXT_ENCODER
_TRANSFORMER, _VAE, _SCHEDULER = random_models.TRANSFORMER, random_models.VAE, random_models.published_form.SCHEDULER

TRANSFORMERS: dict[Kind, dict[str, Any]] = {
    "2b": _TRANSFORMER,
    "5b": _TRANSFORMER | {"use_rotary_positional_embeddings": True},
    "1.5": _TRANSFORMER
    | {
        "use_rotary_positional_embeddings": True,
        "patch_size_t": 2,
        "patch_bias": False,
        # Published: 300 x 300. It is the size of the rotary table, from which the part for a clip is cut; clips are
        # smaller.
        "sample_width": 8,
        "sample_height": 8,
    },
}

VAES: dict[Kind, dict[str, Any]] = {
    "2b": _VAE,
    "5b": _VAE | {"scaling_factor": 0.7},
    "1.5": _VAE | {"scaling_factor": 0.7, "invert_scale_latents": True},
}

SCHEDULERS: dict[Kind, dict[str, Any]] = {
    "2b": _SCHEDULER,
    "5b": _SCHEDULER | {"snr_shift_scale": 1.0},
    "1.5": _SCHEDULER | {"snr_shift_scale": 1.0},
}


def tiny_tokenizer() -> T5Tokenizer:
    """Train a small tokenizer and load it as transformers loads the `tokenizer/` of a published CogVideoX."""
    with tempfile.TemporaryDirectory() as folder:
        random_models.write_tokenizer(Path(folder))
        return T5Tokenizer.from_pretrained(folder, local_files_only=True)


def tiny_text_encoder(seed: int = 0) -> T5EncoderModel:
    """Build a T5 encoder of about 40,000 weights, for the vocabulary of `tiny_tokenizer`."""
    return random_models.build_text_encoder(TEXT_ENCODER, vocabulary_size=random_models.VOCABULARY_SIZE, seed=seed)


def tiny_transformer(kind: Kind = "2b", seed: int = 0) -> CogVideoXTransformer3DModel:
    """Build a transformer of about 25,000 weights, with the kind's positions and patches."""
    return random_models.build_transformer(TRANSFORMERS[kind], seed=seed)


def tiny_vae(kind: Kind = "2b", seed: int = 0) -> AutoencoderKLCogVideoX:
    """Build a VAE of about 60,000 weights: 16 latent channels, 8 times smaller in space and 4 times in time."""
    return random_models.build_vae(VAES[kind], seed=seed)


def tiny_pipeline(kind: Kind = "2b", seed: int = 0) -> CogVideoXPipeline:
    """Build a float32 pipeline. Pass `max_sequence_length=TEXT_LENGTH` together with prompts."""
    pipeline = random_models.build_pipeline(
        tiny_tokenizer(),
        text_encoder=TEXT_ENCODER,
        transformer=TRANSFORMERS[kind],
        vae=VAES[kind],
        scheduler=SCHEDULERS[kind],
        seed=seed,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save_tiny_folder(path: Path, kind: Kind = "2b", seed: int = 0) -> Path:
    """Write a diffusers folder in the published form: float16 safetensors, `spiece.model`, no `tokenizer.json`.

    As in the published folders, the text encoder's config names a half-precision type. A caller of transformers who
    names no type gets that type, although diffusers loads the other components in float32.

    Args:
        path: Folder to write. It is made when missing.
        kind: Published model to follow.
        seed: Seed of all weights.

    Returns:
        `path`.
    """
    random_models.write_tokenizer(path / "tokenizer")
    random_models.published_form.save_pipeline(tiny_pipeline(kind, seed), path)
    return path


def wide_weights() -> dict[str, Tensor]:
    """Make the weights of a one-layer transformer as wide as the published 2B, so that ComfyUI recognizes it."""
    import torch
    from diffusers import CogVideoXTransformer3DModel

    torch.manual_seed(0)
    weights = CogVideoXTransformer3DModel(num_layers=1, text_embed_dim=32, time_embed_dim=16).half().state_dict()
    return {name: value.contiguous() for name, value in weights.items() if "pos_embedding" not in name}
