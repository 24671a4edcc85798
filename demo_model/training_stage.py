"""The training loop for one network. It saves its state to a file and can resume from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SAVE_EVERY = 100


@dataclass(frozen=True)
class Plan:
    """Settings of one training stage.

    Args:
        steps: Number of training steps.
        batch: Clips per step.
        rate: The full learning rate.
        warm_up: Steps over which the learning rate rises.
        fall: Share of the steps, at the end, over which the learning rate falls to zero.
        average: Decay of the moving average of the weights. The stage returns this average.
    """

    steps: int
    batch: int
    rate: float
    warm_up: int
    fall: float
    average: float

    def rate_factor(self, step: int) -> float:
        """Compute a step's share of the full learning rate."""
        rising = (step + 1) / self.warm_up
        falling = (self.steps - step) / (self.fall * self.steps)
        return min(1.0, rising, falling)


class Stage(ABC):
    """Training of one network, with its state in a file.

    Args:
        module: The network to train.
        plan: The settings.
        file: File for the state.
    """

    def __init__(self, module: nn.Module, plan: Plan, file: Path) -> None:
        self.module, self.plan, self.file = module, plan, file
        self.average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(plan.average))
        self.optimizers = self.make_optimizers()
        self.log = file.with_suffix(".csv")

    @abstractmethod
    def compute_loss(self, step: int) -> Tensor:
        """Compute the loss on a step's batch, a scalar."""

    def make_optimizers(self) -> list[torch.optim.Optimizer]:
        """Create the optimizers: AdamW for all weights."""
        return [self._make_adam(self.module.parameters())]

    def _make_adam(self, weights: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(weights, lr=self.plan.rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)

    def run(self, stop: int | None = None) -> nn.Module:
        """Train from the saved state, or from the start without one, and return the averaged network.

        Args:
            stop: Number of the step to stop before. None trains to the end of the plan.
        """
        first = self._resume()
        last = self.plan.steps if stop is None else min(stop, self.plan.steps)
        name = self.file.stem.replace("_", " ")
        bar = tqdm(range(first, last), initial=first, total=last, desc=name, unit="step", mininterval=2)
        mean = None
        for step in bar:
            loss = self._train_step(step)
            mean = loss if mean is None else 0.98 * mean + 0.02 * loss
            bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
            if (step + 1) % SAVE_EVERY == 0 or step + 1 == last:
                self._save(step + 1, mean)
        return self.average.module.eval()

    def _train_step(self, step: int) -> float:
        self.module.train()
        self.module.zero_grad()
        loss = self.compute_loss(step)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * self.plan.rate_factor(step)
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
            state = {key: saved.get_tensor(key) for key in saved.keys()}  # noqa: SIM118 - not a mapping
        self.module.load_state_dict(_select("module", state))
        self.average.load_state_dict(_select("average", state))
        for place, optimizer in enumerate(self.optimizers):
            moments: dict[int, dict[str, Tensor]] = {}
            for key, value in _select(f"optimizer.{place}", state).items():
                index, _, name = key.partition(".")
                moments.setdefault(int(index), {})[name] = value
            optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        return step


def _select(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries below a name, with the name removed from their keys."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
