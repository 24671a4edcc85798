"""VBench's frames and scores, and the tiny networks that they were computed with, in the published formats."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from environment.checkout import ROOT
from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from pathlib import Path

VBENCH = ROOT / "tests" / "data" / "vbench"


def save_clip_b32(file: Path, *, patch: int = 32) -> None:
    """Save a tiny network in the form of CLIP ViT-B/32: the tiny CLIP with a narrower projection.

    Args:
        file: Where to save it.
        patch: Side of its patches in pixels; with 16 it has the form of CLIP ViT-B/16.
    """
    weights = load_file(VBENCH / "clip_tiny.safetensors")
    vision = "vision_model.embeddings."
    patches, positions = (weights[f"{vision}{name}_embedding.weight"] for name in ("patch", "position"))
    weights["visual_projection.weight"] = weights["visual_projection.weight"].flip(0)[:512].contiguous()
    weights[f"{vision}patch_embedding.weight"] = patches[..., :patch, :patch].contiguous()
    count = 1 + (224 // patch) ** 2
    weights[f"{vision}position_embedding.weight"] = positions.repeat(-(-count // len(positions)), 1)[
        :count
    ].contiguous()
    save_file(weights, file)


def place_weights(models: Path) -> None:
    """Copy the tiny networks to ComfyUI's model folders, under the names of the published ones."""
    own, clip = models / "richspace", models / "clip_vision"
    for folder in (own, clip):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(VBENCH / "dino_tiny", own / "dino-vitb16", dirs_exist_ok=True)
    shutil.copy(VBENCH / "aesthetic_head_random.pth", own / "sa_0_4_vit_l_14_linear.pth")
    shutil.copy(VBENCH / "clip_tiny.safetensors", clip / "any name.safetensors")
    save_clip_b32(clip / "any other name.safetensors")
