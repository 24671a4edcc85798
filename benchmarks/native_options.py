"""Time, picture and memory of ComfyUI's own nodes and flags for speed, with its CogVideoX as this pack loads it.

The models are the bundled demo, and one with random weights that is as wide as CogVideoX-2b.

Run: python benchmarks/native_options.py [demo] [wide] [--quick]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from native_flags import FLAGS, FURTHER_FLAGS, print_flags
from native_subjects import MODELS, Subject, start_host
from pictures import decibels
from timing import compare_times, own_clock, print_table

COMPILED = "TorchCompileModel, after it has compiled"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure models and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(MODELS)}; demo and wide if none is named"
    )
    parser.add_argument(
        "--quick", action="store_true", help="measure each thing once and fewer things; narrow for wide"
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # several threads would also wait for other programs
    with start_host() as pack:
        for name in options.models or ("demo", "narrow" if options.quick else "wide"):
            print_tables(name, MODELS[name](pack), quick=options.quick)


def print_tables(name: str, subject: Subject, *, quick: bool) -> None:
    """Measure and print all tables of a model.

    Args:
        name: Name of the model in `MODELS`.
        subject: The model.
        quick: Whether one pair of prompts, one round, and two sets of flags are enough, without compiling.
    """
    subject = subject.quick() if quick else subject
    flags = [*FLAGS, *FURTHER_FLAGS] if subject.settings.has_all_rows else FLAGS
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder, "exact.pt")
        torch.save(subject.decode(subject.sample(subject.model)), exact)
        print_nodes(subject, changed_models(subject, is_compiled=not quick))
        print_windows(subject.long())
        print_flags(name, subject, exact, flags[:2] if quick else flags)


def print_nodes(subject: Subject, models: dict[str, Any]) -> None:
    """Measure a MODEL before and after nodes, and print the table."""
    seen = [subject.observe(model, is_compiled=name == COMPILED) for name, model in models.items()]
    header = ("node", "time saved", "calls of the network", "PSNR in dB", "peak MiB without the weights",
              *subject.balance_header)  # fmt: skip
    rows = [
        (name, _saved(subject, model), "as none" if each.calls is None else str(each.calls),
         decibels(each.picture, seen[0].picture), f"{each.peak / 2**20:.1f}", *subject.balance(model))
        for (name, model), each in zip(models.items(), seen, strict=True)
    ]  # fmt: skip
    print_table(f"Nodes, {subject.title}, {subject.settings.steps} steps", header, rows)


def changed_models(subject: Subject, *, is_compiled: bool) -> dict[str, Any]:
    """Return a model's MODEL as it is, and after each of ComfyUI's nodes.

    Args:
        subject: The model.
        is_compiled: Whether one of them is compiled, which takes a minute.
    """
    from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode
    from comfy_extras.nodes_torch_compile import TorchCompileModel

    settings: dict[str, tuple[Any, ...]] = {
        **{f"EasyCache, threshold {each}": (EasyCacheNode, each, 0.15, 0.95, False) for each in (0.2, 0.5)},
        **{f"LazyCache, threshold {each}": (LazyCacheNode, each, 0.15, 0.95, False) for each in (0.1, 0.2, 0.5)},
        **({COMPILED: (TorchCompileModel, "inductor")} if is_compiled else {}),
        **(_nodes_without_effect() if subject.settings.has_all_rows else {}),
    }
    changed = {name: first_output(node.execute(subject.model, *rest)) for name, (node, *rest) in settings.items()}
    return {"none": subject.model, "dtype float8_e4m3fn of the loader": subject.load("float8_e4m3fn"), **changed}


def _nodes_without_effect() -> dict[str, tuple[Any, ...]]:
    from comfy_extras import nodes_hypertile, nodes_nag, nodes_pag, nodes_sag, nodes_slg, nodes_tomesd

    return {
        "NAGuidance": (nodes_nag.NAGuidance, 5.0, 0.5, 1.5),
        "PerturbedAttentionGuidance": (nodes_pag.PerturbedAttentionGuidance, 3.0),
        "SelfAttentionGuidance": (nodes_sag.SelfAttentionGuidance, 0.5, 2.0),
        "SkipLayerGuidanceDiT": (nodes_slg.SkipLayerGuidanceDiT, 3.0, 0.01, 0.15, "1", "1", 0.0),
        "HyperTile": (nodes_hypertile.HyperTile, 256, 2, 0, False),
        "TomePatchModel": (nodes_tomesd.TomePatchModel, 0.3),
    }


def print_windows(subject: Subject) -> None:
    """Measure context windows over long videos, and print the table."""
    models = windowed_models(subject)
    seen = {name: subject.observe(model) for name, model in models.items()}
    rows = [
        (name, _saved(subject, models[name]), str(each.calls), f"{each.peak / 2**20:.1f}")
        for name, each in seen.items()
    ]
    header = ("windows", "time saved", "calls of the network", "peak MiB without the weights")
    frames, steps = subject.settings.long_frames, subject.settings.steps
    print_table(f"Context windows, {subject.title}, {frames} frames, {steps} steps", header, rows)


def windowed_models(subject: Subject) -> dict[str, Any]:
    """Return a model's MODEL without context windows and with them, alone and with caches."""
    from comfy_extras.nodes_context_windows import ContextWindowsManualNode
    from comfy_extras.nodes_easycache import EasyCacheNode, LazyCacheNode

    def windows(model: Any, *, freenoise: bool = False) -> Any:
        rest = ("standard_static", 1, False, "pyramid", 2, freenoise)
        return first_output(ContextWindowsManualNode.execute(model, 3, subject.settings.overlap, *rest))

    def cached(cache: Any, model: Any) -> Any:
        return first_output(cache.execute(model, 0.2, 0.15, 0.95, False))

    model, caches = subject.model, {"EasyCache": EasyCacheNode, "LazyCache": LazyCacheNode}
    models = {
        "none: all frames at once": model,
        f"windows of 3 latent frames, overlap {subject.settings.overlap}": windows(model),
        **{f"the same after {name}": windows(cached(cache, model)) for name, cache in caches.items()},
    }
    if subject.settings.has_all_rows:
        models["the same with FreeNoise"] = windows(model, freenoise=True)
        models |= {f"the same before {name}": cached(cache, windows(model)) for name, cache in caches.items()}
    return models


def first_output(made: Any) -> Any:
    """Return the first output of one of ComfyUI's nodes."""
    return getattr(made, "result", made)[0]


def _saved(subject: Subject, model: Any) -> str:
    """Return the share of the time that a MODEL saves; it takes turns with the subject's own."""
    if model is subject.model:
        return "0%"
    samplers = (partial(subject.sample, each) for each in (subject.model, model))
    before, seconds = compare_times(*samplers, rounds=subject.settings.rounds, clock=own_clock())
    return f"{1 - seconds / before:.0%}"


if __name__ == "__main__":
    main()
