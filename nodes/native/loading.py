"""Loading of a diffusers folder, or of a transformer in a single file, as ComfyUI's own MODEL, CLIP and VAE.

ComfyUI can load a published transformer and VAE itself, but it guesses their configuration from the names and shapes of
the weights, and knows only one VAE. This module builds them from ComfyUI's classes with the folder's configuration, in
the same steps as ComfyUI (`comfy.sd.load_diffusion_model_state_dict`, `comfy.sd.VAE`), so that a model of any size
works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import comfy.latent_formats
import comfy.model_management as management
import comfy.sd
import comfy.supported_models
import comfy.utils
import folder_paths
import torch
from comfy.ldm.cogvideo.vae import AutoencoderKLCogVideoX
from comfy.model_patcher import CoreModelPatcher
from comfy.sd1_clip import SD1Tokenizer, SDTokenizer
from comfy.supported_models_base import ClipTarget
from comfy.text_encoders.cogvideo import cogvideo_te
from comfy.text_encoders.sd3_clip import t5_xxl_detect
from safetensors import SafetensorError
from torch import Tensor

from ...richspace_core import ModelFolderError
from ...richspace_core.cogvideox.config import CogVideoXConfig
from ...richspace_core.cogvideox.folder import CogVideoXFolder, Part
from ...richspace_core.cogvideox.libraries import find_class
from ...richspace_core.out_of_memory import raise_if_out_of_memory
from .keys import host_keys
from .model import recognize

_UNREADABLE = (SafetensorError, OSError, ValueError, RuntimeError)  # what ComfyUI's loader raises for a bad file
_T5_SIZES = ("d_model", "d_kv", "d_ff", "num_layers", "num_heads", "vocab_size")


@dataclass(frozen=True, eq=False)
class NativeParts:
    """ComfyUI's objects of a CogVideoX, not yet corrected.

    Args:
        config: Configuration that the weights were trained with.
        model: MODEL.
        clip: CLIP, or None without a text encoder.
        vae: VAE, or None without one.
    """

    config: CogVideoXConfig
    model: Any
    clip: Any = None
    vae: Any = None


def load_folder(folder: CogVideoXFolder, dtype: torch.dtype | None) -> NativeParts:
    """Load every part of a diffusers folder.

    Args:
        folder: Folder, which `CogVideoXFolder.open` has checked.
        dtype: Number type of the transformer's weights; None lets ComfyUI choose.

    Raises:
        LibraryError: If diffusers does not work with the installed torch.
    """
    _require_diffusers()
    return NativeParts(folder, _make_model(folder, dtype), _make_clip(folder), _make_vae(folder))


def load_file(file: Path, dtype: torch.dtype | None) -> NativeParts:
    """Load a transformer with diffusers' or ComfyUI's names, in any form that ComfyUI's loader accepts.

    Raises:
        ModelFolderError: If it is not the transformer of a published CogVideoX.
        LibraryError: If diffusers does not work with the installed torch.
    """
    _require_diffusers()
    try:
        weights, metadata = comfy.utils.load_torch_file(str(file), safe_load=True, return_metadata=True)
    except _UNREADABLE as error:
        raise_if_out_of_memory(error)
        raise ModelFolderError(
            "model",
            expected="a complete safetensors file",
            got=f"{file.name}, which is damaged or not there any more ({str(error)[:200]})",
            hint="Delete it and download it again.",
        ) from error
    options = {"dtype": dtype} if dtype else {}
    model = comfy.sd.load_diffusion_model_state_dict(host_keys(weights), options, metadata=metadata)
    if model is None:
        raise ModelFolderError(
            "model",
            expected="the transformer of a CogVideoX",
            got=f"{file.name}, which ComfyUI does not recognize",
            hint="Choose a diffusers folder, or a file that holds diffusers' or ComfyUI's CogVideoX transformer.",
        )
    return NativeParts(recognize(model), model)


def _require_diffusers() -> None:
    """Raise an error now if diffusers, which computes positions and noise when the model samples, cannot be used."""
    find_class("diffusers", "CogVideoXDDIMScheduler")


def _read(folder: CogVideoXFolder, part: Part) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    try:
        for file in folder.weight_files(part):
            weights.update(comfy.utils.load_torch_file(str(file), safe_load=True))
    except _UNREADABLE as error:
        raise_if_out_of_memory(error)
        raise folder.misfit(part, f"a file that cannot be read ({str(error)[:200]})") from error
    return weights


def _require_fit(folder: CogVideoXFolder, part: Part, network: torch.nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Raise an error if a weight that the network needs is missing or has another shape."""
    needed = {name: value.shape for name, value in network.state_dict().items()}
    missing = sorted(needed.keys() - weights.keys())
    if missing:
        raise folder.misfit(part, f"a file without {missing[0]} and {len(missing) - 1} more")
    for name, shape in needed.items():
        if weights[name].shape != shape:
            raise folder.misfit(part, f"{name} of {list(weights[name].shape)}, not {list(shape)}")


def _make_model(folder: CogVideoXFolder, dtype: torch.dtype | None) -> Any:
    weights = host_keys(_read(folder, "transformer"))
    # ComfyUI gives every CogVideoX rotary positions; `correct_model` corrects this afterwards.
    settings = asdict(folder.transformer) | {
        "image_model": "cogvideox",
        "use_rotary_positional_embeddings": True,
    }
    made = comfy.supported_models.CogVideoX_T2V(settings)
    made.latent_format = _latent_format(folder)
    device, offload = management.get_torch_device(), management.unet_offload_device()
    supported = made.supported_inference_dtypes
    stored = dtype or management.unet_dtype(
        model_params=comfy.utils.calculate_parameters(weights),
        supported_dtypes=list(supported),
        weight_dtype=folder.stored_dtype("transformer"),
    )
    made.set_inference_dtype(stored, management.unet_manual_cast(stored, device, supported), device=device)
    # Sizes of a damaged configuration would take all memory: the first model has none.
    empty = made.get_model(weights, "", device=torch.device("meta"))
    _require_fit(folder, "transformer", empty.diffusion_model, weights)
    model = made.get_model(weights, "")
    patcher = CoreModelPatcher(model, load_device=device, offload_device=offload)
    if not management.is_device_cpu(offload):
        model.to(offload)
    model.load_model_weights(weights, "", assign=patcher.is_dynamic())
    return patcher


def _require_t5(folder: CogVideoXFolder, config: Any, weights: Mapping[str, Tensor]) -> None:
    """Raise an error if the largest weights of a T5 are missing or have another shape than its configuration says."""
    last = f"encoder.block.{config.num_layers - 1}.layer.0.SelfAttention.q.weight"
    shapes = {
        "shared.weight": [config.vocab_size, config.d_model],
        last: [config.num_heads * config.d_kv, config.d_model],
        "encoder.block.0.layer.1.DenseReluDense.wo.weight": [config.d_model, config.d_ff],
    }
    for name, shape in shapes.items():
        stored = [*weights[name].shape] if name in weights else None
        if stored != shape:
            raise folder.misfit("text_encoder", f"{name} of {stored}, not {shape}" if stored else f"none of {name}")


def _latent_format(config: CogVideoXConfig) -> comfy.latent_formats.LatentFormat:
    made = comfy.latent_formats.CogVideoX()
    made.scale_factor = config.scaling_factor
    made.latent_channels = config.vae.latent_channels
    made.spacial_downscale_ratio = config.spatial_ratio
    made.temporal_downscale_ratio = config.temporal_ratio
    return made


def _make_clip(folder: CogVideoXFolder) -> Any:
    from transformers import T5Config

    try:
        t5 = T5Config.from_pretrained(folder.path / "text_encoder", local_files_only=True)
    except Exception as error:  # the errors of transformers have no common base
        raise folder.misfit("text_encoder", f"a config.json that cannot be read ({str(error)[:200]})") from error
    weights = _read(folder, "text_encoder")
    _require_t5(folder, t5, weights)
    return comfy.sd.CLIP(
        ClipTarget(_tokenizer(folder, t5.d_model), cogvideo_te(**t5_xxl_detect(weights))),
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        parameters=comfy.utils.calculate_parameters(weights),
        state_dict=[weights],
        model_options={"t5xxl_model_config": {name: getattr(t5, name) for name in _T5_SIZES}},
    )


def _tokenizer(folder: CogVideoXFolder, width: int) -> type[SD1Tokenizer]:
    """Return ComfyUI's tokenizer of a CogVideoX, with the folder's own vocabulary and length."""

    class Inner(SDTokenizer):
        def __init__(self, embedding_directory: Any = None, tokenizer_data: Any = None) -> None:
            super().__init__(
                str(folder.path / "tokenizer"),
                tokenizer_class=_FoldersTokenizer(folder),
                embedding_directory=embedding_directory,
                tokenizer_data=tokenizer_data or {},
                embedding_key="t5xxl",
                embedding_size=width,
                has_start_token=False,
                pad_with_end=False,
                pad_to_max_length=False,
                max_length=99999999,
                min_length=folder.text_length,
            )

    class Outer(SD1Tokenizer):
        def __init__(self, embedding_directory: Any = None, tokenizer_data: Any = None) -> None:
            super().__init__(embedding_directory, tokenizer_data or {}, clip_name="t5xxl", tokenizer=Inner)

    return Outer


class _FoldersTokenizer:
    """Stand-in for a tokenizer class of transformers, which ComfyUI calls to load the tokenizer."""

    def __init__(self, folder: CogVideoXFolder) -> None:
        self._folder = folder

    def from_pretrained(self, _path: str) -> Any:
        return self._folder.load_tokenizer()


def _make_vae(folder: CogVideoXFolder) -> Any:
    weights = _read(folder, "vae")
    with torch.device("meta"):  # ComfyUI's wrapper, which knows one size only; without memory
        made = comfy.sd.VAE(sd=AutoencoderKLCogVideoX().state_dict())
    make = partial(
        AutoencoderKLCogVideoX,
        block_out_channels=folder.vae.block_out_channels,
        latent_channels=folder.vae.latent_channels,
        layers_per_block=folder.vae.layers_per_block,
        groups=folder.vae.norm_num_groups,
        temporal_compression_ratio=folder.temporal_ratio,
    )
    with torch.device("meta"):
        _require_fit(folder, "vae", make(), weights)
    network = make()
    network.eval().to(made.vae_dtype)
    management.archive_model_dtypes(network)
    space, time = folder.spatial_ratio, folder.temporal_ratio
    made.first_stage_model, made.latent_channels, made.size = network, folder.vae.latent_channels, None
    made.upscale_ratio = (lambda frames: max(0, (frames - 1) * time + 1), space, space)
    made.downscale_ratio = (lambda frames: max(0, (frames + time - 1) // time), space, space)
    made.upscale_index_formula = made.downscale_index_formula = (time, space, space)
    made.patcher = CoreModelPatcher(network, load_device=made.device, offload_device=management.vae_offload_device())
    network.load_state_dict(weights, assign=made.patcher.is_dynamic())
    made.model_size()
    return made
