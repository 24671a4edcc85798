"""ComfyUI's VAE of a CogVideoX, corrected so that it encodes and decodes as published.

The published VAE processes frames in groups: two latent frames, or eight frames of a video. Its group norms are
computed over a group, and its causal convolutions see the last frames of the previous group (the cache), so the groups
are part of the function. ComfyUI (0.30) uses other groups (relative error 3e-2 in decoding, 0.8 in encoding). With
tiles it also splits the time into pieces and blends them, and frames after a seam lack the cache (0.06 to 0.34).

Nothing in ComfyUI is changed. `encode` and `decode` are object patches on a clone of the VAE's patcher, and tiles are
made by a class of their own, which splits videos in space only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from math import prod
from typing import Any

import torch
from comfy.ldm.cogvideo.vae import AutoencoderKLCogVideoX
from comfy.model_management import intermediate_device
from comfy.patcher_extension import CallbacksMP
from comfy.sd import VAE
from comfy.utils import tiled_scale_multidim
from torch import Tensor

from ...richspace_core import ModelFolderError
from ...richspace_core.cogvideox.config import CogVideoXConfig
from ...richspace_core.cogvideox.latent_preview import LatentColors, fit_to_calibration_picture
from ..host.memory import Progress, as_out_of_memory, explain_out_of_memory, retry_if_out_of_memory


def correct_vae(vae: Any) -> PublishedVAE:
    """Return a copy of ComfyUI's VAE of a CogVideoX that decodes and encodes as diffusers does, with shared weights.

    Raises:
        ModelFolderError: If it is another kind of VAE.
    """
    if not isinstance(vae.first_stage_model, AutoencoderKLCogVideoX):
        raise ModelFolderError(
            "vae",
            expected="the VAE of a CogVideoX",
            got=type(vae.first_stage_model).__name__,
            hint="Load the VAE that belongs to the model, or disconnect this input.",
        )
    return PublishedVAE(vae)


def fit_preview_colors(vae: Any, config: CogVideoXConfig) -> LatentColors:
    """Fit the colors of this VAE's latents in a live preview, by encoding one small picture."""

    def encode(video: Tensor) -> Tensor:
        latents: Tensor = vae.encode(video[0])
        if not bool(torch.isfinite(latents).all()):
            raise ModelFolderError(
                "vae",
                expected="a VAE that encodes a picture to finite numbers",
                got="NaN or infinity",
                hint="Its file may be damaged: download it again.",
            )
        return latents * config.scaling_factor

    return fit_to_calibration_picture(encode, config.spatial_ratio)


class PublishedVAE(VAE):
    """ComfyUI's VAE of a CogVideoX that processes frames in the published groups, whole and in tiles.

    Videos are split into tiles in space only. Each tile processes all of its frames in the published groups, and only
    one group is on the device at a time, so memory grows with the tile and not with the frames. `handles_tiling` tells
    ComfyUI that the VAE makes its tiles itself, for the tiled nodes and for a second try after running out of memory.

    Args:
        vae: ComfyUI's VAE, which stays unchanged.
    """

    def __init__(self, vae: VAE) -> None:
        self.__dict__.update(vars(vae))
        self.patcher = vae.patcher.clone()
        _patch(self.patcher)
        self.patcher.remove_callbacks_with_key(
            CallbacksMP.ON_DEEPCLONE_MULTIGPU, "richspace"
        )  # of an earlier correction
        self.patcher.add_callback_with_key(CallbacksMP.ON_DEEPCLONE_MULTIGPU, "richspace", _patch_deep_clone)
        self.handles_tiling = True
        network = self.first_stage_model
        self.memory_used_decode = _for_one_group(vae.memory_used_decode, 2 * network.num_latent_frames_batch_size - 1)
        self.memory_used_encode = _for_one_group(vae.memory_used_encode, 2 * network.num_sample_frames_batch_size - 1)

    def decode(self, samples_in: Tensor, *args: Any, **options: Any) -> Tensor:
        """Decode latents; say what to change if memory runs out in tiles, too."""
        whole = partial(super().decode, samples_in, *args, **options)
        with _enough_memory("samples", f"decode {samples_in.shape[2]} latent frames", "VAE Decode (Tiled)"):
            frames: Tensor = retry_if_out_of_memory(whole, partial(self.decode_tiled, samples_in))
        return frames

    def encode(self, pixel_samples: Tensor) -> Tensor:
        """Encode frames; say what to change if memory runs out in tiles, too."""
        whole = partial(super().encode, pixel_samples)
        with _enough_memory("pixels", f"encode {len(pixel_samples)} frames", "VAE Encode (Tiled)"):
            latents: Tensor = retry_if_out_of_memory(whole, partial(self.encode_tiled, pixel_samples))
        return latents

    def _decode_tiled_owned(
        self, samples: Tensor, tile_x: int = 32, tile_y: int = 32, overlap: int = 8, **_in_time: int
    ) -> Tensor:
        network = self.first_stage_model
        groups = _group_count(samples, network.num_latent_frames_batch_size)
        step_done = _counted(groups * _tiles(samples, (tile_x, tile_y), overlap))

        def decode(tile: Tensor) -> Tensor:
            decoded = decode_in_groups(network, tile.to(self.device, self.vae_dtype), step_done)
            return decoded.to(self.vae_output_dtype())

        with _enough_memory("samples", f"decode {samples.shape[2]} latent frames", "VAE Decode (Tiled)"):
            made: Tensor = tiled_scale_multidim(
                samples,
                decode,
                tile=(samples.shape[2], tile_x, tile_y),
                overlap=(1, overlap, overlap),
                upscale_amount=(partial(_decoded_frames, network.temporal_compression_ratio), *self.upscale_ratio[1:]),
                out_channels=self.output_channels,
                index_formulas=self.upscale_index_formula,
                output_device=self.output_device,
            )
            frames: Tensor = self.process_output(made)
        return frames

    def _encode_tiled_owned(
        self, pixel_samples: Tensor, tile_x: int = 512, tile_y: int = 512, overlap: int = 64, **_in_time: int
    ) -> Tensor:
        network = self.first_stage_model
        groups = _group_count(pixel_samples, network.num_sample_frames_batch_size)
        step_done = _counted(groups * _tiles(pixel_samples, (tile_x, tile_y), overlap))

        def prepare(group: Tensor) -> Tensor:
            prepared: Tensor = self.process_input(group).to(self.vae_dtype).to(self.device)
            return prepared

        def encode(tile: Tensor) -> Tensor:
            return encode_in_groups(network, tile, step_done, prepare).to(self.vae_output_dtype())

        with _enough_memory("pixels", f"encode {pixel_samples.shape[2]} frames", "VAE Encode (Tiled)"):
            latents: Tensor = tiled_scale_multidim(
                pixel_samples,
                encode,
                tile=(pixel_samples.shape[2], tile_x, tile_y),
                overlap=(1, overlap, overlap),
                upscale_amount=self.downscale_ratio,
                out_channels=self.latent_channels,
                downscale=True,
                index_formulas=self.downscale_index_formula,
                output_device=self.output_device,
            )
        return latents


def decode_in_groups(network: AutoencoderKLCogVideoX, latents: Tensor, step_done: Callable[[], None]) -> Tensor:
    """Decode latents two frames at a time; a remainder goes with the first two.

    Args:
        network: ComfyUI's network of the VAE.
        latents: ``[b, c, f, h, w]`` on the network's device.
        step_done: Function called after each group; an exception in it ends the decoding.

    Returns:
        ``[b, 3, frames, height, width]`` in -1..1 on ComfyUI's device for results.
    """
    return _in_groups(network.decoder, latents, network.num_latent_frames_batch_size, step_done)


def encode_in_groups(
    network: AutoencoderKLCogVideoX,
    videos: Tensor,
    step_done: Callable[[], None],
    prepare: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Encode videos eight frames at a time; a remainder goes with the first eight.

    Args:
        network: ComfyUI's network of the VAE.
        videos: ``[b, 3, frames, height, width]``.
        step_done: Function called after each group; an exception in it ends the encoding.
        prepare: Function that moves a group to the network's device and range; None if it is there already.

    Returns:
        Mean of the latents, ``[b, c, f, h, w]``, on ComfyUI's device for results.
    """
    moments = _in_groups(network.encoder, videos, network.num_sample_frames_batch_size, step_done, prepare)
    mean, _ = moments.chunk(2, dim=1)
    return mean


def _in_groups(
    coder: torch.nn.Module,
    videos: Tensor,
    size: int,
    step_done: Callable[[], None],
    prepare: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Run an encoder or decoder over the groups of frames in order, each with the cache of the previous ones."""
    cache, parts = None, []
    with as_out_of_memory():
        for start, end in _groups(videos.shape[2], size):
            group = videos[:, :, start:end]
            part, cache = coder(prepare(group) if prepare else group, conv_cache=cache)
            parts.append(part.to(intermediate_device()))
            step_done()
        return torch.cat(parts, dim=2)


def _enough_memory(argument: str, work: str, node: str) -> AbstractContextManager[None]:
    return explain_out_of_memory(
        argument,
        expected=f"enough memory to {work} in tiles",
        hint=f"Use {node} with a smaller tile_size, fewer frames or a smaller size, or close other programs.",
    )


def _groups(frames: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each group of `size` frames; a remainder goes with the first group."""
    ends = [*range(size + frames % size, frames, size), frames]
    return zip([0, *ends], ends, strict=False)


def _group_count(videos: Tensor, size: int) -> int:
    return max(1, videos.shape[2] // size)


def _decoded_frames(ratio: int, latent_frames: int) -> int:
    """Count the frames that latents decode to; with an odd number, the first latent frame is a single frame."""
    return (latent_frames - latent_frames % 2) * ratio + latent_frames % 2


def _tiles(videos: Tensor, tile: tuple[int, int], overlap: int) -> int:
    """Count the tiles that `tiled_scale_multidim` makes of videos ``[b, c, f, h, w]``."""
    tiles = (
        len(range(0, side - overlap, size - overlap)) if side > size else 1
        for side, size in zip(videos.shape[3:], tile, strict=True)
    )
    return len(videos) * prod(tiles)


def _counted(groups: int) -> Callable[[], None]:
    """Return a function to call after each group, which moves the node's progress bar and checks for a cancel."""
    progress, done = Progress(groups), count(1)
    return lambda: progress.step_done(next(done))


def _patch(patcher: Any) -> None:
    """Make the network of a patcher decode and encode in the published groups while it is loaded."""
    network = patcher.model

    def decode(latents: Tensor) -> Tensor:
        return decode_in_groups(network, latents, _counted(_group_count(latents, network.num_latent_frames_batch_size)))

    def encode(videos: Tensor) -> Tensor:
        return encode_in_groups(network, videos, _counted(_group_count(videos, network.num_sample_frames_batch_size)))

    patcher.add_object_patch("decode", decode)
    patcher.add_object_patch("encode", encode)


def _patch_deep_clone(_patcher: Any, clone: Any) -> None:
    """Patch a clone for another device, which has its own network."""
    _patch(clone)


def _for_one_group(estimate: Callable[..., float], frames: int) -> Callable[..., float]:
    """Limit ComfyUI's estimate of memory to the frames that are on the device at a time."""

    def estimated(shape: torch.Size, dtype: torch.dtype) -> float:
        return estimate((*shape[:2], min(shape[2], frames), *shape[3:]), dtype)

    return estimated
