"""VBench's frames and scores, and the tiny networks that they were computed with, in the published formats."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from environment.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

VBENCH = ROOT / "tests" / "data" / "vbench"


def place_weights(models: Path) -> None:
    """Copy the tiny networks to ComfyUI's model folders, under the names of the published ones."""
    own, clip = models / "richspace", models / "clip_vision"
    for folder in (own, clip):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(VBENCH / "dino_tiny", own / "dino-vitb16", dirs_exist_ok=True)
    shutil.copy(VBENCH / "aesthetic_head_random.pth", own / "sa_0_4_vit_l_14_linear.pth")
    shutil.copy(VBENCH / "clip_tiny.safetensors", clip / "any name.safetensors")
