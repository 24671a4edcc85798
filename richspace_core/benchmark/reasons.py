"""Messages about clips of an earlier run that are made again, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping

from .clips import ClipName
from .store import ClipState

_NAMED = 3


def explain_remade_clips(states: Mapping[ClipName, ClipState]) -> list[str]:
    """Return one line for each reason to make clips again, with the clips that it applies to.

    Finished clips and clips that were never made are not mentioned.

    Example:
        >>> name = ClipName("Red+Blue", "optimum", 0)
        >>> explain_remade_clips({name: ClipState(has_latents=True, reason="video.mp4 is missing")})
        ['Decoding and scoring again (the latents are kept): Red+Blue, optimum, seed 0. Reason: video.mp4 is missing.']
    """
    groups: dict[tuple[bool, str], list[str]] = {}
    for name, state in states.items():
        if state.reason:
            groups.setdefault((state.has_latents, state.reason), []).append(str(name))
    return [
        f"{_describe_action(has_latents)}: {_list_names(names)}. Reason: {reason}."
        for (has_latents, reason), names in groups.items()
    ]


def _describe_action(has_latents: bool) -> str:
    return "Decoding and scoring again (the latents are kept)" if has_latents else "Rendering again"


def _list_names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return "; ".join(names[:_NAMED]) + more
