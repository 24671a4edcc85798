"""Ways to mix two prompts that the evaluation compares with the paper's candidates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from richspace_core import TextEmbedding, interpolate

from .pairs import SLERP, STEPS

_PARALLEL = 1e-4  # sine of an angle below which two rows are mixed in a straight line


def mix(way: str, a: TextEmbedding, b: TextEmbedding, index: int) -> TextEmbedding:
    """Return candidate `index` between B (0) and A, interpolated as the paper does or along an arc (`SLERP`)."""
    if index in (0, STEPS):
        return a if index else b
    if way == SLERP:
        values = slerp_rows(a.values, b.values, index / STEPS)
    else:
        values = interpolate(a.values, b.values, index=index, steps=STEPS)
    return TextEmbedding(values, max(a.token_count, b.token_count))


def slerp_rows(a: Tensor, b: Tensor, weight: float) -> Tensor:
    """Interpolate the direction of each row along an arc, and its length in a straight line.

    Args:
        a: ``[n, d]``.
        b: ``[n, d]``.
        weight: The share of `a`.
    """
    length_a, length_b = (rows.norm(dim=-1, keepdim=True) for rows in (a, b))
    unit_a, unit_b = a / length_a, b / length_b
    angle = torch.arccos((unit_a * unit_b).sum(dim=-1, keepdim=True).clamp(-1, 1))
    along_arc = (torch.sin(weight * angle) * unit_a + torch.sin((1 - weight) * angle) * unit_b) / torch.sin(angle)
    straight = torch.lerp(unit_b, unit_a, weight)
    direction = torch.where(torch.sin(angle) < _PARALLEL, straight, along_arc)
    return direction * torch.lerp(length_b, length_a, weight)


class AveragedPredictions(torch.nn.Module):
    """Denoiser that predicts for two prompts in every step and returns the weighted average.

    It takes the place of a model's denoiser in diffusers' pipeline, which passes the negative prompt and prompt A in
    one batch.

    Args:
        transformer: The model's denoiser.
        b: Embedding of prompt B.
        weight: The share of A's prediction.
    """

    def __init__(self, transformer: torch.nn.Module, b: TextEmbedding, weight: float) -> None:
        super().__init__()
        self.transformer = transformer
        self._b, self._weight = b.values[None], weight

    def __getattr__(self, name: str) -> Any:
        """Return what the pipeline asks for besides predictions, such as the configuration, from the denoiser."""
        if name == "transformer":
            return super().__getattr__(name)
        return getattr(self.transformer, name)

    def forward(
        self, hidden_states: Tensor, encoder_hidden_states: Tensor, timestep: Tensor, **settings: Any
    ) -> tuple[Tensor]:
        """Predict for the negative prompt and for the mixture."""
        unguided, of_a, of_b = self.transformer(
            hidden_states=torch.cat([hidden_states, hidden_states[-1:]]),
            encoder_hidden_states=torch.cat([encoder_hidden_states, self._b.to(encoder_hidden_states)]),
            timestep=torch.cat([timestep, timestep[-1:]]),
            **settings,
        )[0].split(1)
        return (torch.cat([unguided, torch.lerp(of_b, of_a, self._weight)]),)
