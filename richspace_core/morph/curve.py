"""Curve of a morph: which prompts are mixed at which time of a video, and the shares in each latent frame.

Between two keyframes every prompt's share changes at a constant rate (linear), or slowly at first and at the end
(smooth, ``3 t^2 - 2 t^3``). Before the first keyframe and after the last one the shares are constant.

A latent frame stands for a group of frames: the first one for the first frame alone, every other one for as many frames
as the model's autoencoder joins. The shares of a latent frame are those in the middle of its group.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import RichSpaceError

Interpolation = Literal["linear", "smooth"]

LETTERS = "ABCDEF"
"""Names of the prompts of a morph, in order."""

PRESETS: Mapping[str, str] = {
    "A to B": "0%: A, 100%: B",
    "B to A": "0%: B, 100%: A",
    "there and back": "0%: A, 50%: B, 100%: A",
    "hold, morph, hold": "0%: A, 40%: A, 60%: B, 100%: B",
}
"""Common curves in their text form, by name."""

_TOLERANCE = 1e-6  # of shares in percent, for sums of decimal fractions


@dataclass(frozen=True)
class Keyframe:
    """Mixture at a time of the video.

    Args:
        time: Percent of the video, where 100 is the last frame, or the number of a frame, counted from 0.
        shares: Percent of each prompt by its letter, adding up to 100. Prompts without a share are left out.
        is_frame: Whether `time` is the number of a frame.

    Raises:
        RichSpaceError: If the time or a share is out of range, or the shares do not add up to 100.
    """

    time: float
    shares: tuple[tuple[str, float], ...]
    is_frame: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.time) or self.time < 0 or (not self.is_frame and self.time > 100):
            raise RichSpaceError(
                "curve", expected="keyframes between 0% and 100% of the video", got=f"one at {self.time_in_words}"
            )
        if self.is_frame and self.time != int(self.time):
            raise RichSpaceError("curve", expected="whole numbers of frames", got=f"{self.time:g}")
        known = [letter for letter, _ in self.shares if letter in LETTERS]
        total = sum(share for _, share in self.shares)
        if not known or len(set(known)) < len(self.shares) or not all(0 < share <= 100 for _, share in self.shares):
            raise RichSpaceError(
                "curve", expected=f"shares above 0% of prompts {LETTERS[0]} to {LETTERS[-1]}", got=repr(self.shares)
            )
        if abs(total - 100) > _TOLERANCE:
            raise RichSpaceError("curve", expected="shares that add up to 100%", got=f"{total:.6g}%")
        object.__setattr__(self, "shares", tuple(sorted(self.shares)))

    @classmethod
    def of(cls, time: float, letter: str, *, is_frame: bool = False) -> Keyframe:
        """Return a keyframe of one prompt alone."""
        return cls(time, ((letter, 100.0),), is_frame)

    @property
    def time_in_words(self) -> str:
        """Time as the text form writes it: ``40%``, or ``24`` for a frame."""
        number = repr(float(self.time)).removesuffix(".0")
        return number if self.is_frame else f"{number}%"

    def place(self, times: LatentTimes) -> float:
        """Return the time as a number of a frame, counted from 0."""
        return self.time if self.is_frame else self.time / 100 * (times.frames - 1)


@dataclass(frozen=True)
class LatentTimes:
    """Times of a video's latent frames.

    Args:
        latents: Number of latent frames, at least 2.
        group: Number of frames in each latent frame but the first, which has one.

    Raises:
        RichSpaceError: If there is no time in which anything could change.

    Example:
        >>> LatentTimes(latents=3, group=4).middles
        [0.0, 2.5, 6.5]
    """

    latents: int
    group: int

    def __post_init__(self) -> None:
        if self.group < 1 or self.latents < 2:
            raise RichSpaceError(
                "latent",
                expected="a video of at least 2 latent frames",
                got="1 latent frame" if self.latents == 1 else f"{self.latents} latent frames",
                hint="A morph changes over time, so it needs a video and a model that makes videos.",
            )

    @property
    def frames(self) -> int:
        """Number of frames in the video."""
        return 1 + (self.latents - 1) * self.group

    @property
    def middles(self) -> list[float]:
        """Middle of each latent frame's group, as a number of a frame."""
        return [0.0, *(1 + number * self.group + (self.group - 1) / 2 for number in range(self.latents - 1))]


@dataclass(frozen=True)
class MorphCurve:
    """Keyframes and the way from each to the next.

    Args:
        keyframes: At least one, in order of time.
        interpolation: "linear" or "smooth".
    """

    keyframes: tuple[Keyframe, ...]
    interpolation: Interpolation = "linear"

    def __post_init__(self) -> None:
        if not self.keyframes:
            raise RichSpaceError(
                "curve", expected="at least one keyframe", got="none", hint=f'Write "{PRESETS["A to B"]}".'
            )
        if self.interpolation not in get_args(Interpolation):
            raise RichSpaceError(
                "interpolation", expected=f"one of {', '.join(get_args(Interpolation))}", got=repr(self.interpolation)
            )

    @property
    def letters(self) -> str:
        """Letters of the prompts that the keyframes name, in order."""
        return "".join(sorted({letter for keyframe in self.keyframes for letter, _ in keyframe.shares}))

    def weights(self, times: LatentTimes, prompts: int) -> Tensor:
        """Return the share of each prompt in each latent frame: float64 ``[prompts, latents]``, columns sum to 1.

        Args:
            times: Times of the latent frames.
            prompts: Number of prompts, A being the first.

        Raises:
            RichSpaceError: If the keyframes do not fit the video or name a prompt that does not exist.
        """
        places = self.places(times)
        self._require_prompts(prompts)
        columns = [
            [dict(keyframe.shares).get(letter, 0.0) / 100 for letter in LETTERS[:prompts]]
            for keyframe in self.keyframes
        ]
        shares = torch.tensor(columns, dtype=torch.float64)
        shares = shares / shares.sum(dim=1, keepdim=True)
        return torch.stack([self._at(middle, places, shares) for middle in times.middles], dim=1)

    def places(self, times: LatentTimes) -> list[float]:
        """Return the time of each keyframe as a number of a frame.

        Raises:
            RichSpaceError: If a keyframe is outside the video, two are at one time or out of order, or there are more
                than latent frames.
        """
        places = [keyframe.place(times) for keyframe in self.keyframes]
        for keyframe, place in zip(self.keyframes, places, strict=True):
            if place > times.frames - 1:
                raise RichSpaceError(
                    "curve",
                    expected=f"keyframes within the video, whose last frame is {times.frames - 1}",
                    got=f"one at frame {keyframe.time_in_words}",
                    hint="Frames are counted from 0. Move the keyframe, or make a longer video.",
                )
        for (before, place), (after, next_place) in pairwise(zip(self.keyframes, places, strict=True)):
            if place == next_place:
                raise RichSpaceError(
                    "curve",
                    expected="one keyframe at a time",
                    got=f"two at {after.time_in_words}",
                    hint="Remove one, or move it.",
                )
            if place > next_place:
                raise RichSpaceError(
                    "curve",
                    expected="keyframes in order of time",
                    got=f"{before.time_in_words} before {after.time_in_words}",
                )
        if len(places) > times.latents:
            raise RichSpaceError(
                "curve",
                expected=f"at most {times.latents} keyframes, one for each latent frame of the video",
                got=str(len(places)),
                hint="Remove keyframes, or make a longer video.",
            )
        return places

    def _require_prompts(self, prompts: int) -> None:
        missing = [letter for letter in self.letters if letter not in LETTERS[:prompts]]
        if missing:
            raise RichSpaceError(
                "curve",
                expected=f"the letters of connected prompts, {LETTERS[0]} to {LETTERS[prompts - 1]}",
                got=missing[0],
                hint=f"Connect a prompt to {missing[0]}, or change the keyframe.",
            )

    def _at(self, time: float, places: Sequence[float], shares: Tensor) -> Tensor:
        """Return the shares at a time, ``[prompts]``; `shares` are those of the keyframes, ``[keyframes, prompts]``."""
        after = bisect_right(places, time)
        if after in (0, len(places)):
            return shares[min(after, len(places) - 1)]
        start, end = places[after - 1 : after + 1]
        part = (time - start) / (end - start)
        if self.interpolation == "smooth":
            part = part * part * (3 - 2 * part)
        return torch.lerp(shares[after - 1], shares[after], part)
