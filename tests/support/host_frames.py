"""Frames of a prompt's pictures and videos, read from ComfyUI without loss."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from comfyui.prompts import node
from comfyui.server import output_files
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from comfyui.server import ComfyServer
    from numpy.typing import NDArray


def pictures_of(server: ComfyServer, entry: Mapping[str, Any]) -> list[NDArray[np.uint8]]:
    """Return the pictures that a prompt saved or shows, each ``[h, w, 3]``."""
    files = [file for file in output_files(entry) if file["filename"].endswith(".png")]
    return [np.asarray(Image.open(io.BytesIO(server.view(file))).convert("RGB")) for file in files]


def run_for_frames(
    server: ComfyServer, prompt: Mapping[str, Any], *, decoder: str = "decode"
) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """Run a prompt; return its history entry and all frames of its videos, ``[n, h, w, 3]``.

    The frames are saved as pictures, because mp4 files of the same video differ.

    Args:
        server: Server to run it on.
        prompt: Prompt in API format.
        decoder: Name of the node whose first output is the frames.
    """
    saved = node("SaveImage", images=[decoder, 0], filename_prefix="test/frame")
    entry = server.run({**prompt, "frames": saved})
    return entry, np.stack(pictures_of(server, {"outputs": {"frames": entry["outputs"]["frames"]}}))


def frames_of(server: ComfyServer, prompt: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Run a prompt; return the frames of its videos."""
    return run_for_frames(server, prompt)[1]
