"""Training of the bundled demo model from scratch: a tiny CogVideoX that draws the world of `world.py`.

    python demo_model/train.py [--out DIR] [--work DIR] [--seed N]

There are three stages. The video autoencoder learns to reconstruct rendered clips, in two rounds. The training clips
are encoded once. The text encoder and the denoiser then learn together to draw them (v-prediction on CogVideoX's noise
schedule).

Progress is saved in the work folder, and an interrupted run resumes there. The clips, sentences and noise of each step
depend only on the seed and the step. The same seed therefore gives the same model on the same machine with the same
library versions.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import published_form
import torch
import world
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from model_configs import TEXT_ENCODER, TRANSFORMER, VAE
from safetensors.torch import load_file, save_file
from tokenization import tokenize, write_tokenizer
from torch import Tensor, nn
from tqdm import tqdm
from training_stage import Plan, Stage
from transformers import AutoTokenizer, T5Config, T5EncoderModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
DEFAULT_SEED = 0

VAE_PLAN = Plan(steps=1000, batch=4, rate=8e-4, warm_up=20, fall=0.4, average=0.99)
REFINEMENT_PLAN = Plan(steps=500, batch=4, rate=6e-4, warm_up=20, fall=0.7, average=0.99)
TRANSFORMER_PLAN = Plan(steps=4400, batch=16, rate=8e-4, warm_up=100, fall=0.5, average=0.998)
MATRIX_RATE = 3e-3  # learning rate of Muon, for the matrices in the layers of the denoiser and the text encoder
CLIPS = 6_000  # number of clips for the last stage
SINGLE_FRAMES = 0.4  # share of the autoencoder's steps, at the start, on four times as many single frames: more scenes
KL_WEIGHT = 3e-4
FIRST_LOG_VARIANCE = -6.0  # by default there is more noise than signal, and hundreds of steps learn nothing
OBJECT_WEIGHT = 4.0  # additional weight of the object's pixels in the autoencoder's loss
EMPTY_PROMPTS = 0.1  # share of the sentences that are replaced by "", for classifier-free guidance

_VAE_STREAM, _CLIP_STREAM, _TRANSFORMER_STREAM, _REFINEMENT_STREAM = range(4)  # of random numbers


def _make_generators(seed: int, stream: int, step: int) -> tuple[np.random.Generator, torch.Generator]:
    """Create the NumPy and torch generators of one step. They do not depend on earlier steps."""
    random = np.random.default_rng([seed, stream, step])
    return random, torch.Generator().manual_seed(int(random.integers(2**62)))


class VaeStage(Stage):
    """Training of the video autoencoder: reconstruct clips, with latents close to a standard normal distribution.

    Args:
        plan: The settings.
        file: File for the state.
        seed: Seed of weights, clips and noise.
        refined: An autoencoder to train further, on clips only. None trains a new one, on single frames first.
    """

    def __init__(self, plan: Plan, file: Path, seed: int, *, refined: nn.Module | None = None) -> None:
        torch.manual_seed(seed)
        self.seed, self.is_new = seed, refined is None
        super().__init__(refined or make_vae(), plan, file)

    def compute_loss(self, step: int) -> Tensor:
        """Compute the reconstruction error, weighted towards the object's pixels, plus the KL divergence."""
        random, generator = _make_generators(self.seed, _VAE_STREAM if self.is_new else _REFINEMENT_STREAM, step)
        clips = to_video(np.stack(list(self._render_clips(step, random))))
        posterior = self.module.encode(clips).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator)
        reconstruction = self.module.decode(posterior.mean + posterior.std * noise).sample
        is_background = (clips - (2 * world.BACKGROUND - 1)).abs().amax(1, keepdim=True) < 0.05
        weight = torch.where(is_background, 1.0, 1.0 + OBJECT_WEIGHT)
        difference = reconstruction - clips
        error = (weight * (difference.abs() + difference**2)).mean() / weight.mean()
        divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
        return error + KL_WEIGHT * divergence

    def _render_clips(self, step: int, random: np.random.Generator) -> Iterator[world.Clip]:
        """Render a step's clips. The first steps of a new autoencoder get single frames."""
        single = self.is_new and step < SINGLE_FRAMES * self.plan.steps
        for _ in range(self.plan.batch * (4 if single else 1)):
            clip = world.render(world.Scene.sample(random), random)
            frame = int(random.integers(world.FRAMES))
            yield clip[frame : frame + 1] if single else clip


def make_vae() -> nn.Module:
    """Create an untrained autoencoder."""
    vae = AutoencoderKLCogVideoX(**VAE)
    with torch.no_grad():
        vae.encoder.conv_out.conv.bias[VAE["latent_channels"] :] = FIRST_LOG_VARIANCE
    return vae


class TransformerStage(Stage):
    """Training of the text encoder and the denoiser: predict the velocity of noisy latents from a sentence.

    Args:
        plan: The settings.
        file: File for the state.
        seed: Seed of weights, sentences and noise.
        tokenizer: The tokenizer.
        scenes: The scene of each clip.
        means: Means of the clips' scaled latents, ``[n, t, c, h, w]``.
        deviations: Standard deviations of the clips' scaled latents, ``[n, t, c, h, w]``.
    """

    def __init__(
        self,
        plan: Plan,
        file: Path,
        seed: int,
        tokenizer: Any,
        scenes: Sequence[world.Scene],
        means: Tensor,
        deviations: Tensor,
    ) -> None:
        torch.manual_seed(seed)
        self.seed, self.tokenizer, self.scenes, self.means, self.deviations = seed, tokenizer, scenes, means, deviations
        self.scheduler = CogVideoXDDIMScheduler(**published_form.SCHEDULER)
        self.text_encoder = T5EncoderModel(T5Config(vocab_size=len(tokenizer), **TEXT_ENCODER))
        self.transformer = CogVideoXTransformer3DModel(**TRANSFORMER)
        super().__init__(nn.ModuleList([self.text_encoder, self.transformer]), plan, file)

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """Create the optimizers: Muon for the layers' matrices, AdamW for all other weights.

        Muon reaches the same loss as AdamW in two thirds of the time.
        """
        named = list(self.module.named_parameters())
        matrices = {
            name
            for name, weight in named
            if weight.ndim == 2
            and ("_blocks." in name or ".layer." in name)
            and not name.endswith("relative_attention_bias.weight")
        }
        muon = torch.optim.Muon(
            [weight for name, weight in named if name in matrices],
            lr=MATRIX_RATE,
            weight_decay=0.0,
            adjust_lr_fn="match_rms_adamw",
        )
        return [muon, self._make_adam(weight for name, weight in named if name not in matrices)]

    def compute_loss(self, step: int) -> Tensor:
        """Compute the mean squared error of the velocity."""
        random, generator = _make_generators(self.seed, _TRANSFORMER_STREAM, step)
        chosen = random.integers(len(self.scenes), size=self.plan.batch)
        texts = [world.describe(self.scenes[index], random) for index in chosen]
        texts = ["" if random.random() < EMPTY_PROMPTS else text for text in texts]
        means, deviations = self.means[chosen].float(), self.deviations[chosen].float()
        latents = means + deviations * torch.randn(means.shape, generator=generator)  # [b, t, c, h, w]
        noise = torch.randn(means.shape, generator=generator)
        # One timestep from each of equal parts of the schedule, so that every batch covers all of it.
        spread = (torch.arange(self.plan.batch) + torch.rand(self.plan.batch, generator=generator)) / self.plan.batch
        timesteps = (spread * self.scheduler.config.num_train_timesteps).long()
        predicted = self.transformer(
            hidden_states=self.scheduler.add_noise(latents, noise, timesteps),
            encoder_hidden_states=self.text_encoder(tokenize(self.tokenizer, texts))[0],
            timestep=timesteps,
        ).sample
        return nn.functional.mse_loss(predicted, self.scheduler.get_velocity(latents, noise, timesteps))


def to_video(clips: Any) -> Tensor:
    """Convert clips ``[b, t, h, w, 3]`` in 0..1 to the autoencoder's input ``[b, 3, t, h, w]`` in -1..1."""
    return torch.from_numpy(clips).permute(0, 4, 1, 2, 3) * 2 - 1


def encode_clips(vae: nn.Module, count: int, file: Path, seed: int) -> tuple[list[world.Scene], Tensor, Tensor]:
    """Render and encode the clips for the last stage, or read them from `file` if it exists.

    The clips are steady, because a pattern at a random position takes much longer to learn.

    Returns:
        The scenes, and the means and standard deviations of the clips' latents, float16 ``[n, t, c, h, w]``.
    """
    randoms = [np.random.default_rng([seed, _CLIP_STREAM, index]) for index in range(count)]
    scenes = [world.Scene.sample(random) for random in randoms]
    if not file.is_file():
        parts: list[tuple[Tensor, Tensor]] = []
        for start in tqdm(range(0, count, 8), desc="clips", unit="batch", mininterval=2):
            several = slice(start, start + 8)
            clips = [
                world.render(scene, random, steady=True)
                for scene, random in zip(scenes[several], randoms[several], strict=True)
            ]
            with torch.inference_mode():
                posterior = vae.encode(to_video(np.stack(clips))).latent_dist
            parts.append((posterior.mean.half(), posterior.std.half()))
        columns = {"means": [mean for mean, _ in parts], "deviations": [deviation for _, deviation in parts]}
        unfinished = file.with_suffix(".part")
        save_file({name: torch.cat(each).transpose(1, 2).contiguous() for name, each in columns.items()}, unfinished)
        unfinished.replace(file)
    encoded = load_file(file)
    return scenes, encoded["means"], encoded["deviations"]


def train(
    out: Path,
    work: Path,
    *,
    seed: int = DEFAULT_SEED,
    vae_plan: Plan = VAE_PLAN,
    refinement_plan: Plan = REFINEMENT_PLAN,
    transformer_plan: Plan = TRANSFORMER_PLAN,
    clips: int = CLIPS,
) -> None:
    """Train the model and write it as a diffusers folder.

    Args:
        out: The folder to write. Files of an earlier run are replaced.
        work: Folder for the state of the training.
        seed: Seed of all random numbers.
        vae_plan: Settings of the autoencoder's first round.
        refinement_plan: Settings of its second round, on clips only.
        transformer_plan: Settings for the text encoder and the denoiser.
        clips: Number of clips for the text encoder and the denoiser.
    """
    work.mkdir(parents=True, exist_ok=True)
    write_tokenizer(out / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(out / "tokenizer", local_files_only=True)
    vae = VaeStage(vae_plan, work / "autoencoder.safetensors", seed).run()
    vae = VaeStage(refinement_plan, work / "refinement.safetensors", seed, refined=vae).run()
    scenes, means, deviations = encode_clips(vae, clips, work / "clips.safetensors", seed)
    scale = 1 / means.float().std().item()
    vae.register_to_config(scaling_factor=scale)  # type: ignore[operator]
    stage = TransformerStage(
        transformer_plan, work / "denoiser.safetensors", seed, tokenizer, scenes, means * scale, deviations * scale
    )
    text_encoder, transformer = stage.run()
    published_form.save_pipeline(
        CogVideoXPipeline(
            tokenizer=tokenizer, text_encoder=text_encoder, transformer=transformer, vae=vae, scheduler=stage.scheduler
        ),
        out,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Train the bundled demo model from scratch (about 70 minutes on two CPU cores)."
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write (default: this script's own)")
    parser.add_argument("--work", type=Path, default=HERE.parent / ".dev" / "train", help="folder for the progress")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of all random numbers (default: 0)")
    options = parser.parse_args(arguments)
    train(options.out, options.work, seed=options.seed)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"Wrote the demo model, {size / 1e6:.1f} MB, to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
