"""Settings that ComfyUI's nodes attach to a prompt: supported, refused, or reported as lost; never ignored silently."""

from types import SimpleNamespace

import pytest
import torch
from conditionings import extras_of, frozen, identical, random_prompts
from node_runs import results, run_node, says
from small_models.tiny_models import TEXT_LENGTH

QUICK = {"width": 64, "height": 48, "frames": 9, "steps": 2, "cfg": 6.0, "seed": 5}
HALF = torch.zeros(1, 48, 64)
HALF[..., :32] = 1
LATENT = {"samples": torch.zeros(1, 16, 1, 6, 8)}


def timestep_range(start, end):
    import nodes as host

    return lambda prompt: host.ConditioningSetTimestepRange().set_range(prompt, start, end)[0]


def mask(values, strength=1.0, area="default"):
    import nodes as host

    return lambda prompt: host.ConditioningSetMask().append(prompt, values, area, strength)[0]


def area(width, height, x=0, y=0):
    import nodes as host

    return lambda prompt: host.ConditioningSetArea().append(prompt, width, height, x, y, 1.0)[0]


def share(width, height, x=0.0, y=0.0):
    import nodes as host

    return lambda prompt: host.ConditioningSetAreaPercentage().append(prompt, width, height, x, y, 1.0)[0]


def share_of_video(width, height, temporal):
    from comfy_extras.nodes_video_model import ConditioningSetAreaPercentageVideo as Node

    return lambda prompt: Node().append(prompt, width, height, temporal, 0, 0, 0, 1.0)[0]


def strength(value):
    import nodes as host

    return lambda prompt: host.ConditioningSetAreaStrength().append(prompt, value)[0]


def hooks(prompt):
    import comfy.hooks
    from comfy_extras.nodes_hooks import PairConditioningSetProperties

    group = comfy.hooks.HookGroup()
    group.add(comfy.hooks.WeightHook())
    return PairConditioningSetProperties().set_properties(prompt, prompt, 1.0, "default", hooks=group)[0]


def control_net(prompt):
    import comfy.controlnet

    import nodes as host

    network = comfy.controlnet.ControlBase()
    network.copy = lambda: network
    return host.ControlNetApplyAdvanced().apply_controlnet(
        prompt, prompt, network, torch.zeros(1, 48, 64, 3), 1.0, 0.0, 1.0
    )[0]


def gligen(prompt):
    import nodes as host

    clip = SimpleNamespace(encode_from_tokens=lambda *_, **__: (None, torch.zeros(1, 8)), tokenize=lambda _: None)
    return host.GLIGENTextBoxApply().append(prompt, clip, "model", "a tiger", 64, 64, 0, 0)[0]


def unclip(prompt):
    import nodes as host

    return host.unCLIPConditioning().apply_adm(prompt, "vision output", 1.0, 0.0)[0]


def reference_latent(prompt):
    from comfy_extras.nodes_edit_model import ReferenceLatent

    return ReferenceLatent.execute(prompt, LATENT).result[0]


def flux_guidance(prompt):
    from comfy_extras.nodes_flux import FluxGuidance

    return FluxGuidance.execute(prompt, 3.5).result[0]


def inpaint(prompt):
    import nodes as host

    vae = SimpleNamespace(encode=lambda _: torch.zeros(1, 16, 6, 8))
    return host.InpaintModelConditioning().encode(prompt, prompt, torch.zeros(1, 48, 64, 3), vae, HALF)[0]


def clip_vision(prompt):
    from comfy_extras.nodes_wan import WanImageToVideo

    encoded = SimpleNamespace()
    return WanImageToVideo.execute(prompt, prompt, None, 64, 48, 9, 1, clip_vision_output=encoded).result[0]


NATIVE = "use RichSpace Load CogVideoX (native)"
REMOVE = "Text-to-video CogVideoX models cannot use it with any sampler."

# What is set, after ComfyUI's modules are there: (what it is called, what to do).
CHANGES = {
    "a range of timesteps": (lambda: timestep_range(0.0, 0.5), "a timestep range", NATIVE),
    "a range that starts late": (lambda: timestep_range(0.2, 1.0), "a timestep range", NATIVE),
    "a mask": (lambda: mask(HALF), "a mask", NATIVE),
    "a mask's bounds": (lambda: mask(HALF, area="mask bounds"), "a mask", NATIVE),
    "a mask of no strength": (lambda: mask(torch.ones_like(HALF), 0.0), "a mask", NATIVE),
    "an area": (lambda: area(32, 48), "an area", NATIVE),
    "a share of the picture": (lambda: share(0.5, 1.0), "an area", NATIVE),
    "a share of the video": (lambda: share_of_video(1.0, 1.0, 0.5), "an area", NATIVE),
    "no strength": (lambda: strength(0.0), "a strength of 0", NATIVE),
    "hooks": (lambda: hooks, "hooks", NATIVE),
    "a ControlNet": (lambda: control_net, "a ControlNet", REMOVE),
    "GLIGEN": (lambda: gligen, "a GLIGEN text box", REMOVE),
    "unCLIP": (lambda: unclip, "a CLIP vision image", REMOVE),
    "a reference latent": (lambda: reference_latent, "a reference image", REMOVE),
    "Flux's guidance": (lambda: flux_guidance, "a guidance", REMOVE),
    "inpainting": (lambda: inpaint, "a start image", REMOVE),
    "a CLIP vision output": (lambda: clip_vision, "a CLIP vision image", REMOVE),
}
#: What changes nothing about a prompt that is drawn alone, in ComfyUI's own samplers too (0.0 was measured).
NO_CHANGES = {
    "every timestep": lambda: timestep_range(0.0, 1.0),
    "a mask of everything": lambda: mask(0.5 * torch.ones_like(HALF), 0.5),
    "the whole picture": lambda: share(1.0, 1.0),
    "the whole video": lambda: share_of_video(1.0, 1.0, 1.0),
    "full strength": lambda: strength(1.0),
    "half strength": lambda: strength(0.5),
}


@pytest.fixture
def prompts():
    """Return {positive and negative} for the tiny models."""
    return dict(zip(("positive", "negative"), random_prompts(count=2, rows=TEXT_LENGTH, width=32), strict=True))


@pytest.fixture
def sample(nodes_by_id):
    """Return a function that samples with the pack's own sampler."""
    return lambda **inputs: results(nodes_by_id["RichSpaceCogVideoXSample"], **inputs)[0]["samples"]


@pytest.mark.parametrize("name", ["positive", "negative"])
@pytest.mark.parametrize("kind", CHANGES)
def test_what_would_change_the_video_is_refused(load_model, sample, core, uses, prompts, kind, name):
    made, called, advice = CHANGES[kind]
    model, _ = load_model()
    with pytest.raises(core.SamplingError) as caught:
        sample(model=model, **prompts | {name: made()(prompts[name])})
    assert caught.value.argument == name
    assert caught.value.got == f"a prompt with {called}"
    assert advice in caught.value.hint
    assert not uses  # said before anything is loaded


def test_what_changes_nothing_is_drawn(load_model, sample, prompts):
    model, _ = load_model()
    plain = sample(model=model, **prompts, **QUICK)
    dressed = prompts
    for made in NO_CHANGES.values():
        dressed = {name: made()(prompt) for name, prompt in dressed.items()}
    assert torch.equal(sample(model=model, **dressed, **QUICK), plain)


@pytest.mark.parametrize("kind", NO_CHANGES)
def test_each_that_changes_nothing_is_accepted(pack, host, core, prompts, kind):  # noqa: ARG001 - must be loaded
    from comfyui_richspace.nodes.host.conditioning import read_prompt
    from comfyui_richspace.nodes.host.prompt_settings import require_plain

    dressed = {name: NO_CHANGES[kind]()(prompt) for name, prompt in prompts.items()}
    require_plain(**{name: read_prompt(name, prompt) for name, prompt in dressed.items()})


class TestMixtures:
    LEFT_OUT = "not in the mixture: B's mask (it has the settings of A)"

    @pytest.fixture
    def trio(self):
        return dict(zip(("a", "b", "guide"), random_prompts(), strict=True))

    def test_those_of_b_are_said_to_be_missing(self, nodes_by_id, trio):
        trio["b"] = mask(HALF)(trio["b"])
        pair = {name: trio[name] for name in "ab"}
        assert says(nodes_by_id["RichSpaceInterpolate"], **pair) == self.LEFT_OUT
        assert self.LEFT_OUT in says(nodes_by_id["RichSpaceInterpolationSweep"], **pair)
        for node in ("RichSpacePerpendicularFoot", "RichSpaceCosineScore", "RichSpaceOptimalInterpolate"):
            assert self.LEFT_OUT in says(nodes_by_id[node], **trio)
        ((panel,),) = run_node(nodes_by_id["RichSpaceOptimalInterpolate"], **trio).ui["richspace"]
        assert self.LEFT_OUT in panel["remarks"]

    def test_several_at_once_and_those_of_the_guide(self, nodes_by_id, trio):
        trio["b"] = timestep_range(0.0, 0.5)(strength(0.5)(trio["b"]))
        trio["guide"] = flux_guidance(trio["guide"])
        said = says(nodes_by_id["RichSpaceOptimalInterpolate"], **trio)
        assert "not in the mixture: B's timestep range, B's strength, guide's guidance (it has the" in said

    def test_nothing_is_said_where_nothing_is_missing(self, nodes_by_id, trio):
        node = nodes_by_id["RichSpaceInterpolate"]
        both = {name: mask(HALF)(trio[name]) for name in "ab"}
        only_a = {"a": timestep_range(0.0, 0.5)(trio["a"]), "b": trio["b"]}
        nothing_set = {"a": trio["a"], "b": timestep_range(0.0, 1.0)(strength(1.0)(trio["b"]))}
        for given in (both, only_a, nothing_set):
            assert says(node, **given) == ""

    def test_the_settings_of_a_stay(self, nodes_by_id, trio):
        before = frozen(*trio.values())
        a = timestep_range(0.0, 0.5)(trio["a"])
        (mixture,) = results(nodes_by_id["RichSpaceInterpolate"], a=a, b=mask(HALF)(trio["b"]))
        assert (extras_of(mixture)["start_percent"], extras_of(mixture)["end_percent"]) == (0.0, 0.5)
        assert "mask" not in extras_of(mixture)
        assert identical(before, tuple(trio.values()))

    def test_a_chain_names_its_inputs(self, nodes_by_id, trio):
        stages = {"prompt_2": trio["b"], "guide_2": trio["guide"]}
        stages |= {"prompt_3": mask(HALF)(trio["guide"]), "guide_3": timestep_range(0.5, 1.0)(trio["b"])}
        first, second = run_node(nodes_by_id["RichSpaceChainedFinder"], first=trio["a"], stages=stages).ui["text"]
        assert "not in the mixture" not in first
        assert "not in the mixture: prompt_3's mask, guide_3's timestep range (it has the settings of" in second
