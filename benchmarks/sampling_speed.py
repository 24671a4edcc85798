"""Time of sampling with the node, compared with calling diffusers' pipeline with the same inputs and settings.

Run: python benchmarks/sampling_speed.py
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from timing import compare_times, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from comfyui import in_process

STEPS, WIDTH, HEIGHT, FRAMES, SEED = 10, 192, 128, 17, 0


def main(rounds: int = 7) -> None:
    """Measure and print the table."""
    torch.set_num_threads(1)  # several threads would also wait for other programs
    with tempfile.TemporaryDirectory() as base, torch.inference_mode():
        in_process.import_host(Path(base))
        nodes = in_process.node_classes(in_process.load_pack())
        loader = nodes["RichSpaceLoadCogVideoX"]
        demo = loader.GET_SCHEMA().inputs[0].options[0]
        model, encoder = loader.execute(model=demo, dtype="auto").args
        positive, negative = encode_prompts(nodes, encoder)
        pipeline = make_pipeline(model)
        place = partial(embedding_on, pipeline.device)

        def sample_with_node() -> torch.Tensor:
            return nodes["RichSpaceCogVideoXSample"].execute(
                model=model, positive=positive, negative=negative, width=WIDTH, height=HEIGHT, frames=FRAMES,
                steps=STEPS, cfg=6.0, seed=SEED, batch_size=1, scheduler="auto", dynamic_cfg="off",
            ).args[0]["samples"]  # fmt: skip

        def sample_directly() -> torch.Tensor:
            return pipeline(
                prompt_embeds=place(positive), negative_prompt_embeds=place(negative), width=WIDTH, height=HEIGHT,
                num_frames=FRAMES, num_inference_steps=STEPS, guidance_scale=6.0, output_type="latent",
                generator=torch.Generator().manual_seed(SEED),
            ).frames  # fmt: skip

        scaled = sample_directly().permute(0, 2, 1, 3, 4) / model.folder.scaling_factor
        same = torch.allclose(sample_with_node().cpu(), scaled.float().cpu(), rtol=1e-5, atol=1e-5)
        ours, theirs = compare_times(sample_with_node, sample_directly, rounds=rounds)
    header = ("what", "seconds", "ratio", "same latents")
    rows = [
        ("diffusers' pipeline called directly", f"{theirs:.3f}", "1", ""),
        ("RichSpace CogVideoX Sample", f"{ours:.3f}", f"{ours / theirs:.2f}", "yes" if same else "NO"),
    ]
    print_table(f"Sampling, demo model, {WIDTH} x {HEIGHT} x {FRAMES}, {STEPS} steps", header, rows)


def encode_prompts(nodes: dict[str, Any], encoder: object) -> list[Any]:
    """Encode a prompt and the empty negative prompt with the node."""
    texts = ("a red circle moves right", "")
    return [nodes["RichSpaceT5Encode"].execute(encoder=encoder, text=text).args[0] for text in texts]


def make_pipeline(model: Any) -> Any:
    """Create a diffusers pipeline with the same weights as the node's."""
    from diffusers import CogVideoXPipeline

    folder = model.folder
    pipeline = CogVideoXPipeline(
        tokenizer=folder.load_tokenizer(),
        text_encoder=folder.load("text_encoder", torch.float32),
        vae=folder.load("vae", torch.float32),
        transformer=model.transformer.loaded(),
        scheduler=folder.make_scheduler(),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(next(model.transformer.loaded().parameters()).device)


def embedding_on(device: torch.device, conditioning: Any) -> torch.Tensor:
    """Return the embedding of a CONDITIONING with one entry, on a device."""
    embedding: torch.Tensor = conditioning[0][0]
    return embedding.to(device)


if __name__ == "__main__":
    main()
