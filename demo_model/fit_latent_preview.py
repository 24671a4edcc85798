"""Fit how a live preview draws the demo's latents, to clips of its little world, and write it beside the autoencoder.

Run it again after the autoencoder has been trained: `python demo_model/fit_latent_preview.py`
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import world
from diffusers import AutoencoderKLCogVideoX
from torch import Tensor

from richspace_core.latent_preview import LatentColours, encode_videos, fit_latent_colours
from richspace_core.model_folder import LATENT_PREVIEW

FOLDER = Path(__file__).parent
CLIPS = 96


def clips(count: int, seed: int) -> Tensor:
    """Clips of the world: float32 ``[count, frames, height, width, 3]`` in 0..1."""
    random = np.random.default_rng(seed)
    return torch.stack([torch.from_numpy(world.render(world.Scene.draw(random), random)) for _ in range(count)])


def fit(folder: Path = FOLDER, seed: int = 0) -> LatentColours:
    """Fit the colours of a folder's autoencoder."""
    vae = AutoencoderKLCogVideoX.from_pretrained(folder / "vae", local_files_only=True, use_safetensors=True)
    videos = clips(CLIPS, seed)
    return fit_latent_colours(encode_videos(vae, videos), videos)


if __name__ == "__main__":
    fit().save(FOLDER / "vae" / LATENT_PREVIEW)
