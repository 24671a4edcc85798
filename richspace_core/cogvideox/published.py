"""The configurations of the published text-to-video CogVideoX, for weights that come without them.

References:
    The `config.json` and `scheduler_config.json` of CogVideoX-2b, CogVideoX-5b and CogVideoX1.5-5B. What is left out
    there or here has diffusers' own default.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from .config import CogVideoXConfig

_TRANSFORMER: dict[str, Any] = {
    "attention_head_dim": 64,
    "in_channels": 16,
    "out_channels": 16,
    "time_embed_dim": 512,
    "text_embed_dim": 4096,
    "max_text_seq_length": 226,
    "patch_size": 2,
    "patch_size_t": None,
    "sample_width": 90,
    "sample_height": 60,
    "sample_frames": 49,
    "spatial_interpolation_scale": 1.875,
    "temporal_interpolation_scale": 1.0,
}
_2B = {"num_attention_heads": 30, "num_layers": 30, "use_rotary_positional_embeddings": False}
_5B = {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}
_1_5 = {"patch_size_t": 2, "patch_bias": False, "sample_width": 300, "sample_height": 300, "sample_frames": 81}

_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 256, 512),
    "latent_channels": 16,
    "layers_per_block": 3,
    "temporal_compression_ratio": 4,
}
_SCHEDULER: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
}


def _config(name: str, scaling_factor: float, snr_shift_scale: float, scheduler: str, **model: Any) -> CogVideoXConfig:
    return CogVideoXConfig(
        name,
        MappingProxyType(_TRANSFORMER | model),
        MappingProxyType(_VAE | {"scaling_factor": scaling_factor}),
        MappingProxyType(_SCHEDULER | {"snr_shift_scale": snr_shift_scale, "_class_name": scheduler}),
    )


PUBLISHED = (
    _config("CogVideoX-2B", 1.15258426, 3.0, "CogVideoXDDIMScheduler", **_2B),
    _config("CogVideoX-5B", 0.7, 1.0, "CogVideoXDPMScheduler", **_5B),
    _config("CogVideoX1.5-5B", 0.7, 1.0, "CogVideoXDPMScheduler", **_5B | _1_5),
)
"""Every text-to-video CogVideoX that its authors have published."""
