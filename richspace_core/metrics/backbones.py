"""VBench's backbones and aesthetic head, loaded from local files.

Only safetensors are opened, and the aesthetic head's small .pth, from which torch reads tensors only. Nothing is
downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..errors import ModelFolderError
from ..json_files import read_json
from ..out_of_memory import raise_if_out_of_memory

DINO_SOURCE = "huggingface.co/facebook/dino-vitb16 (config.json and model.safetensors)"
CLIP_L_SOURCE = "huggingface.co/openai/clip-vit-large-patch14 (model.safetensors)"
CLIP_B_SOURCE = "huggingface.co/openai/clip-vit-base-patch32 (model.safetensors)"
HEAD_SOURCE = "github.com/LAION-AI/aesthetic-predictor (sa_0_4_vit_l_14_linear.pth)"

_WEIGHTS = "model.safetensors"
_DINO_EPS, _CLIP_HEAD_WIDTH, _AESTHETIC_WIDTH = 1e-6, 64, 768
_CLIP_PARTS = ("vision_model.", "visual_projection.")
_CLIP_SHAPES = {
    "patches": "vision_model.embeddings.patch_embedding.weight",
    "positions": "vision_model.embeddings.position_embedding.weight",
    "feed_forward": "vision_model.encoder.layers.0.mlp.fc1.weight",
    "projection": "visual_projection.weight",
}


class DinoBackbone(nn.Module):
    """DINO vision transformer, which maps a frame to the class token after the last layer norm.

    Frames need not be square: the position embeddings are resized as in DINO's own code. transformers resizes them
    differently.

    Args:
        model: A transformers `ViTModel`. It is changed: DINO's embeddings replace its own.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        model.embeddings = _DinoEmbeddings(model.embeddings)
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels ``[n, 3, h, w]`` to features ``[n, d]``, on the model's device."""
        features: Tensor = self.model(pixels.to(self.model.device)).last_hidden_state[:, 0]
        return features


class ClipBackbone(nn.Module):
    """CLIP vision transformer, which maps a frame to its projected embedding, not normalized.

    Args:
        model: A transformers `CLIPVisionModelWithProjection`.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels ``[n, 3, h, w]`` to features ``[n, d]``, on the model's device."""
        features: Tensor = self.model(pixels.to(self.model.device)).image_embeds
        return features


class _DinoEmbeddings(nn.Module):
    """Patch, class and position embeddings of a ViT, combined as in DINO's `vision_transformer.py`."""

    def __init__(self, embeddings: Any) -> None:
        super().__init__()
        self.cls_token = embeddings.cls_token
        self.position_embeddings = embeddings.position_embeddings
        self.patch_embeddings = embeddings.patch_embeddings

    def forward(self, pixels: Tensor, **_: Any) -> Tensor:
        patches = self.patch_embeddings.projection(pixels)  # [n, d, rows, columns]
        rows, columns = patches.shape[-2:]
        tokens = patches.flatten(2).transpose(1, 2)  # [n, rows * columns, d]
        first = self.cls_token.expand(len(tokens), -1, -1)
        is_square = pixels.shape[-2] == pixels.shape[-1]
        return torch.cat([first, tokens], dim=1) + self._positions(rows, columns, is_square=is_square)

    def _positions(self, rows: int, columns: int, *, is_square: bool) -> Tensor:
        positions: Tensor = self.position_embeddings
        first, grid = positions[:, :1], positions[:, 1:]
        side = math.isqrt(grid.shape[1])
        # DINO checks for square pixels, not patches: 224 x 227 has as many patches as 224 x 224, but is resized.
        if is_square and rows == side:
            return positions
        # The 0.1 prevents rounding from losing a row. It also moves every sample, so it must be the same here.
        resized = interpolate(
            grid.reshape(1, side, side, -1).permute(0, 3, 1, 2),  # [1, d, side, side]
            scale_factor=((rows + 0.1) / side, (columns + 0.1) / side),
            mode="bicubic",
        )
        return torch.cat([first, resized.flatten(2).transpose(1, 2)], dim=1)


def load_dino(path: Path) -> DinoBackbone:
    """Load a DINO vision transformer, the backbone of `subject_consistency`.

    Args:
        path: A folder with `config.json` and `model.safetensors`, as published for facebook/dino-vitb16.

    Returns:
        The backbone in float32 on the CPU, ready for inference.

    Raises:
        ModelFolderError: If a file is missing, damaged, pickled, or from another model.
    """
    from transformers import ViTConfig, ViTModel

    file = path / _WEIGHTS
    weights = _read_weights(file, DINO_SOURCE)
    config = ViTConfig.from_dict(_read_config(path / "config.json", DINO_SOURCE))
    config.layer_norm_eps = _DINO_EPS  # as in training; the published config.json has the default of transformers
    model = _build_model(ViTModel, config, weights, file, DINO_SOURCE, add_pooling_layer=False)
    return DinoBackbone(model).eval()


def load_clip(path: Path, *, source: str = CLIP_L_SOURCE) -> ClipBackbone:
    """Load one of OpenAI's CLIP vision transformers, the backbone of `aesthetic_quality` and `background_consistency`.

    Args:
        path: A folder with `model.safetensors`, as published for openai/clip-vit-large-patch14, or such a file. It may
            contain the text encoder, which is not read.
        source: Where the file is published, for error messages.

    Returns:
        The backbone in float32 on the CPU, ready for inference.

    Raises:
        ModelFolderError: If a file is missing, damaged, pickled, or from another model.
    """
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    file = _clip_file(path)
    weights = _read_weights(file, source, *_CLIP_PARTS)
    config = CLIPVisionConfig(**_clip_config(file, source, {name: weight.shape for name, weight in weights.items()}))
    return ClipBackbone(_build_model(CLIPVisionModelWithProjection, config, weights, file, source)).eval()


def read_clip_shape(path: Path) -> tuple[int, int] | None:
    """Read the shape of a CLIP from its file, without reading the weights.

    Args:
        path: A folder or a file, as for `load_clip`.

    Returns:
        Width of its features and side of its patches in pixels; None if `load_clip` cannot read the file.
    """
    from safetensors import SafetensorError, safe_open

    if not _clip_file(path).is_file():
        return None
    try:
        with safe_open(_clip_file(path), framework="pt") as weights:
            if not set(_CLIP_SHAPES.values()) <= set(weights.keys()):
                return None
            width, patch = (weights.get_slice(_CLIP_SHAPES[name]).get_shape() for name in ("projection", "patches"))
            return (int(width[0]), int(patch[-1])) if width and patch else None
    except (SafetensorError, OSError, RuntimeError):
        return None


def load_aesthetic_head(file: Path) -> nn.Linear:
    """Load the linear head that maps the features of CLIP ViT-L/14 to a rating from 0 to 10.

    Args:
        file: LAION's `sa_0_4_vit_l_14_linear.pth`, or the same weights as safetensors.

    Returns:
        ``Linear(768, 1)`` in float32 on the CPU.

    Raises:
        ModelFolderError: If the file is missing, damaged, from another model, or contains anything except tensors.
    """
    weights = _read_weights(file, HEAD_SOURCE) if file.suffix == ".safetensors" else _read_small_pickle(file)
    shapes = {name: list(weight.shape) for name, weight in weights.items()}
    if shapes != {"weight": [1, _AESTHETIC_WIDTH], "bias": [1]}:
        raise ModelFolderError(
            file.name,
            expected=f"a weight of shape [1, {_AESTHETIC_WIDTH}] and a bias of shape [1]",
            got=", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:3]) or "nothing",
            hint=f"This is not the head for CLIP ViT-L/14, which is published at {HEAD_SOURCE}.",
        )
    head = nn.Linear(_AESTHETIC_WIDTH, 1).requires_grad_(False)
    head.load_state_dict(weights)
    return head.eval()


def _build_model(
    model_class: Any, config: Any, weights: dict[str, Tensor], file: Path, source: str, **options: Any
) -> nn.Module:
    """Build a model in float32 from weights, which must include all of its own."""
    try:
        model, report = model_class.from_pretrained(
            None, config=config, state_dict=weights, output_loading_info=True, **options
        )
    except (RuntimeError, ValueError, AttributeError) as error:  # raised by transformers if a shape differs
        raise_if_out_of_memory(error)
        _refuse_weights(file, f"an error while loading ({str(error)[:200]})", source, error)
    if missing := sorted(report["missing_keys"]):
        _refuse_weights(file, f"a file without {missing[0]} and {len(missing) - 1} more", source)
    loaded: nn.Module = model.float().requires_grad_(False)
    return loaded


def _refuse_weights(file: Path, got: str, source: str, cause: Exception | None = None) -> NoReturn:
    raise ModelFolderError(
        f"{file.parent.name}/{file.name}",
        expected="every weight of the model, in the right shape",
        got=got,
        hint=f"The file is damaged or from another model. The right one is published at {source}.",
    ) from cause


def _clip_file(path: Path) -> Path:
    return path / _WEIGHTS if path.is_dir() else path


def _clip_config(file: Path, source: str, shapes: Mapping[str, torch.Size]) -> dict[str, Any]:
    """Infer a CLIP's configuration from the shapes of its weights; the rest is the same for all of OpenAI's."""
    if absent := [name for name in _CLIP_SHAPES.values() if name not in shapes]:
        _refuse_weights(file, f"a file without {absent[0]}", source)
    patches, positions, feed_forward, projection = (shapes[name] for name in _CLIP_SHAPES.values())
    width, patch = patches[0], patches[-1]
    return {
        "hidden_size": width,
        "intermediate_size": feed_forward[0],
        "projection_dim": projection[0],
        "num_hidden_layers": len({name.split(".")[3] for name in shapes if ".encoder.layers." in name}),
        "num_attention_heads": width // _CLIP_HEAD_WIDTH,
        "image_size": math.isqrt(positions[0] - 1) * patch,
        "patch_size": patch,
        "hidden_act": "quick_gelu",
    }


def _read_config(file: Path, source: str) -> dict[str, Any]:
    _require_file(file, source)
    try:
        config = read_json(file)
    except (OSError, ValueError) as error:
        _refuse_content(file, "valid JSON", "a damaged file", source, error)
    if not isinstance(config, dict) or config.get("model_type") != "vit":
        _refuse_content(file, "the configuration of a vision transformer (ViT)", "another configuration", source)
    return config


def _read_weights(file: Path, source: str, *prefixes: str) -> dict[str, Tensor]:
    """Read the weights of a safetensors file, or only those whose names begin with one of `prefixes`."""
    from safetensors import SafetensorError, safe_open

    _require_file(file, source)
    if file.suffix != ".safetensors":
        _refuse_content(file, "weights in safetensors", "a format that can run code when it is opened", source)
    try:
        with safe_open(file, framework="pt") as weights:
            names = [name for name in weights.keys() if name.startswith(prefixes or "")]  # noqa: SIM118 - not a mapping
            return {name: weights.get_tensor(name) for name in names}
    except (SafetensorError, OSError, RuntimeError) as error:
        raise_if_out_of_memory(error)
        size = file.stat().st_size if file.is_file() else 0
        got = f"a damaged or incomplete file of {size:,} bytes"
        _refuse_content(file, "a complete safetensors file", got, source, error)


def _read_small_pickle(file: Path) -> dict[str, Tensor]:
    _require_file(file, HEAD_SOURCE)
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - the errors of torch, pickle and zip have no common base; raised again
        raise_if_out_of_memory(error)
        _refuse_content(file, "a file with tensors only", "a damaged file or other content", HEAD_SOURCE, error)
    if not isinstance(weights, dict) or not all(isinstance(weight, Tensor) for weight in weights.values()):
        _refuse_content(file, "named tensors", "other content", HEAD_SOURCE)
    return weights


def _refuse_content(file: Path, expected: str, got: str, source: str, cause: Exception | None = None) -> NoReturn:
    raise ModelFolderError(
        f"{file.parent.name}/{file.name}",
        expected=expected,
        got=got,
        hint=f"Delete it and download it again from {source}.",
    ) from cause


def _require_file(file: Path, source: str) -> None:
    if file.is_file():
        return
    pickled = sorted(found.name for kind in ("*.bin", "*.pt", "*.pth", "*.ckpt") for found in file.parent.glob(kind))
    unread = f", only pickled weights ({pickled[0]}), which are not opened" if pickled else ""
    raise ModelFolderError(
        file.name,
        expected=f"this file in {file.parent}",
        got=f"no such file{unread}",
        hint=f"Download it from {source} and put it there.",
    )
