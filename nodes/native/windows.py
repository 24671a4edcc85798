"""ComfyUI's context windows, corrected for CogVideoX: whole patches of frames, and batches of videos."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from comfy.context_windows import ContextSchedule, IndexListContextHandler, IndexListContextWindow
from torch import Tensor


def windows_of_patches(handler: IndexListContextHandler, patch_frames: int) -> IndexListContextHandler:
    """Return a copy of ComfyUI's context windows that consist of whole patches.

    Its schedule counts patches in place of frames. The causal fix is left out, because the frame that it puts in front
    of a window would shift the window's patches.

    Args:
        handler: ComfyUI's context windows over frames.
        patch_frames: Number of latent frames in a patch.
    """
    schedule = handler.context_schedule

    def of_patches(frames: int, whole: IndexListContextHandler, model_options: dict[str, Any]) -> list[list[int]]:
        counted = copy.copy(whole)
        counted.context_length //= patch_frames
        counted.context_overlap //= patch_frames
        windows = schedule.func(frames // patch_frames, counted, model_options)
        return [[patch * patch_frames + frame for patch in each for frame in range(patch_frames)] for each in windows]

    windows = copy.copy(handler)
    windows.context_schedule = ContextSchedule(schedule.name, of_patches)
    windows.context_length += -handler.context_length % patch_frames
    overlap = handler.context_overlap + -handler.context_overlap % patch_frames
    windows.context_overlap = min(overlap, windows.context_length - patch_frames)
    windows.causal_window_fix = False
    return windows


def windows_of_batches(handler: IndexListContextHandler) -> IndexListContextHandler:
    """Return a copy of ComfyUI's context windows that can be used for several videos at once.

    ComfyUI takes a window's frames also from the timesteps, of which there is one for each video. It does not do so
    with a single video only, so a batch stops with an IndexError.
    """
    windows = copy.copy(handler)
    cut = windows.get_context_windows

    def of_batches(model: Any, x_in: Tensor, model_options: dict[str, Any]) -> list[IndexListContextWindow]:
        each: list[IndexListContextWindow] = cut(model, x_in, model_options)
        for window in each:
            window.get_tensor = partial(_frames_of, window)
        return each

    windows.get_context_windows = of_batches
    return windows


def _frames_of(
    window: IndexListContextWindow, full: Tensor, device: Any = None, dim: int | None = None, **rest: Any
) -> Tensor:
    """Return a window's frames, or all timesteps of a batch."""
    if dim == 0:
        return full
    frames: Tensor = IndexListContextWindow.get_tensor(window, full, device, dim, **rest)
    return frames
