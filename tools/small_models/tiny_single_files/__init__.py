"""A folder for custom_nodes, without nodes, that lets ComfyUI's own loaders load tiny random files.

ComfyUI's classes make Wan's video model and VAE here, whose loaders read every size from the file, and a checkpoint of
SDXL, whose loader is told of one more size. The loader of text encoders knows T5 and UMT5 only in their full size. Here
it recognizes a tiny file by its few layers and learns its sizes; everything after that is the loader's own code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import comfy.sd
import comfy.utils
import folder_paths
import torch
from comfy.text_encoders.sd3_clip import t5_xxl_detect

from . import networks

NODE_CLASS_MAPPINGS: dict[str, Any] = {}

_FEED_FORWARD = "encoder.block.0.layer.1.DenseReluDense.wi_1.weight"
_LAST_OF_THE_PUBLISHED = "encoder.block.23.layer.0.layer_norm.weight"


def _save(weights: dict[str, torch.Tensor], kind: str, name: str) -> None:
    """Save weights in ComfyUI's folder."""
    folder = Path(folder_paths.get_folder_paths(kind)[0])
    folder.mkdir(parents=True, exist_ok=True)
    comfy.utils.save_torch_file(weights, str(folder / name))


def _is_tiny(weights: dict[str, torch.Tensor]) -> bool:
    return _FEED_FORWARD in weights and _LAST_OF_THE_PUBLISHED not in weights


def _sizes(weights: dict[str, torch.Tensor]) -> dict[str, int]:
    heads = weights["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"].shape[1]
    inner = weights["encoder.block.0.layer.0.SelfAttention.q.weight"].shape[0]
    vocabulary, width = weights["shared.weight"].shape
    return {
        "d_model": width,
        "d_kv": inner // heads,
        "d_ff": weights[_FEED_FORWARD].shape[0],
        "num_layers": sum(name.endswith("DenseReluDense.wi_1.weight") for name in weights),
        "num_heads": heads,
        "vocab_size": vocabulary,
    }


_detect, _detect_form, _load = comfy.sd.detect_te_model, comfy.sd.t5xxl_detect, comfy.sd.load_text_encoder_state_dicts


def _detect_tiny(weights: dict[str, torch.Tensor]) -> Any:
    return comfy.sd.TEModel.T5_XXL if _is_tiny(weights) else _detect(weights)


def _detect_tiny_form(state_dicts: list[dict[str, torch.Tensor]]) -> Any:
    return t5_xxl_detect(state_dicts[0]) if _is_tiny(state_dicts[0]) else _detect_form(state_dicts)


def _load_tiny(state_dicts: list[dict[str, torch.Tensor]], *args: Any, **kwargs: Any) -> Any:
    if _is_tiny(state_dicts[0]):
        sizes = _sizes(state_dicts[0])
        told = {"t5xxl_model_config": sizes, "umt5xxl_model_config": sizes}
        kwargs["model_options"] = (kwargs.get("model_options") or {}) | told
    return _load(state_dicts, *args, **kwargs)


comfy.sd.detect_te_model, comfy.sd.t5xxl_detect = _detect_tiny, _detect_tiny_form
comfy.sd.load_text_encoder_state_dicts = _load_tiny

with torch.no_grad():
    _save(networks.wan(), "diffusion_models", "wan2.1_t2v_1.3B_fp16.safetensors")
    _save(networks.wan_vae(), "vae", "wan_2.1_vae.safetensors")
    _save(networks.sdxl_checkpoint(), "checkpoints", "sd_xl_base_1.0.safetensors")
