"""Inputs and outputs of prompts, mixtures, drafts and pictures that several nodes share, so that they read alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from .host.api import Scores, io
from .host.conditioning import Conditioning
from .host.drafters import SAMPLERS, SCHEDULERS
from .sampling_inputs import schedule_inputs, size_inputs

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
