"""Mixing by hand: one candidate between two prompts, several to choose from, or both prompts in every step."""

from __future__ import annotations

from ..richspace_core.finder.balance import require_share
from ..richspace_core.finder.candidates import evenly_spread, file_name, label, parse_candidates
from .host.api import io, report
from .host.conditioning import Conditioning, make_conditioning
from .host.input_names import name_inputs_as_shown
from .host.mixing import describe_mixture, mix_prompts, read_prompts
from .host.weighted_prompts import average_predictions
from .inputs import candidate_steps_input, index_input, mixture_output, prompt_inputs


class RichSpaceInterpolate(io.ComfyNode):
    """Mixture of two prompts with a weight chosen by hand."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        index = index_input(default=15, tooltip="Candidate to take: 1 is nearly B, the number of steps is exactly A.")
        return io.Schema(
            node_id="RichSpaceInterpolate",
            display_name="RichSpace Mix by Weight",
            category="RichSpace/mix",
            description="Mixes two prompts with a weight that you choose: index / steps of A and the rest of B "
            "(Definition 5.1).",
            search_aliases=["mix", "blend", "average", "lerp", "interpolate", "weight", "two prompts"],
            inputs=[*prompt_inputs(), index, candidate_steps_input()],
            outputs=[mixture_output()],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, a: Conditioning, b: Conditioning, index: int, steps: int) -> io.NodeOutput:
        """Mix two prompts."""
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        mixture = make_conditioning(mix_prompts(prompt_a, prompt_b, index, steps))
        return io.NodeOutput(mixture, ui=report("", warning="\n".join(describe_mixture(prompt_a, prompt_b))))


class RichSpaceInterpolationSweep(io.ComfyNode):
    """Several mixtures of two prompts, to choose by eye."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceInterpolationSweep",
            display_name="RichSpace Interpolation Sweep",
            category="RichSpace/mix",
            description="Mixes two prompts with several weights at once. The nodes that follow run once for each "
            "mixture, so one run makes a strip of videos from nearly B to exactly A.",
            search_aliases=["sweep", "strip", "candidates", "xy plot", "grid", "compare", "interpolate", "list"],
            inputs=[
                *prompt_inputs(),
                candidate_steps_input(),
                io.Int.Input(
                    "count",
                    default=5,
                    min=1,
                    max=1000,
                    tooltip="Number of candidates, evenly spread from the first to the last. Each one makes a video.",
                ),
                io.String.Input(
                    "candidates",
                    default="",
                    placeholder="empty: evenly spread",
                    tooltip="Candidates to use in place of evenly spread ones: numbers and ranges such as 1, 8, 15-18. "
                    "1 is nearly B, the number of steps is exactly A.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="mixtures",
                    is_output_list=True,
                    tooltip="One mixture after another, for a sampler's positive input.",
                ),
                io.Int.Output(display_name="indices", is_output_list=True, tooltip="Candidates taken, counted from 1."),
                io.String.Output(
                    display_name="labels",
                    is_output_list=True,
                    tooltip="Label of each mixture, such as 15 of 30: 50% A, for RichSpace Contact Sheet.",
                ),
                io.String.Output(
                    display_name="names",
                    is_output_list=True,
                    tooltip="File name for each mixture, such as RichSpace/candidate_15_of_30, for filename_prefix of "
                    "Save Video or Save Image.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, a: Conditioning, b: Conditioning, steps: int, count: int, candidates: str) -> io.NodeOutput:
        """Mix two prompts with each weight."""
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        indices = parse_candidates(candidates, steps) if candidates.strip() else evenly_spread(count, steps)
        mixtures = [make_conditioning(mix_prompts(prompt_a, prompt_b, index, steps)) for index in indices]
        labels = [label(index, steps) for index in indices]
        text = f"{len(indices)} of {steps} candidates: {', '.join(map(str, indices))}"
        warning = "\n".join(describe_mixture(prompt_a, prompt_b))
        names = [f"RichSpace/{file_name(index, steps)}" for index in indices]
        return io.NodeOutput(mixtures, indices, labels, names, ui=report(text, warning=warning))


class RichSpaceMixPredictions(io.ComfyNode):
    """Two prompts whose predictions are averaged in every step."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        share = io.Float.Input(
            "share", default=0.5, min=0.01, max=0.99, step=0.01, tooltip="Weight of A's prediction; B's is the rest."
        )
        return io.Schema(
            node_id="RichSpaceMixPredictions",
            display_name="RichSpace Mix Predictions",
            category="RichSpace/mix",
            description="Mixes two prompts in the sampler: the model predicts with each of them in every step, and the "
            "predictions are averaged. No search, but a step takes half as long again.",
            search_aliases=["mix", "blend", "average", "composable", "combine prompts", "hybrid", "two prompts"],
            inputs=[
                io.Conditioning.Input("a", display_name="A", tooltip="First prompt."),
                io.Conditioning.Input("b", display_name="B", tooltip="Second prompt."),
                share,
            ],
            outputs=[mixture_output()],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, a: Conditioning, b: Conditioning, share: float) -> io.NodeOutput:
        """Weight two prompts."""
        require_share(share)
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        mix_prompts(prompt_a, prompt_b, 1, 2)  # for its checks: both prompts come from one text encoder
        text = f"{share:.0%} A, {1 - share:.0%} B: 3 predictions a step in place of 2"
        return io.NodeOutput(average_predictions(prompt_a, prompt_b, share), ui=report(text))


NODES: list[type[io.ComfyNode]] = [RichSpaceInterpolate, RichSpaceInterpolationSweep, RichSpaceMixPredictions]
