"""The training of one network: its plan, and a loop whose state is kept in a file and continued from there."""

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
