"""Models in ComfyUI that its nodes and flags are measured with: the bundled demo, and a random one as wide as 2B."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from random_model import NARROW, WIDE, RandomModel
from timing import measure_peak_bytes

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from comfyui import in_process

CFG, SEED, CANDIDATES, DRAFT_STEPS = 4.0, 42, 30, 2
PAIRS = (
    ("a red circle moves right", "a blue square moves right"),
    ("a green star moves left", "a yellow triangle moves left"),
    ("a striped circle moves up", "a dotted circle moves up"),
)


@dataclass(frozen=True)
class Settings:
    """Settings of the samplings of a model.

    Args:
        steps: Denoising steps.
        size: Width and height in pixels, and frames.
        long_frames: Frames of the videos that are sampled in context windows.
        overlap: Latent frames that two windows share.
        rounds: Samplings of which the shortest counts.
        has_all_rows: Whether nodes without effect, and whatever differs little from others, are measured, too.
    """

    steps: int
    size: tuple[int, int, int]
    long_frames: int
    overlap: int
    rounds: int
    has_all_rows: bool = True

    @property
    def long(self) -> Settings:
        """Settings of a long video."""
        return replace(self, size=(*self.size[:2], self.long_frames))

    @property
    def size_inputs(self) -> dict[str, int]:
        """Inputs of this pack's nodes for the size."""
        return {**dict(zip(("width", "height", "frames"), self.size, strict=True)), "batch_size": 1}


DEMO_SETTINGS = Settings(steps=20, size=(64, 64, 9), long_frames=33, overlap=2, rounds=3)
RANDOM_SETTINGS = Settings(steps=6, size=(96, 64, 9), long_frames=17, overlap=1, rounds=1, has_all_rows=False)


@dataclass(frozen=True, eq=False)
class Subject:
    """CogVideoX in ComfyUI, with its prompts.

    Args:
        title: Name of the model in the title of a table.
        nodes: The pack's node classes by id.
        load: Function that returns ComfyUI's MODEL with weights in a number type of the loader.
        model: MODEL in the number type to measure.
        prompts: CONDITIONING of the prompt and of the negative prompt.
        load_for_pack: Function that returns the same model for this pack's sampler.
        decode: Function that turns latents into what is compared with the exact one.
        settings: Settings of the samplings.
        pairs: Prompts A and B of mixtures that *Balance* finds; none for a model that draws noise.
        encode: Function that returns the CONDITIONING of a text.
    """

    title: str
    nodes: dict[str, Any]
    load: Callable[[str], Any]
    model: Any
    prompts: tuple[Any, Any]
    load_for_pack: Callable[[], Any]
    decode: Callable[[torch.Tensor], torch.Tensor]
    settings: Settings
    pairs: Sequence[tuple[str, str]] = ()
    encode: Callable[[str], Any] | None = None

    def long(self) -> Subject:
        """Return the subject with long videos."""
        return replace(self, settings=self.settings.long)

    def quick(self) -> Subject:
        """Return the subject with the fewest measurements that run every line."""
        return replace(self, settings=replace(self.settings, rounds=1), pairs=self.pairs[:1])

    def empty(self) -> Any:
        """Run RichSpace Empty CogVideoX Latent."""
        made = self.nodes["RichSpaceEmptyCogVideoXLatent"].execute(model=self.model, **self.settings.size_inputs)
        return made.args[0]

    def sample(self, model: Any) -> torch.Tensor:
        """Run KSampler with euler and simple."""
        import nodes

        fixed = SEED, self.settings.steps, CFG, "euler", "simple"
        latents: torch.Tensor = nodes.common_ksampler(model, *fixed, *self.prompts, self.empty())[0]["samples"]
        return latents

    def sampler_of_pack(self) -> Callable[[], torch.Tensor]:
        """Return a function that runs RichSpace CogVideoX Sample, which no flag of ComfyUI's changes."""
        model, (positive, negative), settings = self.load_for_pack(), self.prompts, self.settings

        def sample() -> torch.Tensor:
            output = self.nodes["RichSpaceCogVideoXSample"].execute(
                model=model, positive=positive, negative=negative, **settings.size_inputs, steps=settings.steps,
                cfg=CFG, seed=SEED, scheduler="DDIM", dynamic_cfg="off",
            )  # fmt: skip
            latents: torch.Tensor = output.args[0]["samples"]
            return latents

        return sample

    def observe(self, model: Any, *, is_compiled: bool = False) -> Observation:
        """Sample once, and observe what the sampling needs besides time.

        A counter would be compiled, too, and again in each step, so the calls of a compiled network are not counted.
        """
        made: list[torch.Tensor] = []
        if is_compiled:
            self.sample(model)  # compiles
            peak = measure_peak_bytes(lambda: made.append(self.sample(model)))
            return Observation(self.decode(made[0]), peak, None)
        counted, calls = _with_counter(model)
        peak = measure_peak_bytes(lambda: made.append(self.sample(counted)))
        return Observation(self.decode(made[0]), peak, len(calls))

    def balance(self, model: Any) -> tuple[str, ...]:
        """Run RichSpace Balance for every pair, and return the candidates that it takes, for a column of a table."""
        if self.encode is None:
            return ()
        found = [
            self.nodes["RichSpaceBalance"].execute(
                model=model, a=self.encode(a), b=self.encode(b), negative=self.prompts[1], latent=self.empty(),
                steps=CANDIDATES, index=0, share=0.5, looks=3, draft_steps=DRAFT_STEPS, seed=SEED, cfg=CFG,
                sampler_name="euler", scheduler="simple",
            )
            for a, b in self.pairs
        ]  # fmt: skip
        return (", ".join(str(each.args[1]) for each in found),)

    @property
    def balance_header(self) -> tuple[str, ...]:
        """Header of the column of `balance`."""
        return (f"Balance of {CANDIDATES}",) if self.encode else ()


@dataclass(frozen=True, eq=False)
class Observation:
    """Result of a sampling.

    Args:
        picture: Decoded latents.
        peak: Bytes of memory at once, without the weights.
        calls: Calls of the network, if they were counted.
    """

    picture: torch.Tensor
    peak: int
    calls: int | None


def _with_counter(model: Any) -> tuple[Any, list[None]]:
    """Return a clone of a MODEL, and a list that grows by one with every call of its network."""
    from comfy.patcher_extension import WrappersMP

    counted, calls = model.clone(), list[None]()

    def count(forward: Any, *args: Any, **named: Any) -> Any:
        calls.append(None)
        return forward(*args, **named)

    counted.add_wrapper(WrappersMP.DIFFUSION_MODEL, count)  # within a cache: called where nothing is reused
    return counted, calls


@contextmanager
def start_host(flags: Sequence[str] = ()) -> Iterator[Any]:
    """Import ComfyUI with flags of its command line, and this pack, which is returned."""
    with tempfile.TemporaryDirectory() as base, torch.inference_mode():
        in_process.import_host(Path(base), flags)
        yield in_process.load_pack()


def open_demo(pack: Any, dtype: str = "float32") -> Subject:
    """Load the bundled demo with RichSpace Load CogVideoX (native)."""
    nodes = in_process.node_classes(pack)
    loader, of_pack = nodes["RichSpaceLoadCogVideoXNative"], nodes["RichSpaceLoadCogVideoX"]
    name = loader.GET_SCHEMA().inputs[0].options[0]
    model, clip, vae = loader.execute(model=name, dtype=dtype).args

    def encode(text: str) -> Any:
        return nodes["RichSpaceT5Encode"].execute(encoder=clip, text=text).args[0]

    return Subject(
        "demo model", nodes,
        load=lambda dtype: loader.execute(model=name, dtype=dtype).args[0],
        model=model,
        prompts=(encode(PAIRS[0][0]), encode("")),
        load_for_pack=lambda: of_pack.execute(model=name, dtype="float32").args[0],
        decode=vae.decode,
        settings=DEMO_SETTINGS,
        pairs=PAIRS,
        encode=encode,
    )  # fmt: skip


def open_random(pack: Any, dtype: str = "float32", *, random: RandomModel = WIDE) -> Subject:
    """Create a model with random weights; its latents are compared, since its videos would show nothing."""
    native, memory, models = (
        importlib.import_module(f"{pack.__name__}.nodes.{name}") for name in ("native", "host.memory", "host.models")
    )

    def load(dtype: str) -> Any:
        return random.load_native(native, getattr(torch, dtype, None))

    def load_for_pack() -> Any:
        kind = torch.float32
        transformer = memory.HostOwned("transformer", lambda _: random.load(), stored_dtype=kind, dtype=kind)
        transformer.loaded()  # before the time is taken
        return models.CogVideoXModel(random.folder, transformer, None, None)  # neither decoded nor encoded

    prompt, negative = ([[embedding[None], {}]] for embedding in random.embed_prompts())
    return Subject(
        random.title,
        in_process.node_classes(pack),
        load=load,
        model=load(dtype),
        prompts=(prompt, negative),
        load_for_pack=load_for_pack,
        decode=lambda latents: latents,
        settings=RANDOM_SETTINGS,
    )


#: Functions that open a model, by its name on the command line.
MODELS: dict[str, Callable[..., Subject]] = {
    "demo": open_demo,
    "wide": open_random,
    "narrow": partial(open_random, random=NARROW),
}
