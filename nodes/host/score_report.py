"""Curves and verdicts of finders, as a picture and as the view in a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...richspace_core.drawing.score_plot import plot_scores
from ...richspace_core.finder.choice import Choice
from .api import io, ui


def draw_scores(choices: Sequence[Choice]) -> Tensor:
    """Draw the finders' curves as ComfyUI's IMAGE, ``[1, height, width, 3]``."""
    return plot_scores(choices)[None]


def report_scores(node: type[io.ComfyNode], choices: Sequence[Choice]) -> dict[str, Any]:
    """Show curves and verdicts on a node.

    A page that runs this pack's script (``web/``) draws the curves from `richspace`, which has one entry for each time
    that the node runs in a prompt, with a panel for each stage. Every other page and the history have the picture.
    """
    return {
        **ui.PreviewImage(draw_scores(choices), cls=node).as_dict(),
        "text": tuple("\n".join((choice.verdict, *choice.remarks)) for choice in choices),
        "richspace": ([choice.as_json() for choice in choices],),
    }
