"""Time and memory of ComfyUI's own CogVideoX with the pack's patches, of the pack's sampler, and of diffusers.

All of them use the same weights, embeddings, noise and settings.

Run: python benchmarks/native_speed.py
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from random_model import WIDE, RandomModel
from sampling_speed import embedding_on, encode_prompts, make_pipeline
from timing import compare_times, measure_peak_bytes, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from comfyui import in_process

STEPS, WIDTH, HEIGHT, FRAMES, SEED, CFG = 10, 192, 128, 17, 0, 6.0
SIZE = {"width": WIDTH, "height": HEIGHT, "frames": FRAMES, "batch_size": 1}


def main(rounds: int = 7) -> None:
    """Measure and print the tables."""
    torch.set_num_threads(1)  # several threads would also wait for other programs
    with tempfile.TemporaryDirectory() as base, torch.inference_mode():
        in_process.import_host(Path(base))
        pack = in_process.load_pack()
        measure_samplers(make_samplers(in_process.node_classes(pack)), rounds)
        measure_forwards(make_forwards(importlib.import_module(f"{pack.__name__}.nodes.native")))


def measure_samplers(samplers: dict[str, Callable[[], torch.Tensor]], rounds: int) -> None:
    """Measure sampling and print the table."""
    latents = {name: sample() for name, sample in samplers.items()}
    reference = latents["diffusers' pipeline called directly"]
    times = compare_times(*samplers.values(), rounds=rounds)
    rows = [
        (
            name,
            f"{seconds / STEPS * 1000:.1f}",
            f"{seconds / times[0]:.2f}",
            f"{measure_peak_bytes(sample) / 2**20:.1f}",
            f"{compute_distance(latents[name], reference):.0e}",
        )
        for (name, sample), seconds in zip(samplers.items(), times, strict=True)
    ]
    header = ("what", "ms per step", "ratio", "peak MiB without the weights", "distance of the latents")
    print_table(f"Sampling, demo model, {WIDTH} x {HEIGHT} x {FRAMES}, {STEPS} steps", header, rows)


def measure_forwards(forwards: dict[str, Callable[[], torch.Tensor]]) -> None:
    """Measure one forward and print the table."""
    times = compare_times(*forwards.values(), rounds=3)
    rows = [
        (name, f"{seconds:.2f}", f"{seconds / times[0]:.2f}", f"{measure_peak_bytes(forward) / 2**20:.0f}")
        for (name, forward), seconds in zip(forwards.items(), times, strict=True)
    ]
    header = ("what", "seconds", "ratio", "peak MiB without the weights")
    print_table("One forward as wide as 2B, two layers, 226 tokens and 5 x 30 x 46 latents", header, rows)


def compute_distance(ours: torch.Tensor, reference: torch.Tensor) -> float:
    """Compute the relative L2 distance."""
    ours, reference = ours.cpu(), reference.cpu()
    return float((ours - reference).norm() / reference.norm())


def make_samplers(nodes: dict[str, Any]) -> dict[str, Callable[[], torch.Tensor]]:
    """Create functions by name that sample the demo model's latents in ComfyUI's layout, diffusers first."""
    from comfy_extras.nodes_custom_sampler import SamplerCustom

    demo = nodes["RichSpaceLoadCogVideoX"].GET_SCHEMA().inputs[0].options[0]
    model, encoder = nodes["RichSpaceLoadCogVideoX"].execute(model=demo, dtype="auto").args
    native, _, _ = nodes["RichSpaceLoadCogVideoXNative"].execute(model=demo, dtype="auto").args
    positive, negative = encode_prompts(nodes, encoder)
    pipeline = make_pipeline(model)
    place = partial(embedding_on, pipeline.device)
    sampler, sigmas = nodes["RichSpaceCogVideoXSampler"].execute(
        model=native, steps=STEPS, scheduler="auto", dynamic_cfg="off", noise="diffusers"
    ).args  # fmt: skip
    (latent,) = nodes["RichSpaceEmptyCogVideoXLatent"].execute(model=native, **SIZE).args

    def sample_directly() -> torch.Tensor:
        latents: torch.Tensor = pipeline(
            prompt_embeds=place(positive), negative_prompt_embeds=place(negative), width=WIDTH, height=HEIGHT,
            num_frames=FRAMES, num_inference_steps=STEPS, guidance_scale=CFG, output_type="latent",
            generator=torch.Generator().manual_seed(SEED),
        ).frames  # fmt: skip
        return latents.movedim(1, 2) / model.folder.scaling_factor

    def sample_with_pack() -> torch.Tensor:
        output = nodes["RichSpaceCogVideoXSample"].execute(
            model=model, positive=positive, negative=negative, steps=STEPS, cfg=CFG, seed=SEED, scheduler="auto",
            dynamic_cfg="off", **SIZE,
        )  # fmt: skip
        samples: torch.Tensor = output.args[0]["samples"]
        return samples

    def sample_with_host() -> torch.Tensor:
        output = SamplerCustom.execute(native, True, SEED, CFG, positive, negative, sampler, sigmas, latent)
        samples: torch.Tensor = output.args[0]["samples"]
        return samples

    return {
        "diffusers' pipeline called directly": sample_directly,
        "RichSpace CogVideoX Sample": sample_with_pack,
        "native, SamplerCustom with CogVideoX Sampler": sample_with_host,
    }


def make_forwards(native: Any) -> dict[str, Callable[[], torch.Tensor]]:
    """Create functions by name that run one forward of a random model as wide as CogVideoX-2B, diffusers first."""
    import comfy.model_management

    model = RandomModel(replace(WIDE.transformer, num_layers=2))
    theirs, corrected = model.load(), model.load_native(native)
    comfy.model_management.load_models_gpu([corrected])
    network, options = corrected.model.diffusion_model, corrected.model_options["transformer_options"]
    device = corrected.load_device
    theirs.to(device)
    latents, text = torch.randn(1, 16, 5, 30, 46).to(device), torch.randn(1, 226, 4096).to(device)
    timestep = torch.tensor([500], device=device)
    return {
        "diffusers": lambda: theirs(latents.movedim(1, 2), text, timestep).sample,
        "native, with PyTorch's attention": lambda: network(latents, timestep, text, transformer_options=options),
        "native, with the attention that ComfyUI chooses on a CPU": lambda: network(
            latents, timestep, text, transformer_options={}
        ),
    }


if __name__ == "__main__":
    main()
