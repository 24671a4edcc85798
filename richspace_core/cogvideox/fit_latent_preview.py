"""Command that fits the preview colors of a CogVideoX folder's latents and saves them in the folder.

Example: `python -m richspace_core.cogvideox.fit_latent_preview ComfyUI/models/diffusers/CogVideoX-2b`
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
    """Fit the preview colors of the folder that the command line names, and save them in it."""
    parser = argparse.ArgumentParser(
        description="Fit the colors of the live preview to a CogVideoX folder, and save them in it."
    )
    parser.add_argument("folder", type=Path, help="folder with model_index.json")
    try:
        folder = CogVideoXFolder.open(parser.parse_args().folder)
        encode = partial(encode_videos, folder.load("vae", torch.float32))
    except ModelFolderError as error:
        parser.error(str(error))
    fit_to_calibration_picture(encode, folder.spatial_ratio).save(folder.path / "vae" / LATENT_PREVIEW)


if __name__ == "__main__":
    main()
