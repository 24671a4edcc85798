"""Configurations of the demo model's parts. They follow CogVideoX-2B, whose value is in a comment where it differs."""

from __future__ import annotations

from typing import Any

import world

TEXT_LENGTH = 64  # 226. The longest sentence of the small world has 17.

TEXT_ENCODER: dict[str, Any] = {
    "d_model": 64,  # 4096
    "d_kv": 16,  # 64
    "d_ff": 128,  # 10240
    "num_layers": 2,  # 24
    "num_heads": 4,  # 64
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "feed_forward_proj": "gated-gelu",
    "dropout_rate": 0.0,
    "layer_norm_epsilon": 1e-6,
    "pad_token_id": 0,
    "eos_token_id": 1,
}

TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 3,  # 30
    "attention_head_dim": 64,
    "in_channels": 8,  # 16
    "out_channels": 8,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "time_embed_dim": 64,  # 512
    "text_embed_dim": TEXT_ENCODER["d_model"],
    "num_layers": 6,  # 30
    "dropout": 0.0,
    "attention_bias": True,
    "sample_width": world.SIDE // 4,  # 90
    "sample_height": world.SIDE // 4,  # 60
    "sample_frames": world.FRAMES,  # 49
    "patch_size": 4,  # 2. A latent covers 4 pixels instead of 8, so a patch covers the same area
    "temporal_compression_ratio": 4,
    "max_text_seq_length": TEXT_LENGTH,
    "activation_fn": "gelu-approximate",
    "timestep_activation_fn": "silu",
    "norm_elementwise_affine": True,
    "norm_eps": 1e-5,
    "spatial_interpolation_scale": 1.0,  # 1.875, because 2B was first trained on smaller videos
    "temporal_interpolation_scale": 1.0,
    "use_rotary_positional_embeddings": False,
}

VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("CogVideoXDownBlock3D",) * 3,  # 4 blocks, for 8 x in space instead of 4 x
    "up_block_types": ("CogVideoXUpBlock3D",) * 3,
    "block_out_channels": (16, 32, 32),  # (128, 256, 256, 512)
    "latent_channels": 8,  # 16
    "layers_per_block": 1,  # 3
    "act_fn": "silu",
    "norm_eps": 1e-6,
    "norm_num_groups": 8,  # 32. It must divide every width
    "temporal_compression_ratio": 4,
    # Only tiled decoding uses these. A tile is half as high and half as wide. Tiles fit together only if their height
    # is a multiple of 48 pixels and their width a multiple of 40.
    "sample_height": 96,  # 480
    "sample_width": 160,  # 720
    "force_upcast": True,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}
