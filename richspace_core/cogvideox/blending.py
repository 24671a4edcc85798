"""Several prompts in one video, each with its weight in every latent frame.

In every step the denoiser predicts the video with each prompt, and the predictions are averaged latent frame by latent
frame: ``sum_k w_k v_k / sum_k w_k``. ComfyUI's samplers do the same with conditionings that have masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..embedding import TextEmbedding
from ..errors import SamplingError
from ..out_of_memory import raise_if_out_of_memory
from .caching import cache_state

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class WeightedEmbedding:
    """Prompt with its weight in every latent frame of a video.

    Args:
        embedding: Embedding of the prompt.
        weights: Floating point ``[f]``, or ``[f, h, w]`` for weights that also differ within the frames, at least 0.
    """

    embedding: TextEmbedding
    weights: Tensor


class Blend:
    """Context in which a denoiser's prediction for the last of its inputs is the average over several prompts.

    The pipeline calls the denoiser with the first prompt. A forward hook adds the predictions with the others.

    Args:
        transformer: Denoiser of the model.
        prompts: At least one prompt; a single one changes nothing.
        device: Device of the sampling.
        dtype: Number type of the sampling.

    Raises:
        SamplingError: If the weights do not fit each other, or add up to 0 somewhere.
    """

    def __init__(
        self,
        transformer: torch.nn.Module,
        prompts: Sequence[WeightedEmbedding],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._transformer = transformer
        self._others = [prompt.embedding.values[None].to(device, dtype) for prompt in prompts[1:]]
        self._weights = normalized_weights(prompts).to(device) if self._others else None
        self._hook: torch.utils.hooks.RemovableHandle | None = None

    def __enter__(self) -> Self:
        if self._others:
            self._hook = self._transformer.register_forward_hook(self._average, with_kwargs=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._hook is not None:
            self._hook.remove()

    def _average(
        self, module: Any, _args: Any, kwargs: dict[str, Any], output: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Return the denoiser's output with the last prediction averaged; the first ones are without a prompt."""
        last = {name: kwargs[name][-1:] for name in ("hidden_states", "timestep")}
        predictions = [output[0][-1:]]
        for number, embedding in enumerate(self._others):
            given = {**kwargs, **last, "encoder_hidden_states": embedding}
            with cache_state(module, f"prompt {number + 2}"):
                predictions.append(module.forward(**given)[0])  # not called, since that would run this hook again
        averaged = output[0].clone()
        weights = self._weights_of(averaged.shape[1])
        averaged[-1:] = sum(weight * each.float() for weight, each in zip(weights, predictions, strict=True)).to(
            averaged
        )
        return averaged, *output[1:]

    def _weights_of(self, latents: int) -> Tensor:
        """Return the weights for `latents` frames, ``[k, latents, 1, h, w]``.

        CogVideoX 1.5 samples more latent frames in front of a video; they have the weights of the first.
        """
        assert self._weights is not None
        surplus = latents - self._weights.shape[1]
        if surplus < 0:
            raise SamplingError(
                "positive", expected=f"weights for {latents} latent frames", got=str(self._weights.shape[1])
            )
        front = self._weights[:, :1].expand(-1, surplus, -1, -1)
        return torch.cat([front, self._weights], dim=1)[:, :, None]


def normalized_weights(prompts: Sequence[WeightedEmbedding]) -> Tensor:
    """Return the weights of prompts so that they add up to 1 everywhere: float32 ``[k, f, h, w]``.

    Args:
        prompts: Prompts whose weights can be broadcast together.

    Raises:
        SamplingError: If they cannot, or the weights add up to 0 somewhere or are not finite.
    """
    each = [
        weights if weights.ndim == 3 else weights[:, None, None] for weights in (p.weights.float() for p in prompts)
    ]
    try:
        weights = torch.stack(torch.broadcast_tensors(*each))  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise_if_out_of_memory(error)
        shapes = ", ".join(str(list(one.shape)) for one in each)
        raise SamplingError("positive", expected="masks of one size", got=shapes) from error
    total = weights.sum(dim=0)
    if not bool((total > 0).all()) or not bool(torch.isfinite(total).all()) or bool((weights < 0).any()):
        raise SamplingError(
            "positive",
            expected="masks that leave no part of the video without a prompt",
            got="masks that add up to 0 somewhere",
            hint="Combine it with a prompt for the rest of the video.",
        )
    return weights / total
