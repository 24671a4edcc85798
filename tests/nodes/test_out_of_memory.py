"""Memory that runs out in the nodes: a clear error on every device, nothing left, and the next run right."""

import gc
from functools import cache

import pytest
import torch
from node_runs import results
from reliability.memory_work import all_work, forget_drafts, kept_drafts
from reliability.refusals import RefusingMemory

NAMES = (
    "Encode Prompt, own T5",
    "CogVideoX Sample",
    "CogVideoX Decode",
    "CogVideoX Balance",
    "Encode Prompt, ComfyUI's T5",
    "KSampler",
    "VAE Decode",
    "VAE Encode",
    "Balance",
)


@pytest.fixture(scope="module")
def work(nodes_by_id):
    """Return {name: function that does the work}, with all weights loaded."""
    return {each.name: each.run for each in all_work(nodes_by_id)}


@pytest.fixture(scope="module")
def measured(work):
    """Return a function: the name of a work to its result, its number of operations and the bytes of its inputs."""

    @cache
    def measure(name):
        work[name]()  # loads the weights
        forget_drafts()
        with RefusingMemory() as whole:
            work[name]()
        gc.collect()
        inputs = whole.live - kept_drafts().bytes
        return work[name](), whole.operations, inputs

    return measure


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", ["CUDA", "CPU"])
def test_says_what_to_change_and_keeps_nothing(work, measured, name, device, management):
    expected, operations, inputs = measured(name)
    work[name]()  # loads the weights again, which another work may have unloaded
    forget_drafts()
    memory = RefusingMemory(device, at=operations // 2, times=10**9)
    with pytest.raises(management.OOM_EXCEPTION, match=r"expected enough memory .*other programs") as caught, memory:
        work[name]()
    assert memory.refused
    assert ("Balance" in name) == ("draft of" in str(caught.value))  # not what the sampler inside says
    del caught
    gc.collect()
    assert memory.live - kept_drafts().bytes <= inputs
    assert ("Balance" in name) == bool(len(kept_drafts()))
    assert torch.equal(work[name](), expected)


@pytest.mark.parametrize("name", ["CogVideoX Balance", "Balance"])
@pytest.mark.parametrize("share", [0.0, 0.97])
def test_before_and_after_the_drafts_it_is_explained_too(work, measured, name, share, management):
    _, operations, _ = measured(name)
    forget_drafts()
    memory = RefusingMemory("CUDA", at=int(operations * share) + 3, times=10**9)
    with pytest.raises(management.OOM_EXCEPTION, match=r"expected enough memory .*other programs"), memory:
        work[name]()
    assert memory.refused


@pytest.mark.parametrize("name", ["CogVideoX Decode", "VAE Decode", "VAE Encode"])
@pytest.mark.parametrize("device", ["CUDA", "CPU"])
def test_a_single_refusal_is_tried_again_in_tiles(work, measured, name, device):
    expected, operations, _ = measured(name)
    memory = RefusingMemory(device, at=operations // 3)
    with memory:
        result = work[name]()
    assert memory.refused == 1
    assert float((result - expected).abs().mean()) < 0.1


def test_weights_that_do_not_fit_in_memory_are_not_called_damaged(nodes_by_id, core, models, monkeypatch):
    import diffusers

    def refuse(*_arguments, **_options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")

    monkeypatch.setattr(diffusers.CogVideoXTransformer3DModel, "from_pretrained", refuse)
    model, encoder = models.load_model(models.DEMO, torch.float32)
    (prompt, _) = nodes_by_id["RichSpaceT5Encode"].execute(encoder, "a red circle").result
    sample = nodes_by_id["RichSpaceCogVideoXSample"]
    with pytest.raises(core.SamplingError, match=r"frames: expected enough memory for 9 frames .* Choose fewer frames"):
        results(sample, model=model, positive=prompt, negative=prompt, frames=9, steps=1, cfg=1.0)
