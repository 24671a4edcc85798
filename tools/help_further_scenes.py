"""Scenes of the further pictures of help pages that one picture cannot explain.

Their names are a node's id, a hyphen and a topic.
"""

from __future__ import annotations

from comfyui.prompts import Prompt, node
from help_scenes import Scene, morphing

STACKED = 0.8  # scale for a node and its contact sheet below it


def further_scenes() -> dict[str, Scene]:
    """Return the scene of each further picture, by the name of its file."""
    stacked = {"morph": (0, 0, 440, 660), "sheet": (0, 710, 440, 340)}
    three = with_sheet(morphing("0%: A, 50%: B, 100%: C", "smooth", "c"), columns=3)
    return {
        "RichSpaceMorph-sheet": Scene(with_sheet(morphing(), columns=5), {"sheet": (0, 0, 620, 400)}),
        "RichSpaceMorph-prompts": Scene(three, stacked, scale=STACKED),
        "RichSpaceMorph-presets": Scene(
            with_sheet(morphing("0%: A, 50%: B, 100%: A", "smooth"), columns=3), stacked, scale=STACKED
        ),
    }


def with_sheet(prompt: Prompt, columns: int) -> Prompt:
    """Add a contact sheet with the share under each frame, in place of the video."""
    sheet = node("RichSpaceContactSheet", frames=["decode", 0], captions=["morph", 1], columns=columns, frame_width=128)
    return {name: each for name, each in prompt.items() if name not in ("video", "save")} | {"sheet": sheet}
