"""Mixtures of the prompts that ComfyUI's conditionings hold: read the prompts, mix them, describe what is lost."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ...richspace_core import foot_coefficient, interpolate
from ...richspace_core.finder.geometry import point_on_line, require_index
from .conditioning import Conditioning, Prompt, blend, describe_padding, pad_to_one_length, read_prompt, require_words
from .prompt_settings import describe_lost_settings

A_AND_B = "A", "B"
"""Names of the two prompts of a mixture in the nodes."""


def read_prompts(**conditionings: Conditioning | None) -> tuple[Prompt, ...]:
    """Read conditionings, each of which holds one prompt with words, by the names of their inputs."""
    prompts = {name: read_prompt(name, conditioning) for name, conditioning in conditionings.items()}
    require_words(**prompts)
    return tuple(prompts.values())


def describe_mixture(
    a: Prompt, b: Prompt, guides: Mapping[str, Prompt] | None = None, *, names: tuple[str, str] = A_AND_B
) -> tuple[str, ...]:
    """Return remarks on what a mixture does not take over from its prompts; often none.

    Args:
        a: First prompt.
        b: Second prompt.
        guides: Guides by the names of their inputs.
        names: Names of A and B in the node.
    """
    name_a, name_b = names
    others = {name_b: b, **(guides or {})}
    return tuple(filter(None, (describe_padding(a.rows, b.rows), describe_lost_settings(name_a, a, others))))


def mix_prompts(a: Prompt, b: Prompt, index: int, steps: int) -> Prompt:
    """Mix index / steps of A with the rest of B."""
    require_index(index, steps)

    def mix(x: Tensor, y: Tensor) -> Tensor:
        return interpolate(x, y, index=index, steps=steps)

    weight = index / steps
    a, b = pad_to_one_length(a, b)
    return blend(a, b, mix, f"{weight:.0%} ({a.text}) + {1 - weight:.0%} ({b.text})")


def mix_for_draft(a: Prompt, b: Prompt, index: int, steps: int) -> Prompt:
    """Mix as `mix_prompts` does, with B as candidate 0; like every mixture, it has the settings of A."""
    if index:
        return mix_prompts(a, b, index, steps)
    a, b = pad_to_one_length(a, b)
    return blend(a, b, lambda _, of_b: of_b, b.text)


def project_guide(a: Prompt, b: Prompt, guide: Prompt) -> tuple[Prompt, float]:
    """Return the point on the line through A and B that is nearest to a guide, and its position: 0 is A, 1 is B."""
    a, b, guide = pad_to_one_length(a, b, guide)
    coefficient = foot_coefficient(a.embedding.values, b.embedding.values, guide.embedding.values)

    def mix(x: Tensor, y: Tensor) -> Tensor:
        return point_on_line(x, y, coefficient)

    return blend(a, b, mix, f"({guide.text}) seen from ({a.text}) and ({b.text})"), coefficient
