"""ComfyUI's text encoders of other models, tiny and with random weights, of ComfyUI's own classes."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import torch
from small_models.random_models import train_sentencepiece

_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4}
_CLIP = {
    "hidden_size": 24,
    "intermediate_size": 37,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "projection_dim": 24,
}
_LLAMA = {
    "hidden_size": 40,
    "intermediate_size": 37,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
_TINY = {
    "t5xxl_model_config": _T5,
    "umt5xxl_model_config": _T5 | {"vocab_size": 640},
    "clip_l_model_config": _CLIP,
    "clip_g_model_config": _CLIP | {"hidden_size": 32, "projection_dim": 32},
    "llama_model_config": _LLAMA,
}

#: For each model family: a module, its function or class of the text encoder, and its tokenizer.
FAMILIES = {
    "Stable Diffusion 1": ("comfy.sd1_clip", "SD1ClipModel", "SD1Tokenizer"),
    "Stable Diffusion XL": ("comfy.sdxl_clip", "SDXLClipModel", "SDXLTokenizer"),
    "Flux": ("comfy.text_encoders.flux", "flux_clip()", "FluxTokenizer"),
    "Cosmos": ("comfy.text_encoders.cosmos", "te()", "CosmosT5Tokenizer"),
    "Mochi": ("comfy.text_encoders.genmo", "mochi_te()", "MochiT5Tokenizer"),
    "LTX-Video": ("comfy.text_encoders.lt", "ltxv_te()", "LTXVT5Tokenizer"),
    "Wan": ("comfy.text_encoders.wan", "te()", "WanT5Tokenizer"),
    "HunyuanVideo": ("comfy.text_encoders.hunyuan_video", "hunyuan_video_clip()", "HunyuanVideoTokenizer"),
}


def tiny_clip(family: str) -> Any:
    """Make the CLIP of a model family, as ComfyUI's loader does."""
    import comfy.sd

    module_name, encoder, tokenizer = FAMILIES[family]
    module = importlib.import_module(module_name)
    made = getattr(module, encoder.removesuffix("()"))
    pieces = torch.frombuffer(bytearray(train_sentencepiece()), dtype=torch.uint8)
    clip = comfy.sd.CLIP(
        SimpleNamespace(
            params={}, clip=made() if encoder.endswith("()") else made, tokenizer=getattr(module, tokenizer)
        ),
        model_options=dict(_TINY),
        tokenizer_data={"spiece_model": pieces},
    )
    generator = torch.Generator().manual_seed(0)
    for name, weight in clip.cond_stage_model.named_parameters():
        weight.requires_grad_(False)
        if weight.ndim > 1:
            weight.normal_(std=0.3, generator=generator)
        else:
            weight.fill_(1.0 if name.endswith("weight") else 0.0)
    return clip
