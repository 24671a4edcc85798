"""A corrected MODEL sampled with ComfyUI's own nodes. ComfyUI's modules must be importable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from node_runs import results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conditionings import Conditioning
    from torch import Tensor

SIZE = {"width": 64, "height": 48, "frames": 9}  # 3 latent frames of 6 x 8
CFG = 6.0
STEPS = 10
MAX_SEED = 2**64 - 1

Latent = dict[str, Any]


@dataclass(frozen=True)
class NativeRuns:
    """The nodes of a sampling graph, ComfyUI's and the pack's, each as a method.

    Args:
        nodes_by_id: The pack's node classes.
        prompts: Conditionings "positive", "negative" and "other".
    """

    nodes_by_id: Mapping[str, type[Any]]
    prompts: Mapping[str, Conditioning]

    def empty(self, model: Any, videos: int = 1, frames: int = SIZE["frames"]) -> Latent:
        """Run RichSpace Empty CogVideoX Latent."""
        size = SIZE | {"frames": frames, "batch_size": videos}
        latent: Latent = results(self.nodes_by_id["RichSpaceEmptyCogVideoXLatent"], model=model, **size)[0]
        return latent

    def published(
        self, model: Any, *, scheduler: str = "DDIM", dynamic: str = "off", noise: str = "ComfyUI", steps: int = STEPS
    ) -> tuple[Any, Tensor]:
        """Run RichSpace CogVideoX Sampler; return sampler and sigmas."""
        node = self.nodes_by_id["RichSpaceCogVideoXSampler"]
        settings = {"steps": steps, "scheduler": scheduler, "dynamic_cfg": dynamic, "noise": noise}
        sampler, sigmas = results(node, model=model, **settings)
        return sampler, sigmas

    def ksampler(self, model: Any, latent: Latent, *, seed: int = 5, steps: int = STEPS, **stage: Any) -> Latent:
        """Run KSampler Advanced with euler and simple; `stage` has its settings for steps and noise."""
        import nodes

        settings = {
            "add_noise": "enable",
            "start_at_step": 0,
            "end_at_step": 10000,
            "return_with_leftover_noise": "disable",
        } | stage
        both = {"positive": self.prompts["positive"], "negative": self.prompts["negative"]}
        with torch.inference_mode():
            (output,) = nodes.KSamplerAdvanced().sample(
                model=model,
                noise_seed=seed,
                steps=steps,
                cfg=CFG,
                sampler_name="euler",
                scheduler="simple",
                latent_image=latent,
                **both,
                **settings,
            )
        return output

    def custom(
        self, guider: Any, sampler: Any, sigmas: Tensor, latent: Latent, *, seed: int = 5, add_noise: bool = True
    ) -> Latent:
        """Run SamplerCustomAdvanced with RandomNoise, or without noise but with a seed, as SamplerCustom does."""
        from comfy_extras import nodes_custom_sampler as host

        (noise,) = (host.RandomNoise.execute(seed) if add_noise else host.DisableNoise.execute()).result
        noise.seed = seed
        with torch.inference_mode():
            sampled, _ = host.SamplerCustomAdvanced.execute(noise, guider, sampler, sigmas, latent).result
        return dict(sampled)

    def cfg_guider(self, model: Any, cfg: float = CFG) -> Any:
        """Run CFGGuider."""
        from comfy_extras.nodes_custom_sampler import CFGGuider

        return CFGGuider.execute(model, self.prompts["positive"], self.prompts["negative"], cfg).result[0]

    def basic_guider(self, model: Any) -> Any:
        """Run BasicGuider."""
        from comfy_extras.nodes_custom_sampler import BasicGuider

        return BasicGuider.execute(model, self.prompts["positive"]).result[0]

    def sample(self, model: Any, *, cfg: float = CFG, seed: int = 5, guider: Any = None, **sampler: Any) -> Tensor:
        """Sample a whole video with RichSpace CogVideoX Sampler and the settings in `sampler`; return the samples."""
        guider = self.cfg_guider(model, cfg) if guider is None else guider
        samples: Tensor = self.custom(guider, *self.published(model, **sampler), self.empty(model), seed=seed)[
            "samples"
        ]
        return samples
