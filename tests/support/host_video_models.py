"""ComfyUI's video and image models of other families, tiny and with random weights, of ComfyUI's own classes."""

from __future__ import annotations

from typing import Any

import torch

WIDTH = 32  # of the text embeddings

#: For each video model: ComfyUI's class, its configuration, latent channels, and frames in a latent frame.
VIDEO_MODELS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "Wan": (
        "WAN21_T2V",
        {
            "image_model": "wan2.1",
            "model_type": "t2v",
            "dim": 48,
            "ffn_dim": 64,
            "freq_dim": 16,
            "text_dim": WIDTH,
            "num_heads": 4,
            "num_layers": 2,
        },
        16,
        4,
    ),
    "LTX-Video": (
        "LTXV",
        {
            "image_model": "ltxv",
            "in_channels": 128,
            "cross_attention_dim": 64,
            "attention_head_dim": 16,
            "num_attention_heads": 4,
            "caption_channels": WIDTH,
            "num_layers": 2,
        },
        128,
        8,
    ),
    "Mochi": (
        "GenmoMochi",
        {
            "image_model": "mochi_preview",
            "depth": 2,
            "num_heads": 2,
            "hidden_size_x": 48,  # ComfyUI fixes the width of the hidden layers, 12288 and 6144
            "hidden_size_y": 32,
            "mlp_ratio_x": 256.0,
            "mlp_ratio_y": 192.0,
            "patch_size": 2,
            "in_channels": 12,
            "learn_sigma": False,
            "use_t5": True,
            "t5_feat_dim": WIDTH,
            "t5_token_length": 8,
            "qk_norm": True,
            "qkv_bias": False,
            "out_bias": True,
            "attn_drop": 0.0,
            "patch_embed_bias": True,
            "posenc_preserve_area": True,
            "timestep_mlp_bias": True,
            "timestep_scale": 1000.0,
            "attend_to_padding": False,
            "use_extended_posenc": False,
        },
        12,
        6,
    ),
    "HunyuanVideo": (
        "HunyuanVideo",
        {
            "image_model": "hunyuan_video",
            "in_channels": 16,
            "out_channels": 16,
            "patch_size": [1, 2, 2],
            "vec_in_dim": 24,
            "context_in_dim": WIDTH,
            "hidden_size": 64,
            "mlp_ratio": 2.0,
            "num_heads": 2,
            "depth": 1,
            "depth_single_blocks": 1,
            "axes_dim": [8, 12, 12],
            "theta": 256,
            "qkv_bias": True,
            "guidance_embed": False,
            "byt5": False,
            "meanflow": False,
            "use_cond_type_embedding": False,
            "vision_in_dim": None,
            "meanflow_sum": False,
        },
        16,
        4,
    ),
}


def tiny_model(name: str) -> Any:
    """Make ComfyUI's MODEL of a family with random weights."""
    import comfy.supported_models

    kind, config, _, _ = VIDEO_MODELS[name]
    supported = getattr(comfy.supported_models, kind)({**config, "disable_unet_model_creation": False})
    supported.unet_config = {**config, "dtype": torch.float32}
    supported.set_inference_dtype(torch.float32, None)
    return _on_cpu(supported)


def image_model() -> Any:
    """Make ComfyUI's MODEL of Stable Diffusion 1.5 without its network."""
    import comfy.supported_models

    supported = comfy.supported_models.SD15({"disable_unet_model_creation": True, "context_dim": 768, "in_channels": 4})
    return _on_cpu(supported)


def sound_model() -> Any:
    """Make ComfyUI's MODEL of LTX-2, whose latents hold video and sound, without its network."""
    import comfy.supported_models

    return _on_cpu(comfy.supported_models.LTXAV({"disable_unet_model_creation": True}))


def _on_cpu(supported: Any) -> Any:
    import comfy.model_patcher

    torch.manual_seed(7)
    model = supported.get_model({}, device=torch.device("cpu"))
    for parameter in model.parameters():
        parameter.data.normal_(std=0.2)
    cpu = torch.device("cpu")
    patcher = comfy.model_patcher.ModelPatcher(model.eval().requires_grad_(False), load_device=cpu, offload_device=cpu)
    # ComfyUI's slow attention for CPUs fails with the mask of LTX-Video if several prompts are in one batch.
    patcher.model_options["transformer_options"]["optimized_attention_override"] = _with_sdpa
    return patcher


def _with_sdpa(_chosen: Any, *args: Any, **kwargs: Any) -> Any:
    from comfy.ldm.modules.attention import attention_pytorch

    return attention_pytorch(*args, **kwargs)
