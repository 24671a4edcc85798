"""Nodes that score videos with VBench's metrics and compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..richspace_core import ModelFolderError, RichSpaceError
from ..richspace_core.drawing.comparison import ScoreColumn, draw_comparison, name_videos, score_table
from ..richspace_core.drawing.metric_plot import plot_metric
from ..richspace_core.metrics import registry
from .host import vision
from .host.api import io, report, ui
from .host.input_names import name_inputs_as_shown
from .inputs import metric_outputs, sheet_inputs, sheet_output, video_input

_VIDEOS = 12
_CATEGORY = "RichSpace/evaluate"
_SEARCH_ALIASES = ("vbench", "metric", "evaluate", "quality")


def _metric_sockets(per_frame: str) -> dict[str, Any]:
    """Return what the schemas of all metrics have in common.

    Args:
        per_frame: Description of the values in the output "per frame", for its tooltip.
    """
    return {
        "category": _CATEGORY,
        "inputs": [video_input()],
        "outputs": metric_outputs(per_frame),
        "is_output_node": True,
    }


class RichSpaceSubjectConsistency(io.ComfyNode):
    """Node that measures subject consistency."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RichSpaceSubjectConsistency",
            display_name="RichSpace Subject Consistency",
            description="Measures whether a video's subject stays the same from frame to frame (VBench's SC, with "
            "DINO). A still picture scores 1; good videos score above 0.9.",
            search_aliases=[*_SEARCH_ALIASES, "consistency", "dino", "sc"],
            **_metric_sockets("Similarity of each frame after the first to the previous frame and to the first."),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again if the weights have changed."""
        return vision.weights_state([registry.SUBJECT_CONSISTENCY])

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _run_metric(cls, registry.SUBJECT_CONSISTENCY, frames)


class RichSpaceAestheticQuality(io.ComfyNode):
    """Node that estimates aesthetic quality."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RichSpaceAestheticQuality",
            display_name="RichSpace Aesthetic Quality",
            description="Estimates how much people like a video's frames as pictures (VBench's AQ, with CLIP and "
            "LAION's predictor). Most videos score 0.4 to 0.7; unusual mixtures tend to score lower.",
            search_aliases=[*_SEARCH_ALIASES, "aesthetic", "laion", "clip", "aq"],
            **_metric_sockets("Aesthetic quality of each frame."),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again if the weights have changed."""
        return vision.weights_state([registry.AESTHETIC_QUALITY])

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _run_metric(cls, registry.AESTHETIC_QUALITY, frames)


class RichSpaceBackgroundConsistency(io.ComfyNode):
    """Node that measures background consistency."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RichSpaceBackgroundConsistency",
            display_name="RichSpace Background Consistency",
            description="Measures whether the whole picture, background included, stays the same from frame to frame "
            "(VBench's background consistency, with CLIP). A still picture scores 1; good videos score above 0.9.",
            search_aliases=[*_SEARCH_ALIASES, "background", "consistency", "scene", "clip", "bc"],
            **_metric_sockets("Similarity of each frame after the first to the previous frame and to the first."),
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again if the weights have changed."""
        return vision.weights_state([registry.BACKGROUND_CONSISTENCY])

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, frames: Tensor) -> io.NodeOutput:
        """Measure one video."""
        return _run_metric(cls, registry.BACKGROUND_CONSISTENCY, frames)


class RichSpaceCompare(io.ComfyNode):
    """Node that shows several videos and their scores in one picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RichSpaceCompare",
            display_name="RichSpace Compare",
            category=_CATEGORY,
            description="Shows several videos one below the other with a table of their scores, to see whether a "
            "mixture achieves what its parts and its description alone do not.",
            search_aliases=[*_SEARCH_ALIASES, "compare videos", "table", "strip", "grid"],
            inputs=_compare_inputs(),
            outputs=[
                sheet_output("comparison"),
                io.String.Output(display_name="table", tooltip="Table of the scores in Markdown."),
            ],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Measure again if the weights have changed."""
        return vision.weights_state()

    @classmethod
    @name_inputs_as_shown()
    def execute(
        cls, videos: Mapping[str, list[Tensor] | None], names: list[str], columns: list[int], frame_width: list[int]
    ) -> io.NodeOutput:
        """Score the videos with every metric whose weights can be used, and draw them."""
        frames = [video for connected in videos.values() for video in connected or []]
        if not frames:
            raise RichSpaceError("videos", expected="at least one video", got="none", hint="Connect a video.")
        named = name_videos(names[0], len(frames))
        scores, left_out = _score_videos(frames)
        drawn = _worth_drawing(scores, left_out)
        picture = draw_comparison(frames, named, drawn, frames=columns[0], frame_width=frame_width[0])[None]
        shown = ui.PreviewImage(picture, cls=cls).as_dict() | report("", note=_describe_missing(drawn, left_out))
        return io.NodeOutput(picture, "\n\n".join([score_table(named, scores), *left_out.values()]), ui=shown)


def _compare_inputs() -> list[io.Input]:
    video = io.Image.Input("video", tooltip="Frames of one video, or a list of videos, which takes one row each.")
    names = [f"video_{number}" for number in range(1, _VIDEOS + 1)]
    return [
        io.Autogrow.Input(
            "videos",
            template=io.Autogrow.TemplateNames(video, names=names, min=1),
            tooltip="Videos to compare. The list grows as you connect them.",
        ),
        io.String.Input(
            "names",
            multiline=True,
            default="",
            placeholder="one name a line",
            tooltip="Names of the videos from top to bottom, one per line. A video without a name shows its number.",
        ),
        *sheet_inputs(),
    ]


def _score_videos(videos: list[Tensor]) -> tuple[list[ScoreColumn], dict[str, str]]:
    """Score the videos with each metric in the registry.

    Returns:
        One column for each metric that was measured, and a line with the reason by the name of each that was left out.
    """
    columns, left_out = [], {}
    for metric in registry.METRICS:
        try:
            results = vision.measure_videos(metric, videos)
        except ModelFolderError as error:  # noqa: PERF203 - there are few metrics
            left_out[metric.name] = f"Without {metric.name}. {error}"
        else:
            columns.append(ScoreColumn(metric.name, tuple(result.score for result in results)))
    return columns, left_out


def _worth_drawing(scores: list[ScoreColumn], left_out: Mapping[str, str]) -> list[ScoreColumn]:
    """Return the scores to draw: none if only one is left, because the picture would seem to be a verdict by it.

    What needs no weights ranks a video by how little it moves, so that a plain prompt often comes first.
    """
    return [] if left_out and len(scores) == 1 else scores


def _describe_missing(drawn: list[ScoreColumn], left_out: Mapping[str, str]) -> str:
    if not left_out:
        return ""
    if not drawn:
        return "No scores: their weights are missing or damaged. The help page says which files go where."
    return f"Without {', '.join(left_out)}: weights are missing or damaged, see the help page."


def _run_metric(node: type[io.ComfyNode], metric: registry.Metric, frames: Tensor) -> io.NodeOutput:
    """Measure one video; return the outputs of a metric's node, which shows the curve of the values."""
    (scores,) = vision.measure_videos(metric, [frames])
    plot = plot_metric(metric.name, scores, first_frame=metric.first_frame)[None]
    shown: dict[str, Any] = ui.PreviewImage(plot, cls=node).as_dict()
    shown["text"] = (f"{metric.name} {scores.score:.4f}",)  # so that it can be read without the picture
    return io.NodeOutput(scores.score, scores.per_frame.tolist(), plot, ui=shown)


NODES: list[type[io.ComfyNode]] = [
    RichSpaceSubjectConsistency,
    RichSpaceAestheticQuality,
    RichSpaceBackgroundConsistency,
    RichSpaceCompare,
]
