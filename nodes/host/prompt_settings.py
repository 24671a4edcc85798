"""Settings that other nodes attach to a prompt: a timestep range, a mask, a ControlNet and so on.

ComfyUI's samplers can apply a prompt in some of the steps, in a part of the video, or together with a picture. The
pack's own sampler applies one prompt everywhere and in every step, so it refuses a setting that would change the video.
A mixture takes its settings from A, so its node names the settings of other prompts that the mixture does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...richspace_core import SamplingError
from .conditioning import Prompt

Extras: TypeAlias = Mapping[str, Any]

_USE_NATIVE = (
    "RichSpace CogVideoX Sample applies a prompt everywhere and in every step. Remove the node that sets this, or use "
    "RichSpace Load CogVideoX (native) with KSampler, which supports it."
)
_REMOVE = "Text-to-video CogVideoX models cannot use it with any sampler. Remove the node that adds it."


@dataclass(frozen=True)
class _Setting:
    """Setting of a prompt, and how to find it in a conditioning's dictionary.

    Args:
        name: Name in a remark.
        phrase: Name with its article, in an error message.
        keys: Keys under which ComfyUI's nodes store it.
        is_set: Function that returns whether it differs from the default.
        changes_video: Function that returns whether it changes the video of a single prompt.
        hint: What to do about it with the pack's own sampler.
    """

    name: str
    phrase: str
    keys: tuple[str, ...]
    is_set: Callable[[Extras], bool]
    changes_video: Callable[[Extras], bool]
    hint: str


def _is_part_of_steps(extras: Extras) -> bool:
    return bool(extras.get("start_percent", 0.0) > 0 or extras.get("end_percent", 1.0) < 1)


def _is_part_of_video(extras: Extras) -> bool:
    area = extras.get("area")
    if area is None:
        return False
    shares = area[1 : 1 + len(area) // 2]
    return area[0] != "percentage" or any(share < 1 for share in shares)


def _has_mask(extras: Extras) -> bool:
    return isinstance(extras.get("mask"), Tensor)


def _mask_hides(extras: Extras) -> bool:
    # ComfyUI divides by the sum of all prompts' masks and strengths, so for a single prompt only zeros matter.
    return _has_mask(extras) and not bool(torch.all(extras["mask"] * extras.get("mask_strength", 1.0) > 0))


def _has_strength(extras: Extras) -> bool:
    return bool(extras.get("strength", 1.0) != 1)


def _has_no_strength(extras: Extras) -> bool:
    return bool(extras.get("strength", 1.0) == 0)


def _has_hooks(extras: Extras) -> bool:
    return extras.get("hooks") is not None or "clip_start_percent" in extras


def _unread(name: str, phrase: str, *keys: str) -> _Setting:
    """Return a setting that no text-to-video CogVideoX reads."""

    def is_set(extras: Extras) -> bool:
        return any(extras.get(key) is not None for key in keys)

    return _Setting(name, phrase, keys, is_set, is_set, _REMOVE)


_SETTINGS = (
    _Setting(
        "timestep range",
        "a timestep range",
        ("start_percent", "end_percent"),
        _is_part_of_steps,
        _is_part_of_steps,
        _USE_NATIVE,
    ),
    _Setting("area", "an area", ("area",), _is_part_of_video, _is_part_of_video, _USE_NATIVE),
    _Setting("mask", "a mask", ("mask", "mask_strength", "set_area_to_bounds"), _has_mask, _mask_hides, _USE_NATIVE),
    _Setting("strength", "a strength of 0", ("strength",), _has_strength, _has_no_strength, _USE_NATIVE),
    _Setting(
        "hooks", "hooks", ("hooks", "clip_start_percent", "clip_end_percent"), _has_hooks, _has_hooks, _USE_NATIVE
    ),
    _unread("ControlNet", "a ControlNet", "control", "cross_attn_controlnet"),
    _unread("GLIGEN text box", "a GLIGEN text box", "gligen"),
    _unread("guidance", "a guidance", "guidance"),
    _unread("reference image", "a reference image", "reference_latents", "ref_latent"),
    _unread(
        "CLIP vision image", "a CLIP vision image", "unclip_conditioning", "clip_vision_output", "clip_vision_outputs"
    ),
    _unread(
        "start image", "a start image", "concat_latent_image", "concat_image", "guiding_frame_index", "time_dim_concat"
    ),
    _unread(
        "control video", "a control video", "control_video", "vace_frames", "camera_conditions", "pose_video_latent"
    ),
    _unread("audio", "audio", "audio_embed", "ref_audio"),
)


def require_plain(**prompts: Prompt) -> None:
    """Raise an error that names the first of `prompts` with a setting that the pack's own sampler does not support.

    A setting that changes nothing for a single prompt is accepted: a timestep range from 0 to 1, an area of the whole
    video, a mask without zeros, a strength above 0.

    Raises:
        SamplingError: If a prompt has a setting that would change the video.
    """
    for name, prompt in prompts.items():
        for setting in _SETTINGS:
            if setting.changes_video(prompt.extras):
                raise SamplingError(
                    name,
                    expected="a prompt that applies everywhere and in every step",
                    got=f"a prompt with {setting.phrase}",
                    hint=setting.hint,
                )


def describe_lost_settings(name_a: str, a: Prompt, others: Mapping[str, Prompt]) -> str:
    """Return a remark on settings of prompts that a mixture does not have; otherwise an empty text.

    Args:
        name_a: Name, in the node, of the prompt that the mixture takes its settings from.
        a: That prompt.
        others: Other prompts by their names in the node.
    """
    lost = [f"{name}'s {setting}" for name, prompt in others.items() for setting in _lost(a.extras, prompt.extras)]
    return f"not in the mixture: {', '.join(lost)} (it has the settings of {name_a})" if lost else ""


def _lost(kept: Extras, extras: Extras) -> list[str]:
    return [
        setting.name
        for setting in _SETTINGS
        if setting.is_set(extras) and not all(_same(kept.get(key), extras.get(key)) for key in setting.keys)
    ]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one is other or torch.equal(one, other)
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return False
    return one is other or (type(one) is type(other) and isinstance(one, (int, float, tuple)) and one == other)
