"""Names in a LoRA file: every trainer's names give the same result, and tensors without a meaning are refused."""

import copy

import pytest
import torch
from native_loras import (
    RANK,
    as_before_peft,
    merge,
    named_by_kohya,
    named_by_the_host,
    put_on,
    random_lora,
    warning_of,
    with_prefix,
)
from native_models import (
    CONFIG,
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
LAYER = "transformer_blocks.0.attn1.to_q"
PEFTS = ("base_model.model.", "unet.base_model.model.")


def names_of(native, lora):
    """Return the same LoRA in every naming scheme."""
    before_peft = as_before_peft(lora)
    alphas = {f"{name.partition('.lora.')[0]}.alpha": torch.tensor(float(RANK)) for name in before_peft}
    named = {name.replace(".weight", ".default.weight"): value for name, value in lora.items()}
    return {
        "bare": lora,
        **{prefix: with_prefix(lora, prefix) for prefix in ("transformer.", "unet.", "diffusion_model.", *PEFTS)},
        **{
            prefix: named_by_kohya(lora, prefix)
            for prefix in ("lora_unet_", "lora_unet__", "lora_transformer_", "lycoris_")
        },
        "host": named_by_the_host(native, lora),
        "host, whole checkpoint": named_by_the_host(native, lora, "model.diffusion_model."),
        "host, kohya": named_by_kohya(named_by_the_host(native, lora, "")),
        "before PEFT": before_peft,
        "before PEFT, alphas": before_peft | alphas,
        "adapter's name": with_prefix(named, "transformer."),
        "no ending": {name.removesuffix(".weight"): value for name, value in lora.items()},
    }


def merged_forward(model, lora):
    """Run diffusers' model with a LoRA in its weights; the model stays unchanged."""
    model = copy.deepcopy(model)
    merge(model, lora, 1.0)
    return forward_of_diffusers(model, SIZE)


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
def refusal(nodes_by_id, core, ours, loras):
    """Return the node's error for a file that it refuses."""

    def of(tensors, **metadata):
        save_file(tensors, loras / "bad.safetensors", metadata=metadata or None)
        with pytest.raises(core.ModelFolderError) as caught:
            put_on(nodes_by_id, ours, "bad.safetensors")
        assert not ours.patches
        return str(caught.value)

    return of


@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("names", names_of(type("", (), {"host_keys": dict}), {}))
def test_every_way_of_naming_gives_the_same(nodes_by_id, native, theirs, ours, loras, names):
    lora = random_lora(theirs)
    save_file(names_of(native, lora)[names], loras / "renamed.safetensors")
    changed, said = put_on(nodes_by_id, ours, "renamed.safetensors")
    assert distance(forward_of_host(changed, SIZE), merged_forward(theirs, lora)) < 1e-5
    assert bool(warning_of(said)) == (names in PEFTS)


@pytest.mark.parametrize("made", [{}, {"use_rotary_positional_embeddings": True, "patch_size_t": 2}])
def test_every_layer_of_diffusers_has_names_of_its_own(native, pack, made):
    from importlib import import_module

    file = import_module(f"{pack.__name__}.nodes.native.lora_file")
    weights = type(random_transformer("5b"))(**CONFIG, **made).state_dict()
    keys = {name.removesuffix(".weight"): native.host_keys({name: 0}) for name in weights if name.endswith(".weight")}
    keys = {layer: next(iter(key)) for layer, key in keys.items()}
    assert len(set(keys.values())) == len(keys) > 30
    assert all(native.published_key(key) == f"{layer}.weight" for layer, key in keys.items())
    known = file._names(keys)
    for layer, key in keys.items():
        for name in (layer, key.removesuffix(".weight")):
            assert known[name] == known[name.replace(".", "_")] == layer


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_smaller_number_types_are_computed_in_full(nodes_by_id, theirs, ours, loras, dtype):
    lora = {name: value.to(dtype) for name, value in random_lora(theirs).items()}
    save_file(with_prefix(lora, "transformer."), loras / "small.safetensors")
    changed, _ = put_on(nodes_by_id, ours, "small.safetensors")
    reference = merged_forward(theirs, {name: value.float() for name, value in lora.items()})
    assert distance(forward_of_host(changed, SIZE), reference) < 1e-5


@pytest.mark.parametrize("name", ["text_encoder.encoder.block.0.layer.0.SelfAttention.q", "lora_te1_encoder_q"])
def test_layers_of_a_text_encoder_are_left_out_with_a_word(nodes_by_id, theirs, ours, loras, refusal, name):
    of_text = {f"{name}.{part}": torch.ones(4, 4) for part in ("lora_down.weight", "lora_up.weight")}
    save_file(random_lora(theirs) | of_text, loras / "both.safetensors")
    changed, said = put_on(nodes_by_id, ours, "both.safetensors")
    assert warning_of(said).startswith(
        f"The file's layers of a text encoder are left out (1, such as {name}), because this node"
    )
    assert distance(forward_of_host(changed, SIZE), merged_forward(theirs, random_lora(theirs))) < 1e-5
    assert f"bad.safetensors: only layers of a text encoder (1, such as {name})." in refusal(of_text)


@pytest.mark.parametrize(
    ("twice", "named"),
    [
        (f"diffusion_model.{LAYER}.lora_A.weight", "lora_A.weight"),
        ("blocks.0.q.lora_B.weight", "lora_B.weight"),
        (f"{LAYER}.lora_down.weight", "lora_A.weight"),
        (f"{LAYER}.lora_A.second.weight", "lora_A.weight"),
        ("lora_unet_transformer_blocks_0_attn1_to_q.lora_up.weight", "lora_B.weight"),
    ],
)
def test_two_names_of_one_are_refused(theirs, refusal, twice, named):
    lora = random_lora(theirs)
    message = refusal(lora | {twice: lora[f"{LAYER}.{named}"].clone()})
    assert f"and the same part of {LAYER} under another name" in message


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("lora_A.weight", torch.full((RANK, 192), float("nan"))),
        ("lora_B.weight", torch.full((192, RANK), float("inf"))),
        ("lora_A.weight", torch.ones(RANK, 192, dtype=torch.int8)),
        ("lora_B.bias", torch.full((192,), float("nan"))),
        ("dora_scale", torch.full((192, 1), float("-inf"))),
    ],
)
def test_values_that_are_no_numbers_are_refused(theirs, refusal, part, value):
    message = refusal(random_lora(theirs) | {f"{LAYER}.{part}": value})
    assert f"bad.safetensors: {LAYER} with values that are not numbers (NaN or infinity), in " in message


@pytest.mark.parametrize("alpha", [torch.tensor(float("nan")), torch.ones(2), torch.ones(0)])
def test_an_alpha_that_is_not_a_number_is_refused(theirs, refusal, alpha):
    message = refusal(random_lora(theirs) | {f"{LAYER}.alpha": alpha})
    assert f"{LAYER} with an alpha that is not a single number" in message


@pytest.mark.parametrize(
    "part",
    [
        *("oft_blocks", "oft_R.weight", "vera_lambda_b", "boft_R", "hada_t1", "lokr_t2", "lora_mid.weight", "w_norm"),
        *(
            "lora_A.bias",
            "base_layer.weight",
            "weight",
            "set_weight",
            "reshape_weight",
            "a1.weight",
            "lora_embedding_A",
        ),
    ],
)
def test_tensors_that_have_no_meaning_here_are_refused(theirs, refusal, part):
    message = refusal(random_lora(theirs) | {f"{LAYER}.{part}": torch.ones(4, 4)})
    assert f"bad.safetensors: tensors that this node cannot use, such as {LAYER}.{part}." in message


def test_a_file_that_holds_nothing_or_is_damaged_is_refused(nodes_by_id, core, ours, loras, refusal):
    assert "a file of 0 layers" in refusal({})
    whole = (loras / "bad.safetensors").read_bytes()
    for content in (b"", b"no safetensors at all", whole[: len(whole) // 2]):
        (loras / "bad.safetensors").write_bytes(content)
        with pytest.raises(
            core.ModelFolderError, match=r"bad\.safetensors: a damaged file\. Copy or download it again"
        ):
            put_on(nodes_by_id, ours, "bad.safetensors")
