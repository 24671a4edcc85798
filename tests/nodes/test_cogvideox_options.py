"""RichSpace CogVideoX Options: the connected model stays as it is, with every option and after errors."""

import importlib

import pytest
import torch
from conditionings import random_prompts
from node_runs import results, says
from small_models.tiny_models import TEXT_LENGTH

SIZE = {"width": 48, "height": 32, "frames": 9}
QUICK = {**SIZE, "steps": 8, "cfg": 6.0, "seed": 5}

pytestmark = [
    # diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
    pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:torch.meshgrid:UserWarning"),  # of diffusers' FasterCache
]


@pytest.fixture
def options(nodes_by_id):
    """Return a function that gives options to a model."""
    return lambda model, **inputs: results(nodes_by_id["RichSpaceCogVideoXOptions"], model=model, **inputs)[0]


@pytest.fixture
def sample(nodes_by_id):
    """Return a function that samples latents."""
    positive, negative = random_prompts(count=2, rows=TEXT_LENGTH, width=32)
    inputs = {"positive": positive, "negative": negative, **QUICK}
    return lambda model: results(nodes_by_id["RichSpaceCogVideoXSample"], model=model, **inputs)[0]["samples"]


@pytest.mark.parametrize(
    "inputs",
    [
        {"cache": "pyramid attention", "cache_interval": 3},
        {"cache": "FasterCache"},
        {"float8_weights": True},
        {"cache": "pyramid attention", "float8_weights": True, "stream_weights": True},
    ],
    ids=str,
)
def test_the_connected_model_stays_as_it_is(inputs, load_model, options, sample):
    model, _ = load_model()
    before = sample(model)
    other = options(model, **inputs)
    changed = sample(other)
    assert not torch.equal(changed, before)
    assert torch.equal(sample(model), before)
    assert torch.equal(sample(other), changed)
    assert torch.equal(sample(options(other)), before)  # the last options count


@pytest.mark.parametrize("inputs", [{}, {"stream_weights": True}, {"attention": "auto", "cache_interval": 9}], ids=str)
def test_what_changes_no_number(inputs, load_model, options, sample):
    model, _ = load_model()
    assert torch.equal(sample(options(model, **inputs)), sample(model))


def test_weights_are_shared_unless_they_are_changed(load_model, options):
    model, _ = load_model()
    assert options(model, cache="FasterCache", tiled_vae=True).transformer is model.transformer
    own = options(model, float8_weights=True)
    assert own.transformer is not model.transformer
    assert own.transformer.loaded() is not model.transformer.loaded()
    assert options(own).transformer is model.transformer


def test_a_streamed_model_is_on_the_cpu_for_comfyui(load_model, options, monkeypatch, host_memory):
    model, _ = load_model()
    streamed = options(model, stream_weights=True)
    freed = []
    monkeypatch.setattr(host_memory.management, "free_memory", lambda size, device, **_: freed.append((size, device)))
    streamed.transformer.loaded(memory_required=10**6)
    assert str(streamed.transformer._patcher.load_device) == "cpu"
    block = sum(weight.nbytes for weight in model.transformer.loaded().transformer_blocks[0].parameters())
    assert freed[0] == (10**6 + 3 * block + host_memory.management.minimum_inference_memory(), model.transformer.device)


def test_a_tiled_vae(load_model, options, nodes_by_id):
    model, _ = load_model()
    latent = {"samples": torch.randn(1, 16, 1, 8, 12, generator=torch.Generator().manual_seed(0))}
    decode = nodes_by_id["RichSpaceCogVideoXDecode"]
    tiled = results(decode, model=model, latent=latent, tiled=True)[0][0]
    assert torch.equal(results(decode, model=options(model, tiled_vae=True), latent=latent)[0][0], tiled)


def test_drafts_use_the_options(load_model, options, nodes_by_id):
    model, _ = load_model()
    a, b, negative = random_prompts(count=3, rows=TEXT_LENGTH, width=32)
    inputs = {"a": a, "b": b, "negative": negative, **SIZE, "steps": 5, "looks": 1, "draft_steps": 8}
    balance = nodes_by_id["RichSpaceCogVideoXBalance"]
    seen = [
        results(balance, model=each, **inputs)[3][0].curves[0].values
        for each in (model, options(model, cache="pyramid attention", cache_interval=8), model)
    ]
    assert str(seen[0]) == str(seen[2])
    assert str(seen[0]) != str(seen[1])


def test_the_node_says_what_is_on(load_model, nodes_by_id):
    model, _ = load_model()
    node = nodes_by_id["RichSpaceCogVideoXOptions"]
    assert says(node, model=model) == "everything off"
    assert says(node, model=model, cache="TaylorSeer", compile_blocks=True) == "cache TaylorSeer, compiled blocks"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("cache", "TeaCache", "cache: expected one of off, pyramid attention"),
        ("cache_interval", -1, "cache_interval: expected a number from 0 to 100"),
        ("cache_threshold", float("nan"), "cache_threshold: expected a finite number"),
        ("attention", "sage", "attention: expected one of auto, flash"),
        ("float8_weights", "yes", "float8_weights: expected true or false"),
        ("model", None, "model: expected a CogVideoX"),
    ],
)
def test_bad_input(name, value, message, load_model, options, core):
    model, _ = load_model()
    inputs = {"model": model, name: value}
    with pytest.raises(core.RichSpaceError, match=f"^{message}"):
        options(**inputs)


def test_a_cache_that_diffusers_lacks(load_model, options, core, monkeypatch):
    monkeypatch.delattr(importlib.import_module("diffusers.hooks"), "FirstBlockCacheConfig")
    model, _ = load_model()
    with pytest.raises(core.LibraryError, match="cache first block: expected a diffusers that has it"):
        options(model, cache="first block")
