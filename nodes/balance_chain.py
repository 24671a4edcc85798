"""Finding a mixture of three or more prompts by looking, one prompt after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..richspace_core import RichSpaceError
from ..richspace_core.cogvideox.config import VideoSize
from ..richspace_core.finder.choice import Choice
from .host.api import CogVideoX, Scores, io
from .host.balancing import Search, balance_chain
from .host.conditioning import Conditioning, Prompt, make_conditioning
from .host.drafters import CogVideoXDrafter, DraftSettings, HostDrafter
from .host.input_names import name_inputs_as_shown
from .host.mixing import read_prompts
from .host.models import CogVideoXModel
from .host.readable import require_readable
from .host.score_report import report_scores
from .inputs import (
    CHAIN_ALIASES,
    GrowingList,
    candidate_steps_input,
    host_draft_inputs,
    host_negative_input,
    indices_input,
    looks_input,
    mixture_output,
    negative_input,
    own_draft_inputs,
)

_PROMPTS_IN_A_CHAIN = 6


class RichSpaceChainedBalance(io.ComfyNode):
    """Mixture of three or more prompts that a model of ComfyUI is seen to balance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceChainedBalance",
            display_name="RichSpace Chained Balance",
            category="RichSpace/mix",
            description="Mixes three or more prompts so that the model shows as much of each as you want. Each prompt "
            "is mixed into the result so far, as with RichSpace Balance nodes connected one after another.",
            search_aliases=[*CHAIN_ALIASES, "balance", "look"],
            inputs=[
                io.Model.Input("model", tooltip="Model that makes the video or picture."),
                _prompts_input(),
                host_negative_input(),
                io.Latent.Input("latent", tooltip="Sets the size of the drafts. Connect the sampler's empty latent."),
                *_search_inputs(),
                *host_draft_inputs(),
                indices_input(),
            ],
            outputs=_outputs(),
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(
        cls,
        model: Any,
        prompts: GrowingList,
        *,
        negative: Conditioning | None = None,
        latent: Mapping[str, Any],
        steps: int,
        shares: str,
        looks: int,
        draft_steps: int,
        seed: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        indices: str = "",
    ) -> io.NodeOutput:
        """Mix in one prompt after another."""
        read = _read_prompts(prompts)
        settings = DraftSettings(draft_steps, seed, cfg, scheduler)
        drafter, remarks = HostDrafter.make(model, negative, latent, settings, sampler_name)
        search = Search(steps, looks)
        return _output(cls, *balance_chain(drafter, read, shares, search, indices=indices, remarks=remarks))


class RichSpaceCogVideoXChainedBalance(io.ComfyNode):
    """Mixture of three or more prompts that this pack's CogVideoX is seen to balance."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceCogVideoXChainedBalance",
            display_name="RichSpace CogVideoX Chained Balance",
            category="RichSpace/mix",
            description="Mixes three or more prompts so that the video shows as much of each as you want. Each prompt "
            "is mixed into the result so far, as with RichSpace CogVideoX Balance nodes connected one after another.",
            search_aliases=[*CHAIN_ALIASES, "balance", "look"],
            inputs=[
                CogVideoX.Input("model", tooltip="From RichSpace Load CogVideoX."),
                _prompts_input(),
                negative_input(),
                *_search_inputs(),
                *own_draft_inputs(),
                indices_input(),
            ],
            outputs=_outputs(),
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown(guidance_scale="cfg")
    def execute(
        cls,
        model: CogVideoXModel,
        prompts: GrowingList,
        *,
        negative: Conditioning | None = None,
        steps: int,
        shares: str,
        looks: int,
        draft_steps: int,
        seed: int,
        cfg: float,
        width: int,
        height: int,
        frames: int,
        scheduler: Any,
        indices: str = "",
    ) -> io.NodeOutput:
        """Mix in one prompt after another."""
        read = _read_prompts(prompts)
        settings = DraftSettings(draft_steps, seed, cfg, scheduler)
        require_readable(model, **read)
        drafter = CogVideoXDrafter.make(model, negative, VideoSize(width, height, frames), settings)
        return _output(cls, *balance_chain(drafter, read, shares, Search(steps, looks), indices=indices))


def _prompts_input() -> io.Input:
    names = [f"prompt_{number}" for number in range(1, _PROMPTS_IN_A_CHAIN + 1)]
    prompt = io.Conditioning.Input("prompt", tooltip="A prompt of the mixture.")
    return io.Autogrow.Input(
        "prompts",
        template=io.Autogrow.TemplateNames(prompt, names=names, min=3),
        tooltip="Prompts to mix. The list grows as you connect them.",
    )


def _search_inputs() -> list[io.Input]:
    """Return the candidates of a stage, the wanted shares and the number of looks."""
    shares = io.String.Input(
        "shares",
        default="",
        placeholder="empty: equal shares",
        tooltip="How much of each prompt should be seen, in order, such as 2, 1, 1 for half of the first and a quarter "
        "of each other.",
    )
    return [candidate_steps_input(), shares, looks_input()]


def _outputs() -> list[io.Output]:
    scores = "Share seen in the candidates of every stage, for RichSpace Score Plot."
    return [mixture_output(), Scores.Output(display_name="scores", tooltip=scores)]


def _read_prompts(prompts: GrowingList) -> dict[str, Prompt]:
    """Return the connected prompts by the names of their inputs.

    Raises:
        RichSpaceError: If a prompt before the last is not connected.
    """
    connected = {name: prompt for name, prompt in prompts.items() if prompt is not None}
    for name in [f"prompt_{number}" for number in range(1, max(len(connected), 2) + 1)]:
        if name not in connected:
            raise RichSpaceError(
                name,
                expected="a conditioning, since none may be left out",
                got="nothing connected",
                hint="Connect the prompts from the top.",
            )
    return dict(zip(connected, read_prompts(**connected), strict=True))


def _output(node: type[io.ComfyNode], mixture: Prompt, choices: Sequence[Choice]) -> io.NodeOutput:
    return io.NodeOutput(make_conditioning(mixture), tuple(choices), ui=report_scores(node, choices))


NODES: list[type[io.ComfyNode]] = [RichSpaceChainedBalance, RichSpaceCogVideoXChainedBalance]
