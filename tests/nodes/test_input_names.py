"""Errors of the mixing nodes name an input as the node shows it, and say what to do."""

import pytest
import torch
from conditionings import conditioning, extras_of, random_prompts, values_of
from node_runs import results

SHOWN = {"a": "A", "b": "B", "guide": "guide"}
MIXERS = {
    "RichSpacePerpendicularFoot": ("a", "b", "guide"),
    "RichSpaceCosineScore": ("a", "b", "guide"),
    "RichSpaceOptimalInterpolate": ("a", "b", "guide"),
    "RichSpaceInterpolate": ("a", "b"),
    "RichSpaceInterpolationSweep": ("a", "b"),
}


def not_finite(prompt):
    values_of(prompt)[2, 3] = torch.inf


def too_large(prompt):
    values_of(prompt).mul_(1e30)


def narrower(prompt):
    prompt[0][0] = prompt[0][0][..., :4]


def half_type(prompt):
    prompt[0][0] = prompt[0][0].half()


def empty(prompt):
    extras_of(prompt)["richspace"]["token_count"] = 1


def combined(prompt):
    prompt += prompt


def batched(prompt):
    prompt[0][0] = prompt[0][0].repeat(2, 1, 1)


def pooled_of_another_width(prompt):
    extras_of(prompt)["pooled_output"] = torch.zeros(1, 3)


def pooled_not_finite(prompt):
    extras_of(prompt)["pooled_output"] = torch.full((1, 5), torch.nan)


MIXING = (pooled_of_another_width, pooled_not_finite)
FAULTS = (not_finite, narrower, half_type, empty, combined, batched)


@pytest.fixture
def prompts():
    """Return {a, b and guide} with pooled outputs."""
    made = dict(zip(SHOWN, random_prompts(), strict=True))
    for prompt in made.values():
        extras_of(prompt)["pooled_output"] = torch.ones(1, 5)
    return made


def refused(core, node, **inputs):
    with pytest.raises(core.RichSpaceError) as caught:
        results(node, **inputs)
    assert "`" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("node_id", MIXERS)
def test_the_input_is_named_as_it_is_shown(nodes_by_id, core, prompts, node_id, fault):
    for name in MIXERS[node_id][1:]:
        given = {each: prompts[each] for each in MIXERS[node_id]}
        fresh = dict(zip(SHOWN, random_prompts(), strict=True))[name]
        fault(fresh)
        error = refused(core, nodes_by_id[node_id], **given | {name: fresh})
        assert error.argument == SHOWN[name]
        assert error.hint
        assert " a," not in error.expected  # nor A by the name that the library has for it


@pytest.mark.parametrize("node_id", MIXERS)
def test_a_is_named_as_it_is_shown(nodes_by_id, core, prompts, node_id):
    not_finite(prompts["a"])
    given = {each: prompts[each] for each in MIXERS[node_id]}
    assert refused(core, nodes_by_id[node_id], **given).argument == "A"


@pytest.mark.parametrize("node_id", [node for node in MIXERS if node != "RichSpaceCosineScore"])
def test_pooled_outputs(nodes_by_id, core, prompts, node_id):
    given = {each: prompts[each] for each in MIXERS[node_id]}
    pooled_of_another_width(prompts["b"])
    error = refused(core, nodes_by_id[node_id], **given)
    assert str(error) == (
        "B: expected a pooled output as long as that of A, 5 numbers, got 3 numbers. "
        "Encode all prompts of a mixture with the same text encoder."
    )
    pooled_not_finite(prompts["b"])
    assert refused(core, nodes_by_id[node_id], **given).argument == "pooled output, B"


def test_values_that_overflow_are_those_of_one_input(nodes_by_id, core, prompts):
    too_large(prompts["b"])
    error = refused(core, nodes_by_id["RichSpaceOptimalInterpolate"], **prompts)
    assert error.argument == "B"
    assert error.expected == "values that float32 can square and sum"


class TestChain:
    @pytest.fixture
    def chain(self, nodes_by_id, core, prompts):
        """Run the node with an input replaced, and return its error."""
        a, b, guide = prompts.values()
        first, stages = a, {"prompt_2": b, "guide_2": guide, "prompt_3": guide, "guide_3": b}

        def chain(fault, name):
            spoilt = [[values_of({"first": first, **stages}[name]).clone()[None], {"richspace": {**NOTE}}]]
            fault(spoilt)
            given = {"first": spoilt, "stages": stages} if name == "first" else {"stages": stages | {name: spoilt}}
            return refused(core, nodes_by_id["RichSpaceChainedFinder"], **{"first": first} | given)

        return chain

    def test_the_first_prompt(self, chain, nodes_by_id):
        fields = {field.id: field for field in nodes_by_id["RichSpaceChainedFinder"].define_schema().inputs}
        shown = fields["first"].display_name or "first"
        assert chain(empty, "first").argument == shown
        assert chain(not_finite, "first").argument == f"stage 1, {shown}"
        assert chain(narrower, "prompt_2").expected.startswith(f"the same kind of embedding as {shown}, ")

    @pytest.mark.parametrize(("name", "stage"), [("prompt_2", 1), ("guide_2", 1), ("prompt_3", 2), ("guide_3", 2)])
    def test_a_prompt_or_a_guide(self, chain, name, stage):
        assert chain(empty, name).argument == name
        assert chain(not_finite, name).argument == f"stage {stage}, {name}"
        assert chain(narrower, name).argument == f"stage {stage}, {name}"

    def test_what_was_mixed_before(self, chain):
        assert chain(half_type, "prompt_3").expected.startswith("the same kind of embedding as the mixture so far, ")


NOTE = {"token_count": 4, "text": "a prompt"}


def test_a_further_guide(nodes_by_id, core, prompts):
    spoilt = conditioning(values_of(prompts["guide"])[:, :4], 4)
    inputs = {**prompts, "guides": {"guide_2": prompts["b"], "guide_3": spoilt}}
    assert refused(core, nodes_by_id["RichSpaceOptimalInterpolate"], **inputs).argument == "guide_3"
    stages = {"prompt_2": prompts["b"], "guide_2": prompts["guide"]}
    given = {"first": prompts["a"], "stages": stages, "guides_2": {"guide_2_b": spoilt}}
    assert refused(core, nodes_by_id["RichSpaceChainedFinder"], **given).argument == "stage 1, guide_2_b"


def test_a_candidate_that_the_sweep_does_not_have(nodes_by_id, core, prompts):
    inputs = {"a": prompts["a"], "b": prompts["b"], "steps": 30, "candidates": "7, 31"}
    assert refused(core, nodes_by_id["RichSpaceInterpolationSweep"], **inputs).argument == "candidates"
