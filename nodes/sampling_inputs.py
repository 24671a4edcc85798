"""Inputs and outputs that the nodes share which load a model and sample with it."""

from __future__ import annotations

from collections.abc import Iterable

from .host.api import io
from .host.downloads import missing_notes
from .host.models import DTYPES, MODEL_NOTES

_SIDE_STEP = 16
_FRAME_STEP = 8
_OWN_SIZES = {"width": (720, 1360), "height": (480, 768), "frames": (49, 81)}  # of CogVideoX 1.0 and 1.5


def loader_inputs(
    models: Iterable[str],
    *,
    places: str,
    dtype_choices: str,
    dtypes: Iterable[str] = DTYPES,
    has_files: bool = False,
) -> list[io.Input]:
    """Return the inputs model and dtype of a node that loads a CogVideoX.

    The page shows a note on the demo, and on a model that a workflow names but that is not installed.

    Args:
        models: Names of the models.
        places: Where the models are, for the tooltip.
        dtype_choices: Number types of the weights in words, for the tooltip.
        dtypes: Names of the number types, ``auto`` among them.
        has_files: Whether a model may be a transformer in a single file.
    """
    notes = MODEL_NOTES | {"richspace_missing": missing_notes(with_files=has_files)}  # for ``web/choice_notes.js``
    return [
        io.Combo.Input("model", options=[*models], tooltip=places, extra_dict=notes),
        io.Combo.Input("dtype", options=[*dtypes], default="auto", advanced=True, tooltip=dtype_choices),
    ]


def native_model_input() -> io.Input:
    """Return ComfyUI's MODEL of a CogVideoX, corrected by this pack."""
    return io.Model.Input("model", tooltip="From RichSpace Load CogVideoX (native) or RichSpace Fix CogVideoX.")


def native_model_output(*, is_clone: bool) -> io.Output:
    """Return ComfyUI's MODEL of a CogVideoX, corrected by this pack.

    Args:
        is_clone: Whether the node has a MODEL as its input, which stays unchanged.
    """
    samplers = "For KSampler with scheduler simple and sampler euler or ddim, or for RichSpace CogVideoX Sampler."
    unchanged = " The connected model stays unchanged." if is_clone else ""
    return io.Model.Output(display_name="model", tooltip=samplers + unchanged)


def size_inputs() -> list[io.Input]:
    """Return the inputs width, height and frames; their arrows step through the sizes of published models.

    The page steps a number as the schema says, starting at 0. Frame counts start at 1 and allow 0 as well, which no
    schema can express: ``web/frame_steps.js`` reads the step from `richspace_frame_step`.
    """
    sides = [
        io.Int.Input(
            name,
            default=0,
            min=0,
            max=4096,
            step=_SIDE_STEP,
            tooltip=f"{name.capitalize()} in pixels, a multiple of {_SIDE_STEP}. {_own(name)}",
        )
        for name in ("width", "height")
    ]
    frames = io.Int.Input(
        "frames",
        default=0,
        min=0,
        max=1025,
        tooltip=f"Number of frames, one more than a multiple of {_FRAME_STEP}. {_own('frames')}",
        extra_dict={"richspace_frame_step": _FRAME_STEP},
    )
    return [*sides, frames]


def _own(name: str) -> str:
    of_1_0, of_1_5 = _OWN_SIZES[name]
    return f"0 uses the model's own: {of_1_0} for CogVideoX-2b and CogVideoX-5b, {of_1_5} for CogVideoX1.5-5B."


def denoising_steps_input() -> io.Input:
    """Return the number of denoising steps."""
    return io.Int.Input(
        "steps",
        default=50,
        min=1,
        max=1000,
        tooltip="Number of denoising steps. More steps take longer; 50 is usual for CogVideoX.",
    )


def schedule_inputs() -> list[io.Input]:
    """Return the inputs scheduler and dynamic_cfg of the published samplers."""
    return [
        io.Combo.Input(
            "scheduler",
            options=["auto", "DDIM", "DPM"],
            default="auto",
            tooltip="Sampling method. Auto uses the model's own: DDIM for CogVideoX-2b, DPM for CogVideoX-5b and "
            "CogVideoX1.5-5B.",
        ),
        io.Combo.Input(
            "dynamic_cfg",
            options=["off", "cosine", "as diffusers"],
            default="off",
            advanced=True,
            tooltip="Cosine raises the guidance from 1 to 1 + cfg over the steps, as CogVideoX's authors do. "
            "As diffusers uses that library's formula, which jumps up and down.",
        ),
    ]


def batch_size_input(tooltip: str) -> io.Input:
    """Return the number of videos.

    Args:
        tooltip: How they are made.
    """
    return io.Int.Input("batch_size", default=1, min=1, max=64, tooltip=tooltip)


def sampler_inputs() -> list[io.Input]:
    """Return the settings of a sampler: steps, cfg, seed, batch_size, scheduler and dynamic_cfg."""
    return [
        denoising_steps_input(),
        io.Float.Input(
            "cfg",
            default=6.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip="How strongly the video follows the prompt; 6 is usual. At 1 or below the negative prompt is "
            "not used and a step takes half the time.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=True,
            tooltip="Sets the starting noise, which is the same on every device.",
        ),
        batch_size_input("Number of videos, sampled one at a time; video n uses seed + n - 1."),
        *schedule_inputs(),
    ]


def start_inputs() -> list[io.Input]:
    """Return the inputs start_latent and strength of a sampler that can change a video."""
    return [
        io.Latent.Input(
            "start_latent",
            optional=True,
            tooltip="Video to change, from RichSpace CogVideoX Encode. Its size is used. Without it, the video starts "
            "from noise.",
        ),
        io.Float.Input(
            "strength",
            optional=True,
            default=0.8,
            min=0.01,
            max=1.0,
            step=0.01,
            tooltip="Used only with start_latent: how much of that video changes. 0.3 keeps the shapes, 0.8 only "
            "the motion, 1 nothing.",
        ),
    ]


def tiled_input(work: str) -> io.Input:
    """Return the choice of tiles of a node that decodes or encodes; `work` says which, such as "Decodes"."""
    return io.Boolean.Input(
        "tiled",
        default=False,
        advanced=True,
        tooltip=f"{work} in overlapping tiles, with a quarter of the memory. Used automatically when memory runs out.",
    )
