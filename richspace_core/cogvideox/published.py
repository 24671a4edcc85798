"""Configurations of the published text-to-video CogVideoX models, for weights that come without them.

References:
    `config.json` and `scheduler_config.json` of CogVideoX-2b, CogVideoX-5b and CogVideoX1.5-5B. A value that is missing
    there or here has diffusers' default.
"""

from __future__ import annotations

from dataclasses import replace

from .config import CogVideoXConfig, SchedulerConfig, TransformerConfig, VAEConfig

_2B = TransformerConfig()
_5B = TransformerConfig(num_attention_heads=48, num_layers=42, use_rotary_positional_embeddings=True)
_1_5 = replace(_5B, patch_size_t=2, patch_bias=False, sample_width=300, sample_height=300, sample_frames=81)

_SCHEDULER = SchedulerConfig(
    prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing", clip_sample=False
)
_DDIM_OF_2B = replace(_SCHEDULER, class_name="CogVideoXDDIMScheduler", snr_shift_scale=3.0)
_DPM_OF_5B = replace(_SCHEDULER, class_name="CogVideoXDPMScheduler", snr_shift_scale=1.0)

PUBLISHED = (
    CogVideoXConfig("CogVideoX-2b", _2B, VAEConfig(), _DDIM_OF_2B),
    CogVideoXConfig("CogVideoX-5b", _5B, VAEConfig(scaling_factor=0.7), _DPM_OF_5B),
    CogVideoXConfig("CogVideoX1.5-5B", _1_5, VAEConfig(scaling_factor=0.7), _DPM_OF_5B),
)
"""All text-to-video CogVideoX models that their authors have published."""
