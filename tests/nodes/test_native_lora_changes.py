"""Changes of a layer by a LoRA: against the definition of each kind, and refused if incomplete."""

from importlib import import_module
from pathlib import Path

import pytest
import torch
from native_loras import LAYERS, RANK, put_on, random_lora, with_prefix
from native_models import KINDS, SIZES, config_of, distance, forward_of_host, random_transformer, stock_model
from safetensors.torch import save_file

SIZE = SIZES[0]
LAYER = "transformer_blocks.0.attn1.to_q"
STRENGTHS = [0.0, 0.5, 1.0, -1.0]


def generator():
    return torch.Generator().manual_seed(3)


@pytest.fixture(scope="module", params=["5b"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def theirs(kind):
    return random_transformer(kind)


@pytest.fixture(scope="module")
def ours(theirs, native):
    """Return ComfyUI's MODEL of the same weights, corrected."""
    return native.correct_model(stock_model(native, theirs), config_of(native, theirs))


@pytest.fixture
def patched(nodes_by_id, native, ours, loras):
    """Return {diffusers' name: value} of the weights that a file with these tensors changes."""

    def of(tensors, strength=1.0):
        save_file({name: value.contiguous() for name, value in tensors.items()}, loras / "mine.safetensors")
        changed, _ = put_on(nodes_by_id, ours, "mine.safetensors", strength)
        return {
            native.published_key(key.removeprefix("diffusion_model.")): changed.patch_weight_to_device(
                key, return_weight=True
            )
            for key in changed.patches
        }

    return of


@pytest.fixture
def refusal(core, ours, patched):
    """Return the node's error for a file that it refuses."""

    def of(tensors):
        with pytest.raises(core.ModelFolderError) as caught:
            patched(tensors)
        assert not ours.patches
        return str(caught.value)

    return of


def changed_by(weight, delta, strength):
    return weight + strength * delta


def decomposed(weight, delta, scale, strength, axis):
    """Compute DoRA column by column."""
    whole = (weight + delta).double().movedim(axis, 0)
    magnitudes = zip(scale.flatten(), whole, strict=True)
    columns = [magnitude * column / column.square().sum().sqrt() for magnitude, column in magnitudes]
    return torch.lerp(weight, torch.stack(columns).movedim(0, axis).float(), strength)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("axis", [0, 1], ids=["outputs", "inputs"])
@pytest.mark.parametrize("layer", [f"transformer_blocks.1.{each}" for each in LAYERS[3:]] + ["patch_embed.proj"])
def test_kohyas_dora(theirs, patched, layer, axis, strength):
    """As LyCORIS and OneTrainer write it, with magnitudes of the outputs or of the inputs."""
    weight = theirs.get_parameter(f"{layer}.weight")
    down = torch.randn(RANK, *weight.shape[1:], generator=generator()) * 0.1
    up = torch.randn(len(weight), RANK, *[1] * (weight.dim() - 2), generator=generator()) * 0.1
    others = [each for each in range(weight.dim()) if each != axis]
    scale = torch.linalg.vector_norm(weight, dim=others, keepdim=True) * 1.3
    alpha = torch.tensor(2.0)
    name = f"lora_unet_{layer.replace('.', '_')}"
    parts = {"lora_down.weight": down, "lora_up.weight": up, "alpha": alpha, "dora_scale": scale}
    (value,) = patched({f"{name}.{part}": each for part, each in parts.items()}, strength).values()
    delta = 0.5 * torch.einsum("ir,r...->i...", up.flatten(1), down)
    torch.testing.assert_close(value, decomposed(weight, delta, scale, strength, axis), rtol=1e-5, atol=1e-6)


def test_a_dora_of_an_output_of_zeros_is_finite(pack):
    dora = import_module(f"{pack.__name__}.nodes.native.lora_changes").DoraAdapter
    weight = torch.ones(3, 4).index_fill(0, torch.tensor([1]), 0.0)
    adapter = dora(set(), (torch.zeros(3, 1), torch.ones(1, 4), 1.0, torch.ones(3, 1)))
    changed = adapter.calculate_weight(weight, "", 1.0, 1.0, None, lambda delta: delta)
    torch.testing.assert_close(changed, torch.tensor([[0.5], [0.0], [0.5]]).expand(3, 4))


@pytest.mark.parametrize("shape", [(191,), (192, 2), (1, 191), (192,), (2, 96)])
def test_magnitudes_that_do_not_fit_are_refused(theirs, refusal, shape):
    message = refusal(random_lora(theirs) | {f"{LAYER}.dora_scale": torch.ones(shape)})
    assert f"{LAYER} with magnitudes (DoRA) that do not fit its weight of [192, 192]" in message


@pytest.mark.parametrize("strength", STRENGTHS)
def test_loha(theirs, patched, strength):
    made = {}
    for part, shape in {"1_a": (192, 3), "1_b": (3, 192), "2_a": (192, 3), "2_b": (3, 192)}.items():
        made[f"hada_w{part}"] = torch.randn(shape, generator=generator().manual_seed(len(made)))
    lora = {f"lycoris_{LAYER.replace('.', '_')}.{part}": each for part, each in made.items()}
    lora[f"lycoris_{LAYER.replace('.', '_')}.alpha"] = torch.tensor(1.5)
    delta = 0.5 * (made["hada_w1_a"] @ made["hada_w1_b"]) * (made["hada_w2_a"] @ made["hada_w2_b"])
    weight = theirs.get_parameter(f"{LAYER}.weight")
    (value,) = patched(lora, strength).values()
    torch.testing.assert_close(value, changed_by(weight, delta, strength))


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("whole", [(), ("w1",), ("w2",), ("w1", "w2")], ids=str)
def test_lokr(theirs, patched, whole, strength):
    """Multiplied by alpha over rank unless both factors are whole."""
    layer = "transformer_blocks.0.ff.net.2"
    made, factors = {}, []
    for factor, (rows, columns) in {"w1": (4, 8), "w2": (48, 96)}.items():
        if factor in whole:
            made[f"lokr_{factor}"] = torch.randn(rows, columns, generator=generator())
            factors.append(made[f"lokr_{factor}"])
        else:
            first, second = (torch.randn(shape, generator=generator()) for shape in ((rows, 2), (2, columns)))
            made |= {f"lokr_{factor}_a": first, f"lokr_{factor}_b": second}
            factors.append(first @ second)
    lora = {f"{layer}.{part}": each for part, each in made.items()} | {f"{layer}.alpha": torch.tensor(3.0)}
    delta = (1.0 if len(whole) == 2 else 1.5) * torch.kron(*factors)
    (value,) = patched(lora, strength).values()
    torch.testing.assert_close(value, changed_by(theirs.get_parameter(f"{layer}.weight"), delta, strength))


@pytest.mark.parametrize("strength", STRENGTHS)
def test_plain_differences_of_weights_and_biases(theirs, patched, strength):
    """As ComfyUI's own nodes save them, next to a LoRA too."""
    norm, conv = "transformer_blocks.1.attn1.norm_q", "patch_embed.proj"
    differences = {
        f"{norm}.weight": torch.randn(64, generator=generator()),
        f"{conv}.weight": torch.randn(theirs.get_parameter(f"{conv}.weight").shape, generator=generator()),
        f"{conv}.bias": torch.randn(192, generator=generator()),
        f"{LAYER}.bias": torch.randn(192, generator=generator()),
    }
    endings = {"weight": "diff", "bias": "diff_b"}
    names = {name: f"{name.rpartition('.')[0]}.{endings[name.rpartition('.')[2]]}" for name in differences}
    pair = {f"{LAYER}.lora_{each}.weight": random_lora(theirs)[f"{LAYER}.lora_{each}.weight"] for each in "AB"}
    values = patched(pair | {names[name]: each for name, each in differences.items()}, strength)
    differences[f"{LAYER}.weight"] = pair[f"{LAYER}.lora_B.weight"] @ pair[f"{LAYER}.lora_A.weight"]
    assert values.keys() == differences.keys()
    for name, delta in differences.items():
        torch.testing.assert_close(values[name], changed_by(theirs.get_parameter(name), delta, strength))


def without(lora, part):
    return {name: value for name, value in lora.items() if name != f"{LAYER}.{part}"}


def with_parts(lora, **shapes):
    return lora | {f"{LAYER}.{part.replace('__', '.')}": torch.ones(shape) for part, shape in shapes.items()}


INCOMPLETE = {
    "no lora_B": (
        lambda lora: without(lora, "lora_B.weight"),
        f"{LAYER} with lora_A without lora_B, not a complete LoRA",
    ),
    "no lora_A": (
        lambda lora: without(lora, "lora_A.weight"),
        f"{LAYER} with lora_B without lora_A, not a complete LoRA",
    ),
    "an alpha": (lambda _: with_parts({}, alpha=()), f"{LAYER} with alpha, not a complete LoRA"),
    "a magnitude": (
        lambda _: with_parts({}, lora_magnitude_vector=192),
        f"{LAYER} with lora_magnitude_vector, not a complete LoRA",
    ),
    "LoRA and LoHa": (lambda lora: with_parts(lora, hada_w1_a=(192, 4)), f"{LAYER} with hada_w1_a, lora_A, lora_B"),
    "LoRA and difference": (lambda lora: with_parts(lora, diff=(192, 192)), f"{LAYER} with diff, lora_A, lora_B"),
    "LoHa without alpha": (
        lambda _: with_parts({}, hada_w1_a=(192, 4), hada_w1_b=(4, 192), hada_w2_a=(192, 4), hada_w2_b=(4, 192)),
        f"{LAYER} with hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b, not a complete",
    ),
    "half a LoKr": (
        lambda _: with_parts({}, lokr_w1=(4, 4), lokr_w2_a=(48, 4), alpha=()),
        f"{LAYER} with alpha, lokr_w1, lokr_w2_a, not a complete",
    ),
    "two biases": (
        lambda lora: with_parts(lora, lora_B__bias=192, diff_b=192),
        f"{LAYER} with two changes of its bias",
    ),
    "bias and magnitude": (
        lambda lora: with_parts(lora, lora_B__bias=192, lora_magnitude_vector=192),
        f"{LAYER} with both a magnitude and a bias",
    ),
    "two magnitudes": (
        lambda lora: with_parts(lora, dora_scale=(192, 1), lora_magnitude_vector=192),
        f"{LAYER} with magnitudes (DoRA) that do not fit",
    ),
    "rank 0": (
        lambda lora: with_parts(lora, lora_A__weight=(0, 192), lora_B__weight=(192, 0)),
        f"{LAYER} with matrices that do not fit each other, of [192, 0] and [0, 192]",
    ),
    "two ranks": (
        lambda lora: with_parts(lora, lora_A__weight=(3, 192)),
        f"{LAYER} with matrices that do not fit each other, of [192, 4] and [3, 192]",
    ),
    "a vector": (
        lambda lora: with_parts(lora, lora_B__weight=192),
        f"{LAYER} with matrices that do not fit each other",
    ),
    "a number": (lambda lora: with_parts(lora, lora_A__weight=()), f"{LAYER} with matrices that do not fit each other"),
    "LoHa of two ranks": (
        lambda _: with_parts(
            {}, hada_w1_a=(192, 4), hada_w1_b=(3, 192), hada_w2_a=(192, 4), hada_w2_b=(4, 192), alpha=()
        ),
        f"{LAYER} with matrices that do not fit each other, of [192, 4] and [3, 192]",
    ),
    "LoKr of a convolution": (
        lambda _: with_parts({}, lokr_w1=(4, 4), lokr_w2=(48, 48, 1, 1), alpha=()),
        f"{LAYER} with a LoKr of a convolution",
    ),
    "another size of LoHa": (
        lambda _: with_parts(
            {}, hada_w1_a=(96, 4), hada_w1_b=(4, 192), hada_w2_a=(96, 4), hada_w2_b=(4, 192), alpha=()
        ),
        f"{LAYER} of [96, 192], not [192, 192]",
    ),
    "another size of LoKr": (
        lambda _: with_parts({}, lokr_w1=(4, 4), lokr_w2=(48, 24), alpha=()),
        f"{LAYER} of [192, 96], not [192, 192]",
    ),
    "another size of difference": (lambda _: with_parts({}, diff=(192, 96)), f"{LAYER} of [192, 96], not [192, 192]"),
    "another size of bias": (
        lambda lora: with_parts(lora, lora_B__bias=96),
        f"the bias of {LAYER} of [96], not [192]",
    ),
}


@pytest.mark.parametrize(("made", "message"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_not_whole_is_refused(theirs, refusal, made, message):
    assert f"mine.safetensors: {message}" in refusal(made(random_lora(theirs)))


def test_a_bias_for_a_layer_without_is_refused(pack, core):
    changes = import_module(f"{pack.__name__}.nodes.native.lora_changes")
    settings = import_module(f"{pack.__name__}.nodes.native.lora_settings").Settings({}, Path("mine.safetensors"))
    layer = changes.Layer(settings.file, LAYER, {"diff_b": torch.ones(192)}, (192, 192), None)
    with pytest.raises(core.ModelFolderError, match=rf"the bias of {LAYER} of \[192\], which the model does not have"):
        changes.layer_changes(layer, settings)


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("first", ["plain", "dora"])
def test_taking_one_away_again_leaves_the_model_as_it_was(nodes_by_id, theirs, ours, loras, first):
    before = forward_of_host(ours, SIZE)
    lora = random_lora(theirs)
    if first == "dora":
        lora |= {
            f"{name.partition('.lora_')[0]}.lora_magnitude_vector": torch.full([len(lora[name])], 2.0)
            for name in lora
            if "lora_B" in name
        }
    save_file(with_prefix(lora, "transformer."), loras / "mine.safetensors")
    changed, _ = put_on(nodes_by_id, ours, "mine.safetensors")
    assert distance(forward_of_host(changed, SIZE), before) > 0.02
    torch.testing.assert_close(forward_of_host(ours, SIZE), before, rtol=0, atol=0)
