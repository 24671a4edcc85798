"""Makers of drafts: ComfyUI's own sampling for every MODEL, and diffusers' pipeline for this pack's CogVideoX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property, partial
from typing import Any

import comfy.sample
import comfy.utils
import torch
from comfy.samplers import KSampler
from torch import Tensor

from ...richspace_core import RichSpaceError, SamplingError, TextEmbedding
from ...richspace_core.cogvideox.config import VideoSize
from ...richspace_core.cogvideox.drafts import SCHEDULE, sample_draft
from ...richspace_core.cogvideox.latent_preview import false_color_preview
from ...richspace_core.cogvideox.sampling import SamplingSettings
from .conditioning import Conditioning, Prompt, make_conditioning, require_entries, without_note
from .drafts import Draw, OnStep
from .models import CogVideoXModel
from .readable import read_negative

PREVIEW = "richspace_preview"
"""Attachment of a MODEL that draws its latents, where ComfyUI's own preview has other colors."""

SAMPLERS, SCHEDULERS = KSampler.SAMPLERS, KSampler.SCHEDULERS
"""Names that ComfyUI's KSampler offers."""

_ONE_PROMPT = "Connect one prompt; usually an empty one."
_LARGEST_RATIO = 1024  # of pixels to one number of a latent, far beyond any model
_WITHOUT_NEGATIVE = "no negative prompt is connected, so the drafts are made with cfg 1"


@dataclass(frozen=True)
class DraftSettings:
    """Settings of drafts with any model.

    Args:
        steps: Denoising steps of a draft, of the short schedule that drafts have (`SCHEDULE`) or of as many.
        seed: Seed of the noise, the same for all drafts.
        cfg: Scale of classifier-free guidance.
        scheduler: Name of the scheduler: one of ComfyUI's, or one that this pack's sampler offers.
    """

    steps: int
    seed: int
    cfg: float
    scheduler: Any


@dataclass(frozen=True, eq=False)
class HostDrafter:
    """Maker of drafts with ComfyUI's own sampling, for every MODEL.

    Args:
        model: ComfyUI's MODEL.
        negative: What to avoid; None for drafts with cfg 1.
        latent: Empty latents of one video or picture, which fit the model.
        sampling: Settings of the drafts.
        sampler: Name of ComfyUI's sampler.
    """

    model: Any
    negative: Conditioning | None
    latent: Tensor
    sampling: DraftSettings
    sampler: str

    @classmethod
    def make(
        cls,
        model: Any,
        negative: Conditioning | None,
        latent: Mapping[str, Any],
        settings: DraftSettings,
        sampler: str,
    ) -> tuple[HostDrafter, list[str]]:
        """Return a maker of drafts as large as a LATENT, and remarks on what is left out; often none.

        Without a negative prompt, the drafts are made with cfg 1, since only the model's text encoder, which is
        not at hand, could encode an empty one.

        Raises:
            SamplingError: If the LATENT is of another model.
        """
        if negative is not None:
            require_entries("negative", negative)
        empty, remark = _empty_latent(model, latent)
        remarks = [remark] if remark else []
        if settings.steps == 1:
            # The share seen in a first prediction depends neither on guidance (`sample_draft` says why) nor on the
            # sampler and the scheduler, some of which cannot make a single step.
            sampler, settings = "euler", replace(settings, cfg=1.0, scheduler="simple")
        if negative is None and settings.cfg != 1:
            settings = replace(settings, cfg=1.0)
            remarks.append(_WITHOUT_NEGATIVE)
        return cls(model, negative, empty, settings, sampler), remarks

    @property
    def steps(self) -> int:
        """Denoising steps of a draft."""
        return self.sampling.steps

    @cached_property
    def draw(self) -> Draw:
        """Function that draws latents with the colors of the model's live preview."""
        own = self.model.get_attachment(PREVIEW)
        return own if own is not None else partial(_host_picture, self.model.get_model_object("latent_format"))

    @property
    def settings(self) -> tuple[object, ...]:
        """Everything that a draft depends on, apart from the prompt."""
        guided = self.negative if self.sampling.cfg != 1 else None
        negative = [(values, without_note(extras)) for values, extras in guided or []]
        return negative, list(self.latent.shape), self.sampler, *astuple(self.sampling)

    def sample(self, prompt: Prompt, on_step: OnStep) -> Tensor:
        """Sample the latents of a prompt's draft."""
        settings = self.sampling
        schedule = 1 if settings.steps == 1 else max(SCHEDULE, settings.steps)
        predicted: list[Tensor] = []
        positive = make_conditioning(prompt)

        def callback(step: int, denoised: Tensor, _noisy: Tensor, _steps: int) -> None:
            predicted[:] = [denoised]
            on_step(step + 1, denoised)

        callback.draws_preview = True  # type: ignore[attr-defined] # read in native/frames.py
        samples = comfy.sample.sample(
            self.model,
            comfy.sample.prepare_noise(self.latent, settings.seed),
            schedule,
            settings.cfg,
            self.sampler,
            settings.scheduler,
            positive,
            self.negative if self.negative is not None else positive,  # which a cfg of 1 does not use
            self.latent,
            last_step=settings.steps,
            callback=callback,
            disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
            seed=settings.seed,
        )
        if settings.steps < schedule and predicted:
            return predicted[0].float().cpu()
        finished: Tensor = self.model.model.process_latent_in(samples)
        return finished.float().cpu()


@dataclass(frozen=True, eq=False)
class CogVideoXDrafter:
    """Maker of drafts with diffusers' own pipeline, for this pack's model.

    Args:
        model: CogVideoX of this pack.
        negative: Embedding of what to avoid; None if the drafts do not use it.
        sampling: Size, steps, guidance and scheduler of a draft.
        seed: Seed of the noise, the same for all drafts.
    """

    model: CogVideoXModel
    negative: TextEmbedding | None
    sampling: SamplingSettings
    seed: int

    @classmethod
    def make(
        cls,
        model: CogVideoXModel,
        negative: Conditioning | None,
        size: VideoSize,
        settings: DraftSettings,
    ) -> CogVideoXDrafter:
        """Return a maker of drafts of a size, where 0 stands for the model's own.

        Raises:
            RichSpaceError: If the model cannot make the size or read the negative prompt, or a setting is out of range.
        """
        try:
            video = model.folder.video_size(**asdict(size))
            sampling = SamplingSettings(video, settings.steps, settings.cfg, scheduler=settings.scheduler)
        except RichSpaceError as error:
            raise error.renamed({"steps": "draft_steps"}) from error
        is_used = sampling.is_guided and settings.steps > 1
        unwanted = read_negative(model, negative, is_used=is_used, if_several=_ONE_PROMPT)
        return cls(model, unwanted, sampling, settings.seed)

    @property
    def steps(self) -> int:
        """Denoising steps of a draft."""
        return self.sampling.steps

    @cached_property
    def draw(self) -> Draw:
        """Function that draws latents with the colors of the model's live preview."""
        colors = self.model.folder.load_latent_colors()
        return colors.picture if colors else false_color_preview

    @property
    def settings(self) -> tuple[object, ...]:
        """Everything that a draft depends on, apart from the prompt."""
        if self.steps == 1:  # without guidance
            return repr(replace(self.sampling, guidance_scale=1.0)), self.seed
        return None if self.negative is None else self.negative.values, repr(self.sampling), self.seed

    def sample(self, prompt: Prompt, on_step: OnStep) -> Tensor:
        """Sample the latents of a prompt's draft."""
        needed = self.model.folder.sampling_memory(self.sampling.size, self.model.transformer.dtype)
        return sample_draft(
            self.model.folder,
            self.model.transformer.loaded(memory_required=needed),
            prompt.embedding,
            self.negative,
            self.sampling,
            seed=self.seed,
            options=self.model.options,
            on_step=lambda done, _steps, latents: on_step(done, latents),
        )


def _empty_latent(model: Any, latent: Mapping[str, Any]) -> tuple[Tensor, str]:
    """Return empty latents for one draft, as large as a LATENT, and a remark on what is left out; often none."""
    samples = latent["samples"]
    if samples.is_nested:
        raise SamplingError(
            "latent",
            expected="a latent of a video or of a picture",
            got="one of a video with sound",
            hint="Find the balance with a latent without sound, and use the mixture for both.",
        )
    channels = model.get_model_object("latent_format").latent_channels
    if samples.shape[1] != channels and bool(samples.any()):
        raise SamplingError(
            "latent",
            expected=f"a latent with the model's {channels} channels",
            got=f"{samples.shape[1]} channels",
            hint="Connect an empty latent for this model.",
        )
    ratios = (_read_ratio(latent, f"downscale_ratio_{name}") for name in ("spacial", "temporal"))
    dtype = torch.float32 if samples.element_size() == 1 else samples.dtype  # torch cannot count in float8
    zeros = torch.zeros_like(samples[:1], dtype=dtype)
    empty: Tensor = comfy.sample.fix_empty_latent_channels(model, zeros, *ratios)
    count = len(samples)
    return empty, f"the drafts have the size of one of the {count} latents" if count > 1 else ""


def _read_ratio(latent: Mapping[str, Any], key: str) -> float | None:
    """Return a LATENT's note on how many pixels or frames one of its numbers stands for; None without a note."""
    ratio: Any = latent.get(key)
    if ratio is not None and not (isinstance(ratio, int | float) and 1 <= ratio <= _LARGEST_RATIO):
        raise SamplingError(
            "latent",
            expected=f"a latent whose {key} is a number from 1 to {_LARGEST_RATIO}",
            got=repr(ratio)[:60],
            hint="Connect an empty latent for this model.",
        )
    return ratio


def _host_picture(known: Any, latents: Tensor) -> Tensor:
    """Draw latents with the colors of ComfyUI's live preview, or in false colors if it has none."""
    if known.latent_rgb_factors_reshape is not None:
        latents = known.latent_rgb_factors_reshape(latents)
    frame = latents[0, :, latents.shape[2] // 2] if latents.ndim == 5 else latents[0]  # [c, h, w]
    if known.latent_rgb_factors is None or len(known.latent_rgb_factors) != len(frame):
        return false_color_preview(frame[None, :, None])
    factors, bias = torch.tensor(known.latent_rgb_factors), torch.tensor(known.latent_rgb_factors_bias or [0.0] * 3)
    colors = frame.float().cpu().movedim(0, -1) @ factors + bias  # [h, w, 3] in -1..1
    return ((colors + 1) / 2).nan_to_num(0.5, 0.5, 0.5).clamp(0, 1)
