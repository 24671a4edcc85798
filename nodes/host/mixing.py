"""What the finder's nodes do with prompts: read them, score the mixtures, mix, and show the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ...richspace_core import RichSpaceError, find_optimal, interpolate
from ...richspace_core.finder.choice import Choice
from ...richspace_core.finder.geometry import require_index
from .api import io, ui
from .conditioning import (
    Conditioning,
    Prompt,
    blend,
    describe_padding,
    from_conditioning,
    of_one_length,
    require_words,
)
from .input_names import names_of_guides
from .prompt_settings import about_settings
from ..view import score_picture

A_AND_B = "A", "B"
"""What the nodes call the two prompts of a mixture."""


def read_prompts(**conditionings: Conditioning | None) -> tuple[Prompt, ...]:
    """Read conditionings that hold one prompt with words each, by the names of their inputs."""
    prompts = {name: from_conditioning(name, conditioning) for name, conditioning in conditionings.items()}
    require_words(**prompts)
    return tuple(prompts.values())


def find_mixture(
    a: Prompt, b: Prompt, guides: Mapping[str, Prompt], steps: int, index: int = 0, *, names: tuple[str, str] = A_AND_B
) -> Choice:
    """Score the candidates and choose one: the best, or the one asked for.

    Args:
        a: First prompt.
        b: Second prompt.
        guides: The guides by the name of the input that each is connected to.
        steps: Number of candidates.
        index: The candidate to take; 0 takes the best.
        names: What the node calls A and B.
    """
    if index:
        require_index(index, steps)
    name_a, name_b = names
    remarks = describe_padding(a.rows, b.rows), about_settings(name_a, a, {name_b: b, **guides})
    a, b, *of_guides = of_one_length(a, b, *guides.values())
    try:
        result = find_optimal(a.embedding, b.embedding, [guide.embedding for guide in of_guides], steps=steps)
    except RichSpaceError as error:
        raise error.renamed({"a": name_a, "b": name_b, **names_of_guides(guides)}) from error
    return result.choice(
        index=index or None,
        counted=all(prompt.counted for prompt in (a, b, *of_guides)),
        remarks=remarks,
        name_a=a.text or "A",
        name_b=b.text or "B",
    )


def warning_about(a: Prompt, b: Prompt, **guides: Prompt) -> str:
    """Return what to say about a mixture that shows no curves, or nothing."""
    name_a, name_b = A_AND_B
    remarks = describe_padding(a.rows, b.rows), about_settings(name_a, a, {name_b: b, **guides})
    return "\n".join(filter(None, remarks))


def mix_prompts(a: Prompt, b: Prompt, index: int, steps: int) -> Prompt:
    """Mix index / steps of A with the rest of B."""

    def mix(x: Tensor, y: Tensor) -> Tensor:
        return interpolate(x, y, index=index, steps=steps)

    weight = index / steps
    a, b = of_one_length(a, b)
    return blend(a, b, mix, f"{weight:.0%} ({a.text}) + {1 - weight:.0%} ({b.text})")


def report_scores(node: type[io.ComfyNode], choices: Sequence[Choice]) -> dict[str, Any]:
    """Show the curves and the verdicts on a node.

    The page draws them from `richspace` where it runs this pack's script (``web/``); the picture says the same to
    every other page and to the history. `richspace` has one entry for each time the node is run in a prompt, with a
    panel for each stage.
    """
    return {
        **ui.PreviewImage(score_picture(choices), cls=node).as_dict(),
        "text": tuple("\n".join((choice.verdict, *choice.remarks)) for choice in choices),
        "richspace": ([choice.as_json() for choice in choices],),
    }
