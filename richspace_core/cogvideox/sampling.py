"""Text embeddings to video, through diffusers' own CogVideoX pipeline.

References:
    RichSpace, Algorithm 3, whose denoising steps are `diffusers.CogVideoXPipeline` with `prompt_embeds`.
    CogVideoX, for the schedules of guidance and noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ..embedding import TextEmbedding, require_finite
from ..errors import SamplingError
from .config import SchedulerName, VideoSize
from .folder import CogVideoXFolder

DynamicGuidance = Literal["off", "cosine", "as diffusers"]
#: Called after each step with the steps done, the steps in all and the video as predicted so far, [1, c, f, h, w].
StepCallback = Callable[[int, int, Tensor], None]
#: Called after each group of frames that is decoded, with the groups done and the groups in all.
GroupCallback = Callable[[int, int], None]

#: How late in the schedule the cosine guidance rises; CogVideoX's own exponent.
_GUIDANCE_EXPONENT = 5.0
_MAX_SEED = 2**64


@dataclass(frozen=True)
class SamplingSettings:
    """How a video is sampled.

    Args:
        size: Pixels and frames, as `CogVideoXFolder.video_size` takes them: 0 means the model's own.
        steps: Denoising steps, at least 1.
        guidance_scale: Weight of classifier-free guidance; at 1 or below the negative prompt is not used.
        dynamic_guidance: Off keeps the scale constant. "cosine" raises it from 1 to 1 + scale over the steps, as
            CogVideoX's authors do. "as diffusers" is that library's `use_dynamic_cfg`, which puts the timestep where
            the formula has the step and so jumps up and down between the two.
        scheduler: DDIM, DPM, or auto for the one that the model's folder names.
    """

    size: VideoSize
    steps: int = 50
    guidance_scale: float = 6.0
    dynamic_guidance: DynamicGuidance = "off"
    scheduler: SchedulerName = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise SamplingError("steps", expected="an integer >= 1", got=repr(self.steps), hint="50 is usual.")
        if not math.isfinite(self.guidance_scale) or self.guidance_scale < 0:
            raise SamplingError(
                "guidance_scale", expected="a number of at least 0", got=str(self.guidance_scale), hint="6 is usual."
            )
        if self.dynamic_guidance not in get_args(DynamicGuidance):
            raise SamplingError(
                "dynamic_guidance",
                expected=f"one of {', '.join(get_args(DynamicGuidance))}",
                got=repr(self.dynamic_guidance),
            )


def require_fits(folder: CogVideoXFolder, **prompts: TextEmbedding) -> None:
    """Raise an error that names the first of `prompts` that the model cannot read, by its shape or its values."""
    for name, prompt in prompts.items():
        expected = [folder.text_length, folder.text_width]
        if list(prompt.values.shape) != expected:
            raise SamplingError(
                name,
                expected=f"an embedding of {expected[0]} tokens by {expected[1]}, as {folder.name} reads",
                got=f"{prompt.values.shape[0]} by {prompt.values.shape[1]}",
                hint="Encode the prompts with the T5 that belongs to this model.",
            )
        require_finite(name, prompt.values)


def sample_latents(
    folder: CogVideoXFolder,
    transformer: torch.nn.Module,
    positive: TextEmbedding,
    negative: TextEmbedding,
    settings: SamplingSettings,
    *,
    seed: int,
    on_step: StepCallback | None = None,
) -> Tensor:
    """Sample one video's latents from text embeddings.

    Noise comes from a CPU generator, so a seed gives the same noise on every device; the latents are those of calling
    diffusers' pipeline with the same embeddings, seed and settings, in the host's layout and scale: frames after
    channels, and divided by the autoencoder's scaling factor.

    Args:
        folder: The model's folder, whose noise schedule is used.
        transformer: Its denoiser, loaded, on the device to run on.
        positive: What to draw, as long and as wide as the model reads.
        negative: What to avoid, same shape; usually the empty prompt.
        settings: Size, steps, guidance and scheduler.
        seed: Any integer; taken modulo 2^64.
        on_step: Called after each step; what it raises ends the sampling and is passed on.

    Returns:
        float32 ``[1, c, f, h, w]`` on the transformer's device.

    Raises:
        SamplingError: If an embedding does not fit the model, the model cannot make the size, or the video came out
            NaN or infinite.
        EmbeddingError: If an embedding holds NaN or infinity.

    Reference:
        RichSpace, Algorithm 3, lines 19-25.
    """
    require_fits(folder, positive=positive, negative=negative)
    size = folder.video_size(**asdict(settings.size))
    weights = next(transformer.parameters())
    pipeline = make_pipeline(folder, transformer, settings.scheduler)
    view = _DenoisedView(pipeline, on_step, settings)
    with torch.inference_mode(), view:
        latents: Tensor = pipeline(
            prompt_embeds=positive.values[None].to(weights.device, weights.dtype),
            negative_prompt_embeds=negative.values[None].to(weights.device, weights.dtype),
            width=size.width,
            height=size.height,
            num_frames=size.frames,
            num_inference_steps=settings.steps,
            guidance_scale=view.first_guidance_scale,
            use_dynamic_cfg=settings.dynamic_guidance == "as diffusers",
            generator=torch.Generator("cpu").manual_seed(seed % _MAX_SEED),
            callback_on_step_end=view.step_done,
            output_type="latent",
            max_sequence_length=folder.text_length,
        ).frames  # [1, f, c, h, w]
    latents = _in_host_layout(latents, folder, size.frames).float()
    _require_finite_video(latents, weights.dtype)
    return latents


def make_pipeline(folder: CogVideoXFolder, transformer: torch.nn.Module, scheduler: SchedulerName = "auto") -> Any:
    """A `diffusers.CogVideoXPipeline` that only denoises: without text encoder and autoencoder.

    Args:
        folder: The model's folder.
        transformer: Its denoiser, loaded.
        scheduler: DDIM, DPM, or auto for the one that the folder names.
    """
    from diffusers import CogVideoXPipeline

    pipeline = CogVideoXPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=None,
        transformer=transformer,
        scheduler=folder.make_scheduler(scheduler),
    )
    # Without an autoencoder the pipeline assumes the published one's ratios.
    pipeline.vae_scale_factor_spatial = folder.spatial_ratio
    pipeline.vae_scale_factor_temporal = folder.temporal_ratio
    pipeline.vae_scaling_factor_image = folder.scaling_factor
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def decode_latents(vae: Any, latents: Tensor, *, tiled: bool = False, on_group: GroupCallback | None = None) -> Tensor:
    """Decode one video's latents to frames.

    The autoencoder goes through a video in order, two latent frames at a time. Tiles are cut in space only, and each
    goes through all of its frames, so a video of any length is exact in time, tiled or not.

    Args:
        vae: A diffusers `AutoencoderKLCogVideoX`, loaded, on the device to run on.
        latents: ``[1, c, f, h, w]`` in the host's layout and scale.
        tiled: Decode in overlapping tiles: less memory, a little more time, seams blended.
        on_group: Called after each group of frames of each tile; what it raises ends the decoding and is passed on.

    Returns:
        float32 ``[frames, height, width, 3]`` in 0..1 on the autoencoder's device.

    Raises:
        SamplingError: If the latents are not this autoencoder's, or the frames came out NaN or infinite.
    """
    channels = int(vae.config.latent_channels)
    if latents.ndim != 5 or latents.shape[0] != 1 or latents.shape[1] != channels:
        raise SamplingError(
            "latents",
            expected=f"one video's latents with {channels} channels, [1, {channels}, frames, height, width]",
            got=f"{list(latents.shape)}",
            hint="Decode with the model that sampled them.",
        )
    weights = next(vae.parameters())
    was_tiled = vae.use_tiling
    vae.use_tiling = tiled
    latents = latents.to(weights.device, weights.dtype)
    total, done = _count_groups(vae, latents), count(1)
    watch = vae.decoder.register_forward_hook(lambda *_: on_group(next(done), total) if on_group else None)
    try:
        with torch.inference_mode():
            video: Tensor = vae.decode(latents).sample  # [1, 3, frames, height, width]
    finally:
        watch.remove()
        vae.use_tiling = was_tiled
    _require_finite_video(video, weights.dtype)
    return (video[0].float() / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0)


def false_colour_preview(latents: Tensor) -> Tensor:
    """A small picture of latents: their three principal components as red, green and blue.

    Needs nothing of the model, so it works for any of them; the colours mean nothing, shapes and motion do.

    Args:
        latents: ``[1, c, f, h, w]`` with at least three channels; the middle frame is shown.

    Returns:
        float32 ``[h, w, 3]`` in 0..1 on the CPU; plain grey if the frame is not finite, which has no components.
    """
    frame = latents[0, :, latents.shape[2] // 2].float().cpu()  # [c, h, w]
    if not bool(torch.isfinite(frame).all()):
        return torch.full((*frame.shape[1:], 3), 0.5)
    pixels = frame.flatten(1).T  # [h * w, c]
    pixels = pixels - pixels.mean(dim=0)
    _, axes = torch.linalg.eigh(pixels.T @ pixels)  # columns, the largest component last
    axes = axes[:, -3:].flip(1)
    # An axis and its opposite are the same component: fix the sign, or colours would flip from step to step.
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    picture: Tensor = (pixels @ axes).unflatten(0, frame.shape[1:])  # [h, w, 3]
    spread = picture.flatten(0, 1).std(dim=0).clamp(min=1e-6)
    return (picture / (4 * spread) + 0.5).clamp(0, 1)


def cosine_guidance(scale: float, step: int, steps: int) -> float:
    """Guidance weight at a step (from 0): ``1 + scale (1 - cos(pi (step / steps)^5)) / 2``.

    Reference:
        CogVideoX's dynamic guidance; its formula counts steps, where diffusers' `use_dynamic_cfg` takes timesteps.
    """
    return 1 + scale * (1 - math.cos(math.pi * (step / steps) ** _GUIDANCE_EXPONENT)) / 2


def timestep_guidance(scale: float, timestep: int, steps: int) -> float:
    """Guidance weight at a timestep (999 to 0) of diffusers' `use_dynamic_cfg`, which is `cosine_guidance` of it.

    Reference:
        `diffusers.CogVideoXPipeline.__call__`.
    """
    return 1 + scale * (1 - math.cos(math.pi * ((steps - timestep) / steps) ** _GUIDANCE_EXPONENT)) / 2


def _in_host_layout(latents: Tensor, folder: CogVideoXFolder, frames: int) -> Tensor:
    # CogVideoX 1.5 samples whole patches of frames: the surplus stands in front.
    surplus = latents.shape[1] - folder.latent_frames(frames)
    return latents[:, surplus:].permute(0, 2, 1, 3, 4) * (1 / folder.scaling_factor)


def _count_groups(vae: Any, latents: Tensor) -> int:
    """Count how often the decoder runs: once for a group of frames of a tile, as diffusers lays them."""
    frames, height, width = latents.shape[2:]
    groups: int = max(1, frames // vae.num_latent_frames_batch_size)
    tile = vae.tile_latent_min_height, vae.tile_latent_min_width
    if not vae.use_tiling or (height <= tile[0] and width <= tile[1]):
        return groups
    overlaps = vae.tile_overlap_factor_height, vae.tile_overlap_factor_width
    strides = (int(side * (1 - overlap)) for side, overlap in zip(tile, overlaps, strict=True))
    return groups * math.prod(len(range(0, side, step)) for side, step in zip((height, width), strides, strict=True))


def _require_finite_video(values: Tensor, dtype: torch.dtype) -> None:
    if not bool(torch.isfinite(values).all()):
        raise SamplingError(
            "video",
            expected="finite numbers",
            got="NaN or infinity",
            hint=f"{str(dtype).removeprefix('torch.')} overflowed: choose bfloat16 or float32 in the loader.",
        )


class _DenoisedView:
    """Watches a pipeline denoise: guides each step, and tells a callback what the finished video looks like so far.

    The pipeline's own callback sees only the noisy latents; the prediction of the clean ones follows from them and
    from what the denoiser returned, which a forward hook catches.
    """

    def __init__(self, pipeline: Any, on_step: StepCallback | None, settings: SamplingSettings) -> None:
        self._pipeline, self._on_step, self._settings = pipeline, on_step, settings
        self._noisy: Tensor | None = None
        self._prediction: Tensor | None = None

    @property
    def first_guidance_scale(self) -> float:
        if self._settings.dynamic_guidance != "cosine" or self._settings.guidance_scale <= 1:
            return self._settings.guidance_scale
        # Exactly 1 would tell the pipeline to leave the negative prompt out of every step.
        return max(self._guidance(0), math.nextafter(1.0, 2.0))

    def __enter__(self) -> None:
        self._hook = self._pipeline.transformer.register_forward_hook(self._catch, with_kwargs=True)

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def step_done(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self._on_step is not None:
            self._on_step(step + 1, self._settings.steps, self._denoised(int(timestep)))
        if self._settings.dynamic_guidance == "cosine":
            pipeline._guidance_scale = self._guidance(step + 1)  # the documented way to change it between steps
        return tensors

    def _guidance(self, step: int) -> float:
        return cosine_guidance(self._settings.guidance_scale, step, self._settings.steps)

    def _catch(self, _module: Any, _args: Any, kwargs: dict[str, Any], output: tuple[Tensor]) -> None:
        self._noisy, self._prediction = kwargs["hidden_states"][-1:], output[0]

    def _denoised(self, timestep: int) -> Tensor:
        if self._noisy is None or self._prediction is None:
            raise SamplingError("transformer", expected="to be called in every step", got="no call")
        guided = self._prediction.float()
        if len(guided) == 2:
            unguided, guided = guided.chunk(2)
            guided = unguided + self._pipeline.guidance_scale * (guided - unguided)
        alpha = float(self._pipeline.scheduler.alphas_cumprod[timestep])
        clean: Tensor = alpha**0.5 * self._noisy.float() - (1 - alpha) ** 0.5 * guided  # v-prediction
        return clean.permute(0, 2, 1, 3, 4)
