"""Finding a mixture by looking: the candidate in which the video model itself sees the wanted share of A."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..richspace_core.cogvideox.config import VideoSize
from ..richspace_core.finder.choice import Choice
from .host.api import CogVideoX, Scores, io
from .host.balancing import Search, balance_prompts
from .host.conditioning import Conditioning, Prompt, make_conditioning
from .host.drafters import CogVideoXDrafter, DraftSettings, HostDrafter
from .host.input_names import name_inputs_as_shown
from .host.mixing import read_prompts
from .host.models import CogVideoXModel
from .host.readable import require_readable
from .host.score_report import report_scores
from .inputs import (
    MIX_ALIASES,
    candidate_steps_input,
    host_draft_inputs,
    host_negative_input,
    index_input,
    looks_input,
    mixture_output,
    negative_input,
    own_draft_inputs,
    prompt_inputs,
)


class RichSpaceBalance(io.ComfyNode):
    """Mixture of two prompts that a model of ComfyUI is seen to balance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceBalance",
            display_name="RichSpace Balance",
            category="RichSpace/mix",
            description="Mixes two prompts so that the model shows as much of each as you want. It looks at a few "
            "cheap drafts, so it needs no guide. For every model that ComfyUI samples.",
            search_aliases=[*MIX_ALIASES, "balance", "look"],
            inputs=[
                io.Model.Input("model", tooltip="Model that makes the video or picture."),
                *prompt_inputs(),
                host_negative_input(),
                io.Latent.Input("latent", tooltip="Sets the size of the drafts. Connect the sampler's empty latent."),
                *_search_inputs(),
                *host_draft_inputs(),
                _first_look_input(),
            ],
            outputs=_outputs(),
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(
        cls,
        model: Any,
        a: Conditioning,
        b: Conditioning,
        *,
        negative: Conditioning | None = None,
        latent: Mapping[str, Any],
        steps: int,
        index: int,
        share: float,
        looks: int,
        draft_steps: int,
        seed: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        first_look: int | None = None,
    ) -> io.NodeOutput:
        """Look at drafts of ComfyUI's sampling."""
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        settings = DraftSettings(draft_steps, seed, cfg, scheduler)
        drafter, remarks = HostDrafter.make(model, negative, latent, settings, sampler_name)
        search = Search(steps, looks, share, index, first_look)
        return _output(cls, *balance_prompts(drafter, prompt_a, prompt_b, search, remarks=remarks))


class RichSpaceCogVideoXBalance(io.ComfyNode):
    """Mixture of two prompts that this pack's CogVideoX is seen to balance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceCogVideoXBalance",
            display_name="RichSpace CogVideoX Balance",
            category="RichSpace/mix",
            description="Mixes two prompts so that the video shows as much of each as you want. It looks at a few "
            "cheap drafts, so it needs no guide. For RichSpace CogVideoX Sample.",
            search_aliases=[*MIX_ALIASES, "balance", "look"],
            inputs=[
                CogVideoX.Input("model", tooltip="From RichSpace Load CogVideoX."),
                *prompt_inputs(),
                negative_input(),
                *_search_inputs(),
                *own_draft_inputs(),
                _first_look_input(),
            ],
            outputs=_outputs(),
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown(guidance_scale="cfg")
    def execute(
        cls,
        model: CogVideoXModel,
        a: Conditioning,
        b: Conditioning,
        *,
        negative: Conditioning | None = None,
        steps: int,
        index: int,
        share: float,
        looks: int,
        draft_steps: int,
        seed: int,
        cfg: float,
        width: int,
        height: int,
        frames: int,
        scheduler: Any,
        first_look: int | None = None,
    ) -> io.NodeOutput:
        """Look at drafts of diffusers' sampling."""
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        settings = DraftSettings(draft_steps, seed, cfg, scheduler)
        require_readable(model, a=prompt_a, b=prompt_b)
        drafter = CogVideoXDrafter.make(model, negative, VideoSize(width, height, frames), settings)
        search = Search(steps, looks, share, index, first_look)
        return _output(cls, *balance_prompts(drafter, prompt_a, prompt_b, search))


def _search_inputs() -> list[io.Input]:
    """Return the candidates, the one to take, the wanted share and the number of looks."""
    index = "0 finds the candidate that shows the wanted share. Any other number takes that candidate."
    share = io.Float.Input(
        "share",
        default=0.5,
        min=0.01,
        max=0.99,
        step=0.01,
        tooltip="How much of A should be seen: 0.5 shows as much of A as of B, 0.75 three times as much.",
    )
    return [candidate_steps_input(), index_input(default=0, tooltip=index), share, looks_input()]


def _first_look_input() -> io.Input:
    return io.Int.Input(
        "first_look",
        optional=True,
        force_input=True,
        min=1,
        max=1000,
        tooltip="Candidate to look at first, such as the index of RichSpace Mix Prompts. Without it, the "
        "search starts in the middle.",
    )


def _outputs() -> list[io.Output]:
    return [
        mixture_output(),
        io.Int.Output(display_name="index", tooltip="Candidate taken, counted from 1."),
        io.Float.Output(display_name="weight", tooltip="Share of A in the mixture: index divided by steps."),
        Scores.Output(display_name="scores", tooltip="Share of A seen in each candidate, for RichSpace Score Plot."),
    ]


def _output(node: type[io.ComfyNode], mixture: Prompt, choice: Choice) -> io.NodeOutput:
    shown = report_scores(node, (choice,))
    return io.NodeOutput(make_conditioning(mixture), choice.index, choice.weight, (choice,), ui=shown)


NODES: list[type[io.ComfyNode]] = [RichSpaceBalance, RichSpaceCogVideoXBalance]
