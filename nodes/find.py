"""The finder's nodes: where a guide's foot lies, how the candidates score, which one is best, and mixing by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import TypeAlias

from torch import Tensor

from ..richspace_core import RichSpaceError, foot_coefficient
from ..richspace_core.finder.candidates import evenly_spread, label, parse_candidates
from ..richspace_core.finder.choice import Choice
from ..richspace_core.finder.geometry import point_on_line
from .host.mixing import find_mixture, mix_prompts, read_prompts, report_scores, warning_about
from .host.api import Scores, io, report
from .host.conditioning import Conditioning, as_conditioning, blend, of_one_length
from .host.input_names import shown_names, with_shown_names

_PROMPTS_IN_A_CHAIN = 6
_GUIDES_OF_A_MIXTURE = 8

GrowingList: TypeAlias = Mapping[str, Conditioning | None]
"""What is wired to a growing list of inputs; those that are not wired are absent, or None."""


def _prompt_inputs() -> list[io.Input]:
    return [
        io.Conditioning.Input("a", display_name="A", tooltip="First prompt. The highest candidate is exactly this."),
        io.Conditioning.Input("b", display_name="B", tooltip="Second prompt. Candidate 1 is nearly this."),
    ]


def _guide_input() -> io.Input:
    return io.Conditioning.Input(
        "guide",
        tooltip="A sentence that describes the mixture. It need not be drawn well itself: it only says which point "
        "between A and B is meant.",
    )


def _further_guides_input(list_name: str, names: Sequence[str], mixture: str) -> io.Input:
    one = io.Conditioning.Input(
        "guide", tooltip="Another wording of the same mixture. It is as good as the first: the guides' mean guides."
    )
    return io.Autogrow.Input(
        list_name,
        template=io.Autogrow.TemplateNames(one, names=[*names], min=0),
        display_name="further guides",
        optional=True,
        tooltip=f"Other wordings of the guide for {mixture}, for instance the other order of its words: beside 'a red "
        "and blue circle' also 'a blue and red circle'. Their mean guides, so that the wording counts less and the "
        "meaning more. The list grows as you wire.",
    )


def _steps_input() -> io.Input:
    return io.Int.Input(
        "steps", default=30, min=1, max=1000, tooltip="Number of candidates between A and B. The paper uses 30."
    )


def _scores_output() -> io.Output:
    return Scores.Output(
        display_name="scores", tooltip="The candidates' similarity to the guide's foot, for RichSpace Score Plot."
    )


class RichSpacePerpendicularFoot(io.ComfyNode):
    """The point between two prompts nearest to a guide."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpacePerpendicularFoot",
            display_name="RichSpace Perpendicular Foot",
            category="RichSpace/mix",
            description="Projects the guide's embedding onto the straight line through A and B (Algorithm 2).",
            search_aliases=["projection", "project", "foot", "nearest point", "interpolate"],
            inputs=[*_prompt_inputs(), _guide_input()],
            outputs=[
                io.Conditioning.Output(display_name="foot", tooltip="The point of the line nearest to the guide."),
                io.Float.Output(
                    display_name="coefficient",
                    tooltip="Where it lies: 0 is A, 1 is B, below 0 or above 1 it is beyond them.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @with_shown_names()
    def execute(cls, a: Conditioning, b: Conditioning, guide: Conditioning) -> io.NodeOutput:
        """Project the guide."""
        prompt_a, prompt_b, prompt_guide = read_prompts(a=a, b=b, guide=guide)
        warning = warning_about(prompt_a, prompt_b, guide=prompt_guide)
        prompt_a, prompt_b, prompt_guide = of_one_length(prompt_a, prompt_b, prompt_guide)
        embeddings = prompt_a.embedding.values, prompt_b.embedding.values
        coefficient = foot_coefficient(*embeddings, prompt_guide.embedding.values)

        def mix(x: Tensor, y: Tensor) -> Tensor:
            return point_on_line(x, y, coefficient)

        foot = blend(
            prompt_a, prompt_b, mix, f"({prompt_guide.text}) seen from ({prompt_a.text}) and ({prompt_b.text})"
        )
        said = report(f"coefficient {coefficient:.4f} (0 is A, 1 is B)", warning=warning)
        return io.NodeOutput(as_conditioning(foot), coefficient, ui=said)


class RichSpaceCosineScore(io.ComfyNode):
    """How similar each candidate is to the guide's foot."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceCosineScore",
            display_name="RichSpace Cosine Scores",
            category="RichSpace/mix",
            description="Scores every candidate between A and B by its similarity to the guide's foot (Algorithm 2), "
            "and draws the curves.",
            search_aliases=["cosine", "similarity", "score", "curve", "plot"],
            inputs=[*_prompt_inputs(), _guide_input(), _steps_input()],
            outputs=[_scores_output()],
            is_output_node=True,
        )

    @classmethod
    @with_shown_names()
    def execute(cls, a: Conditioning, b: Conditioning, guide: Conditioning, steps: int) -> io.NodeOutput:
        """Score the candidates."""
        prompt_a, prompt_b, prompt_guide = read_prompts(a=a, b=b, guide=guide)
        choices = (find_mixture(prompt_a, prompt_b, {"guide": prompt_guide}, steps),)
        return io.NodeOutput(choices, ui=report_scores(cls, choices))


class RichSpaceOptimalInterpolate(io.ComfyNode):
    """The candidate that a guide means."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceOptimalInterpolate",
            display_name="RichSpace Optimal Interpolation",
            category="RichSpace/mix",
            description="Mixes two plain prompts at the point that the guide sentence means (Algorithm 1). Chain two "
            "of them to mix three prompts.",
            search_aliases=["mix", "blend", "average", "interpolate", "richspace", "optimal", "combine prompts"],
            inputs=[
                *_prompt_inputs(),
                _guide_input(),
                _steps_input(),
                io.Int.Input(
                    "index",
                    default=0,
                    min=0,
                    max=1000,
                    tooltip="0 finds the best candidate. 1 to steps takes that one instead: 1 is nearly B, the "
                    "highest is exactly A.",
                ),
                _further_guides_input(
                    "guides", [f"guide_{number}" for number in range(2, _GUIDES_OF_A_MIXTURE + 1)], "the mixture"
                ),
            ],
            outputs=[
                io.Conditioning.Output(display_name="mixture", tooltip="Wire it to a sampler's positive input."),
                io.Int.Output(display_name="index", tooltip="The candidate taken, counted from 1."),
                io.Float.Output(display_name="weight", tooltip="The share of A in it: index divided by steps."),
                _scores_output(),
            ],
            is_output_node=True,
        )

    @classmethod
    @with_shown_names()
    def execute(
        cls,
        a: Conditioning,
        b: Conditioning,
        guide: Conditioning,
        steps: int,
        index: int,
        guides: GrowingList | None = None,
    ) -> io.NodeOutput:
        """Find the candidate, or take the one that was asked for."""
        wired = {"guide": guide, **_wired(guides)}
        prompt_a, prompt_b, *prompt_guides = read_prompts(a=a, b=b, **wired)
        choices = (find_mixture(prompt_a, prompt_b, dict(zip(wired, prompt_guides, strict=True)), steps, index),)
        chosen = choices[0].index
        mixture = as_conditioning(mix_prompts(prompt_a, prompt_b, chosen, steps))
        return io.NodeOutput(mixture, chosen, chosen / steps, choices, ui=report_scores(cls, choices))


class RichSpaceInterpolate(io.ComfyNode):
    """A candidate picked by hand."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceInterpolate",
            display_name="RichSpace Interpolate",
            category="RichSpace/mix",
            description="Mixes two prompts with a weight of your own: index / steps of A, the rest of B "
            "(Definition 5.1).",
            search_aliases=["mix", "blend", "average", "lerp", "interpolate", "weight"],
            inputs=[
                *_prompt_inputs(),
                io.Int.Input(
                    "index",
                    default=15,
                    min=1,
                    max=1000,
                    tooltip="The candidate to take: 1 is nearly B, the number of steps is exactly A.",
                ),
                _steps_input(),
            ],
            outputs=[io.Conditioning.Output(display_name="mixture", tooltip="Wire it to a sampler's positive input.")],
            has_intermediate_output=True,
        )

    @classmethod
    @with_shown_names()
    def execute(cls, a: Conditioning, b: Conditioning, index: int, steps: int) -> io.NodeOutput:
        """Mix two prompts."""
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        mixture = as_conditioning(mix_prompts(prompt_a, prompt_b, index, steps))
        return io.NodeOutput(mixture, ui=report("", warning=warning_about(prompt_a, prompt_b)))


class RichSpaceInterpolationSweep(io.ComfyNode):
    """Several candidates, to choose by eye."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceInterpolationSweep",
            display_name="RichSpace Interpolation Sweep",
            category="RichSpace/mix",
            description="Mixes two prompts with several weights at once. Everything behind this node runs once for "
            "each mixture: one press of Run makes a strip of videos from nearly B to exactly A.",
            search_aliases=["sweep", "strip", "candidates", "xy plot", "grid", "compare", "interpolate", "list"],
            inputs=[
                *_prompt_inputs(),
                _steps_input(),
                io.Int.Input(
                    "count",
                    default=5,
                    min=1,
                    max=1000,
                    tooltip="How many candidates, evenly spread from the first to the last. Each makes a video.",
                ),
                io.String.Input(
                    "candidates",
                    default="",
                    placeholder="empty: evenly spread",
                    tooltip="Candidates of your own instead of the evenly spread ones: numbers and ranges such as "
                    "1, 8, 15-18. 1 is nearly B, the number of steps is exactly A.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="mixtures",
                    is_output_list=True,
                    tooltip="One mixture after another, for a sampler's positive input.",
                ),
                io.Int.Output(
                    display_name="indices", is_output_list=True, tooltip="The candidates taken, counted from 1."
                ),
                io.String.Output(
                    display_name="labels",
                    is_output_list=True,
                    tooltip="What each one is, such as 15 of 30: 50% A; for RichSpace Contact Sheet.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @with_shown_names()
    def execute(cls, a: Conditioning, b: Conditioning, steps: int, count: int, candidates: str) -> io.NodeOutput:
        """Mix two prompts with each weight."""
        prompt_a, prompt_b = read_prompts(a=a, b=b)
        indices = parse_candidates(candidates, steps) if candidates.strip() else evenly_spread(count, steps)
        mixtures = [as_conditioning(mix_prompts(prompt_a, prompt_b, index, steps)) for index in indices]
        labels = [label(index, steps) for index in indices]
        said = f"{len(indices)} of {steps} candidates: {', '.join(map(str, indices))}"
        warning = warning_about(prompt_a, prompt_b)
        return io.NodeOutput(mixtures, indices, labels, ui=report(said, warning=warning))


class RichSpaceChainedFinder(io.ComfyNode):
    """Three prompts and more in one node."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        numbers = range(2, _PROMPTS_IN_A_CHAIN + 1)
        names = [name for number in numbers for name in _pair(number)]
        return io.Schema(
            node_id="RichSpaceChainedFinder",
            display_name="RichSpace Chained Finder",
            category="RichSpace/mix",
            description="Mixes three prompts or more: each prompt is mixed into the result so far at the point that "
            "its guide means. The same as Optimal Interpolation nodes wired one after another.",
            search_aliases=["mix three prompts", "chain", "blend", "multiple prompts", "richspace"],
            inputs=[
                io.Conditioning.Input("first", display_name="prompt 1", tooltip="The prompt to start from."),
                io.Autogrow.Input(
                    "stages",
                    template=io.Autogrow.TemplateNames(
                        io.Conditioning.Input(
                            "stage",
                            tooltip="A prompt to mix in, and then the guide that describes the mixture with it.",
                        ),
                        names=names,
                        min=2,
                    ),
                    tooltip="In turn a prompt to mix in and the guide that describes the mixture with it; the list "
                    "grows as you wire.",
                ),
                _steps_input(),
                *(
                    _further_guides_input(
                        f"guides_{number}", _further_guides_of(number), f"the mixture with prompt_{number}"
                    )
                    for number in numbers
                ),
            ],
            outputs=[
                io.Conditioning.Output(display_name="mixture", tooltip="All prompts, for a sampler's positive input."),
                Scores.Output(display_name="scores", tooltip="Every stage's scores, for RichSpace Score Plot."),
            ],
            is_output_node=True,
        )

    @classmethod
    @with_shown_names()
    def execute(
        cls,
        first: Conditioning,
        stages: GrowingList,
        steps: int,
        guides_2: GrowingList | None = None,
        guides_3: GrowingList | None = None,
        guides_4: GrowingList | None = None,
        guides_5: GrowingList | None = None,
        guides_6: GrowingList | None = None,
    ) -> io.NodeOutput:
        """Mix the prompts in one after another."""
        further = {2: guides_2, 3: guides_3, 4: guides_4, 5: guides_5, 6: guides_6}
        (mixture,), so_far = read_prompts(first=first), shown_names(cls)["first"]
        choices: list[Choice] = []
        for number, wired in _stages(stages, further).items():
            name, *names = wired
            prompt, *guides = read_prompts(**wired)
            of_guides = dict(zip(names, guides, strict=True))
            try:
                choices.append(find_mixture(mixture, prompt, of_guides, steps, names=(so_far, name)))
                mixture = mix_prompts(mixture, prompt, choices[-1].index, steps)
            except RichSpaceError as error:
                raise error.renamed({"a": so_far, "b": name}).within(f"stage {number - 1}") from error
            so_far = "the mixture so far"
        return io.NodeOutput(as_conditioning(mixture), tuple(choices), ui=report_scores(cls, choices))


def _wired(growing: GrowingList | None) -> dict[str, Conditioning]:
    return {name: conditioning for name, conditioning in (growing or {}).items() if conditioning is not None}


def _pair(number: int) -> tuple[str, str]:
    return f"prompt_{number}", f"guide_{number}"


def _further_guides_of(number: int) -> list[str]:
    """The names of a stage's further guides: ``guide_2_b``, ``guide_2_c`` and so on."""
    return [f"guide_{number}_{letter}" for letter in ascii_lowercase[1:_GUIDES_OF_A_MIXTURE]]


def _stages(stages: GrowingList, further: Mapping[int, GrowingList | None]) -> dict[int, dict[str, Conditioning]]:
    """What is wired for each prompt, 2, 3 and so on without a gap: the prompt itself, its guide, its further guides."""
    wired = _wired(stages)
    last = max((int(name.rpartition("_")[2]) for name in wired), default=2)
    for name in (name for number in range(2, last + 1) for name in _pair(number)):
        if name not in wired:
            raise RichSpaceError(
                name,
                expected="a conditioning, since every prompt needs a guide and none may be left out",
                got="nothing connected",
                hint="Connect prompts and guides in pairs, from the top.",
            )
    for number, guides in further.items():
        if number > last and _wired(guides):
            raise RichSpaceError(
                next(iter(_wired(guides))),
                expected=f"prompt_{number} and guide_{number} to be connected as well",
                got="nothing connected to them",
                hint="This guide belongs to a prompt that is not connected. Connect both, or remove the guide.",
            )
    return {
        number: {name: wired[name] for name in _pair(number)} | _wired(further[number]) for number in range(2, last + 1)
    }


NODES: list[type[io.ComfyNode]] = [
    RichSpacePerpendicularFoot,
    RichSpaceCosineScore,
    RichSpaceOptimalInterpolate,
    RichSpaceInterpolate,
    RichSpaceInterpolationSweep,
    RichSpaceChainedFinder,
]
