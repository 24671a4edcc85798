"""Wrappers around a sampling of ComfyUI's own CogVideoX: whole patches of frames, and a preview in the video's colors.

Only CogVideoX 1.5 has patches of more than one frame. diffusers fills them up with frames in front of a video, samples
these with it and drops them at the end. ComfyUI fills them up behind the video, with its first frames again, and does
the same in a context window.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from comfy.context_windows import ContextHandlerABC, IndexListContextHandler
from comfy.model_management import intermediate_device
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...richspace_core import ModelFolderError
from ...richspace_core.cogvideox.config import CogVideoXConfig
from ...richspace_core.cogvideox.latent_preview import LatentColors, false_color_preview
from ..host.memory import Progress, explain_out_of_memory
from .caches import correct_caches
from .morphs import fit_masks, windows_with_masks
from .stages import Leftover, Run
from .windows import windows_of_batches, windows_of_patches

_KEY = "richspace"
_FRAMES = 2  # dimension of the frames in ComfyUI's latents


@dataclass(frozen=True)
class CorrectedSampling:
    """Wrappers around every sampling of a corrected MODEL.

    Args:
        config: Configuration that the model was corrected to.
        colors: Colors of the latents in a live preview; None for false colors.
    """

    config: CogVideoXConfig
    colors: LatentColors | None

    def put_on(self, model: Any) -> None:
        """Wrap the samplings of a MODEL and remove the wrappers of an earlier correction."""
        wrappers = {WrappersMP.OUTER_SAMPLE: self.outer_sample, WrappersMP.SAMPLER_SAMPLE: self.sampler_sample}
        for kind, wrapper in wrappers.items():
            model.remove_wrappers_with_key(kind, _KEY)
            model.add_wrapper_with_key(kind, _KEY, wrapper)

    @staticmethod
    def of(model: Any) -> CorrectedSampling | None:
        """Return the wrappers of a MODEL; None if it was not corrected."""
        wrappers = model.get_wrappers(WrappersMP.OUTER_SAMPLE, _KEY)
        return wrappers[0].__self__ if wrappers else None

    def outer_sample(
        self,
        sample: Any,
        noise: Tensor,
        latents: Tensor,
        sampler: Any,
        sigmas: Tensor,
        mask: Tensor | None = None,
        callback: Callable[..., None] | None = None,
        disable_pbar: bool = False,
        seed: int | None = None,
        **rest: Any,
    ) -> Tensor:
        """Sample whole patches; if noise is left in the latents, attach what the next sampler needs."""
        surplus = -latents.shape[_FRAMES] % self.config.patch_frames
        run = Run(noise.clone(), seed, Leftover.of(latents))  # FreeNoise shuffles ComfyUI's noise in place
        has_masks = fit_masks(sample.class_obj.conds, latents.shape[_FRAMES], surplus)
        self._prepare(sample.class_obj.model_options, run, has_masks)
        shown = _with_preview(callback, self.colors, surplus) if callback is not None else None
        if surplus:
            noise = _in_front(run.front_noise(surplus), noise)
            mask = _in_front(mask[:, :, :1].expand(-1, -1, surplus, -1, -1), mask) if mask is not None else None
            latents = _in_front(run.front_frames(latents, surplus), latents)
            rest["latent_shapes"] = [latents.shape]
        with _enough_memory(latents.shape[_FRAMES]):
            sampled: Tensor = sample(noise, latents, sampler, sigmas, mask, shown, disable_pbar, seed, **rest)
        # ComfyUI moves latents that are on another device, and a copy would lose what is attached to them.
        sampled = sampled.to(intermediate_device())
        videos = sampled[:, :, surplus:]
        if sigmas[-1] > 0 and (surplus or run.scheduler is not None):
            Leftover(sampled[:, :, :surplus], run.scheduler).attach_to(videos)
        return videos

    def sampler_sample(
        self, sample: Any, guider: Any, sigmas: Tensor, extra_args: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Sample with EasyCache and LazyCache corrected."""
        correct_caches(guider, extra_args["model_options"])
        return sample(guider, sigmas, extra_args, *args, **kwargs)

    def _prepare(self, model_options: dict[str, Any], run: Run, has_masks: bool) -> None:
        """Change ComfyUI's options for this sampling; `has_masks` says whether prompts have masks over time."""
        run.share(model_options)
        handler = model_options.get("context_handler")
        if not isinstance(handler, IndexListContextHandler) or handler.dim != _FRAMES:
            return
        if self.config.patch_frames > 1:
            handler = windows_of_patches(handler, self.config.patch_frames)
        handler = windows_of_batches(handler)
        model_options["context_handler"] = windows_with_masks(handler) if has_masks else handler


def require_masks_fit(model: Any) -> None:
    """Raise an error if masks over time cannot be used with ComfyUI's MODEL, or with a model of this pack's sampler.

    Raises:
        ModelFolderError: If it has context windows, and this pack does not cut the masks to them.
    """
    windows = getattr(model, "model_options", {}).get("context_handler")
    if isinstance(windows, ContextHandlerABC) and CorrectedSampling.of(model) is None:
        raise ModelFolderError(
            "model",
            expected="a model without context windows",
            got=f"a {type(model.model).__name__} with them",
            hint="ComfyUI does not cut masks over time to a window. RichSpace does so for its CogVideoX (native) only.",
        )


def _enough_memory(frames: int) -> AbstractContextManager[None]:
    return explain_out_of_memory(
        "latent_image",
        expected=f"enough memory to sample {frames} latent frames",
        hint="Connect a smaller or shorter latent, load the model with dtype bfloat16, or close other programs.",
    )


def _in_front(front: Tensor, videos: Tensor) -> Tensor:
    return torch.cat([front.to(videos), videos], dim=_FRAMES)


def _with_preview(
    callback: Callable[..., None], colors: LatentColors | None, surplus: int
) -> Callable[[int, Tensor, Tensor, int], None]:
    """Return a sampler's callback that also draws the video predicted so far, without the surplus frames.

    A callback with the attribute `draws_preview` draws it itself.
    """
    draw = colors.picture if colors else false_color_preview

    def shown(step: int, denoised: Tensor, noisy: Tensor, steps: int) -> None:
        denoised = denoised[:, :, surplus:]
        callback(step, denoised, noisy[:, :, surplus:], steps)
        if not getattr(callback, "draws_preview", False):
            Progress(steps).step_done(step + 1, lambda: draw(denoised))

    return shown
