"""Fit how a live preview draws a model's latents, and keep that in the model's folder.

From the command line: `python -m richspace_core.cogvideox.fit_latent_preview ComfyUI/models/diffusers/CogVideoX-2b`
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import torch

from ..errors import ModelFolderError
from .folder import LATENT_PREVIEW, CogVideoXFolder
from .latent_preview import encode_videos, fit_to_calibration_picture


def main() -> None:
    """Fit the colours of the folder that the command line names, and write them there."""
    parser = argparse.ArgumentParser(description="Fit how a live preview draws a CogVideoX folder's latents.")
    parser.add_argument("folder", type=Path, help="with model_index.json")
    try:
        folder = CogVideoXFolder.open(parser.parse_args().folder)
        encode = partial(encode_videos, folder.load("vae", torch.float32))
    except ModelFolderError as error:
        parser.error(str(error))
    fit_to_calibration_picture(encode, folder.spatial_ratio).save(folder.path / "vae" / LATENT_PREVIEW)


if __name__ == "__main__":
    main()
