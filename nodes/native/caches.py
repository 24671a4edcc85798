"""ComfyUI's caches of predictions, EasyCache and LazyCache, corrected for a sampling of CogVideoX.

Both skip a step by adding the change that the model made in an earlier step to the input of the new one. ComfyUI's
differences from what a user expects, and their cures:

- *Range of steps*: both read it from the noise schedule before its patch is applied. Here it is read again.
- *LazyCache* works on the sampler's latents. Their noise is 4,500 times as strong as the video at first, so the change
  of an earlier step holds far more noise than the new one. Here it sees latents scaled for the network, and a skipped
  step keeps the clean video of the step before: the sampler takes one long step in place of two.
- *EasyCache in context windows* has one state, so that a window takes over the change of another window. Here each
  window has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from comfy.patcher_extension import WrappersMP
from torch import Tensor

_STATE = "easycache"  # in the transformer options, of both
_LAZY, _EASY = "lazycache", "easycache"  # keys of their wrappers


def correct_caches(guider: Any, model_options: dict[str, Any]) -> None:
    """Correct EasyCache or LazyCache for one sampling; do nothing if the model has neither.

    Args:
        guider: ComfyUI's guider, whose model is loaded.
        model_options: ComfyUI's model options of this sampling; changed in place.
    """
    state = model_options.get("transformer_options", {}).get(_STATE)
    if state is None:
        return
    sampling = guider.inner_model.model_sampling
    state.prepare_timesteps(sampling)
    held = _HeldVideo(sampling)
    lazy = _wrappers(guider.model_options, WrappersMP.PREDICT_NOISE, _LAZY)  # a guider reads these of its own options
    lazy[:] = [held.around, *lazy, held.within] if lazy else []
    easy = _wrappers(model_options, WrappersMP.CALC_COND_BATCH, _EASY)
    easy[:] = [_StateOfWindow(state, sampling), *easy] if easy else []


def _wrappers(model_options: dict[str, Any], kind: str, key: str) -> list[Callable[..., Any]]:
    """Return ComfyUI's list of wrappers of a kind and a key; an empty list if there is none."""
    of_kinds = model_options.get("transformer_options", {}).get("wrappers", {})
    found: list[Callable[..., Any]] = of_kinds.get(kind, {}).get(key, [])
    return found


class _HeldVideo:
    """Two wrappers around LazyCache: it decides which steps to skip, and they keep the last clean video there.

    Args:
        sampling: Model sampling of the loaded model.
    """

    def __init__(self, sampling: Any) -> None:
        self._sampling = sampling
        self._noisy: Tensor
        self._clean: Tensor

    def around(self, cached: Any, noisy: Tensor, sigma: Tensor, *rest: Any, **named: Any) -> Tensor:
        """Show LazyCache the latents as the network sees them, and return the clean video."""
        self._noisy = noisy
        cached(self._sampling.calculate_input(sigma, noisy), sigma, *rest, **named)
        return self._clean

    def within(self, predict: Any, _scaled: Tensor, sigma: Tensor, *rest: Any, **named: Any) -> Tensor:
        """Predict the clean video in a step that LazyCache does not skip."""
        self._clean = predict(self._noisy, sigma, *rest, **named)
        return self._clean


class _StateOfWindow:
    """Wrapper that gives EasyCache a state for each context window.

    Args:
        state: EasyCache's own state.
        sampling: Model sampling of the loaded model.
    """

    def __init__(self, state: Any, sampling: Any) -> None:
        self._state, self._sampling = state, sampling
        self._of_windows: dict[tuple[int, ...], Any] = {}

    def __call__(
        self, calculate: Any, model: Any, conds: Any, noisy: Tensor, sigma: Tensor, model_options: dict[str, Any]
    ) -> list[Tensor]:
        """Predict one window, or the whole video if there are none."""
        options = model_options["transformer_options"]
        if "context_window" in options:
            own = self._of(tuple(options["context_window"].index_list))
            model_options = {**model_options, "transformer_options": {**options, _STATE: own}}
        predicted: list[Tensor] = calculate(model, conds, noisy, sigma, model_options)
        if self._of_windows:  # ComfyUI logs how many steps were skipped
            skipped = [own.total_steps_skipped for own in self._of_windows.values()]
            self._state.total_steps_skipped = sum(skipped) // len(skipped)
        return predicted

    def _of(self, frames: tuple[int, ...]) -> Any:
        if frames not in self._of_windows:
            self._of_windows[frames] = self._state.clone().prepare_timesteps(self._sampling)
        return self._of_windows[frames]
