"""How good the videos are, as VBench measures it: the two columns of the paper's Table 1, and videos compared."""

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

_VIDEOS = 12


def _frames_input() -> io.Input:
    return io.Image.Input("frames", tooltip="One video's frames, as RichSpace CogVideoX Decode gives them.")


def _score_outputs(values: str) -> list[io.Output]:
    return [
        io.Float.Output(display_name="score", tooltip="The video's score: the mean of its frames' values."),
        io.Float.Output(display_name="per frame", is_output_list=True, tooltip=f"A list of numbers: {values}."),
        io.Image.Output(display_name="plot", tooltip="The values along the video, which the node shows too."),
    ]


class RichSpaceSubjectConsistency(io.ComfyNode):
    """Whether the subject stays the same."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceSubjectConsistency",
            display_name="RichSpace Subject Consistency",
            category="RichSpace/evaluate",
            description="Measures whether a video's subject stays the same from frame to frame (VBench's SC, by DINO). "
            "1 is a still picture; good videos lie above 0.9.",
            search_aliases=["vbench", "metric", "evaluate", "quality", "consistency", "dino", "sc"],
            inputs=[_frames_input()],
            outputs=_score_outputs("for each frame but the first, how much it looks like the one before and the first"),
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again when the weights have changed."""
        return vision.weights_state()

    @classmethod
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _measure_and_show(cls, SUBJECT_CONSISTENCY, frames)


class RichSpaceAestheticQuality(io.ComfyNode):
    """Whether the frames are liked as pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceAestheticQuality",
            display_name="RichSpace Aesthetic Quality",
            category="RichSpace/evaluate",
            description="Estimates how much people like a video's frames as pictures (VBench's AQ, by CLIP and LAION's "
            "predictor). Most videos lie between 0.4 and 0.7; unusual mixtures tend to lie lower.",
            search_aliases=["vbench", "metric", "evaluate", "quality", "aesthetic", "laion", "clip", "aq"],
            inputs=[_frames_input()],
            outputs=_score_outputs("how much each frame is liked"),
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again when the weights have changed."""
        return vision.weights_state()

    @classmethod
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _measure_and_show(cls, AESTHETIC_QUALITY, frames)


class RichSpaceCompare(io.ComfyNode):
    """Several videos and their scores in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        video = io.Image.Input("video", tooltip="One video's frames, or a list of videos, which becomes a row each.")
        return io.Schema(
            node_id="RichSpaceCompare",
            display_name="RichSpace Compare",
            category="RichSpace/evaluate",
            description="Shows several videos one below the other with a table of their scores, to see whether a "
            "mixture does what its parts and its description alone do not.",
            search_aliases=["compare videos", "vbench", "metric", "evaluate", "table", "strip", "grid", "quality"],
            inputs=[
                io.Autogrow.Input(
                    "videos",
                    template=io.Autogrow.TemplateNames(
                        video, names=[f"video_{number}" for number in range(1, _VIDEOS + 1)], min=1
                    ),
                    tooltip="The videos to compare; the list grows as you wire.",
                ),
                io.String.Input(
                    "names",
                    multiline=True,
                    default="",
                    placeholder="one name a line",
                    tooltip="What each video is called, one name a line, from the top. A video without a name is "
                    "called by its number.",
                ),
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
            ],
            outputs=[
                io.Image.Output(display_name="comparison", tooltip="One picture, which the node shows too."),
                io.String.Output(display_name="table", tooltip="The scores as a table in Markdown."),
            ],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again when the weights have changed."""
        return vision.weights_state()

    @classmethod
    def execute(
        cls, videos: Mapping[str, list[Tensor] | None], names: list[str], columns: list[int], frame_width: list[int]
    ) -> io.NodeOutput:
        """Score the videos with every metric whose weights are there, and draw them."""
        frames = [video for wired in videos.values() for video in wired or []]
        named = name_videos(names[0], len(frames))
        scores, left_out = _measure(frames)
        picture = draw_comparison(frames, named, scores, frames=columns[0], frame_width=frame_width[0])[None]
        table = score_table(named, scores)
        shown = ui.PreviewImage(picture, cls=cls).as_dict() | report("", warning="\n".join(left_out))
        return io.NodeOutput(picture, "\n\n".join([table, *left_out]), ui=shown)


def _measure(videos: list[Tensor]) -> tuple[list[ScoreColumn], list[str]]:
    """A column for each metric, and a line for each that is left out because its weights cannot be used."""
    columns, left_out = [], []
    for metric in METRICS:
        try:
            results = vision.measure_videos(metric, videos)
        except ModelFolderError as error:  # noqa: PERF203 - a few times in all
            left_out.append(f"Without {metric.name}. {error}")
        else:
            columns.append(ScoreColumn(metric.name, tuple(result.score for result in results)))
    return columns, left_out


def _measure_and_show(node: type[io.ComfyNode], metric: Metric, frames: Tensor) -> io.NodeOutput:
    """Measure one video; return the node's outputs, with the metric's curve shown on the node."""
    (scores,) = vision.measure_videos(metric, [frames])
    plot = plot_metric(metric.name, scores, first_frame=metric.first_frame)[None]
    shown: dict[str, Any] = ui.PreviewImage(plot, cls=node).as_dict()
    shown["text"] = (f"{metric.name} {scores.score:.4f}",)  # the picture says it too
    return io.NodeOutput(scores.score, scores.per_frame.tolist(), plot, ui=shown)


NODES: list[type[io.ComfyNode]] = [RichSpaceSubjectConsistency, RichSpaceAestheticQuality, RichSpaceCompare]
