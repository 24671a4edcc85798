"""Even smaller CogVideoX models than the demo, of the real classes with random weights, for tests.

The demo's script owns the configurations and the way weights are made; here are only the differences. Sizes are chosen
as in diffusers' own tests: the smallest that still has every kind of layer, and no two that are equal by accident.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from checkout import ROOT, import_file
from transformers import T5Tokenizer

if TYPE_CHECKING:
    from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline, CogVideoXTransformer3DModel
    from transformers import T5EncoderModel

DEMO_MODEL = ROOT / "demo_model"

build = import_file("demo_model_build", DEMO_MODEL / "build.py")

Kind = Literal["2b", "5b", "1.5"]  # CogVideoX-2B, CogVideoX-5B and CogVideoX1.5-5B
KINDS: tuple[Kind, ...] = ("2b", "5b", "1.5")

TEXT_LENGTH = 40  # holds the paper's prompts, the longest of which is 36 tokens with this vocabulary
VOCABULARY_SIZE = build.VOCABULARY_SIZE  # a smaller one would cut the prompts into more tokens

TEXT_ENCODER: dict[str, Any] = build.TEXT_ENCODER | {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 37,
    "num_layers": 2,  # only the first layer has the position bias
    "num_heads": 4,
}

_TRANSFORMER: dict[str, Any] = build.TRANSFORMER | {
    # 2 x 16 = 32 wide: three quarters of the width and one quarter must each divide by 4 for the sincos positions,
    # and of a head of 16 the rotary positions take 4 for time and 6 each for height and width, all even.
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "time_embed_dim": 8,
    "text_embed_dim": TEXT_ENCODER["d_model"],
    "num_layers": 1,
    "sample_width": 6,  # 48 pixels, 3 patches
    "sample_height": 4,  # 32 pixels, 2 patches
    "sample_frames": 9,  # 3 latent frames: odd, as the published models' 13 and 21, so that 1.5 has to pad
    "max_text_seq_length": TEXT_LENGTH,
}
TRANSFORMERS: dict[Kind, dict[str, Any]] = {
    "2b": _TRANSFORMER,
    "5b": _TRANSFORMER | {"use_rotary_positional_embeddings": True},
    "1.5": _TRANSFORMER
    | {
        "use_rotary_positional_embeddings": True,
        "patch_size_t": 2,
        "patch_bias": False,
        # Published: 300 x 300. It bounds the rotary table that a clip's size is cut from and is square; a clip of
        # that size is not what the model is for.
        "sample_width": 8,
        "sample_height": 8,
    },
}

_VAE: dict[str, Any] = build.VAE | {
    "block_out_channels": (4, 4, 8, 8),
    "norm_num_groups": 2,
    "sample_height": 96,
    "sample_width": 80,  # the narrowest that tiles well: the pipeline's own 48 pixels are more than a tile of 40
}
VAES: dict[Kind, dict[str, Any]] = {
    "2b": _VAE,
    "5b": _VAE | {"scaling_factor": 0.7},
    "1.5": _VAE | {"scaling_factor": 0.7, "invert_scale_latents": True},
}

SCHEDULERS: dict[Kind, dict[str, Any]] = {
    "2b": build.SCHEDULER,
    "5b": build.SCHEDULER | {"snr_shift_scale": 1.0},
    "1.5": build.SCHEDULER | {"snr_shift_scale": 1.0},
}


def tiny_tokenizer(text_length: int = TEXT_LENGTH) -> T5Tokenizer:
    """Train a small SentencePiece model and load it as transformers loads a published CogVideoX's `tokenizer/`."""
    with tempfile.TemporaryDirectory() as folder:
        build.write_tokenizer(Path(folder), text_length=text_length, vocabulary_size=VOCABULARY_SIZE)
        return T5Tokenizer.from_pretrained(folder, local_files_only=True)


def tiny_text_encoder(seed: int = 0) -> T5EncoderModel:
    """Build a T5 encoder of about 40,000 weights, for the vocabulary of `tiny_tokenizer`."""
    return build.build_text_encoder(TEXT_ENCODER, vocabulary_size=VOCABULARY_SIZE, seed=seed)


def tiny_transformer(kind: Kind = "2b", seed: int = 0) -> CogVideoXTransformer3DModel:
    """Build a transformer of about 25,000 weights, with the kind's positions and patches."""
    return build.build_transformer(TRANSFORMERS[kind], seed=seed)


def tiny_vae(kind: Kind = "2b", seed: int = 0) -> AutoencoderKLCogVideoX:
    """Build a VAE of about 60,000 weights: 16 latent channels, 8 times smaller in space and 4 times in time."""
    return build.build_vae(VAES[kind], seed=seed)


def tiny_pipeline(kind: Kind = "2b", seed: int = 0) -> CogVideoXPipeline:
    """Build a whole float32 pipeline. Pass `max_sequence_length=TEXT_LENGTH` when you give it prompts."""
    pipeline = build.build_pipeline(
        tiny_tokenizer(),
        text_encoder=TEXT_ENCODER,
        transformer=TRANSFORMERS[kind],
        vae=VAES[kind],
        scheduler=SCHEDULERS[kind],
        seed=seed,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save_tiny_folder(path: Path, kind: Kind = "2b", seed: int = 0, text_encoder_dtype: str = "float16") -> Path:
    """Write a diffusers folder in the published form: float16 safetensors, `spiece.model`, no `tokenizer.json`.

    Args:
        path: The folder to write; made when missing.
        kind: Which published model it is like.
        seed: Seed of all weights.
        text_encoder_dtype: The type that the text encoder's config names. The published folders name a half type, so
            that a caller who names no type gets a text encoder that does not fit the transformer.

    Returns:
        `path`.
    """
    build.write_tokenizer(path / "tokenizer", text_length=TEXT_LENGTH, vocabulary_size=VOCABULARY_SIZE)
    build.save_pipeline(tiny_pipeline(kind, seed), path, text_encoder_dtype=text_encoder_dtype)
    return path
