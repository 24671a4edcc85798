"""Pictures to judge by: what the finder saw, and several videos side by side."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..richspace_core.drawing.contact_sheet import draw_contact_sheet
from ..richspace_core.drawing.score_plot import plot_scores
from ..richspace_core.finder.choice import Choice
from .host.api import Scores, io, ui


def score_picture(choices: Sequence[Choice]) -> Tensor:
    """Draw the finders' curves as the host's IMAGE, ``[1, height, width, 3]``."""
    return plot_scores(choices)[None]


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
    def execute(cls, scores: Sequence[Choice]) -> io.NodeOutput:
        """Draw the curves."""
        return io.NodeOutput(score_picture(scores))


class RichSpaceContactSheet(io.ComfyNode):
    """Several videos in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceContactSheet",
            display_name="RichSpace Contact Sheet",
            category="RichSpace/view",
            description="Shows a few frames of each of several videos, one labelled row a video, to choose by eye.",
            search_aliases=["contact sheet", "strip", "grid", "compare videos", "xy plot", "preview"],
            inputs=[
                io.Image.Input("frames", tooltip="A list of videos, as RichSpace CogVideoX Decode gives it."),
                io.Int.Input(
                    "columns", default=5, min=1, max=64, tooltip="Frames of each video, evenly far apart in time."
                ),
                io.Int.Input(
                    "frame_width",
                    default=256,
                    min=64,
                    max=1024,
                    advanced=True,
                    tooltip="Pixels. Every frame is enlarged or reduced to this width.",
                ),
                io.String.Input(
                    "labels",
                    optional=True,
                    force_input=True,
                    tooltip="A list with what to write above each video, as RichSpace Interpolation Sweep gives it.",
                ),
            ],
            outputs=[io.Image.Output(display_name="sheet", tooltip="One picture, which the node shows too.")],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls, frames: list[Tensor], columns: list[int], frame_width: list[int], labels: list[str] | None = None
    ) -> io.NodeOutput:
        """Draw the sheet."""
        sheet = draw_contact_sheet(frames, labels or [], columns=columns[0], frame_width=frame_width[0])[None]
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))


NODES: list[type[io.ComfyNode]] = [RichSpaceScorePlot, RichSpaceContactSheet]
