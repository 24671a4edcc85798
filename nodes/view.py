"""Pictures of what the finder saw."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..richspace_core.plotting import ScorePanel, plot_scores
from .host_api import Scores, io


def score_picture(panels: Sequence[ScorePanel]) -> Tensor:
    """The finders' curves as the host's IMAGE, ``[1, height, width, 3]``."""
    return plot_scores(panels)[None]


class RichSpaceScorePlot(io.ComfyNode):
    """The score curves as a picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceScorePlot",
            display_name="RichSpace Score Plot",
            category="RichSpace/view",
            description="Draws the candidates' scores with the chosen one marked, one panel for each finder, to save "
            "or to show beside the video.",
            search_aliases=["plot", "chart", "curve", "graph", "scores"],
            inputs=[Scores.Input("scores", tooltip="From any RichSpace node that scores candidates.")],
            outputs=[io.Image.Output(display_name="plot", tooltip="One picture.")],
        )

    @classmethod
    def execute(cls, scores: Sequence[ScorePanel]) -> io.NodeOutput:
        """Draw the curves."""
        return io.NodeOutput(score_picture(scores))


NODES: list[type[io.ComfyNode]] = [RichSpaceScorePlot]
