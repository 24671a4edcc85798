"""CogVideoX configuration, and the rules for size, frames, text length and noise schedule that follow from it.

References:
    `config.json` and `scheduler_config.json` as diffusers writes them. A value that is missing in a file has diffusers'
    default, which is the default of the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import torch

from ..errors import ModelFolderError, SamplingError
from ..out_of_memory import raise_if_out_of_memory

SchedulerName = Literal["auto", "DDIM", "DPM"]

_SCHEDULERS: dict[str, str] = {"DDIM": "CogVideoXDDIMScheduler", "DPM": "CogVideoXDPMScheduler"}
_SIZE_OF_1_5 = 1360, 768
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}

#: Largest value of each size in a configuration, well above those of the published models.
_MOST: dict[str, int] = {
    **dict.fromkeys(("num_layers", "layers_per_block", "patch_size", "patch_size_t", "num_decoder_layers"), 512),
    **dict.fromkeys(("num_attention_heads", "num_heads", "attention_head_dim", "d_kv", "norm_num_groups"), 4096),
    **dict.fromkeys(("in_channels", "out_channels", "latent_channels", "temporal_compression_ratio"), 4096),
    **dict.fromkeys(("sample_width", "sample_height", "sample_frames", "max_text_seq_length"), 16_384),
    **dict.fromkeys(("time_embed_dim", "ofs_embed_dim", "text_embed_dim", "d_model", "block_out_channels"), 65_536),
    **dict.fromkeys(("d_ff", "num_train_timesteps", "relative_attention_num_buckets"), 262_144),
    **dict.fromkeys(("relative_attention_max_distance", "vocab_size"), 4_194_304),
}
_DIVISORS = ("scaling_factor",)
_MOST_LEVELS = 8  # of an autoencoder; each halves the picture

PartConfig = TypeVar("PartConfig", "TransformerConfig", "VAEConfig", "SchedulerConfig")


@dataclass(frozen=True)
class TransformerConfig:
    """Configuration of the denoiser, `diffusers.CogVideoXTransformer3DModel`."""

    num_attention_heads: int = 30
    attention_head_dim: int = 64
    in_channels: int = 16
    out_channels: int = 16
    flip_sin_to_cos: bool = True
    freq_shift: int = 0
    time_embed_dim: int = 512
    ofs_embed_dim: int | None = None
    text_embed_dim: int = 4096
    num_layers: int = 30
    dropout: float = 0.0
    attention_bias: bool = True
    sample_width: int = 90
    sample_height: int = 60
    sample_frames: int = 49
    patch_size: int = 2
    patch_size_t: int | None = None
    temporal_compression_ratio: int = 4
    max_text_seq_length: int = 226
    spatial_interpolation_scale: float = 1.875
    temporal_interpolation_scale: float = 1.0
    use_rotary_positional_embeddings: bool = False
    use_learned_positional_embeddings: bool = False
    patch_bias: bool = True

    @property
    def width(self) -> int:
        """Width of the hidden states."""
        return self.num_attention_heads * self.attention_head_dim


@dataclass(frozen=True)
class VAEConfig:
    """Configuration of the video autoencoder, `diffusers.AutoencoderKLCogVideoX`."""

    block_out_channels: tuple[int, ...] = (128, 256, 256, 512)
    latent_channels: int = 16
    layers_per_block: int = 3
    norm_num_groups: int = 32
    temporal_compression_ratio: int = 4
    scaling_factor: float = 1.15258426


@dataclass(frozen=True)
class SchedulerConfig:
    """Configuration of the noise schedule, for both schedulers of CogVideoX.

    Args:
        class_name: Class of the scheduler that the file names, or an empty text.
    """

    class_name: str = ""
    num_train_timesteps: int = 1000
    beta_start: float = 0.00085
    beta_end: float = 0.012
    beta_schedule: str = "scaled_linear"
    trained_betas: tuple[float, ...] | None = None
    clip_sample: bool = True
    set_alpha_to_one: bool = True
    steps_offset: int = 0
    prediction_type: str = "epsilon"
    clip_sample_range: float = 1.0
    sample_max_value: float = 1.0
    timestep_spacing: str = "leading"
    rescale_betas_zero_snr: bool = False
    snr_shift_scale: float = 3.0


@dataclass(frozen=True)
class VideoSize:
    """Size of a video in pixels and frames."""

    width: int
    height: int
    frames: int


@dataclass(frozen=True, eq=False)
class CogVideoXConfig:
    """Configuration of a text-to-video CogVideoX, as diffusers writes it.

    Args:
        name: Name of the model in messages.
        transformer: Configuration of the denoiser.
        vae: Configuration of the video autoencoder.
        scheduler: Configuration of the noise schedule.
    """

    name: str
    transformer: TransformerConfig
    vae: VAEConfig
    scheduler: SchedulerConfig

    @classmethod
    def parse(
        cls, name: str, transformer: Mapping[str, Any], vae: Mapping[str, Any], scheduler: Mapping[str, Any]
    ) -> CogVideoXConfig:
        """Parse the contents of the three files.

        Raises:
            ModelFolderError: If a value does not have the type that diffusers writes; the message names the file.
        """
        return cls(
            name,
            parse_part(TransformerConfig, f"{name}/transformer", transformer),
            parse_part(VAEConfig, f"{name}/vae", vae),
            parse_part(SchedulerConfig, f"{name}/scheduler", scheduler),
        )

    @property
    def text_length(self) -> int:
        """Number of tokens that the model reads, padding included (226 for the published models)."""
        return self.transformer.max_text_seq_length

    @property
    def text_width(self) -> int:
        """Width d of the text embedding (4096 for the published models)."""
        return self.transformer.text_embed_dim

    @property
    def scaling_factor(self) -> float:
        """Divisor of the denoiser's latents before the autoencoder reads them."""
        return self.vae.scaling_factor

    @property
    def spatial_ratio(self) -> int:
        """Number of pixels for each latent element, along width and height."""
        return int(2 ** (len(self.vae.block_out_channels) - 1))

    @property
    def temporal_ratio(self) -> int:
        """Number of frames for each latent frame."""
        return self.vae.temporal_compression_ratio

    @property
    def patch_frames(self) -> int:
        """Number of latent frames in one patch: 1 for CogVideoX 1.0, 2 for 1.5."""
        return self.transformer.patch_size_t or 1

    @property
    def rotary(self) -> bool:
        """True for rotary position embeddings in attention (5B, 1.5), False for sines added to the patches (2B)."""
        return self.transformer.use_rotary_positional_embeddings

    @property
    def size_step(self) -> int:
        """Number that width and height are multiples of (16 for the published models)."""
        return self.spatial_ratio * self.transformer.patch_size

    @property
    def frame_step(self) -> int:
        """Number that frame counts are one more than a multiple of (8 for the published models).

        The autoencoder decodes the first latent frame alone and the others two at a time, so their number is odd.
        """
        return 2 * self.temporal_ratio

    def video_size(self, *, width: int = 0, height: int = 0, frames: int = 0) -> VideoSize:
        """Return the size of a video, where 0 means the model's own.

        Raises:
            SamplingError: If the model cannot make a video of this size; the message names the nearest sizes.
        """
        own_width, own_height = self._own_size
        size = VideoSize(width or own_width, height or own_height, frames or self.transformer.sample_frames)
        _require_multiple("width", size.width, self.size_step)
        _require_multiple("height", size.height, self.size_step)
        _require_multiple("frames", size.frames, self.frame_step, extra=1)
        if self.patch_frames > 1:
            widest, highest = self._sample_size
            _require_at_most("width", size.width, widest)
            _require_at_most("height", size.height, highest)
        return size

    @property
    def _sample_size(self) -> tuple[int, int]:
        return self.transformer.sample_width * self.spatial_ratio, self.transformer.sample_height * self.spatial_ratio

    @property
    def _own_size(self) -> tuple[int, int]:
        if self.patch_frames == 1:
            return self._sample_size
        # In CogVideoX 1.5 this is the largest table of positions (2400 x 2400), not the size of the training videos.
        return min(self._sample_size[0], _SIZE_OF_1_5[0]), min(self._sample_size[1], _SIZE_OF_1_5[1])

    def latent_frames(self, frames: int) -> int:
        """Return the number of latent frames of a video with `frames` frames."""
        return (frames - 1) // self.temporal_ratio + 1

    def sampling_memory(self, size: VideoSize, dtype: torch.dtype) -> int:
        """Estimate the bytes that a denoising step needs in addition to the weights: sixteen times the hidden states.

        In memory at the same time are the hidden states, their normalized copy, queries, keys and values, and the two
        feed-forward activations, which are four times wider; all of them for the positive and the negative prompt.
        """
        patch = self.size_step
        patches = (size.width // patch) * (size.height // patch) * self.latent_frames(size.frames) // self.patch_frames
        return 2 * 16 * (patches + self.text_length) * self.transformer.width * dtype.itemsize

    def decoding_memory(self, width: int, height: int, dtype: torch.dtype, *, tiled: bool) -> int:
        """Estimate the bytes that decoding needs in addition to the weights.

        They are the inputs of twenty-four convolutions at full resolution for one group of frames, as diffusers' own
        comment in `AutoencoderKLCogVideoX.tiled_decode` counts them. Tiles are half as wide and half as high.
        """
        channels = self.vae.block_out_channels[0]
        whole = 24 * channels * (self.frame_step + 1) * width * height * dtype.itemsize
        return whole // 4 if tiled else whole

    def make_scheduler(self, name: SchedulerName = "auto") -> Any:
        """Make a scheduler from the folder's own noise schedule.

        Args:
            name: DDIM, DPM, or auto for the scheduler that the folder names.

        Raises:
            SamplingError: If the name is unknown, or the folder names a scheduler of another kind.
        """
        import diffusers

        wanted = self.scheduler.class_name if name == "auto" else _SCHEDULERS.get(name, name)
        if wanted not in _SCHEDULERS.values():
            raise SamplingError(
                "scheduler",
                expected=f"auto or one of {', '.join(_SCHEDULERS)}",
                got=wanted or "none",
                hint=f"Choose {' or '.join(_SCHEDULERS)}: this folder's own is not one of CogVideoX's.",
            )
        settings = asdict(self.scheduler)
        del settings["class_name"]
        try:
            scheduler = getattr(diffusers, wanted)(**settings)
            scheduler.set_timesteps(1)
        except (NotImplementedError, ValueError, TypeError, IndexError, RuntimeError) as error:
            raise_if_out_of_memory(error)
            raise self._unusable_schedule(str(error)[:200]) from error
        if not bool(torch.isfinite(scheduler.alphas_cumprod).all()):
            raise self._unusable_schedule("noise levels that are not finite")
        return getattr(diffusers, wanted)(**settings)

    def _unusable_schedule(self, got: str) -> ModelFolderError:
        return ModelFolderError(
            f"{self.name}/scheduler",
            expected="a noise schedule that diffusers can compute",
            got=got,
            hint="The file scheduler_config.json is damaged or belongs to another model: download it again.",
        )


def parse_part(kind: type[PartConfig], where: str, content: Mapping[str, Any]) -> PartConfig:
    """Parse the configuration of a part; keys without a field are ignored.

    Args:
        kind: Dataclass of the part's configuration.
        where: Name of the part in error messages.
        content: Content of the JSON file.

    Raises:
        ModelFolderError: If a value does not have the type that diffusers writes.
    """
    types = get_type_hints(kind)
    values = {"class_name" if key == "_class_name" else key: value for key, value in content.items()}
    known = [field.name for field in fields(kind) if field.name in values]
    parsed = {name: _parse_value(where, name, types[name], values[name]) for name in known}
    require_sizes(where, parsed)
    return kind(**parsed)


def require_sizes(where: str, values: Mapping[str, Any]) -> None:
    """Raise an error that names the first size in a configuration that no model has.

    Whoever builds a model from such a size would take all memory, or never end.

    Args:
        where: Name of the part in error messages.
        values: Values of the configuration by their names; those that are no sizes are not checked.

    Raises:
        ModelFolderError: If a size is not a whole number in its range, or another number is not finite.
    """
    for name, value in values.items():
        most = _MOST.get(name)
        if most is not None and value is not None:
            sizes = value if isinstance(value, (list, tuple)) else [value]
            if not 0 < len(sizes) <= _MOST_LEVELS or not all(_is_a(int, each) and 0 < each <= most for each in sizes):
                raise _unusual(where, f"whole numbers from 1 to {most} for {name}", value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise _unusual(where, f"a finite number for {name}", value)
        elif name in _DIVISORS and not value > 0:
            raise _unusual(where, f"a number above 0 for {name}", value)


def _unusual(where: str, expected: str, value: object) -> ModelFolderError:
    got = "a number with many digits" if isinstance(value, int) and value.bit_length() > 200 else repr(value)[:60]
    hint = "The file is damaged or belongs to another model: download it again."
    return ModelFolderError(where, expected=expected, got=got, hint=hint)


def _parse_value(where: str, name: str, kind: Any, value: Any) -> Any:
    """Return a value in the type `kind`: a plain type, a tuple of a plain type, or either of these or None."""
    choices = get_args(kind) if type(None) in get_args(kind) else (kind,)
    for choice in choices:
        if (item := next(iter(get_args(choice)), None)) is not None:
            if isinstance(value, (list, tuple)) and all(_is_a(item, each) for each in value):
                return tuple(item(each) for each in value)
        elif _is_a(choice, value):
            return value if value is None else choice(value)
    expected = " or ".join(_KINDS.get(choice, "a list of numbers") for choice in choices)
    raise ModelFolderError(
        where,
        expected=f"{expected} for {name}",
        got=repr(value)[:60],
        hint="The file is damaged or belongs to another model: download it again.",
    )


def _is_a(kind: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _require_at_most(name: str, value: int, most: int) -> None:
    if value > most:
        raise SamplingError(
            name,
            expected=f"at most {most}, the model's largest",
            got=str(value),
            hint="Make it smaller, or enlarge the video afterwards.",
        )


def _require_multiple(name: str, value: int, step: int, *, extra: int = 0) -> None:
    if value > 0 and value >= extra and (value - extra) % step == 0:
        return
    below = max((value - extra) // step, 0 if extra else 1) * step + extra
    rule = f"{extra} more than a multiple of {step}" if extra else f"a multiple of {step}"
    raise SamplingError(
        name,
        expected=f"{rule}, or 0 for the model's own",
        got=str(value),
        hint=f"The nearest this model can make are {below} and {below + step}.",
    )
