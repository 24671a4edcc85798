"""LoRAs of a CogVideoX on ComfyUI's own model, written by diffusers and by other trainers."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import CogVideoXPipeline
from native_loras import LAYERS, NODE, RANK, merge, put_on, random_lora, warning_of, with_prefix
from native_models import (
    KINDS,
    SIZES,
    config_of,
    distance,
    forward_of_diffusers,
    forward_of_host,
    random_transformer,
    stock_model,
)
from safetensors.torch import save_file

SIZE = SIZES[0]


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def theirs(kind):
    return random_transformer(kind)


@pytest.fixture
def ours(theirs, native):
    """Return ComfyUI's MODEL of the same weights, corrected."""
    return native.correct_model(stock_model(native, theirs), config_of(native, theirs))


def test_what_diffusers_saves_changes_the_host_s_model_as_its_own(nodes_by_id, theirs, ours, loras):
    lora = random_lora(theirs)
    CogVideoXPipeline.save_lora_weights(loras, transformer_lora_layers=lora, weight_name="mine.safetensors")
    before = forward_of_host(ours, SIZE)
    changed, said = put_on(nodes_by_id, ours, "mine.safetensors", strength=0.8)
    assert said["text"] == (f"{2 * len(LAYERS)} layers changed",)
    merge(theirs, lora, 0.8)
    reference = forward_of_diffusers(theirs, SIZE)
    assert distance(before, reference) > 0.05
    assert distance(forward_of_host(changed, SIZE), reference) < 1e-5
    torch.testing.assert_close(forward_of_host(ours, SIZE), before, rtol=0, atol=0)  # what came in is as it was


def test_stock_loader_leaves_the_model_as_it_is(theirs, ours, loras):
    """The reason for the node."""
    import nodes

    save_file(with_prefix(random_lora(theirs), "transformer."), loras / "mine.safetensors")
    (changed,) = nodes.LoraLoaderModelOnly().load_lora_model_only(ours, "mine.safetensors", 1.0)
    assert not changed.patches


def test_an_alpha_that_diffusers_notes_counts(nodes_by_id, theirs, ours, loras):
    lora = random_lora(theirs)
    CogVideoXPipeline.save_lora_weights(
        loras,
        transformer_lora_layers=lora,
        transformer_lora_adapter_metadata={"r": RANK, "lora_alpha": 2 * RANK},
        weight_name="noted.safetensors",
    )
    changed, _ = put_on(nodes_by_id, ours, "noted.safetensors")
    merge(theirs, lora, 2.0)
    assert distance(forward_of_host(changed, SIZE), forward_of_diffusers(theirs, SIZE)) < 1e-5


def test_two_are_added(nodes_by_id, theirs, ours, loras):
    lora = random_lora(theirs)
    save_file(lora, loras / "one.safetensors")
    twice = put_on(nodes_by_id, put_on(nodes_by_id, ours, "one.safetensors", 0.5)[0], "one.safetensors", 0.25)[0]
    merge(theirs, lora, 0.75)
    assert distance(forward_of_host(twice, SIZE), forward_of_diffusers(theirs, SIZE)) < 1e-5


def test_layers_that_the_model_does_not_have_are_named(nodes_by_id, theirs, ours, loras):
    more = {f"transformer_blocks.9.attn1.to_q.lora_{which}.weight": torch.ones(4, 4) for which in "AB"}
    save_file(with_prefix(random_lora(theirs) | more, "transformer."), loras / "longer.safetensors")
    _, said = put_on(nodes_by_id, ours, "longer.safetensors")
    assert warning_of(said) == (
        "1 layers of the file are not in this model, such as transformer.transformer_blocks.9.attn1.to_q"
    )


def test_what_was_made_for_another_model_is_refused(nodes_by_id, core, theirs, ours, loras):
    wide = {name: torch.cat([value, value], dim=-1) for name, value in random_lora(theirs).items() if "lora_A" in name}
    save_file(with_prefix(random_lora(theirs) | wide, "transformer."), loras / "wide.safetensors")
    message = r"^lora: expected a LoRA that was .* wide\.safetensors: transformer_blocks\.0\.[\w.]+ of \[192, 384\]"
    with pytest.raises(core.ModelFolderError, match=message):
        put_on(nodes_by_id, ours, "wide.safetensors")
    save_file({"unet.mid.lora_A.weight": torch.ones(4, 4)}, loras / "other.safetensors")
    with pytest.raises(core.ModelFolderError, match=r"1 layers that are not in the model, such as unet\.mid\."):
        put_on(nodes_by_id, ours, "other.safetensors")


def test_another_model_or_a_missing_file_is_refused(nodes_by_id, core, ours, loras):
    other = SimpleNamespace(get_model_object=lambda _: torch.nn.Linear(1, 1))
    save_file({"a": torch.ones(1)}, loras / "one.safetensors")
    with pytest.raises(core.ModelFolderError, match=r"^model: expected a CogVideoX, got Linear"):
        put_on(nodes_by_id, other, "one.safetensors")
    with pytest.raises(core.ModelFolderError, match=r"^lora: expected one of one\.safetensors, got '\.\./two"):
        put_on(nodes_by_id, ours, "../two.safetensors")


def test_only_safetensors_are_offered(nodes_by_id, loras):
    for name in ("one.safetensors", "two.pt"):
        (loras / name).write_bytes(b"")
    (offered,) = (each.options for each in nodes_by_id[NODE].define_schema().inputs if each.id == "lora")
    assert offered == ["one.safetensors"]
