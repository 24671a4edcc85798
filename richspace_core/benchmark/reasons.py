"""What an earlier run has left that is made again, and why, in lines for a person to read."""

from __future__ import annotations

from collections.abc import Mapping

from .clips import ClipName
from .store import ClipState

_NAMED = 3


def explain(states: Mapping[ClipName, ClipState]) -> list[str]:
    """Return a line for each reason to make clips again, with the clips that it holds for.

    Clips that are finished, and those that were never made, need no explanation.

    Example:
        >>> name = ClipName("Red+Blue", "optimum", 0)
        >>> explain({name: ClipState(has_latents=True, reason="video.mp4 is missing")})
        ['Decoding and scoring again (the latents are kept): Red+Blue, optimum, seed 0. Reason: video.mp4 is missing.']
    """
    groups: dict[tuple[bool, str], list[str]] = {}
    for name, state in states.items():
        if state.reason:
            groups.setdefault((state.has_latents, state.reason), []).append(str(name))
    return [f"{_action(has_latents)}: {_names(names)}. Reason: {why}." for (has_latents, why), names in groups.items()]


def _action(has_latents: bool) -> str:
    return "Decoding and scoring again (the latents are kept)" if has_latents else "Rendering again"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more
