"""Drafts of mixtures: cheap samples of a model, from which the balance finder reads how much of A is seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from ...richspace_core import RichSpaceError, SamplingError
from .conditioning import Prompt, without_note
from .kept_drafts import KEPT, fingerprint
from .memory import Progress, explain_out_of_memory

_LESS_MEMORY = "Drafts that are done are kept. Close other programs, or connect a smaller or shorter latent."

#: Draws latents as a small picture ``[h, w, 3]`` in 0..1.
Draw = Callable[[Tensor], Tensor]

#: Called after each step of a draft with the number of steps done and the latents as predicted so far.
OnStep = Callable[[int, Tensor], None]


class Drafter(Protocol):
    """Maker of drafts with one model and one set of settings."""

    @property
    def model(self) -> Any:
        """Model whose drafts they are; they are kept as long as it is."""

    @property
    def steps(self) -> int:
        """Denoising steps of a draft."""

    @property
    def draw(self) -> Draw:
        """Function that draws latents with the colors of the model's live preview."""

    @property
    def settings(self) -> tuple[object, ...]:
        """Everything else that a draft depends on, apart from the prompt."""

    def sample(self, prompt: Prompt, on_step: OnStep) -> Tensor:
        """Sample the latents of a prompt's draft: ``[1, c, ...]`` on the CPU, in the model's own scale."""


@dataclass(eq=False)
class Drafts:
    """Drafts of the candidates between two prompts, made once each and kept for the next run.

    Args:
        drafter: Maker of the drafts.
        steps: Number of candidates.
        progress: ComfyUI's progress bar over all drafts.
        before: Number of drafts of earlier stages, for the progress bar.
    """

    drafter: Drafter
    steps: int
    progress: Progress
    before: int = 0
    latents: dict[int, Tensor] = field(default_factory=dict)
    kept: int = 0

    def make(self, candidate: Callable[[int], Prompt], index: int) -> Tensor:
        """Return the draft of a candidate, 0 (B) .. steps (A).

        Args:
            candidate: Function that returns a candidate's prompt.
            index: Candidate.

        Raises:
            SamplingError: If memory runs out, or the model cannot read the prompt.
        """
        prompt = candidate(index)
        key = fingerprint(prompt.embedding.values, without_note(prompt.extras), *self.drafter.settings)
        draft = None if key is None else KEPT.get(self.drafter.model, key)
        if draft is None:
            draft = self._sample(index, prompt)
            if key is not None and bool(torch.isfinite(draft).all()):
                KEPT.keep(self.drafter.model, key, draft)
        else:
            self.kept += 1
            self._show(self.drafter.steps, draft)
        self.latents[index] = draft
        return draft

    @property
    def pictures(self) -> dict[int, Tensor]:
        """Pictures of all drafts by their candidates, as far as the latents can be drawn."""
        return {index: self.drafter.draw(latents) for index, latents in self.latents.items() if _is_visible(latents)}

    @property
    def cost(self) -> str:
        """What the drafts cost, in words: ``5 drafts of 8 steps (2 from an earlier run)``."""
        count, steps = len(self.latents), self.drafter.steps
        drafts = f"{count} drafts of {steps} steps" if steps > 1 else f"{count} first predictions"
        kept = f" ({'all' if self.kept == count else self.kept} from an earlier run)" if self.kept else ""
        return drafts + kept

    def _show(self, done: int, latents: Tensor) -> None:
        """Show the progress of the draft that is being made."""
        picture = partial(self.drafter.draw, latents) if _is_visible(latents) else None
        self.progress.step_done((self.before + len(self.latents)) * self.drafter.steps + done, picture)

    def _sample(self, index: int, prompt: Prompt) -> Tensor:
        name = {self.steps: "A", 0: "B"}.get(index, f"candidate {index}")
        try:
            with explain_out_of_memory(f"draft of {name}", expected="enough memory for a draft", hint=_LESS_MEMORY):
                return self.drafter.sample(prompt, self._show)
        except RichSpaceError:
            raise
        except (RuntimeError, LookupError) as error:  # LookupError for an area of another number of sides
            if self.latents:
                raise
            raise _does_not_fit(name, error) from error


def _is_visible(latents: Tensor) -> bool:
    return latents.ndim in (4, 5) and latents.shape[1] >= 3


def _does_not_fit(name: str, error: Exception) -> SamplingError:
    return SamplingError(
        f"draft of {name}",
        expected="prompts and a latent that the model can read",
        got=f"an error of the model: {error}",
        hint="Encode the prompts with the text encoder of this model, connect an empty latent for it, and set areas "
        "with a node for videos if it makes videos.",
    )
