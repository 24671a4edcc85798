"""Time, picture and memory of ComfyUI's own nodes and flags for speed, with its CogVideoX as this pack loads it.

Flags are read when ComfyUI starts, so each of them is measured in a process of its own.

Run: python benchmarks/native_options.py [--quick]
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from timing import compare_times, measure_peak_bytes, own_clock, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from comfyui import in_process

STEPS, CFG, SEED, CANDIDATES, DRAFT_STEPS = 20, 4.0, 42, 30, 2
SIZE = {"width": 64, "height": 64, "frames": 9, "batch_size": 1}
LONG = {**SIZE, "frames": 33}  # 9 latent frames in place of 3
PAIRS = (
    ("a red circle moves right", "a blue square moves right"),
    ("a green star moves left", "a yellow triangle moves left"),
    ("a striped circle moves up", "a dotted circle moves up"),
)
FLAGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--use-pytorch-cross-attention",),
    ("--use-split-cross-attention",),
    ("--use-quad-cross-attention",),
    ("--use-sage-attention",),
    ("--use-flash-attention",),
    ("--bf16-unet",),
    ("--fp8_e4m3fn-unet",),
    ("--fp8_e5m2-unet",),
    ("--fp8_e4m3fn-unet", "--fast"),
)
OF_FLAGS = "--with-flags"
COMPILED = "TorchCompileModel, after it has compiled"


def main(arguments: Sequence[str]) -> None:
    """Measure and print the tables, or measure one set of flags for the process that started this one."""
    torch.set_num_threads(1)  # several threads would also wait for other programs
    quick = "--quick" in arguments
    if arguments[:1] == [OF_FLAGS]:
        with Bench.open(flags=arguments[2:], dtype="auto") as bench:
            print(json.dumps(bench.measure_flags(Path(arguments[1]), 1 if quick else 3)))
        return
    with tempfile.TemporaryDirectory() as folder, Bench.open() as bench:
        exact = Path(folder, "exact.pt")
        torch.save(bench.frames(bench.sample(bench.model)), exact)
        bench.print_nodes(1 if quick else 3, PAIRS[:1] if quick else PAIRS)
        bench.print_windows(1 if quick else 3)
        print_flags(exact, FLAGS[:2] if quick else FLAGS)


@dataclass(frozen=True)
class Bench:
    """ComfyUI in this process with the demo model loaded.

    Args:
        nodes: The pack's node classes by id.
        model: ComfyUI's MODEL.
        clip: ComfyUI's CLIP.
        vae: ComfyUI's VAE.
    """

    nodes: dict[str, Any]
    model: Any
    clip: Any
    vae: Any

    @classmethod
    @contextmanager
    def open(cls, flags: Sequence[str] = (), dtype: str = "float32") -> Iterator[Bench]:
        """Start ComfyUI with flags and load the demo model."""
        with tempfile.TemporaryDirectory() as base, torch.inference_mode():
            in_process.import_host(Path(base), flags)
            nodes = in_process.node_classes(in_process.load_pack())
            yield cls(nodes, *cls.load(nodes, dtype))

    @staticmethod
    def load(nodes: dict[str, Any], dtype: str) -> tuple[Any, Any, Any]:
        """Run RichSpace Load CogVideoX (native) with the demo model."""
        loader = nodes["RichSpaceLoadCogVideoXNative"]
        model, clip, vae = loader.execute(model=loader.GET_SCHEMA().inputs[0].options[0], dtype=dtype).args
        return model, clip, vae

    def encode(self, text: str) -> Any:
        """Run RichSpace Encode Prompt (T5)."""
        return self.nodes["RichSpaceT5Encode"].execute(encoder=self.clip, text=text).args[0]

    def empty(self, size: dict[str, int] = SIZE) -> Any:
        """Run RichSpace Empty CogVideoX Latent."""
        return self.nodes["RichSpaceEmptyCogVideoXLatent"].execute(model=self.model, **size).args[0]

    def sample(self, model: Any, size: dict[str, int] = SIZE) -> torch.Tensor:
        """Run KSampler with euler and simple."""
        import nodes

        prompts = self.encode(PAIRS[0][0]), self.encode("")
        sampled = nodes.common_ksampler(model, SEED, STEPS, CFG, "euler", "simple", *prompts, self.empty(size))
        latents: torch.Tensor = sampled[0]["samples"]
        return latents

    def frames(self, latents: torch.Tensor) -> torch.Tensor:
        """Run VAE Decode."""
        frames: torch.Tensor = self.vae.decode(latents)
        return frames

    def count_calls(self, model: Any, size: dict[str, int] = SIZE) -> int:
        """Count the calls of the network in one sampling."""
        from comfy.patcher_extension import WrappersMP

        counted, calls = model.clone(), []

        def count(forward: Any, *args: Any, **named: Any) -> Any:
            calls.append(1)
            return forward(*args, **named)

        counted.add_wrapper(WrappersMP.DIFFUSION_MODEL, count)  # within a cache: called where nothing is reused
        self.sample(counted, size)
        return len(calls)

    def balance(self, model: Any, a: str, b: str) -> int:
        """Run RichSpace Balance, and return the candidate that it takes."""
        found = self.nodes["RichSpaceBalance"].execute(
            model=model, a=self.encode(a), b=self.encode(b), negative=self.encode(""), latent=self.empty(),
            steps=CANDIDATES, index=0, share=0.5, looks=3, draft_steps=DRAFT_STEPS, seed=SEED, cfg=CFG,
            sampler_name="euler", scheduler="simple",
        )  # fmt: skip
        return int(found.args[1])

    def print_nodes(self, rounds: int, pairs: Sequence[tuple[str, str]]) -> None:
        """Measure the nodes that change a MODEL, and print the table."""
        models = {"none": self.model, **self.changed_models()}
        exact = self.frames(self.sample(self.model))
        pictures = {name: decibels(self.frames(self.sample(model)), exact) for name, model in models.items()}
        times = compare_times(
            *(partial(self.sample, model) for model in models.values()), rounds=rounds, clock=own_clock()
        )
        rows = []
        for (name, model), seconds in zip(models.items(), times, strict=True):
            # A counter would be compiled, too, and again in each step.
            calls = "as none" if name == COMPILED else str(self.count_calls(model))
            places = ", ".join(str(self.balance(model, *pair)) for pair in pairs)
            peak = measure_peak_bytes(partial(self.sample, model)) / 2**20
            rows.append((name, f"{1 - seconds / times[0]:.0%}", calls, pictures[name], f"{peak:.1f}", places))
        header = ("node", "time saved", "calls of the network", "PSNR in dB", "peak MiB without the weights",
                  f"Balance of {CANDIDATES}")  # fmt: skip
        print_table(f"Nodes, demo model, {STEPS} steps", header, rows)

    def changed_models(self) -> dict[str, Any]:
        """Return the demo's MODEL after each of ComfyUI's nodes."""
        from comfy_extras import nodes_hypertile, nodes_nag, nodes_pag, nodes_sag, nodes_slg, nodes_tomesd
        from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode
        from comfy_extras.nodes_torch_compile import TorchCompileModel

        settings: dict[str, tuple[Any, ...]] = {
            **{f"EasyCache, threshold {each}": (EasyCacheNode, each, 0.15, 0.95, False) for each in (0.2, 0.5)},
            **{f"LazyCache, threshold {each}": (LazyCacheNode, each, 0.15, 0.95, False) for each in (0.1, 0.2, 0.5)},
            COMPILED: (TorchCompileModel, "inductor"),
            "NAGuidance": (nodes_nag.NAGuidance, 5.0, 0.5, 1.5),
            "PerturbedAttentionGuidance": (nodes_pag.PerturbedAttentionGuidance, 3.0),
            "SelfAttentionGuidance": (nodes_sag.SelfAttentionGuidance, 0.5, 2.0),
            "SkipLayerGuidanceDiT": (nodes_slg.SkipLayerGuidanceDiT, 3.0, 0.01, 0.15, "1", "1", 0.0),
            "HyperTile": (nodes_hypertile.HyperTile, 256, 2, 0, False),
            "TomePatchModel": (nodes_tomesd.TomePatchModel, 0.3),
        }
        changed = {name: first_output(node.execute(self.model, *rest)) for name, (node, *rest) in settings.items()}
        return {"dtype float8_e4m3fn of the loader": self.load(self.nodes, "float8_e4m3fn")[0], **changed}

    def print_windows(self, rounds: int) -> None:
        """Measure context windows over a long video, and print the table."""
        from comfy_extras.nodes_context_windows import ContextWindowsManualNode
        from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode

        def windows(model: Any, *, freenoise: bool = False) -> Any:
            rest = ("standard_static", 1, False, "pyramid", 2, freenoise)
            return first_output(ContextWindowsManualNode.execute(model, 3, 2, *rest))

        caches = {"EasyCache": EasyCacheNode, "LazyCache": LazyCacheNode}
        models = {
            "none: all frames at once": self.model,
            "windows of 3 latent frames, overlap 2": windows(self.model),
            "the same with FreeNoise": windows(self.model, freenoise=True),
            **{
                f"the same after {name}": windows(first_output(cache.execute(self.model, 0.2, 0.15, 0.95, False)))
                for name, cache in caches.items()
            },
            **{
                f"the same before {name}": first_output(cache.execute(windows(self.model), 0.2, 0.15, 0.95, False))
                for name, cache in caches.items()
            },
        }
        samplers = [partial(self.sample, model, LONG) for model in models.values()]
        times = compare_times(*samplers, rounds=rounds, clock=own_clock())
        rows = [
            (name, f"{1 - seconds / times[0]:.0%}", str(self.count_calls(model, LONG)),
             f"{measure_peak_bytes(sample) / 2**20:.1f}")
            for (name, model), sample, seconds in zip(models.items(), samplers, times, strict=True)
        ]  # fmt: skip
        header = ("windows", "time saved", "calls of the network", "peak MiB without the weights")
        print_table(f"Context windows, demo model, {LONG['frames']} frames, {STEPS} steps", header, rows)

    def measure_flags(self, exact: Path, rounds: int) -> dict[str, Any]:
        """Measure a sampling with this process's flags, and the pack's own sampler, which no flag changes."""
        own = self.nodes["RichSpaceLoadCogVideoX"]
        model, encoder = own.execute(model=own.GET_SCHEMA().inputs[0].options[0], dtype="float32").args
        positive, negative = (
            self.nodes["RichSpaceT5Encode"].execute(encoder=encoder, text=text).args[0] for text in (PAIRS[0][0], "")
        )

        def sample_with_pack() -> object:
            return self.nodes["RichSpaceCogVideoXSample"].execute(
                model=model, positive=positive, negative=negative, **SIZE, steps=STEPS, cfg=CFG, seed=SEED,
                scheduler="DDIM", dynamic_cfg="off",
            )  # fmt: skip

        sample = partial(self.sample, self.model)
        frames = self.frames(sample())
        ours, theirs = compare_times(sample, sample_with_pack, rounds=rounds, clock=own_clock())
        weights = sum(weight.nbytes for weight in self.model.model.diffusion_model.parameters())
        return {
            "ratio": ours / theirs,
            "PSNR": decibels(frames, torch.load(exact, weights_only=True)),
            "weights": weights / 2**20,
            "peak": measure_peak_bytes(sample) / 2**20,
            "balance": ", ".join(str(self.balance(self.model, *pair)) for pair in PAIRS),
        }


def print_flags(exact: Path, every: Sequence[tuple[str, ...]]) -> None:
    """Measure each set of flags in a process of its own, and print the table."""
    rows = []
    for flags in every:
        command = [sys.executable, __file__, OF_FLAGS, str(exact), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this file
        name = " ".join(flags) or "none"
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "must be installed" in line or "Error" in line]
            rows.append((name, said[-1].strip() if said else f"exit status {done.returncode}", "", "", "", ""))
            continue
        found = json.loads(done.stdout.splitlines()[-1])
        sizes = [f"{found[key]:.1f}" for key in ("weights", "peak")]
        rows.append((name, f"{found['ratio']:.2f}", found["PSNR"], *sizes, found["balance"]))
    header = ("flags", "time / that of RichSpace CogVideoX Sample", "PSNR in dB", "weights in MiB",
              "peak MiB without them", f"Balance of {CANDIDATES}")  # fmt: skip
    print_table(f"Flags of ComfyUI's command line, demo model, {STEPS} steps", header, rows)


def first_output(made: Any) -> Any:
    """Return the first output of one of ComfyUI's nodes."""
    return getattr(made, "result", made)[0]


def decibels(frames: torch.Tensor, exact: torch.Tensor) -> str:
    """Return the peak signal-to-noise ratio of frames in 0..1."""
    error = float((frames.float() - exact.float()).square().mean())
    return "exact" if error < 1e-11 else f"{-10 * math.log10(error):.1f}"


if __name__ == "__main__":
    main(sys.argv[1:])
