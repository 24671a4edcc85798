"""Options of speed and memory for this pack's own CogVideoX."""

from __future__ import annotations

from typing import Any, get_args

from ..richspace_core.cogvideox.caching import CacheName, CacheSettings
from ..richspace_core.cogvideox.options import AttentionName, SpeedOptions
from .host.api import CogVideoX, io, report
from .host.input_names import name_inputs_as_shown
from .host.models import CogVideoXModel


class RichSpaceCogVideoXOptions(io.ComfyNode):
    """CogVideoX that samples faster or in less memory."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceCogVideoXOptions",
            display_name="RichSpace CogVideoX Options",
            category="RichSpace",
            description="Makes this pack's CogVideoX faster or smaller with what diffusers offers: caches, float8 "
            "weights, streamed weights, compiling. With everything off, the videos are exactly the same.",
            search_aliases=["speed", "cache", "teacache", "offload", "low vram", "float8", "fp8", "compile", "faster"],
            inputs=[
                CogVideoX.Input("model", tooltip="From RichSpace Load CogVideoX."),
                *_cache_inputs(),
                *_weight_inputs(),
            ],
            outputs=[
                CogVideoX.Output(
                    display_name="model",
                    tooltip="For RichSpace CogVideoX Sample, Decode and Balance. The connected model stays unchanged.",
                )
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(
        cls,
        model: CogVideoXModel,
        cache: Any,
        cache_interval: int,
        cache_threshold: float,
        float8_weights: bool,
        stream_weights: bool,
        attention: Any,
        compile_blocks: bool,
        tiled_vae: bool,
    ) -> io.NodeOutput:
        """Check the options, and give them to the model."""
        settings = CacheSettings(cache, cache_interval, cache_threshold)
        settings.require_available()
        stream_to = model.transformer.device if stream_weights else None
        options = SpeedOptions(settings, attention, float8_weights, stream_to, compile_blocks, tiled_vae)
        return io.NodeOutput(model.with_options(options), ui=report(options.describe() or "everything off"))


def _cache_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "cache",
            options=list(get_args(CacheName)),
            default="off",
            tooltip="Skips a part of the computation in some steps. Faster, and the video changes: compare before you "
            "rely on it.",
        ),
        io.Int.Input(
            "cache_interval",
            default=0,
            min=0,
            max=100,
            advanced=True,
            tooltip="Computes once in this many steps, and reuses the result in between. 0 takes the documented "
            "number: 2, or 5 for TaylorSeer. First block does not use it.",
        ),
        io.Float.Input(
            "cache_threshold",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.01,
            advanced=True,
            tooltip="First block skips a step that changes less than this. 0 takes the documented value, 0.05. The "
            "other caches do not use it.",
        ),
    ]


def _weight_inputs() -> list[io.Input]:
    return [
        io.Boolean.Input(
            "float8_weights",
            default=False,
            tooltip="Keeps the weights in float8, in half the memory of bfloat16. The video changes a little.",
        ),
        io.Boolean.Input(
            "stream_weights",
            default=False,
            tooltip="Keeps the weights in the computer's memory and brings one block after another to the graphics "
            "card. Slower, for models that do not fit.",
        ),
        io.Combo.Input(
            "attention",
            options=list(get_args(AttentionName)),
            default="auto",
            advanced=True,
            tooltip="Kernel of torch's attention. Auto lets torch choose the fastest that fits.",
        ),
        io.Boolean.Input(
            "compile_blocks",
            default=False,
            advanced=True,
            tooltip="Compiles the blocks with torch: the first step takes minutes, later ones less. Needs a compiler.",
        ),
        io.Boolean.Input(
            "tiled_vae",
            default=False,
            advanced=True,
            tooltip="Always decodes and encodes in overlapping tiles, with a quarter of the memory.",
        ),
    ]


NODES: list[type[io.ComfyNode]] = [RichSpaceCogVideoXOptions]
