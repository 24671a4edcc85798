"""Caches of diffusers that skip a part of a CogVideoX's computation, enabled for one sampling.

The defaults are those that diffusers documents; its examples name the same for CogVideoX-2b and CogVideoX-5b.

References:
    Pyramid Attention Broadcast (arXiv 2408.12588), FasterCache (arXiv 2410.19355), First Block Cache (ParaAttention),
    TaylorSeer (arXiv 2503.06923), as in `diffusers.hooks`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, get_args

import torch

from ..errors import LibraryError, SamplingError

CacheName = Literal["off", "pyramid attention", "FasterCache", "first block", "TaylorSeer"]

_CONFIGS: dict[CacheName, str] = {
    "pyramid attention": "PyramidAttentionBroadcastConfig",
    "FasterCache": "FasterCacheConfig",
    "first block": "FirstBlockCacheConfig",
    "TaylorSeer": "TaylorSeerCacheConfig",
}
_INTERVALS: dict[CacheName, int] = {"pyramid attention": 2, "FasterCache": 2, "TaylorSeer": 5}
_THRESHOLD = 0.05
_FIRST_STEPS_OF_TAYLORSEER = 3
_ONE_STATE = ("pyramid attention", "FasterCache")  # caches that cannot tell the predictions of one step apart


@dataclass(frozen=True)
class CacheSettings:
    """Cache of a denoiser.

    Args:
        kind: Which cache, or "off". First block skips all further blocks of a step in which the first one changes
            little. The others compute attention, and TaylorSeer also the feed-forward layers, only in some steps.
        interval: Compute in every so many steps, and reuse or predict in between; 0 for the documented number (2, or 5
            of TaylorSeer). First block does not use it.
        threshold: Relative change of the first block below which first block skips; 0 for the documented 0.05. The
            others do not use it.

    Raises:
        SamplingError: If a value is out of range.
    """

    kind: CacheName = "off"
    interval: int = 0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(CacheName):
            raise SamplingError("cache", expected=f"one of {', '.join(get_args(CacheName))}", got=repr(self.kind))
        if isinstance(self.interval, bool) or not isinstance(self.interval, int) or not 0 <= self.interval <= 1000:
            raise SamplingError("cache_interval", expected="a whole number from 0 to 1000", got=repr(self.interval))
        if not math.isfinite(self.threshold) or self.threshold < 0:
            raise SamplingError("cache_threshold", expected="a number of at least 0", got=str(self.threshold))

    def require_available(self) -> None:
        """Raise a LibraryError if the installed diffusers does not have the cache."""
        if self.kind != "off":
            self._config_class()

    def require_fits(self, transformer: Any, prompts: int) -> None:
        """Raise a SamplingError if the cache cannot be used with a denoiser or with several prompts in one video."""
        if self.kind in _ONE_STATE and prompts > 1:
            raise SamplingError(
                "cache",
                expected="a cache that can keep several prompts apart",
                got=f"{self.kind} with {prompts} prompts in one video",
                hint="For a morph, choose first block or TaylorSeer, or turn the cache off.",
            )
        if self.kind == "first block" and len(transformer.transformer_blocks) < 2:
            raise SamplingError("cache", expected="a model with at least two blocks", got="one block")

    def make_config(self, pipeline: Any, *, guided: bool) -> Any:
        """Make the configuration that `transformer.enable_cache` takes.

        Args:
            pipeline: Pipeline of diffusers, which knows the timestep.
            guided: Whether a step predicts without the prompt as well.
        """
        interval = self.interval or _INTERVALS.get(self.kind, 0)
        options: dict[CacheName, Callable[[], dict[str, Any]]] = {
            "pyramid attention": lambda: {
                "spatial_attention_block_skip_range": interval,
                "spatial_attention_timestep_skip_range": (100, 800),
                "current_timestep_callback": lambda: int(pipeline.current_timestep),
            },
            "FasterCache": lambda: {
                "spatial_attention_block_skip_range": interval,
                "spatial_attention_timestep_skip_range": (-1, 681),
                "low_frequency_weight_update_timestep_range": (99, 641),
                "high_frequency_weight_update_timestep_range": (-1, 301),
                "spatial_attention_block_identifiers": ("transformer_blocks",),
                "attention_weight_callback": lambda _: 0.3,
                "tensor_format": "BFCHW",
                "is_guidance_distilled": not guided,
                "current_timestep_callback": lambda: int(pipeline.current_timestep),
            },
            "first block": lambda: {"threshold": self.threshold or _THRESHOLD},
            "TaylorSeer": lambda: {
                "cache_interval": interval,
                "disable_cache_before_step": _FIRST_STEPS_OF_TAYLORSEER,
                "max_order": 1,
                "taylor_factors_dtype": next(pipeline.transformer.parameters()).dtype,
                # The names that diffusers looks for by itself are not those of CogVideoX's layers.
                "cache_identifiers": [r"transformer_blocks\.\d+\.(attn1|ff)"],
            },
        }
        return self._config_class()(**options[self.kind]())

    def _config_class(self) -> Any:
        from diffusers import hooks

        found = getattr(hooks, _CONFIGS[self.kind], None)
        if found is None:
            raise LibraryError(
                f"cache {self.kind}",
                expected="a diffusers that has it",
                got=f"diffusers {version('diffusers')}",
                hint='Choose another cache, or update: pip install -U "diffusers<1".',
            )
        return found


@contextmanager
def cached(pipeline: Any, settings: CacheSettings, *, guided: bool, prompts: int = 1) -> Iterator[None]:
    """Context in which a pipeline's denoiser uses a cache; afterwards, also after an error, it has none.

    Args:
        pipeline: Pipeline of diffusers.
        settings: Cache; "off" changes nothing.
        guided: Whether a step predicts without the prompt as well.
        prompts: Number of prompts in one video.

    Raises:
        SamplingError: If the cache cannot be used with the denoiser or the prompts.
        LibraryError: If the installed diffusers does not have the cache.
    """
    if settings.kind == "off":
        yield
        return
    transformer = pipeline.transformer
    settings.require_fits(transformer, prompts)
    config = settings.make_config(pipeline, guided=guided)
    with _quiet():
        transformer.enable_cache(config)
    try:
        yield
    finally:
        transformer.disable_cache()


@contextmanager
def cache_state(transformer: torch.nn.Module, name: str) -> Iterator[None]:
    """Context in which a denoiser's cache has a state of its own; nothing without a cache."""
    if getattr(transformer, "is_cache_enabled", False):
        with transformer.cache_context(name):  # type: ignore[operator] # of diffusers' CacheMixin
            yield
    else:
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Context without diffusers' warnings that caches are experimental: the page of the node says so."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
