"""What diffusers and torch offer to sample a CogVideoX faster or in less memory.

Caches and attention kernels are chosen for one sampling, and leave the denoiser as it was. Float8 weights, streamed
blocks and compiled blocks change the denoiser itself, so `SpeedOptions.prepare` is for weights that nobody else uses.

Two functions of diffusers do not reach CogVideoX (0.35 to 0.42): `set_attention_backend` writes to attention processors
that dispatch, and CogVideoX's always calls torch's scaled dot product attention; `compile_repeated_blocks` needs a list
of blocks that the class does not have. torch's own `sdpa_kernel` and `Module.compile` do the same here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch

from ..errors import SamplingError
from .caching import CacheSettings

AttentionName = Literal["auto", "flash", "cuDNN", "memory efficient", "math"]

_KERNELS: dict[AttentionName, str] = {
    "flash": "FLASH_ATTENTION",
    "cuDNN": "CUDNN_ATTENTION",
    "memory efficient": "EFFICIENT_ATTENTION",
    "math": "MATH",
}


@dataclass(frozen=True)
class SpeedOptions:
    """Options of a CogVideoX's speed and memory; without any, nothing is changed.

    Args:
        cache: Cache of the denoiser.
        attention: Kernel of torch's attention; auto leaves the choice to torch.
        float8: Hold the denoiser's weights in float8, and cast each layer when it computes.
        stream_to: Device to which the denoiser's blocks are brought one after another when they compute, or None to
            keep them where they are.
        compile: Compile the denoiser's blocks with torch.
        tiled_vae: Decode and encode in tiles.

    Raises:
        SamplingError: If the kernel is unknown.
    """

    cache: CacheSettings = field(default_factory=CacheSettings)
    attention: AttentionName = "auto"
    float8: bool = False
    stream_to: torch.device | None = None
    compile: bool = False
    tiled_vae: bool = False

    def __post_init__(self) -> None:
        if self.attention not in get_args(AttentionName):
            names = ", ".join(get_args(AttentionName))
            raise SamplingError("attention", expected=f"one of {names}", got=repr(self.attention))

    @property
    def needs_own_weights(self) -> bool:
        """True if the denoiser itself is changed, so that it cannot be shared."""
        return self.float8 or self.compile or self.stream_to is not None

    def prepare(self, transformer: Any, *, backend: str = "inductor") -> Any:
        """Change a denoiser so that it has float8 weights, streamed blocks or compiled blocks, and return it.

        Args:
            transformer: Denoiser on the CPU, which nothing else uses.
            backend: Backend of the compiler, as in `torch.compile`.
        """
        if self.float8:
            transformer.enable_layerwise_casting(torch.float8_e4m3fn, compute_dtype=transformer.dtype)
        if self.stream_to is not None:
            on_cuda = self.stream_to.type == "cuda"
            transformer.enable_group_offload(
                onload_device=self.stream_to,
                offload_device=torch.device("cpu"),
                offload_type="block_level",
                num_blocks_per_group=1,
                use_stream=on_cuda,
                record_stream=on_cuda,
            )
        if self.compile:
            for block in transformer.transformer_blocks:
                block.compile(backend=backend)
        return transformer

    def place(self, transformer: torch.nn.Module) -> tuple[torch.device, torch.dtype]:
        """Return the device and the number type that a prepared denoiser computes with."""
        first = next(transformer.parameters())  # of the patch embedding, which float8 leaves out
        return self.stream_to or first.device, first.dtype

    def describe(self) -> str:
        """Return the options in words, or an empty text if there are none."""
        cache = self.cache
        parts = [
            "" if cache.kind == "off" else f"cache {cache.kind}",
            "" if self.attention == "auto" else f"{self.attention} attention",
            "float8 weights" if self.float8 else "",
            "streamed weights" if self.stream_to is not None else "",
            "compiled blocks" if self.compile else "",
            "tiled VAE" if self.tiled_vae else "",
        ]
        return ", ".join(filter(None, parts))


NO_OPTIONS = SpeedOptions()
"""Options that change nothing."""


@contextmanager
def attention_kernel(name: AttentionName) -> Iterator[None]:
    """Context in which torch's attention takes one kernel.

    Raises:
        SamplingError: If the kernel cannot compute this attention on this device.
    """
    if name == "auto":
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel

    try:
        with sdpa_kernel(getattr(SDPBackend, _KERNELS[name])):
            yield
    except RuntimeError as error:
        if "No available kernel" not in str(error) and "No viable backend" not in str(error):
            raise
        raise SamplingError(
            "attention",
            expected="a kernel that can compute this attention on this device",
            got=name,
            hint="Choose auto, or load the model with dtype bfloat16.",
        ) from error
