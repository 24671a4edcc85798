"""ComfyUI's own text encoders, tiny or without weights. ComfyUI's modules must be importable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from small_models.random_models import TEXT_ENCODER, build_text_encoder

if TYPE_CHECKING:
    from transformers import T5EncoderModel

PUBLISHED_LENGTH = 226  # to which ComfyUI pads for every model
VOCABULARY_SIZE = 32_128  # of T5


def t5_with_the_host_s_vocabulary() -> T5EncoderModel:
    """Make a tiny T5 for T5's own tokenizer, which ComfyUI contains."""
    return build_text_encoder(TEXT_ENCODER, vocabulary_size=VOCABULARY_SIZE, seed=0)


def use_the_host_s_tokenizer(folder: Path) -> None:
    """Give a diffusers folder ComfyUI's tokenizer and text length, and a T5 with ComfyUI's vocabulary."""
    import comfy.text_encoders

    shutil.rmtree(folder / "tokenizer")
    shutil.copytree(Path(comfy.text_encoders.__path__[0]) / "t5_tokenizer", folder / "tokenizer")
    t5_with_the_host_s_vocabulary().save_pretrained(folder / "text_encoder", safe_serialization=True)
    file = folder / "transformer" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_text_seq_length": PUBLISHED_LENGTH}))


def cogvideox_clip(t5: T5EncoderModel, embedding_directory: str | None = None) -> Any:
    """Make the CLIP of type cogvideox from ComfyUI's own classes, with the weights of `t5`."""
    import comfy.sd
    import torch
    from comfy.text_encoders.cogvideo import CogVideoXTokenizer, cogvideo_te

    sizes = ("d_model", "d_kv", "d_ff", "num_layers", "num_heads", "vocab_size")
    config = {name: getattr(t5.config, name) for name in sizes}
    clip = comfy.sd.CLIP(
        SimpleNamespace(params={}, clip=cogvideo_te(torch.float32), tokenizer=CogVideoXTokenizer),
        embedding_directory=embedding_directory,
        model_options={"t5xxl_model_config": config},
    )
    loaded = clip.cond_stage_model.load_sd(t5.state_dict())
    # ComfyUI keeps no second copy of the embedding under the encoder's name.
    assert not loaded.missing_keys, loaded
    assert set(loaded.unexpected_keys) <= {"encoder.embed_tokens.weight"}, loaded
    return clip


def clip_without_weights(tokenizer: type[Any]) -> Any:
    """Make a CLIP that can only tokenize, with one of ComfyUI's own tokenizers."""
    import comfy.sd

    clip = comfy.sd.CLIP(no_init=True)
    clip.tokenizer, clip.tokenizer_options = tokenizer(), {}
    return clip
