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
from abc import ABC, abstractmethod
from dataclasses import dataclass
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
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import AutoTokenizer, T5Config, T5EncoderModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HERE = Path(__file__).resolve().parent
DEFAULT_SEED = 0
TEXT_LENGTH = 64  # CogVideoX-2B: 226. The longest sentence of the little world takes 17.

TEXT_ENCODER: dict[str, Any] = {
    "d_model": 64,  # 4096
    "d_kv": 16,  # 64
    "d_ff": 128,  # 10240
    "num_layers": 2,  # 24
    "num_heads": 4,  # 64
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "feed_forward_proj": "gated-gelu",
    "dropout_rate": 0.0,
    "layer_norm_epsilon": 1e-6,
    "pad_token_id": 0,
    "eos_token_id": 1,
}

TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 3,  # 30
    "attention_head_dim": 64,
    "in_channels": 8,  # 16
    "out_channels": 8,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "time_embed_dim": 64,  # 512
    "text_embed_dim": TEXT_ENCODER["d_model"],
    "num_layers": 6,  # 30
    "dropout": 0.0,
    "attention_bias": True,
    "sample_width": world.SIDE // 4,  # 90
    "sample_height": world.SIDE // 4,  # 60
    "sample_frames": world.FRAMES,  # 49
    "patch_size": 4,  # 2; of 4 pixels each where 2B has 8, so that a patch is as large
    "temporal_compression_ratio": 4,
    "max_text_seq_length": TEXT_LENGTH,
    "activation_fn": "gelu-approximate",
    "timestep_activation_fn": "silu",
    "norm_elementwise_affine": True,
    "norm_eps": 1e-5,
    "spatial_interpolation_scale": 1.0,  # 1.875, since 2B was trained on smaller videos first
    "temporal_interpolation_scale": 1.0,
    "use_rotary_positional_embeddings": False,
}

VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("CogVideoXDownBlock3D",) * 3,  # 4: 8 x in space, here 4 x
    "up_block_types": ("CogVideoXUpBlock3D",) * 3,
    "block_out_channels": (16, 32, 32),  # (128, 256, 256, 512)
    "latent_channels": 8,  # 16
    "layers_per_block": 1,  # 3
    "act_fn": "silu",
    "norm_eps": 1e-6,
    "norm_num_groups": 8,  # 32; must divide every width
    "temporal_compression_ratio": 4,
    # Only decoding in tiles looks at these: a tile is half as high and half as wide, and tiles fit together only if
    # their height is a multiple of 48 pixels and their width of 40.
    "sample_height": 96,  # 480
    "sample_width": 160,  # 720
    "force_upcast": True,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}


@dataclass(frozen=True)
class Plan:
    """How long and how hard one stage is trained.

    The learning rate rises over the first steps, stays, and falls to nothing over the last `fall` share of them.
    """

    steps: int
    batch: int
    rate: float
    warm_up: int
    fall: float
    average: float  # decay of the running mean of the weights, which is what is kept

    def share_at(self, step: int) -> float:
        """What part of its full learning rate a step has."""
        rising = (step + 1) / self.warm_up
        falling = (self.steps - step) / (self.fall * self.steps)
        return min(1.0, rising, falling)


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
SAVE_EVERY = 100

_VAE_STAGE, _CLIP_STAGE, _TRANSFORMER_STAGE, _REFINEMENT_STAGE = range(4)  # streams of random numbers


class Stage(ABC):
    """One network in training, whose state is kept in a file and continued from there.

    Args:
        module: What is trained.
        plan: How.
        file: Where the state is kept.
    """

    def __init__(self, module: nn.Module, plan: Plan, file: Path) -> None:
        self.module, self.plan, self.file = module, plan, file
        self.average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(plan.average))
        self.optimizers = self.new_optimizers()
        self.log = file.with_suffix(".csv")

    @abstractmethod
    def loss(self, step: int) -> Tensor:
        """The loss on a step's own batch, a scalar."""

    def new_optimizers(self) -> list[torch.optim.Optimizer]:
        """What moves the weights: all of them by AdamW."""
        return [self._adam(self.module.parameters())]

    def _adam(self, weights: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(weights, lr=self.plan.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)

    def run(self, stop: int | None = None) -> nn.Module:
        """Train from where the file says, or from the start, and return the averaged network.

        Args:
            stop: Step to stop before; None for the plan's last.
        """
        first = self._resume()
        last = self.plan.steps if stop is None else min(stop, self.plan.steps)
        name = self.file.stem.replace("_", " ")
        bar = tqdm(range(first, last), initial=first, total=last, desc=name, unit="step", mininterval=2)
        mean = None
        for step in bar:
            loss = self._step(step)
            mean = loss if mean is None else 0.98 * mean + 0.02 * loss
            bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == last:
                self._save(step + 1, mean)
        return self.average.module.eval()

    def _step(self, step: int) -> float:
        self.module.train()
        self.module.zero_grad()
        loss = self.loss(step)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * self.plan.share_at(step)
            optimizer.step()
        self.average.update_parameters(self.module)
        return loss.item()

    def _save(self, step: int, loss: float) -> None:
        state = {f"module.{key}": value for key, value in self.module.state_dict().items()}
        state |= {f"average.{key}": value for key, value in self.average.state_dict().items()}
        for place, optimizer in enumerate(self.optimizers):
            for index, moments in optimizer.state_dict()["state"].items():
                state |= {f"optimizer.{place}.{index}.{key}": value for key, value in moments.items()}
        unfinished = self.file.with_suffix(".part")
        save_file({key: value.contiguous().clone() for key, value in state.items()}, unfinished, {"step": str(step)})
        unfinished.replace(self.file)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{step},{loss:.5f}\n")

    def _resume(self) -> int:
        if not self.file.is_file():
            return 0
        with safe_open(self.file, framework="pt") as saved:
            step = int(saved.metadata()["step"])
            state = {key: saved.get_tensor(key) for key in saved.keys()}  # noqa: SIM118 (no mapping)
        self.module.load_state_dict(_below("module", state))
        self.average.load_state_dict(_below("average", state))
        for place, optimizer in enumerate(self.optimizers):
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(f"optimizer.{place}", state).items():
                index, _, name = key.partition(".")
                moments.setdefault(int(index), {})[name] = value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        return step


def _below(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a state whose keys begin with a name, without it."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


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
        random = np.random.default_rng([self.seed, _VAE_STAGE if self.is_new else _REFINEMENT_STAGE, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
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
        random = np.random.default_rng([self.seed, _TRANSFORMER_STAGE, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
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


def tokenize(tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Token ids as CogVideoX reads them, padded to its length: int64 ``[b, n]``."""
    ids = tokenizer(list(texts), padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt")
    return ids.input_ids  # type: ignore[no-any-return]


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


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer that knows the little world's words and nothing else, in CogVideoX's form."""
    pieces = published_form.closed_sentencepiece(world.VOCABULARY)
    published_form.write_tokenizer(folder, pieces, TEXT_LENGTH, closed_vocabulary=True)


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
