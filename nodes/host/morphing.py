"""Morphs of the prompts that ComfyUI's conditionings hold, as a CONDITIONING with masks over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from comfy.latent_formats import LTXAV, MiniMaxH3AV
from comfy.utils import common_upscale
from torch import Tensor

from ...richspace_core import ModelFolderError, RichSpaceError, SamplingError
from ...richspace_core.finder.balance import SHARE_SEEN
from ...richspace_core.finder.choice import Choice
from ...richspace_core.morph.curve import LETTERS, LatentTimes, MorphCurve
from ...richspace_core.morph.seen import weights_seen_as
from ...richspace_core.morph.segments import Segment, exact_segments, prompt_segments
from ...richspace_core.morph.text import format_mixture
from .conditioning import ENCODER_KEYS, Conditioning, Prompt, make_conditioning
from .mixing import describe_mixture, mix_prompts
from .models import CogVideoXModel
from .temporal_masks import MASK, with_mask

QUALITIES = ("fast", "exact")

_PARTS = 10_000  # of a mixture: shares count to a hundredth of a percent
_FRAMES = 2  # dimension of the frames in ComfyUI's latents


@dataclass(frozen=True)
class MorphedVideo:
    """Video that a morph is for.

    Args:
        times: Times of its latent frames.
        height: Height in latent pixels; 1 if it is not known, which ComfyUI enlarges.
        width: Width in latent pixels; 1 if it is not known.
    """

    times: LatentTimes
    height: int = 1
    width: int = 1

    @classmethod
    def read(cls, model: Any, latent: dict[str, Any] | None, frames: int) -> MorphedVideo:
        """Read the size of a video from the LATENT that it is sampled from, or from its number of frames.

        Args:
            model: ComfyUI's MODEL, or a model of this pack's own sampler.
            latent: ComfyUI's LATENT; None if it is not connected.
            frames: Number of frames without a latent; 0 for the own of a model of this pack's sampler.

        Raises:
            RichSpaceError: If the model makes no videos, or the latent is no video.
        """
        group = model.folder.temporal_ratio if isinstance(model, CogVideoXModel) else _frames_in_a_latent(model)
        if latent is not None:
            samples = latent["samples"]
            _require_video(samples)
            return cls(LatentTimes(samples.shape[_FRAMES], group), *samples.shape[-2:])
        if isinstance(model, CogVideoXModel):
            frames = model.folder.video_size(frames=frames).frames
        else:
            _require_frames(model, frames)
        return cls(LatentTimes((frames - 1) // group + 1, group))


def _frames_in_a_latent(model: Any) -> int:
    """Return the number of frames in a latent frame of ComfyUI's MODEL.

    Raises:
        ModelFolderError: If its latents are not videos, or ComfyUI's context windows would cut the masks wrongly.
    """
    latents = model.get_model_object("latent_format")
    if latents.latent_dimensions != 3 or latents.temporal_downscale_ratio < 2:
        raise ModelFolderError(
            "model",
            expected="a video model with latent frames (CogVideoX, Wan, LTX-Video, HunyuanVideo, Mochi)",
            got=type(model.model).__name__,
            hint="Pictures have no time. To mix prompts in a picture, use RichSpace Mix by Weight.",
        )
    return int(latents.temporal_downscale_ratio)


def _require_frames(model: Any, frames: int) -> None:
    """Raise an error if a number of frames is not enough to know the latents of ComfyUI's MODEL."""
    if isinstance(model.get_model_object("latent_format"), (LTXAV, MiniMaxH3AV)):
        raise SamplingError(
            "latent",
            expected="the latent that you sample, since this model's latents can also hold sound",
            got="nothing connected",
            hint="Connect the empty latent of your sampler.",
        )
    if not frames:
        raise SamplingError(
            "latent",
            expected="the latent that you sample, or a number of frames",
            got="neither",
            hint="Connect the empty latent of your sampler, or set frames.",
        )


def _require_video(samples: Any) -> None:
    if getattr(samples, "is_nested", False):
        raise SamplingError(
            "latent",
            expected="a video",
            got="a video together with sound",
            hint="ComfyUI's masks cannot divide these latents by time. Sample the video without sound.",
        )
    if samples.ndim != 5 or samples.shape[_FRAMES] < 2:
        shape = "x".join(map(str, samples.shape))
        raise SamplingError(
            "latent",
            expected="a video of at least 2 latent frames",
            got=f"a picture or a single frame ({shape})",
            hint="A morph changes over time, so it needs a video and a model that makes videos.",
        )


@dataclass(frozen=True, eq=False)
class Morph:
    """Prompts, and the segments of a video in which their mixtures apply.

    Args:
        prompts: Prompts, A first.
        wanted: Share of each prompt in each latent frame, ``[prompts, latents]``, as the curve says.
        segments: Mixtures and their weight in each latent frame.
        remarks: Remarks about the morph, one line each.
    """

    prompts: Sequence[Prompt]
    wanted: Tensor
    segments: Sequence[Segment]
    remarks: tuple[str, ...]

    @classmethod
    def make(
        cls,
        prompts: Sequence[Prompt],
        curve: MorphCurve,
        times: LatentTimes,
        quality: str,
        most_mixtures: int,
        scores: Sequence[Choice] | None,
    ) -> Morph:
        """Lay out a morph.

        Args:
            prompts: Prompts, A first.
            curve: Shares over time.
            times: Times of the latent frames.
            quality: "exact" mixes embeddings, one prediction for each mixture; "fast" averages the prompts'
                predictions.
            most_mixtures: Largest number of mixtures of "exact".
            scores: Choice of a finder that has measured the share seen; None for shares of the embeddings themselves.
        """
        _require_one_encoder(prompts)
        wanted = curve.weights(times, len(prompts))
        remarks = _describe_prompts(prompts)
        weights = weights_seen_as(wanted, _seen(scores)) if scores else wanted
        segments = prompt_segments(weights) if quality == "fast" else exact_segments(weights, most_mixtures)
        return cls(prompts, wanted, segments, remarks)

    def conditioning(self, video: MorphedVideo) -> Conditioning:
        """Return an entry for each segment, with its mixture and its mask over time."""
        space = _mask_of_settings(self.prompts[0], video)
        entries = []
        for segment in self.segments:
            prompt = _mix(self.prompts, segment.shares.tolist())
            mask = segment.frames.float()[:, None, None] * space
            entries += make_conditioning(replace(prompt, extras=with_mask(prompt.extras, mask)))
        return entries

    @property
    def cost(self) -> str:
        """Cost of a step in words."""
        count = len(self.segments)
        return (
            f"{count + 1} predictions a step in place of 2 ({count} for the morph, 1 for the negative prompt): "
            f"about {(count + 1) / 2:.2g} times as long"
        )

    @property
    def course(self) -> str:
        """Mixtures of the latent frames in words."""
        return ", ".join(describe_shares(column) for column in self.wanted.T.tolist())


def describe_shares(shares: Sequence[float]) -> str:
    """Return a mixture in words, in whole percent: ``A``, or ``72% A + 28% B``."""
    percent = [(letter, round(100 * share)) for letter, share in zip(LETTERS, shares, strict=False)]
    return format_mixture(tuple((letter, share) for letter, share in percent if share))


def captions(curve: MorphCurve, times: LatentTimes, prompts: Sequence[Prompt]) -> list[str]:
    """Return a caption for each frame of the video: its mixture, and in a second line the prompt that dominates it.

    All frames of a latent frame have its mixture, which they are made from. There is no second line where two prompts
    have the largest share, or where the prompt is not known in words.
    """
    of_latents = [_caption(column, prompts) for column in curve.weights(times, len(prompts)).T.tolist()]
    return [of_latents[0], *(caption for caption in of_latents[1:] for _ in range(times.group))]


def _caption(shares: Sequence[float], prompts: Sequence[Prompt]) -> str:
    percent = [round(100 * share) for share in shares]
    largest = [number for number, share in enumerate(percent) if share == max(percent)]
    text = prompts[largest[0]].text if len(largest) == 1 else ""
    return f"{describe_shares(shares)}\n{text}".strip()


def _require_one_encoder(prompts: Sequence[Prompt]) -> None:
    for letter, prompt in zip(LETTERS[1:], prompts[1:], strict=False):
        _require_mixable(prompts[0], prompt, letter)


def _require_mixable(a: Prompt, b: Prompt, letter: str) -> None:
    try:
        mix_prompts(a, b, 1, 2)
    except RichSpaceError as error:
        raise error.renamed({"a": "A", "b": letter}) from error


def _describe_prompts(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    remarks = (
        describe_mixture(prompts[0], prompt, names=("A", letter))
        for letter, prompt in zip(LETTERS[1:], prompts[1:], strict=False)
    )
    return tuple(dict.fromkeys(remark for each in remarks for remark in each))


def _seen(scores: Sequence[Choice]) -> list[float]:
    """Return the share of A seen at each candidate.

    Raises:
        RichSpaceError: If the finder has not measured it.
    """
    curve = scores[0].curves[0]
    if len(scores) != 1 or curve.name != SHARE_SEEN:
        raise RichSpaceError(
            "scores",
            expected="the scores of RichSpace Balance, which measures the share seen",
            got=f"a curve of {curve.name}" if len(scores) == 1 else f"the scores of {len(scores)} stages",
            hint="Connect RichSpace Balance with the same two prompts, or disconnect the scores.",
        )
    values: list[float] = curve.values.tolist()
    return values


def _mix(prompts: Sequence[Prompt], shares: Sequence[float]) -> Prompt:
    """Mix prompts by their shares; the mixture has the settings of A."""
    used = [(prompt, share) for prompt, share in zip(prompts, shares, strict=True) if share > 0]
    mixture, total = used[0]
    for prompt, share in used[1:]:
        index = round(_PARTS * total / (total + share))
        mixture = mix_prompts(mixture, prompt, min(max(index, 1), _PARTS - 1), _PARTS)
        total += share
    own = {key: mixture.extras[key] for key in ENCODER_KEYS if key in mixture.extras}
    settings = {key: value for key, value in prompts[0].extras.items() if key not in ENCODER_KEYS}
    return replace(mixture, extras=settings | own)


def _mask_of_settings(prompt: Prompt, video: MorphedVideo) -> Tensor:
    """Return the mask that another node has set on a prompt, in the size of the video: ``[1 or f, h, w]``."""
    mask = prompt.extras.get(MASK)
    if not isinstance(mask, Tensor):
        return torch.ones(1, video.height, video.width)
    if prompt.extras.get("set_area_to_bounds"):
        raise SamplingError(
            "A",
            expected="a mask with set_cond_area default",
            got="mask bounds",
            hint="ComfyUI uses it for pictures only.",
        )
    mask = mask.float() if mask.ndim == 3 else mask.float()[None]
    if len(mask) not in (1, video.times.latents):
        raise SamplingError(
            "A",
            expected=f"one mask, or one for each of the video's {video.times.latents} latent frames",
            got=f"{len(mask)} masks",
        )
    if (video.height, video.width) == (1, 1):
        return mask
    resized: Tensor = common_upscale(mask[None], video.width, video.height, "bilinear", "none")[0]
    return resized
