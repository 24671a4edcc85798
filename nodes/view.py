"""Pictures to choose by: the score curves, and several videos in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from torch import Tensor

from ..richspace_core.drawing.contact_sheet import draw_sheet_and_rows
from ..richspace_core.finder.choice import Choice
from .host.api import Scores, io, ui
from .host.input_names import name_inputs_as_shown
from .host.score_report import draw_scores
from .inputs import sheet_inputs, sheet_output


class RichSpaceScorePlot(io.ComfyNode):
    """Score curves as a picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceScorePlot",
            display_name="RichSpace Score Plot",
            category="RichSpace/view",
            description="Draws the candidates' scores and marks the chosen one, with a panel for each finder. Save the "
            "plot, or show it next to the video.",
            search_aliases=["plot", "chart", "curve", "graph", "scores"],
            inputs=[Scores.Input("scores", tooltip="From any RichSpace node that scores candidates.")],
            outputs=[io.Image.Output(display_name="plot", tooltip="One picture.")],
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, scores: Sequence[Choice]) -> io.NodeOutput:
        """Draw the curves."""
        return io.NodeOutput(draw_scores(scores))


class RichSpaceContactSheet(io.ComfyNode):
    """Several videos in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceContactSheet",
            display_name="RichSpace Contact Sheet",
            category="RichSpace/view",
            description="Shows a few frames of several videos, one labeled row per video, to choose by eye.",
            search_aliases=["contact sheet", "strip", "grid", "compare videos", "xy plot", "preview"],
            inputs=[
                io.Image.Input("frames", tooltip="List of videos, as RichSpace CogVideoX Decode returns it."),
                *sheet_inputs(),
                io.String.Input(
                    "labels", optional=True, force_input=True, tooltip="List of texts, one for each video."
                ),
                io.String.Input(
                    "captions",
                    optional=True,
                    force_input=True,
                    tooltip="List of texts to write below the frames, one for each frame of a video. Connect the "
                    "captions of RichSpace Morph.",
                ),
            ],
            outputs=[sheet_output("sheet")],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(
        cls,
        frames: list[Tensor],
        columns: list[int],
        frame_width: list[int],
        labels: list[str] | None = None,
        captions: list[str] | None = None,
    ) -> io.NodeOutput:
        """Draw the sheet."""
        size = {"columns": columns[0], "frame_width": frame_width[0]}
        sheet, rows = draw_sheet_and_rows(frames, labels or [], captions=captions or [], **size)
        shown = ui.PreviewImage(sheet[None], cls=cls).as_dict()
        shown["richspace_sheet"] = ([asdict(row) for row in rows],)  # so that the page knows which row was clicked
        return io.NodeOutput(sheet[None], ui=shown)


NODES: list[type[io.ComfyNode]] = [RichSpaceScorePlot, RichSpaceContactSheet]
