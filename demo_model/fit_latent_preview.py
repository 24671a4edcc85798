"""Live preview colors of the demo model's latents, fitted to clips of its small world.

Run `python demo_model/fit_latent_preview.py` after training the autoencoder. It writes the colors to the `vae` folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import world
from diffusers import AutoencoderKLCogVideoX
from torch import Tensor

from richspace_core.cogvideox.folder import LATENT_PREVIEW
from richspace_core.cogvideox.latent_preview import LatentColors, encode_videos, fit_latent_colors

FOLDER = Path(__file__).parent
CLIPS = 96


def render_clips(count: int, seed: int) -> Tensor:
    """Render random scenes of the world: float32 ``[count, frames, height, width, 3]`` in 0..1."""
    random = np.random.default_rng(seed)
    return torch.stack([torch.from_numpy(world.render(world.Scene.sample(random), random)) for _ in range(count)])


def fit(folder: Path = FOLDER, seed: int = 0) -> LatentColors:
    """Fit the preview colors of a folder's autoencoder."""
    vae = AutoencoderKLCogVideoX.from_pretrained(folder / "vae", local_files_only=True, use_safetensors=True)
    videos = render_clips(CLIPS, seed)
    return fit_latent_colors(encode_videos(vae, videos), videos)


if __name__ == "__main__":
    fit().save(FOLDER / "vae" / LATENT_PREVIEW)
