"""Finding the mixture that a guide describes: its foot, the candidates' scores, and the best candidate."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_lowercase

from ..richspace_core import RichSpaceError, find_optimal
from ..richspace_core.finder.candidates import parse_indices
from ..richspace_core.finder.choice import Choice
from ..richspace_core.finder.geometry import require_index
from .host.api import Scores, io, report
from .host.conditioning import Conditioning, Prompt, make_conditioning, pad_to_one_length
from .host.input_names import name_guides, name_inputs_as_shown, shown_names
from .host.mixing import A_AND_B, describe_mixture, mix_prompts, project_guide, read_prompts
from .host.score_report import report_scores
from .inputs import (
    CHAIN_ALIASES,
    MIX_ALIASES,
    GrowingList,
    candidate_steps_input,
    further_guides_input,
    guide_input,
    index_input,
    indices_input,
    mixture_output,
    prompt_inputs,
    scores_output,
)

_PROMPTS_IN_A_CHAIN = 6
_GUIDES_OF_A_MIXTURE = 8


class RichSpacePerpendicularFoot(io.ComfyNode):
    """Point on the line through two prompts that is nearest to a guide."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpacePerpendicularFoot",
            display_name="RichSpace Perpendicular Foot",
            category="RichSpace/mix",
            description="Projects the guide's embedding onto the straight line through A and B (Algorithm 2).",
            search_aliases=["projection", "project", "foot", "nearest point", "interpolate"],
            inputs=[*prompt_inputs(), guide_input()],
            outputs=[
                io.Conditioning.Output(
                    display_name="foot", tooltip="Point on the line through A and B that is nearest to the guide."
                ),
                io.Float.Output(
                    display_name="coefficient",
                    tooltip="Position of the foot: 0 is A, 1 is B. Below 0 or above 1 it is outside the two.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, a: Conditioning, b: Conditioning, guide: Conditioning) -> io.NodeOutput:
        """Project the guide."""
        prompt_a, prompt_b, prompt_guide = read_prompts(a=a, b=b, guide=guide)
        foot, coefficient = project_guide(prompt_a, prompt_b, prompt_guide)
        warning = "\n".join(describe_mixture(prompt_a, prompt_b, {"guide": prompt_guide}))
        shown = report(f"coefficient {coefficient:.4f} (0 is A, 1 is B)", warning=warning)
        return io.NodeOutput(make_conditioning(foot), coefficient, ui=shown)


class RichSpaceCosineScore(io.ComfyNode):
    """Similarity of each candidate to the guide's foot."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceCosineScore",
            display_name="RichSpace Cosine Scores",
            category="RichSpace/mix",
            description="Scores every candidate between A and B by its similarity to the guide's foot (Algorithm 2), "
            "and draws the curves.",
            search_aliases=["cosine", "similarity", "score", "curve", "plot"],
            inputs=[*prompt_inputs(), guide_input(), candidate_steps_input()],
            outputs=[scores_output()],
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, a: Conditioning, b: Conditioning, guide: Conditioning, steps: int) -> io.NodeOutput:
        """Score the candidates."""
        prompt_a, prompt_b, prompt_guide = read_prompts(a=a, b=b, guide=guide)
        choices = (find_mixture(prompt_a, prompt_b, {"guide": prompt_guide}, steps),)
        return io.NodeOutput(choices, ui=report_scores(cls, choices))


class RichSpaceOptimalInterpolate(io.ComfyNode):
    """Mixture of two prompts that a guide describes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        index = "0 finds the best candidate. Any other number takes that candidate: 1 is nearly B, steps is exactly A."
        further = [f"guide_{number}" for number in range(2, _GUIDES_OF_A_MIXTURE + 1)]
        return io.Schema(
            node_id="RichSpaceOptimalInterpolate",
            display_name="RichSpace Mix Prompts",
            category="RichSpace/mix",
            description="Mixes two plain prompts at the point that the guide sentence describes (Algorithm 1). Chain "
            "two of these nodes to mix three prompts.",
            search_aliases=[*MIX_ALIASES, "optimal interpolation", "interpolate", "average"],
            inputs=[
                *prompt_inputs(),
                guide_input(),
                candidate_steps_input(),
                index_input(default=0, tooltip=index),
                further_guides_input("guides", further, "the mixture"),
            ],
            outputs=[
                mixture_output(),
                io.Int.Output(display_name="index", tooltip="Candidate taken, counted from 1."),
                io.Float.Output(display_name="weight", tooltip="Share of A in the mixture: index divided by steps."),
                scores_output(),
            ],
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown()
    def execute(
        cls,
        a: Conditioning,
        b: Conditioning,
        guide: Conditioning,
        steps: int,
        index: int,
        guides: GrowingList | None = None,
    ) -> io.NodeOutput:
        """Find the best candidate, or take the one that was asked for."""
        connected = {"guide": guide, **_connected(guides)}
        prompt_a, prompt_b, *prompt_guides = read_prompts(a=a, b=b, **connected)
        choices = (find_mixture(prompt_a, prompt_b, dict(zip(connected, prompt_guides, strict=True)), steps, index),)
        chosen = choices[0]
        mixture = make_conditioning(mix_prompts(prompt_a, prompt_b, chosen.index, steps))
        return io.NodeOutput(mixture, chosen.index, chosen.weight, choices, ui=report_scores(cls, choices))


class RichSpaceChainedFinder(io.ComfyNode):
    """Mixture of three or more prompts, found stage by stage."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        numbers = range(2, _PROMPTS_IN_A_CHAIN + 1)
        stage = io.Conditioning.Input(
            "stage", tooltip="A prompt to mix in, followed by the guide that describes the mixture with it."
        )
        names = [name for number in numbers for name in _pair(number)]
        return io.Schema(
            node_id="RichSpaceChainedFinder",
            display_name="RichSpace Mix Several Prompts",
            category="RichSpace/mix",
            description="Mixes three or more prompts. Each prompt is mixed into the result so far at the point that "
            "its guide describes, as with Mix Prompts nodes connected one after another.",
            search_aliases=[*CHAIN_ALIASES, "chained finder", "optimal interpolation"],
            inputs=[
                io.Conditioning.Input("first", display_name="prompt 1", tooltip="Prompt to start from."),
                io.Autogrow.Input(
                    "stages",
                    template=io.Autogrow.TemplateNames(stage, names=names, min=2),
                    tooltip="Prompts to mix in, each followed by the guide that describes the mixture with it. The "
                    "list grows as you connect them.",
                ),
                candidate_steps_input(),
                *(_guides_of_stage(number) for number in numbers),
                indices_input(),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="mixture", tooltip="Mixture of all prompts, for a sampler's positive input."
                ),
                Scores.Output(display_name="scores", tooltip="Scores of every stage, for RichSpace Score Plot."),
            ],
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown()
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
        indices: str = "",
    ) -> io.NodeOutput:
        """Mix in one prompt after another."""
        further = {2: guides_2, 3: guides_3, 4: guides_4, 5: guides_5, 6: guides_6}
        (mixture,), name = read_prompts(first=first), shown_names(cls)["first"]
        choices: list[Choice] = []
        connected_stages = _read_stages(stages, further)
        picked = parse_indices(indices, len(connected_stages), steps)
        for stage, (connected, index) in enumerate(zip(connected_stages, picked, strict=True), start=1):
            (name_b, prompt), *guides = zip(connected, read_prompts(**connected), strict=True)
            mixture, choice = _mix_in(mixture, prompt, dict(guides), steps, index, names=(name, name_b), stage=stage)
            choices.append(choice)
            name = "the mixture so far"
        return io.NodeOutput(make_conditioning(mixture), tuple(choices), ui=report_scores(cls, choices))


def find_mixture(
    a: Prompt, b: Prompt, guides: Mapping[str, Prompt], steps: int, index: int = 0, *, names: tuple[str, str] = A_AND_B
) -> Choice:
    """Score the candidates and choose one: the best, or the one asked for.

    Args:
        a: First prompt.
        b: Second prompt.
        guides: Guides by the name of the input that each is connected to.
        steps: Number of candidates.
        index: Candidate to take; 0 takes the best.
        names: Names of A and B in the node.
    """
    if index:
        require_index(index, steps)
    remarks = describe_mixture(a, b, guides, names=names)
    a, b, *averaged = pad_to_one_length(a, b, *guides.values())
    try:
        result = find_optimal(a.embedding, b.embedding, [guide.embedding for guide in averaged], steps=steps)
    except RichSpaceError as error:
        raise error.renamed({"a": names[0], "b": names[1], **name_guides(guides)}) from error
    return result.choice(
        index=index or None,
        counted=all(prompt.counted for prompt in (a, b, *averaged)),
        remarks=remarks,
        name_a=a.text or "A",
        name_b=b.text or "B",
    )


def _mix_in(
    a: Prompt, b: Prompt, guides: Mapping[str, Prompt], steps: int, index: int, *, names: tuple[str, str], stage: int
) -> tuple[Prompt, Choice]:
    """Find and make the mixture of one stage of a chain; errors name the stage."""
    try:
        choice = find_mixture(a, b, guides, steps, index, names=names)
        return mix_prompts(a, b, choice.index, steps), choice
    except RichSpaceError as error:
        raise error.renamed({"a": names[0], "b": names[1]}).within(f"stage {stage}") from error


def _connected(growing: GrowingList | None) -> dict[str, Conditioning]:
    return {name: conditioning for name, conditioning in (growing or {}).items() if conditioning is not None}


def _pair(number: int) -> tuple[str, str]:
    return f"prompt_{number}", f"guide_{number}"


def _guides_of_stage(number: int) -> io.Input:
    """Return a stage's list of further guides: ``guide_2_b``, ``guide_2_c`` and so on."""
    names = [f"guide_{number}_{letter}" for letter in ascii_lowercase[1:_GUIDES_OF_A_MIXTURE]]
    return further_guides_input(f"guides_{number}", names, f"the mixture with prompt {number}")


def _read_stages(stages: GrowingList, further: Mapping[int, GrowingList | None]) -> list[dict[str, Conditioning]]:
    """Return what is connected for each stage: its prompt, its guide and its further guides.

    Raises:
        RichSpaceError: If a prompt or a guide before the last is not connected, or a further guide has no stage.
    """
    connected = _connected(stages)
    last = max((int(name.rpartition("_")[2]) for name in connected), default=2)
    for name in (name for number in range(2, last + 1) for name in _pair(number)):
        if name not in connected:
            raise RichSpaceError(
                name,
                expected="a conditioning, since every prompt needs a guide and none may be left out",
                got="nothing connected",
                hint="Connect prompts and guides in pairs, from the top.",
            )
    for number, guides in further.items():
        if number > last and _connected(guides):
            raise RichSpaceError(
                next(iter(_connected(guides))),
                expected=f"prompt_{number} and guide_{number} to be connected as well",
                got="nothing connected to them",
                hint="This guide belongs to a prompt that is not connected. Connect both, or remove the guide.",
            )
    return [
        {name: connected[name] for name in _pair(number)} | _connected(further[number]) for number in range(2, last + 1)
    ]


NODES: list[type[io.ComfyNode]] = [
    RichSpacePerpendicularFoot,
    RichSpaceCosineScore,
    RichSpaceOptimalInterpolate,
    RichSpaceChainedFinder,
]
