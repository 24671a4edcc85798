"""Inputs and outputs that several nodes share, so that they read alike everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from .host.api import Scores, io
from .host.conditioning import Conditioning
from .host.downloads import missing_notes
from .host.drafters import SAMPLERS, SCHEDULERS
from .host.models import DTYPES, MODEL_NOTES

GrowingList: TypeAlias = Mapping[str, Conditioning | None]
"""What is connected to a growing list of inputs; an input without a connection is absent or None."""

MIX_ALIASES = (
    "richspace",
    "mix",
    "mix two prompts",
    "two prompts",
    "merge prompts",
    "combine prompts",
    "blend",
    "blend prompts",
    "hybrid",
)
"""Words for which the search offers the nodes that mix two prompts."""

CHAIN_ALIASES = (
    "richspace",
    "mix three prompts",
    "three prompts",
    "several prompts",
    "multiple prompts",
    "blend",
    "chain",
)
"""Words for which the search offers the nodes that mix three prompts or more."""

_AS_THE_SAMPLER = "As in the sampler that makes the video."

_SIDE_STEP = 16
_FRAME_STEP = 8
_OWN_SIZES = {"width": (720, 1360), "height": (480, 768), "frames": (49, 81)}  # of CogVideoX 1.0 and 1.5


def prompt_inputs() -> list[io.Input]:
    """Return the two prompts of a mixture."""
    return [
        io.Conditioning.Input(
            "a", display_name="A", tooltip="First prompt. The highest candidate is exactly this prompt."
        ),
        io.Conditioning.Input("b", display_name="B", tooltip="Second prompt. Candidate 1 is nearly this prompt."),
    ]


def guide_input() -> io.Input:
    """Return the guide that describes a mixture."""
    return io.Conditioning.Input(
        "guide",
        tooltip="A sentence that describes the mixture. It only marks a point between A and B, so the model need not "
        "be able to draw it.",
    )


def further_guides_input(list_name: str, names: Iterable[str], mixture: str) -> io.Input:
    """Return a growing list of guides that are averaged with the first one.

    Args:
        list_name: Name of the list.
        names: Names of its places, in order.
        mixture: What the guides describe, for the tooltip.
    """
    guide = io.Conditioning.Input(
        "guide", tooltip="Another wording of the same mixture. All guides count equally: their average is used."
    )
    return io.Autogrow.Input(
        list_name,
        template=io.Autogrow.TemplateNames(guide, names=[*names], min=0),
        display_name="further guides",
        optional=True,
        tooltip=f"Other wordings of the guide for {mixture}, such as 'a blue and red circle' in addition to 'a red and "
        "blue circle'. The average of all guides is used, so the wording matters less.",
    )


def candidate_steps_input() -> io.Input:
    """Return the number of candidates between two prompts."""
    return io.Int.Input(
        "steps", default=30, min=1, max=1000, tooltip="Number of candidates between A and B. The paper uses 30."
    )


def index_input(*, default: int, tooltip: str) -> io.Input:
    """Return the candidate to take; with 0 as the default, 0 is allowed as well.

    Args:
        default: Default candidate.
        tooltip: What the values mean.
    """
    return io.Int.Input("index", default=default, min=min(default, 1), max=1000, tooltip=tooltip)


def indices_input() -> io.Input:
    """Return the candidates to take in the stages of a chain."""
    return io.String.Input(
        "indices",
        default="",
        optional=True,
        placeholder="empty: automatic",
        tooltip="Candidate to take in each stage, in order: 0, 17 is automatic in the first stage and takes candidate "
        "17 in the second. A click on a stage's curve sets it.",
    )


def conditioning_output() -> io.Output:
    """Return a prompt or a mixture as it was encoded or saved."""
    return io.Conditioning.Output(
        display_name="conditioning", tooltip="Embedding of the prompt, for RichSpace nodes and samplers."
    )


def mixture_output() -> io.Output:
    """Return the mixture of two prompts."""
    return io.Conditioning.Output(display_name="mixture", tooltip="Connect it to a sampler's positive input.")


def scores_output() -> io.Output:
    """Return the scores of one finder."""
    return Scores.Output(
        display_name="scores", tooltip="Similarity of each candidate to the guide's foot, for RichSpace Score Plot."
    )


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


def negative_input() -> io.Input:
    """Return what a video of this pack's CogVideoX should avoid."""
    return io.Conditioning.Input(
        "negative", optional=True, tooltip="What the video should avoid. If not connected, an empty prompt is used."
    )


def host_negative_input() -> io.Input:
    """Return what drafts of any model should avoid; only the model's own text encoder could make an empty prompt."""
    return io.Conditioning.Input(
        "negative",
        optional=True,
        tooltip="What to avoid, as in the sampler. If not connected, the drafts are made with cfg 1, in half the time.",
    )


def looks_input() -> io.Input:
    """Return the largest number of drafts between two prompts."""
    return io.Int.Input(
        "looks",
        default=3,
        min=1,
        max=30,
        tooltip="Number of drafts between A and B at most. The search ends early if the share is met.",
    )


def host_draft_inputs() -> list[io.Input]:
    """Return the settings of drafts that ComfyUI samples."""
    return [
        *_draft_inputs(),
        io.Combo.Input("sampler_name", options=SAMPLERS, default="euler", tooltip=_AS_THE_SAMPLER),
        io.Combo.Input("scheduler", options=SCHEDULERS, default="simple", tooltip=_AS_THE_SAMPLER),
    ]


def own_draft_inputs() -> list[io.Input]:
    """Return the settings of drafts that the pack's own CogVideoX samples."""
    scheduler, _dynamic_cfg = schedule_inputs()
    return [*_draft_inputs(), *size_inputs(), scheduler]


def _draft_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "draft_steps",
            default=2,
            min=1,
            max=100,
            tooltip="Denoising steps of a draft, of a short schedule of 8. 1 reads the model's first prediction: the "
            "cheapest, and nearly the same for every seed. 2 sees a little more. 8 finishes the drafts, which helps "
            "only if A and B differ in nothing but what is mixed.",
        ),
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=0xFFFFFFFFFFFFFFFF,
            control_after_generate=io.ControlAfterGenerate.fixed,
            tooltip="Sets the noise of the drafts, which is the same for all of them.",
        ),
        io.Float.Input("cfg", default=6.0, min=0.0, max=100.0, step=0.1, tooltip=_AS_THE_SAMPLER),
    ]


def video_input() -> io.Input:
    """Return the frames of one video."""
    return io.Image.Input("frames", tooltip="Frames of one video, as RichSpace CogVideoX Decode returns them.")


def metric_outputs(per_frame: str) -> Sequence[io.Output]:
    """Return the outputs of a metric: score, per frame and plot.

    Args:
        per_frame: What the scores of the frames are, for the tooltip.
    """
    return [
        io.Float.Output(display_name="score", tooltip="Score of the video: the average over its frames."),
        io.Float.Output(display_name="per frame", is_output_list=True, tooltip=per_frame),
        io.Image.Output(display_name="plot", tooltip="Scores over the frames, also shown in the node."),
    ]


def sheet_inputs() -> list[io.Input]:
    """Return the inputs columns and frame_width of a picture that shows several videos."""
    return [
        io.Int.Input(
            "columns",
            default=5,
            min=1,
            max=64,
            tooltip="Number of frames to show of each video, evenly spread over time.",
        ),
        io.Int.Input(
            "frame_width",
            default=256,
            min=64,
            max=1024,
            advanced=True,
            tooltip="Width of each frame in pixels. Frames are enlarged or reduced to it.",
        ),
    ]


def sheet_output(name: str) -> io.Output:
    """Return a picture that the node shows as well."""
    return io.Image.Output(display_name=name, tooltip="One picture, also shown in the node.")
