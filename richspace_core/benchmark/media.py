"""Contents of a clip's files: latents, video and pictures."""

from __future__ import annotations

import io
from typing import Literal

import torch
from torch import Tensor

from ..errors import RichSpaceError
from .clips import LATENTS

FRAMES_PER_SECOND = 8


def encode_video(frames: Tensor) -> bytes:
    """Encode frames ``[t, h, w, 3]`` in 0..1 as an MP4 file (H.264) that every browser plays.

    Raises:
        RichSpaceError: If PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise RichSpaceError(
            "videos", expected="the package av", got="none", hint='Install it: pip install ".[benchmark]"'
        ) from error
    pixels = (frames.float().clamp(0, 1) * 255).round().to("cpu", torch.uint8).numpy()
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "14"})
        stream.height, stream.width, stream.pix_fmt = pixels.shape[1], pixels.shape[2], "yuv420p"
        for picture in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def encode_picture(picture: Tensor, form: Literal["png", "jpeg"]) -> bytes:
    """Encode a picture ``[h, w, 3]`` in 0..1 as a file."""
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray((picture * 255).round().to(torch.uint8).numpy()).save(target, form, optimize=True, quality=90)
    return target.getvalue()


def encode_latents(latents: Tensor) -> bytes:
    """Encode latents as a safetensors file."""
    from safetensors.torch import save

    content: bytes = save({"latents": latents.cpu().contiguous()})
    return content


def decode_latents_file(content: bytes, clip: str) -> Tensor:
    """Return the latents in a file's contents.

    Args:
        content: Contents of the file.
        clip: Name of the clip, for the error message.

    Raises:
        RichSpaceError: If it contains no latents.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        latents: Tensor = load(content)["latents"]
    except (SafetensorError, KeyError) as error:
        raise RichSpaceError(
            f"{clip}, {LATENTS}",
            expected="the latents of a video",
            got=f"other content ({error})",
            hint="Delete the clip's folder to render it again.",
        ) from error
    return latents
