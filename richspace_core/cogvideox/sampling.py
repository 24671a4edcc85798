"""Sampling of videos from text embeddings with diffusers' own CogVideoX pipeline.

References:
    RichSpace, Algorithm 3, whose denoising steps are `diffusers.CogVideoXPipeline` with `prompt_embeds`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor

from ..embedding import TextEmbedding, require_finite
from ..errors import SamplingError
from .blending import Blend, WeightedEmbedding
from .caching import cached
from .config import SchedulerName, VideoSize
from .folder import CogVideoXFolder
from .guidance import DynamicGuidance, cosine_guidance
from .latents import require_finite_video, to_comfyui_layout
from .libraries import find_class
from .options import NO_OPTIONS, SpeedOptions, attention_kernel
from .start_video import StartVideo

if TYPE_CHECKING:
    from typing_extensions import Self

#: Called after each step with the number of steps done, of all steps, and the video as predicted so far,
#: ``[1, c, f, h, w]``.
StepCallback = Callable[[int, int, Tensor], None]

_MAX_SEED = 2**64


def require_denoising_steps(steps: int) -> None:
    """Raise a SamplingError unless a number of denoising steps is a whole number of at least 1."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise SamplingError("steps", expected="an integer >= 1", got=repr(steps), hint="50 is usual.")


@dataclass(frozen=True)
class SamplingSettings:
    """Settings of a video's sampling.

    Args:
        size: Pixels and frames, as `CogVideoXConfig.video_size` takes them; 0 means the model's own.
        steps: Number of denoising steps, at least 1.
        guidance_scale: Scale of classifier-free guidance; at 1 or below, the negative prompt is not used.
        dynamic_guidance: "off" keeps the scale constant. "cosine" raises it from 1 to 1 + scale over the steps, as
            CogVideoX's authors do. "as diffusers" is that library's `use_dynamic_cfg`, whose scale jumps up and down.
        scheduler: DDIM, DPM, or auto for the scheduler that the model's folder names.

    Raises:
        SamplingError: If a value is out of range.
    """

    size: VideoSize
    steps: int = 50
    guidance_scale: float = 6.0
    dynamic_guidance: DynamicGuidance = "off"
    scheduler: SchedulerName = "auto"

    @property
    def is_guided(self) -> bool:
        """Whether the negative prompt is used."""
        return self.guidance_scale > 1

    def __post_init__(self) -> None:
        require_denoising_steps(self.steps)
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
    positive: TextEmbedding | Sequence[WeightedEmbedding],
    negative: TextEmbedding | None,
    settings: SamplingSettings,
    *,
    seed: int,
    start: StartVideo | None = None,
    options: SpeedOptions = NO_OPTIONS,
    on_step: StepCallback | None = None,
) -> Tensor:
    """Sample the latents of one video from text embeddings, and from another video if there is a start.

    The latents are those of diffusers' pipeline with the same embeddings, seed and settings, in ComfyUI's layout and
    scale. Noise comes from a CPU generator, so a seed gives the same noise on every device.

    Args:
        folder: Folder of the model, whose noise schedule is used.
        transformer: Denoiser of the model, on the device to run on.
        positive: Embedding of what to draw, as long and as wide as the model reads; or several, each with its weight in
            every latent frame. A step takes one prediction for each.
        negative: Embedding of what to avoid, same shape; usually that of the empty prompt. None if the guidance scale
            is at most 1, which does not use it.
        settings: Size, steps, guidance and scheduler.
        seed: Any integer; taken modulo 2^64.
        start: Video to change, with the strength of the change; its size is the video's.
        options: What makes the sampling faster; `transformer` is prepared for them.
        on_step: Called after each step. An exception that it raises ends the sampling.

    Returns:
        float32 ``[1, c, f, h, w]`` on the transformer's device.

    Raises:
        SamplingError: If an embedding or the start does not fit the model, the model cannot make the size, or the
            video is not finite.
        EmbeddingError: If an embedding holds NaN or infinity.

    Reference:
        RichSpace, Algorithm 3, lines 19-25.
    """
    prompts = _as_weighted(positive)
    if negative is None:
        negative = _unused_negative(prompts, settings)
    for prompt in prompts:
        require_fits(folder, positive=prompt.embedding, negative=negative)
    size = start.video_size(folder, settings.size) if start else folder.video_size(**asdict(settings.size))
    taken = start.steps_taken(settings.steps) if start else settings.steps
    device, dtype = options.place(transformer)
    pipeline = (make_changing_pipeline if start else make_pipeline)(folder, transformer, settings.scheduler)
    generator = torch.Generator("cpu").manual_seed(seed % _MAX_SEED)
    with ExitStack() as contexts:
        contexts.enter_context(torch.inference_mode())
        contexts.enter_context(attention_kernel(options.attention))
        contexts.enter_context(cached(pipeline, options.cache, guided=settings.is_guided, prompts=len(prompts)))
        # The blend comes before the view, so that the view sees the average.
        contexts.enter_context(Blend(transformer, prompts, device, dtype))
        view = contexts.enter_context(_DenoisedView(pipeline, on_step, settings, taken))
        latents: Tensor = pipeline(
            prompt_embeds=prompts[0].embedding.values[None].to(device, dtype),
            negative_prompt_embeds=negative.values[None].to(device, dtype),
            generator=generator,
            max_sequence_length=folder.text_length,
            output_type="latent",
            **_start_arguments(folder, pipeline, start, settings, generator, size, (device, dtype)),
            **view.arguments,
        ).frames  # [1, f, c, h, w]
    latents = to_comfyui_layout(latents, folder, size.frames).float()
    require_finite_video(latents, dtype)
    return latents


def _as_weighted(positive: TextEmbedding | Sequence[WeightedEmbedding]) -> Sequence[WeightedEmbedding]:
    if isinstance(positive, TextEmbedding):
        return [WeightedEmbedding(positive, torch.ones(1))]
    if not positive:
        raise SamplingError("positive", expected="at least one prompt", got="none")
    return positive


def _start_arguments(
    folder: CogVideoXFolder,
    pipeline: Any,
    start: StartVideo | None,
    settings: SamplingSettings,
    generator: torch.Generator,
    size: VideoSize,
    place: tuple[torch.device, torch.dtype],
) -> dict[str, Any]:
    """Return the arguments of a pipeline that say where its sampling starts."""
    shape: dict[str, Any] = {"width": size.width, "height": size.height}
    if start is None:
        return {**shape, "num_frames": size.frames}
    noised = start.noised(folder, pipeline.scheduler, settings.steps, generator, *place)
    return {**shape, "latents": noised, "strength": start.strength}


def _unused_negative(prompts: Sequence[WeightedEmbedding], settings: SamplingSettings) -> TextEmbedding:
    """Return an embedding of the right shape for the pipeline, which does not use it."""
    if settings.is_guided:
        raise SamplingError(
            "negative",
            expected=f"an embedding, since guidance_scale is {settings.guidance_scale:g}",
            got="None",
            hint="Take the embedding of the empty prompt, or a guidance_scale of 1.",
        )
    return prompts[0].embedding


def make_pipeline(folder: CogVideoXFolder, transformer: torch.nn.Module, scheduler: SchedulerName = "auto") -> Any:
    """Make a `diffusers.CogVideoXPipeline` that only denoises, without text encoder and autoencoder.

    Args:
        folder: Folder of the model.
        transformer: Denoiser of the model.
        scheduler: DDIM, DPM, or auto for the one that the folder names.
    """
    return _denoising_pipeline("CogVideoXPipeline", folder, transformer, scheduler, folder.temporal_ratio)


def make_changing_pipeline(
    folder: CogVideoXFolder, transformer: torch.nn.Module, scheduler: SchedulerName = "auto"
) -> Any:
    """Make a `diffusers.CogVideoXVideoToVideoPipeline` that only denoises latents which are noised already.

    Args:
        folder: Folder of the model.
        transformer: Denoiser of the model.
        scheduler: DDIM, DPM, or auto for the one that the folder names.
    """
    # The pipeline takes the number of latents for one of frames when it looks whether they fill whole patches.
    return _denoising_pipeline("CogVideoXVideoToVideoPipeline", folder, transformer, scheduler, temporal_ratio=1)


def _denoising_pipeline(
    kind: str, folder: CogVideoXFolder, transformer: torch.nn.Module, scheduler: SchedulerName, temporal_ratio: int
) -> Any:
    pipeline = find_class("diffusers", kind)(
        tokenizer=None,
        text_encoder=None,
        vae=None,
        transformer=transformer,
        scheduler=folder.make_scheduler(scheduler),
    )
    # Without an autoencoder the pipeline assumes the published one's ratios.
    pipeline.vae_scale_factor_spatial = folder.spatial_ratio
    pipeline.vae_scale_factor_temporal = temporal_ratio
    pipeline.vae_scaling_factor_image = folder.scaling_factor
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


class _DenoisedView:
    """Guidance of each step of a pipeline, and a view of the finished video as predicted so far.

    The pipeline's own callback sees the noisy latents alone. The clean latents follow from those and from what the
    denoiser returned, which a forward hook catches.
    """

    def __init__(self, pipeline: Any, on_step: StepCallback | None, settings: SamplingSettings, taken: int) -> None:
        self._pipeline, self._on_step, self._settings = pipeline, on_step, settings
        self._taken = taken  # steps of the schedule that are taken: the last ones
        self._noisy: Tensor | None = None
        self._prediction: Tensor | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the pipeline that concern its steps."""
        return {
            "num_inference_steps": self._settings.steps,
            "guidance_scale": self._first_guidance_scale,
            "use_dynamic_cfg": self._settings.dynamic_guidance == "as diffusers",
            "callback_on_step_end": self.step_done,
        }

    @property
    def _first_guidance_scale(self) -> float:
        if self._settings.dynamic_guidance != "cosine" or self._settings.guidance_scale <= 1:
            return self._settings.guidance_scale
        # Exactly 1 would tell the pipeline to leave the negative prompt out of every step.
        return max(self._guidance(0), math.nextafter(1.0, 2.0))

    def __enter__(self) -> Self:
        self._hook = self._pipeline.transformer.register_forward_hook(self._catch, with_kwargs=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def step_done(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """Show the video as predicted after a step, and set the guidance of the next one."""
        if self._on_step is not None:
            self._on_step(step + 1, self._taken, self._denoised(int(timestep)))
        if self._settings.dynamic_guidance == "cosine":
            pipeline._guidance_scale = self._guidance(step + 1)  # the documented way to change it between steps
        return tensors

    def _guidance(self, step: int) -> float:
        steps = self._settings.steps
        return cosine_guidance(self._settings.guidance_scale, steps - self._taken + step, steps)

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
