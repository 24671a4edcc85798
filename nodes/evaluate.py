"""VBench's metrics of the paper's Table 1, and a comparison of several videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..richspace_core import ModelFolderError
from ..richspace_core.drawing.comparison import ScoreColumn, draw_comparison, name_videos, score_table
from ..richspace_core.drawing.metric_plot import plot_metric
from ..richspace_core.metrics.registry import AESTHETIC_QUALITY, METRICS, SUBJECT_CONSISTENCY, Metric
from .host import vision
from .host.api import io, report, ui
from .inputs import metric_outputs, sheet_inputs, sheet_output, video_input

_VIDEOS = 12


class RichSpaceSubjectConsistency(io.ComfyNode):
    """Consistency of a video's subject."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceSubjectConsistency",
            display_name="RichSpace Subject Consistency",
            category="RichSpace/evaluate",
            description="Measures whether the subject of a video stays the same from frame to frame (VBench's SC, with "
            "DINO). A still picture scores 1; good videos score above 0.9.",
            search_aliases=["vbench", "metric", "evaluate", "quality", "consistency", "dino", "sc"],
            inputs=[video_input()],
            outputs=metric_outputs("Similarity of each frame after the first to the previous frame and to the first."),
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Return the state of the weights, so that changed weights are used."""
        return vision.weights_state()

    @classmethod
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _measure_and_show(cls, SUBJECT_CONSISTENCY, frames)


class RichSpaceAestheticQuality(io.ComfyNode):
    """Aesthetic quality of a video's frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceAestheticQuality",
            display_name="RichSpace Aesthetic Quality",
            category="RichSpace/evaluate",
            description="Estimates how much people like the frames of a video as pictures (VBench's AQ, with CLIP and "
            "LAION's predictor). Most videos score between 0.4 and 0.7; unusual mixtures often score lower.",
            search_aliases=["vbench", "metric", "evaluate", "quality", "aesthetic", "laion", "clip", "aq"],
            inputs=[video_input()],
            outputs=metric_outputs("Aesthetic quality of each frame."),
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Return the state of the weights, so that changed weights are used."""
        return vision.weights_state()

    @classmethod
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _measure_and_show(cls, AESTHETIC_QUALITY, frames)


class RichSpaceCompare(io.ComfyNode):
    """Several videos and their scores in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        video = io.Image.Input("video", tooltip="Frames of one video, or a list of videos with a row for each.")
        places = [f"video_{number}" for number in range(1, _VIDEOS + 1)]
        return io.Schema(
            node_id="RichSpaceCompare",
            display_name="RichSpace Compare",
            category="RichSpace/evaluate",
            description="Shows several videos one below the other with a table of their scores. Compare a mixture with "
            "its parts and with its description alone.",
            search_aliases=["compare videos", "vbench", "metric", "evaluate", "table", "strip", "grid", "quality"],
            inputs=[
                io.Autogrow.Input(
                    "videos",
                    template=io.Autogrow.TemplateNames(video, names=places, min=1),
                    tooltip="Videos to compare. The list grows as you connect them.",
                ),
                io.String.Input(
                    "names",
                    multiline=True,
                    default="",
                    placeholder="one name per line",
                    tooltip="Name of each video, one per line from the top. Videos without a name get their number.",
                ),
                *sheet_inputs(),
            ],
            outputs=[
                sheet_output("comparison"),
                io.String.Output(display_name="table", tooltip="Scores as a Markdown table."),
            ],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Return the state of the weights, so that changed weights are used."""
        return vision.weights_state()

    @classmethod
    def execute(
        cls, videos: Mapping[str, list[Tensor] | None], names: list[str], columns: list[int], frame_width: list[int]
    ) -> io.NodeOutput:
        """Score the videos with every metric whose weights are available, and draw them."""
        frames = [video for connected in videos.values() for video in connected or []]
        named = name_videos(names[0], len(frames))
        scores, left_out = _measure(frames)
        picture = draw_comparison(frames, named, scores, frames=columns[0], frame_width=frame_width[0])[None]
        table = score_table(named, scores)
        shown = ui.PreviewImage(picture, cls=cls).as_dict() | report("", warning="\n".join(left_out))
        return io.NodeOutput(picture, "\n\n".join([table, *left_out]), ui=shown)


def _measure(videos: list[Tensor]) -> tuple[list[ScoreColumn], list[str]]:
    """Return a column for each metric, and a line for each metric that is left out because it has no usable weights."""
    columns, left_out = [], []
    for metric in METRICS:
        try:
            results = vision.measure_videos(metric, videos)
        except ModelFolderError as error:  # noqa: PERF203 - a few metrics at most
            left_out.append(f"Without {metric.name}. {error}")
        else:
            columns.append(ScoreColumn(metric.name, tuple(result.score for result in results)))
    return columns, left_out


def _measure_and_show(node: type[io.ComfyNode], metric: Metric, frames: Tensor) -> io.NodeOutput:
    """Measure one video; return the node's outputs, with the metric's curve shown on the node."""
    (scores,) = vision.measure_videos(metric, [frames])
    plot = plot_metric(metric.name, scores, first_frame=metric.first_frame)[None]
    shown: dict[str, Any] = ui.PreviewImage(plot, cls=node).as_dict()
    shown["text"] = (f"{metric.name} {scores.score:.4f}",)  # the picture shows it as well
    return io.NodeOutput(scores.score, scores.per_frame.tolist(), plot, ui=shown)


NODES: list[type[io.ComfyNode]] = [RichSpaceSubjectConsistency, RichSpaceAestheticQuality, RichSpaceCompare]
