"""Training settings of a LoRA, as PEFT and diffusers save them with the weights, and the scale that follows.

diffusers writes PEFT's `LoraConfig` in the file's header, PEFT writes it in ``adapter_config.json`` next to the file.
A layer's change is multiplied by its alpha over its rank, or over the square root of its rank (rank-stabilized LoRA).
Settings that would change the result in an unsupported way are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...richspace_core.json_files import parse_json
from .lora_file import LoraFile, refused

CONFIG = "adapter_config.json"  # PEFT's file of settings, next to _WEIGHTS

_WEIGHTS = "adapter_model.safetensors"
_HEADER = "lora_adapter_metadata"  # diffusers' key in the file's header
_PREFIX = "transformer."  # prefix of diffusers' settings
_DEFAULT = 8  # PEFT's default rank and alpha

_MOST_NUMBER = 1e9  # of a rank or an alpha
_MOST_REPEATS = 3
_READ = ("r", "rank_pattern", "lora_alpha", "alpha_pattern", "use_rslora", "use_dora", "lora_bias")
#: Settings that only matter in training: they do not change the meaning of the weights.
_WITHOUT_EFFECT = (
    *("auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config"),
    *("exclude_modules", "fan_in_fan_out", "inference_mode", "layers_pattern", "layers_to_transform", "lora_dropout"),
    *("lora_ga_config", "megatron_core", "peft_version", "qalora_group_size", "revision", "runtime_config"),
    *("target_modules", "task_type"),
)
#: Supported values. Other ways to initialize also change the model's own weights.
_ONLY: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "init_lora_weights": (True, False, "gaussian", "eva", "orthogonal"),
}


@dataclass(frozen=True)
class Settings:
    """Settings that a LoRA was trained with.

    Args:
        noted: PEFT's settings by name; empty if none are saved.
        file: LoRA file, for error messages.
    """

    noted: Mapping[str, Any]
    file: Path

    def scale(self, layer: str, rank: int, alpha: float | None) -> float:
        """Return the factor of the product of a layer's two matrices.

        Args:
            layer: diffusers' name of the layer.
            rank: Rank of its matrices.
            alpha: Alpha in the file's tensors; None if there is none.

        Raises:
            ModelFolderError: If the settings have another rank, or two alphas contradict each other.
        """
        if not self.noted:
            return 1.0 if alpha is None else alpha / rank
        if "r" in self.noted and self._of(layer, "rank_pattern", "r") != rank:
            raise refused(self.file, f"{layer} of rank {rank}, but its settings have another rank")
        stabilized = self.noted.get("use_rslora", False)
        if alpha is None:
            alpha = self._of(layer, "alpha_pattern", "lora_alpha")
        elif stabilized:
            raise refused(self.file, f"{layer} with an alpha of its own, but its settings have use_rslora")
        return alpha / (math.sqrt(rank) if stabilized else rank)

    def require(self, layer: str, parts: Mapping[str, Any]) -> None:
        """Check that a layer has the tensors that its settings require, and no others.

        Raises:
            ModelFolderError: If a magnitude (DoRA) or a bias is missing or unexpected.
        """
        for setting, part in (("use_dora", "magnitude"), ("lora_bias", "bias")):
            if self.noted and self.noted.get(setting, False) != (part in parts):
                there = "with" if part in parts else "without"
                raise refused(self.file, f"{layer} {there} a {part}, but its settings say the opposite ({setting})")

    def _of(self, layer: str, patterns: str, otherwise: str) -> float:
        """Return a layer's value: that of the first pattern that matches the end of its name, as in PEFT."""
        for pattern, value in (self.noted.get(patterns) or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", layer):
                return float(value)
        return float(self.noted.get(otherwise, _DEFAULT))


def read_settings(file: Path, lora: LoraFile) -> Settings:
    """Read the settings in a LoRA file, or next to it if PEFT itself wrote it.

    Raises:
        ModelFolderError: If they cannot be read, or contain something unsupported.
    """
    if _HEADER in lora.metadata:
        where, noted = _HEADER, _parse(file, _HEADER, lora.metadata[_HEADER])
        noted = {name.removeprefix(_PREFIX): value for name, value in noted.items() if name.startswith(_PREFIX)}
    elif find_peft_config(file):
        where, noted = CONFIG, _parse(file, CONFIG, file.with_name(CONFIG).read_bytes())
    else:
        return Settings({}, file)
    if not _well_formed(noted):
        raise _unreadable(file, where)
    for name, value in noted.items():
        if not _is_computed(name, value):
            raise refused(
                file,
                f"a LoRA trained with {name}={value!r}"[:200],
                "This node does not support that. Merge the LoRA into its model with PEFT, or train without it.",
            )
    return Settings(noted, file)


def find_peft_config(file: Path) -> Path | None:
    """Return PEFT's file of settings next to its weights; None if there is none."""
    config = file.with_name(CONFIG)
    return config if file.name == _WEIGHTS and config.is_file() else None


def _parse(file: Path, where: str, text: str | bytes) -> dict[str, Any]:
    try:
        noted = parse_json(text)
    except ValueError as error:
        raise _unreadable(file, where) from error
    if not isinstance(noted, dict):
        raise _unreadable(file, where)
    return noted


def _well_formed(noted: Mapping[str, Any]) -> bool:
    """Return whether every setting that is used has the type that PEFT gives it."""
    tables = [noted.get(name) or {} for name in ("rank_pattern", "alpha_pattern")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    numbers = [noted.get("r", 1), noted.get("lora_alpha", 1), *(each for table in tables for each in table.values())]
    flags = [noted.get(name, False) for name in ("use_rslora", "use_dora", "lora_bias")]
    patterns = [pattern for table in tables for pattern in table]
    return all(map(_is_number, numbers)) and all(isinstance(each, bool) for each in flags) and _are_valid(patterns)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MOST_NUMBER <= value <= _MOST_NUMBER


def _are_valid(patterns: list[str]) -> bool:
    try:
        for pattern in patterns:
            re.compile(rf"(.*\.)?({pattern})$")
    except (re.error, RecursionError, OverflowError):
        return False
    return all(map(_is_quick, patterns))


def _is_quick(pattern: str) -> bool:
    """Return whether matching a pattern cannot take longer than a moment: few repeats, and none of them in another."""
    return len(re.findall(r"[*+{]", pattern)) <= _MOST_REPEATS and not re.search(r"\)[*+?{]", pattern)


def _is_computed(name: str, value: Any) -> bool:
    if name in _ONLY:
        return value is None or any(value is each or (value == each and isinstance(value, str)) for each in _ONLY[name])
    return name in _READ or name in _WITHOUT_EFFECT or not value


def _unreadable(file: Path, where: str) -> Exception:
    return refused(file, f"training settings ({where}) that cannot be read")
