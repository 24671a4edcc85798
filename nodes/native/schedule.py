"""Noise schedule of a CogVideoX as published, in ComfyUI's terms."""

from __future__ import annotations

from comfy.model_sampling import V_PREDICTION, ModelSamplingDiscrete

from ...richspace_core.cogvideox.config import CogVideoXConfig

_LAST_ALPHA = 4.8973451890853435e-08  # ComfyUI's own value in place of zero, which has no sigma


class PublishedSampling(ModelSamplingDiscrete, V_PREDICTION):
    """ComfyUI's model sampling for v-prediction, on the noise schedule of a CogVideoX.

    Args:
        config: Configuration that has the schedule.
    """

    def __init__(self, config: CogVideoXConfig) -> None:
        super().__init__()
        self.config = config
        alphas = config.make_scheduler("DDIM").alphas_cumprod.double().clamp(min=_LAST_ALPHA)
        self.set_sigmas(((1 - alphas) / alphas) ** 0.5)
