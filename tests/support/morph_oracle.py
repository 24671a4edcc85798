"""Morphs sampled by diffusers' own pipeline, latent frame by latent frame, with none of the pack's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor


def exactly(a: Tensor, b: Tensor, weights: list[float]) -> Callable[[Any, int], Tensor]:
    """Predict each latent frame with the mixture of two embeddings that its weight of `a` says."""

    def of_frame(predict: Callable[[Tensor], Tensor], frame: int) -> Tensor:
        return predict(weights[frame] * a + (1 - weights[frame]) * b)

    return of_frame


def fast(a: Tensor, b: Tensor, weights: list[float]) -> Callable[[Any, int], Tensor]:
    """Average the predictions with two embeddings in each latent frame by its weight of `a`."""

    def of_frame(predict: Callable[[Tensor], Tensor], frame: int) -> Tensor:
        return weights[frame] * predict(a) + (1 - weights[frame]) * predict(b)

    return of_frame


def sample_literally(
    folder: Path,
    of_frame: Callable[[Any, int], Tensor],
    first: Tensor,
    negative: Tensor,
    *,
    latents: int,
    scheduler: str = "DDIM",
    seed: int = 5,
    cfg: float = 6.0,
    **options: Any,
) -> Tensor:
    """Sample with diffusers' pipeline; return latents in ComfyUI's layout and scale.

    Args:
        folder: diffusers folder of the model.
        of_frame: Function that makes the prediction of one latent frame from a function of embedding to prediction.
        first: Any embedding of a positive prompt, ``[1, n, d]``, for the pipeline's checks.
        negative: Embedding of the negative prompt.
        latents: Number of latent frames of the video.
        scheduler: DDIM or DPM.
        seed: Seed of the noise.
        cfg: Guidance scale.
        options: Further arguments of the pipeline.
    """
    import diffusers

    pipeline = diffusers.CogVideoXPipeline.from_pretrained(
        folder, text_encoder=None, tokenizer=None, torch_dtype=torch.float32
    )
    kind = getattr(diffusers, f"CogVideoX{scheduler}Scheduler")
    pipeline.scheduler = kind.from_config(pipeline.scheduler.config, timestep_spacing="trailing")
    pipeline.set_progress_bar_config(disable=True)
    transformer = pipeline.transformer.forward

    def forward(hidden_states: Tensor, encoder_hidden_states: Tensor, timestep: Tensor, **rest: Any) -> Any:
        def predict(embedding: Tensor) -> Tensor:
            return transformer(hidden_states[-1:], embedding, timestep[-1:], **rest)[0]

        surplus = hidden_states.shape[1] - latents
        frames = [
            of_frame(predict, max(place - surplus, 0))[:, place : place + 1] for place in range(latents + surplus)
        ]
        rows = [torch.cat(frames, dim=1)]
        if len(hidden_states) == 2:
            rows.insert(0, transformer(hidden_states[:1], encoder_hidden_states[:1], timestep[:1], **rest)[0])
        return (torch.cat(rows),)

    pipeline.transformer.forward = forward
    with torch.inference_mode():
        sampled = pipeline(
            prompt_embeds=first,
            negative_prompt_embeds=negative,
            guidance_scale=cfg,
            generator=torch.Generator().manual_seed(seed),
            max_sequence_length=first.shape[1],
            output_type="latent",
            **options,
        ).frames
    surplus = sampled.shape[1] - latents
    return sampled[:, surplus:].movedim(1, 2) / pipeline.vae.config.scaling_factor
