"""Train the bundled demo model from nothing: a tiny CogVideoX of the real classes that draws the world of `world.py`.

    python demo_model/train.py [--out DIR] [--work DIR] [--seed N]

Three stages: the video autoencoder learns to rebuild rendered clips (in two rounds), clips are encoded once, and the
text encoder and the denoiser learn together to draw them (v-prediction on CogVideoX's own noise schedule). Progress is
kept in the work folder: a run that was stopped goes on where it was. Every step's clips, sentences and noise come from
generators seeded with the seed and the step, so that the same seed gives the same model on the same machine and library
versions.

The configurations follow the published CogVideoX-2B; whatever is smaller than there says so.
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
MATRIX_RATE = 3e-3  # of Muon, for the matrices of the denoiser's and the text encoder's layers
CLIPS = 6_000  # that are encoded once, for the last stage
PICTURES_FIRST = 0.4  # share of the autoencoder's steps on single frames, four times as many: more scenes a second
KL_WEIGHT = 3e-4
FIRST_LOG_VARIANCE = -6.0  # with more noise than signal, as by default, nothing is learned for hundreds of steps
OBJECT_WEIGHT = 4.0  # by which the object's pixels count more than the ground's
EMPTY_PROMPTS = 0.1  # so many sentences are left out, for classifier-free guidance

_VAE_STAGE, _CLIP_STAGE, _TRANSFORMER_STAGE, _REFINEMENT_STAGE = range(4)  # streams of random numbers


def _generators(seed: int, stream: int, step: int) -> tuple[np.random.Generator, torch.Generator]:
    """A step's own random numbers, which do not depend on the steps before it: numpy's and torch's."""
    random = np.random.default_rng([seed, stream, step])
    return random, torch.Generator().manual_seed(int(random.integers(2**62)))


class VaeStage(Stage):
    """The video autoencoder: rebuild rendered clips, with latents near a unit normal distribution.

    Args:
        plan: How.
        file: Where the state is kept.
        seed: Seed of weights, clips and noise.
        refined: An autoencoder to go on with, on clips alone; None for a new one, which sees single frames first.
    """

    def __init__(self, plan: Plan, file: Path, seed: int, *, refined: nn.Module | None = None) -> None:
        torch.manual_seed(seed)
        self.seed, self.is_new = seed, refined is None
        super().__init__(refined or new_vae(), plan, file)

    def loss(self, step: int) -> Tensor:
        """Absolute and squared error, the object's pixels counted more, and the divergence from a unit normal one."""
        random, generator = _generators(self.seed, _VAE_STAGE if self.is_new else _REFINEMENT_STAGE, step)
        clips = to_video(np.stack(list(self._clips(step, random))))
        posterior = self.module.encode(clips).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator)
        rebuilt = self.module.decode(posterior.mean + posterior.std * noise).sample
        ground = (clips - (2 * world.GROUND - 1)).abs().amax(1, keepdim=True) < 0.05
        weight = torch.where(ground, 1.0, 1.0 + OBJECT_WEIGHT)
        miss = rebuilt - clips
        error = (weight * (miss.abs() + miss**2)).mean() / weight.mean()
        divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar).mean()
        return error + KL_WEIGHT * divergence

    def _clips(self, step: int, random: np.random.Generator) -> Iterator[world.Clip]:
        """A step's clips: at first single frames."""
        single = self.is_new and step < PICTURES_FIRST * self.plan.steps
        for _ in range(self.plan.batch * (4 if single else 1)):
            clip = world.render(world.Scene.draw(random), random)
            frame = int(random.integers(world.FRAMES))
            yield clip[frame : frame + 1] if single else clip


def new_vae() -> nn.Module:
    """An autoencoder with fresh weights."""
    vae = AutoencoderKLCogVideoX(**VAE)
    with torch.no_grad():
        vae.encoder.conv_out.conv.bias[VAE["latent_channels"] :] = FIRST_LOG_VARIANCE
    return vae


class TransformerStage(Stage):
    """The text encoder and the denoiser, together: predict the velocity of a clip's noisy latents from a sentence.

    Args:
        plan: How.
        file: Where the state is kept.
        seed: Seed of weights, sentences and noise.
        tokenizer: The tokenizer.
        scenes: What the clips show.
        means: The clips' scaled latents, ``[n, t, c, h, w]``.
        deviations: Their standard deviations, likewise.
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

    def new_optimizers(self) -> list[torch.optim.Optimizer]:
        """The layers' matrices by Muon, which gets as far in two thirds of AdamW's time; everything else by AdamW."""
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
        return [muon, self._adam(weight for name, weight in named if name not in matrices)]

    def loss(self, step: int) -> Tensor:
        """Mean squared error of the velocity."""
        random, generator = _generators(self.seed, _TRANSFORMER_STAGE, step)
        chosen = random.integers(len(self.scenes), size=self.plan.batch)
        texts = [world.describe(self.scenes[index], random) for index in chosen]
        texts = ["" if random.random() < EMPTY_PROMPTS else text for text in texts]
        means, deviations = self.means[chosen].float(), self.deviations[chosen].float()
        latents = means + deviations * torch.randn(means.shape, generator=generator)  # [b, t, c, h, w]
        noise = torch.randn(means.shape, generator=generator)
        # One timestep from each of as many equal parts, so that every batch sees all of the schedule.
        spread = (torch.arange(self.plan.batch) + torch.rand(self.plan.batch, generator=generator)) / self.plan.batch
        timesteps = (spread * self.scheduler.config.num_train_timesteps).long()
        predicted = self.transformer(
            hidden_states=self.scheduler.add_noise(latents, noise, timesteps),
            encoder_hidden_states=self.text_encoder(tokenize(self.tokenizer, texts))[0],
            timestep=timesteps,
        ).sample
        return nn.functional.mse_loss(predicted, self.scheduler.get_velocity(latents, noise, timesteps))


def to_video(clips: Any) -> Tensor:
    """Clips ``[b, t, h, w, 3]`` in 0..1 to what the autoencoder reads: ``[b, 3, t, h, w]`` in -1..1."""
    return torch.from_numpy(clips).permute(0, 4, 1, 2, 3) * 2 - 1


def encode_clips(vae: nn.Module, count: int, file: Path, seed: int) -> tuple[list[world.Scene], Tensor, Tensor]:
    """Render and encode the clips of the last stage, or read them from `file`.

    They are steady ones: where a pattern may lie anywhere, it takes much longer to learn.

    Returns:
        The scenes, and the mean and standard deviation of each one's latents, float16 ``[n, t, c, h, w]``.
    """
    randoms = [np.random.default_rng([seed, _CLIP_STAGE, index]) for index in range(count)]
    scenes = [world.Scene.draw(random) for random in randoms]
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
        save_file({name: torch.cat(each).transpose(1, 2).contiguous() for name, each in columns.items()}, file)
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
        out: The folder to write; files of an earlier run are replaced.
        work: Where the state of the training is kept.
        seed: Seed of everything.
        vae_plan: How the autoencoder is trained.
        refinement_plan: How it is trained further, on clips alone.
        transformer_plan: How the text encoder and the denoiser are trained.
        clips: Number of clips that they see.
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
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description="Train the bundled demo model from nothing (about 70 minutes on two CPU cores)."
    )
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write (default: this script's own)")
    parser.add_argument("--work", type=Path, default=HERE.parent / ".dev" / "train", help="where progress is kept")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="seed of everything (default: 0)")
    options = parser.parse_args(arguments)
    train(options.out, options.work, seed=options.seed)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(f"Wrote the demo model, {size / 1e6:.1f} MB, to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
