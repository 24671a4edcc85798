"""Morph: a mixture of prompts that changes over the video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..richspace_core import RichSpaceError
from ..richspace_core.finder.choice import Choice
from ..richspace_core.morph.curve import LETTERS, PRESETS, MorphCurve
from ..richspace_core.morph.text import parse_keyframes
from .host.api import CogVideoX, Scores, io, report
from .host.conditioning import Conditioning
from .host.input_names import name_inputs_as_shown
from .host.mixing import read_prompts
from .host.morphing import QUALITIES, Morph, MorphedVideo, captions
from .inputs import GrowingList
from .native import require_masks_fit


class RichSpaceMorph(io.ComfyNode):
    """Mixture of prompts that changes over the video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceMorph",
            display_name="RichSpace Morph",
            category="RichSpace/mix",
            description="Turns one prompt into another while the video plays, or goes through up to six. Drag the "
            "keyframes in the node, or write them as a text. Works with ComfyUI's own video models, too.",
            search_aliases=[
                "morph",
                "morph prompts",
                "prompt travel",
                "prompt schedule",
                "transition",
                "over time",
                "keyframes",
                "relay",
            ],
            inputs=[*_prompt_inputs(), *_curve_inputs(), *_optional_inputs()],
            outputs=[
                io.Conditioning.Output(display_name="morph", tooltip="Connect it to a sampler's positive input."),
                io.String.Output(
                    display_name="captions",
                    is_output_list=True,
                    tooltip="Mixture of every frame in words, such as 72% A + 28% B, and the prompt that dominates it. "
                    "Connect them to RichSpace Contact Sheet.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown(a="A", b="B")
    def execute(
        cls,
        model: Any,
        a: Conditioning,
        b: Conditioning,
        curve: str,
        interpolation: Any,
        quality: str,
        most_mixtures: int,
        frames: int,
        prompts: GrowingList | None = None,
        latent: dict[str, Any] | None = None,
        scores: Sequence[Choice] | None = None,
    ) -> io.NodeOutput:
        """Lay out the morph, and write it as entries with masks over time."""
        given = read_prompts(A=a, B=b, **_in_order(prompts))
        require_masks_fit(model)
        video = MorphedVideo.read(model, latent, frames)
        keyframes = MorphCurve(parse_keyframes(curve, len(given)), interpolation)
        morph = Morph.make(given, keyframes, video.times, quality, most_mixtures, scores)
        shown = report(f"latent frames: {morph.course}\n{morph.cost}", warning="\n".join(morph.remarks))
        drawn = {"frames": video.times.frames, "middles": video.times.middles, "prompts": [each.text for each in given]}
        texts = captions(keyframes, video.times, given)
        return io.NodeOutput(morph.conditioning(video), texts, ui={**shown, "richspace_morph": (drawn,)})


def _prompt_inputs() -> list[io.Input]:
    return [
        io.MultiType.Input(
            "model",
            types=[io.Model, CogVideoX],
            tooltip="Model that you sample with. It tells how many frames a latent frame stands for.",
        ),
        io.Conditioning.Input(
            "a", display_name="A", tooltip="Prompt that keyframes call A. It also gives the settings."
        ),
        io.Conditioning.Input("b", display_name="B", tooltip="Prompt that keyframes call B."),
    ]


def _curve_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "curve",
            default=PRESETS["A to B"],
            tooltip="Keyframes, as the drawing shows them: a time in percent or a frame number, and a prompt or a "
            "mixture, such as 0%: A, 24: 70% A, 100%: B.",
            extra_dict={"richspace_curve": True},
        ),
        io.Combo.Input(
            "interpolation",
            options=["linear", "smooth"],
            default="linear",
            tooltip="Linear changes the mixture evenly between keyframes. Smooth starts and ends slowly.",
        ),
        io.Combo.Input(
            "quality",
            options=[*QUALITIES],
            default="fast",
            tooltip="Exact mixes the prompts for each moment, with one prediction each. Fast averages the predictions "
            "of the prompts: two for A and B, however long the video is.",
        ),
        io.Int.Input(
            "most_mixtures",
            default=16,
            min=1,
            max=1000,
            advanced=True,
            tooltip="Largest number of mixtures of exact. Each costs a prediction a step. With few, the video changes "
            "in visible steps.",
        ),
        io.Int.Input(
            "frames",
            default=0,
            min=0,
            max=1025,
            tooltip="Number of frames of the video, if no latent is connected. 0 uses the model's own, for RichSpace "
            "CogVideoX Sample.",
        ),
    ]


def _optional_inputs() -> list[io.Input]:
    further = io.Conditioning.Input("further", tooltip="Another prompt that keyframes can name by its letter.")
    return [
        io.Autogrow.Input(
            "prompts",
            template=io.Autogrow.TemplateNames(further, names=[*LETTERS[2:]], min=0),
            display_name="further prompts",
            optional=True,
            tooltip="Up to four more prompts, C to F, that keyframes can name. The list grows as you connect them.",
        ),
        io.Latent.Input("latent", optional=True, tooltip="Latent that you sample. It tells the number of frames."),
        Scores.Input(
            "scores",
            optional=True,
            tooltip="From RichSpace Balance for A and B. The morph is then even in what is seen.",
        ),
    ]


def _in_order(prompts: GrowingList | None) -> dict[str, Conditioning]:
    """Return the further prompts by their letters.

    Raises:
        RichSpaceError: If one is left out.
    """
    connected = {letter: each for letter, each in (prompts or {}).items() if each is not None}
    for letter in LETTERS[2 : 2 + len(connected)]:
        if letter not in connected:
            raise RichSpaceError(
                letter,
                expected="a prompt, since none may be left out",
                got="nothing connected",
                hint=f"Connect further prompts in order: {', '.join(sorted(connected))} came without it.",
            )
    return {letter: connected[letter] for letter in sorted(connected)}


NODES: list[type[io.ComfyNode]] = [RichSpaceMorph]
