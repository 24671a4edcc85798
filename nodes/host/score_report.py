"""Curves and verdicts of finders, as a picture and as the view in a node."""

from __future__ import annotations

import base64
import io as files
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...richspace_core.drawing.score_plot import plot_scores
from ...richspace_core.finder.choice import Choice
from .api import io, ui
from .memory import explain_out_of_memory

_HEIGHT = 448  # of a panel of the plot
_ROW_HEIGHT = 112  # of the pictures above a panel
_LONGEST_SIDE = 96  # of a picture on the page, in pixels


def draw_scores(choices: Sequence[Choice]) -> Tensor:
    """Draw the finders' curves as ComfyUI's IMAGE, ``[1, height, width, 3]``."""
    has_pictures = any(each.picture is not None for choice in choices for each in choice.measured)
    return plot_scores(choices, height=_HEIGHT + _ROW_HEIGHT * has_pictures)[None]


def report_scores(node: type[io.ComfyNode], choices: Sequence[Choice]) -> dict[str, Any]:
    """Show curves and verdicts on a node.

    A page that runs this pack's script (``web/``) draws the curves from `richspace`, which has one entry for each time
    that the node runs in a prompt, with a panel for each stage. Every other page and the history have the picture.
    """
    hint = "Drafts that are done are kept. Close other programs."
    with explain_out_of_memory("scores", expected="enough memory to draw the curves", hint=hint):
        picture = draw_scores(choices)
    return {
        **ui.PreviewImage(picture, cls=node).as_dict(),
        "text": tuple("\n".join((choice.verdict, *choice.remarks)) for choice in choices),
        "richspace": ([describe_choice(choice) for choice in choices],),
    }


def describe_choice(choice: Choice) -> dict[str, Any]:
    """Return a choice as plain JSON for the page, with the pictures of what was measured.

    Where there is a picture, its entry in `measured` has a `picture`: a data URI of at most 96 by 96 pixels.
    """
    described = choice.as_json()
    for entry, each in zip(described["measured"], choice.measured, strict=True):
        if each.picture is not None:
            entry["picture"] = _data_uri(each.picture)
    return described


def _data_uri(picture: Tensor) -> str:
    """Encode a picture, ``[h, w, 3]`` in 0..1, as a small data URI."""
    from PIL import Image

    pixels = picture.detach().float().cpu().nan_to_num(0.5).clamp(0, 1).mul(255).round().byte()
    image = Image.fromarray(pixels.numpy())
    factor = _LONGEST_SIDE // max(image.size)
    if factor > 1:
        # Few elements: each becomes a square, which PNG keeps sharp and small.
        image = image.resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
        return _encode(image, "png")
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    return _encode(image, "jpeg", quality=85)


def _encode(image: Any, form: str, **options: Any) -> str:
    content = files.BytesIO()
    image.save(content, form, optimize=True, **options)
    return f"data:image/{form};base64,{base64.b64encode(content.getvalue()).decode()}"
