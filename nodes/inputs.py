"""The size of a video, as the nodes that make one ask for it."""

from __future__ import annotations

from .host.api import io

_SIDE_STEP = 16
_FRAME_STEP = 8
_OWN = "0 is the model's own (720 x 480 and 49 frames for CogVideoX-2B)."


def size_inputs() -> list[io.Input]:
    """Return the inputs width, height and frames; their arrows go along the sizes that published models make.

    The page steps a number as the schema says, from 0. Frame counts start at 1, with 0 before them, which no schema can
    say: ``web/frame_steps.js`` reads it from `richspace_frame_step`.
    """
    sides = [
        io.Int.Input(
            name, default=0, min=0, max=4096, step=_SIDE_STEP, tooltip=f"Pixels, a multiple of {_SIDE_STEP}. {_OWN}"
        )
        for name in ("width", "height")
    ]
    frames = io.Int.Input(
        "frames",
        default=0,
        min=0,
        max=1025,
        tooltip=f"One more than a multiple of {_FRAME_STEP}. {_OWN}",
        extra_dict={"richspace_frame_step": _FRAME_STEP},
    )
    return [*sides, frames]
