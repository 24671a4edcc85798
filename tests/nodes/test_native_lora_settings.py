"""Training settings of a LoRA: ComfyUI's model computes the same as PEFT in diffusers' model."""

import json
from pathlib import Path

import pytest
import torch
from native_loras import (
    EVERY_LAYER,
    NODE,
    RANK,
    merged,
    put_on,
    random_lora,
    save_as_diffusers,
    train,
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
from peft import get_peft_model
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.filterwarnings("ignore:Adapter .* have invalid shape")  # PEFT takes a bias for a matrix

SIZE = SIZES[0]
PATTERNS = {  # with PEFT's own way of matching: the end of a name, a regular expression, the whole name
    "to_q": 9,
    r"transformer_blocks\.1\..*to_[kv]": 2.5,
    "^transformer_blocks.0.ff.net.2": 1,
}
RANKS = {"to_out.0": 2, r"transformer_blocks\.[0-9]\.ff.*proj": 7, "^transformer_blocks.1.attn1.to_q": 3}
SETTINGS = {
    "plain": {},
    "alpha": {"lora_alpha": 10},
    "alphas": {"lora_alpha": 3, "alpha_pattern": PATTERNS},
    "ranks": {"rank_pattern": RANKS},
    "ranks and alphas": {"lora_alpha": 6, "rank_pattern": RANKS, "alpha_pattern": PATTERNS},
    "rslora": {"use_rslora": True},
    "rslora with all": {"use_rslora": True, "lora_alpha": 3, "rank_pattern": RANKS, "alpha_pattern": PATTERNS},
    "dora": {"use_dora": True},
    "dora with all": {"use_dora": True, "use_rslora": True, "lora_alpha": 3, "alpha_pattern": PATTERNS},
    "bias": {"lora_bias": True},
    "bias with all": {"lora_bias": True, "use_rslora": True, "lora_alpha": 3, "rank_pattern": RANKS},
    "every layer": {"target_modules": EVERY_LAYER, "lora_alpha": 6},
    "every layer, dora": {"target_modules": EVERY_LAYER, "use_dora": True, "lora_alpha": 6},
    "every layer, bias": {"target_modules": EVERY_LAYER, "lora_bias": True, "lora_alpha": 6},
    "other start": {"init_lora_weights": "gaussian", "lora_dropout": 0.1},
}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def theirs(kind):
    return random_transformer(kind)


@pytest.fixture
def ours(theirs, native):
    """Return ComfyUI's MODEL of the same weights, corrected."""
    return native.correct_model(stock_model(native, theirs), config_of(native, theirs))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_what_diffusers_saves_is_computed_as_peft_does(nodes_by_id, theirs, ours, loras, settings):
    before = forward_of_host(ours, SIZE)
    save_as_diffusers(theirs, train(theirs, **settings), loras, "mine.safetensors")
    changed, said = put_on(nodes_by_id, ours, "mine.safetensors")
    reference = forward_of_diffusers(theirs, SIZE)
    assert distance(before, reference) > 0.02
    assert distance(forward_of_host(changed, SIZE), reference) < 1e-5
    assert not warning_of(said)


@pytest.mark.parametrize("settings", ["ranks and alphas", "dora with all", "bias with all"])
def test_what_peft_itself_saves_is_computed_as_peft_does(nodes_by_id, theirs, ours, loras, settings):
    """Its settings are in a file of their own, and its names have a prefix."""
    train(theirs, **SETTINGS[settings])
    reference = forward_of_diffusers(theirs, SIZE)
    config, weights = (
        theirs.peft_config["default"],
        {n: p.clone() for n, p in theirs.named_parameters() if ".lora_" in n},
    )
    theirs.unload_lora()
    wrapped = get_peft_model(theirs, config)
    wrapped.base_model.model.load_state_dict(weights, strict=False)
    wrapped.save_pretrained(loras / "mine")
    name = str(Path("mine", "adapter_model.safetensors"))
    assert all(each.startswith("base_model.model.transformer_blocks.") for each in load_file(loras / name))
    changed, said = put_on(nodes_by_id, ours, name)
    assert distance(forward_of_host(changed, SIZE), reference) < 1e-5
    assert not warning_of(said)


@pytest.mark.parametrize("settings", ["alphas", "every layer, bias"])  # PEFT 0.17 forgets rslora in set_adapters
@pytest.mark.parametrize("strength", [0.0, 0.5, -1.0])
def test_a_strength_is_an_adapter_s_weight(nodes_by_id, theirs, ours, loras, settings, strength):
    save_as_diffusers(theirs, train(theirs, **SETTINGS[settings]), loras, "mine.safetensors")
    changed, _ = put_on(nodes_by_id, ours, "mine.safetensors", strength)
    theirs.set_adapters("default", strength)
    assert distance(forward_of_host(changed, SIZE), forward_of_diffusers(theirs, SIZE)) < 1e-5


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, -1.0])
def test_a_strength_mixes_the_weights_without_and_with_a_dora(nodes_by_id, theirs, ours, loras, kind, strength):
    save_as_diffusers(theirs, train(theirs, **SETTINGS["every layer, dora"]), loras, "mine.safetensors")
    changed, _ = put_on(nodes_by_id, ours, "mine.safetensors", strength)
    mixture, whole = random_transformer(kind), merged(theirs)
    for name, weight in mixture.named_parameters():
        weight.add_(strength * (whole.get_parameter(name) - weight))
    assert distance(forward_of_host(changed, SIZE), forward_of_diffusers(mixture, SIZE)) < 1e-5


@pytest.mark.parametrize("settings", ["plain", "dora", "bias"])
def test_the_second_changes_what_the_first_has_left(nodes_by_id, theirs, ours, loras, settings):
    save_as_diffusers(theirs, train(theirs, **SETTINGS["dora with all"]), loras, "first.safetensors")
    theirs = merged(theirs)
    save_as_diffusers(theirs, train(theirs, **SETTINGS[settings]), loras, "second.safetensors")
    twice = put_on(nodes_by_id, put_on(nodes_by_id, ours, "first.safetensors")[0], "second.safetensors")[0]
    assert distance(forward_of_host(twice, SIZE), forward_of_diffusers(theirs, SIZE)) < 1e-5


@pytest.mark.parametrize("settings", ["every layer", "every layer, dora", "every layer, bias"])
def test_every_layer_of_1_5_is_there(nodes_by_id, native, loras, settings):
    """Its patches are a matrix where the others have a convolution."""
    made = {"use_rotary_positional_embeddings": True, "patch_size_t": 2, "patch_bias": False}
    theirs = type(random_transformer("5b"))(**CONFIG, **made).eval().requires_grad_(False)
    ours = stock_model(native, theirs)
    save_as_diffusers(theirs, train(theirs, **SETTINGS[settings]), loras, "mine.safetensors")
    changed, _ = put_on(nodes_by_id, ours, "mine.safetensors")
    expected = native.host_keys(merged(theirs).state_dict())
    assert len(changed.patches) == (2 * 8 + 6) * (2 if settings == "every layer, bias" else 1)
    for key in changed.patches:
        patched = changed.patch_weight_to_device(key, return_weight=True)
        torch.testing.assert_close(patched, expected[key.removeprefix("diffusion_model.")], rtol=1e-5, atol=1e-6)


def test_a_weight_that_stays_on_the_cpu_is_changed_alike(nodes_by_id, theirs, ours, loras):
    """Where memory is short, ComfyUI patches a weight each time that it is used."""
    from comfy.model_patcher import LowVramPatch

    save_as_diffusers(theirs, train(theirs, use_dora=True), loras, "mine.safetensors")
    changed, _ = put_on(nodes_by_id, ours, "mine.safetensors", 0.5)
    key = next(iter(changed.patches))
    patch = LowVramPatch(key, changed.patches)
    patch.prepare(None, None)
    late = patch(changed.get_model_object(key).detach().clone())
    torch.testing.assert_close(late, changed.patch_weight_to_device(key, return_weight=True))


def test_pefts_file_alone_is_taken_with_its_rank_for_alpha_and_a_warning(nodes_by_id, theirs, ours, loras):
    lora = random_lora(theirs)
    save_file(with_prefix(lora, "base_model.model."), loras / "alone.safetensors")
    (loras / "adapter_config.json").write_text(json.dumps({"r": 64, "lora_alpha": 1}))  # another file's
    _, said = put_on(nodes_by_id, ours, "alone.safetensors")
    assert warning_of(said).startswith("The file does not contain its alpha, so its rank is used as alpha.")


def test_new_settings_load_the_file_again(nodes_by_id, theirs, loras):
    save_file(with_prefix(random_lora(theirs), "base_model.model."), loras / "adapter_model.safetensors")
    seen = []
    for alpha in (4, 16):
        (loras / "adapter_config.json").write_text(json.dumps({"r": RANK, "lora_alpha": alpha, "note": None}))
        seen.append(nodes_by_id[NODE].fingerprint_inputs(lora="adapter_model.safetensors", strength=1.0))
        (loras / "adapter_config.json").touch()
    assert seen[0] != seen[1]


UNREADABLE = {
    "no JSON": "{",
    "a list": "[]",
    "a text for an alpha": {"lora_alpha": "16"},
    "no number": {"lora_alpha": float("nan")},
    "a flag for an alpha": {"lora_alpha": True},
    "a list of patterns": {"alpha_pattern": ["to_q"]},
    "a text in a pattern": {"alpha_pattern": {"to_q": "16"}},
    "a broken pattern": {"alpha_pattern": {"to_(q": 16}},
    "a text for a flag": {"use_rslora": "yes"},
}
REFUSED = {
    "OFT": ({"peft_type": "OFT"}, "trained with peft_type='OFT'"),
    "PiSSA": ({"init_lora_weights": "pissa_niter_4"}, "trained with init_lora_weights='pissa_niter_4'"),
    "OLoRA": ({"init_lora_weights": "olora"}, "trained with init_lora_weights='olora'"),
    "biases": ({"bias": "all"}, "trained with bias='all'"),
    "whole modules": ({"modules_to_save": ["proj_out"]}, r"trained with modules_to_save=\['proj_out'\]"),
    "a new variant": ({"use_qalora": True}, "trained with use_qalora=True"),
    "another rank": ({"r": 8}, r"attn1\.to_k of rank 4, but its settings have another rank"),
    "another rank of some": (
        {"rank_pattern": {"to_k": 2}},
        r"attn1\.to_k of rank 4, but its settings have another rank",
    ),
    "no magnitudes": ({"use_dora": True}, r"to_k without a magnitude, .* say the opposite \(use_dora\)"),
    "no biases": ({"lora_bias": True}, r"to_k without a bias, .* say the opposite \(lora_bias\)"),
}


@pytest.fixture
def noted(theirs, loras):
    """Save a plain LoRA with settings in diffusers' place."""

    def save(settings):
        text = (
            settings if isinstance(settings, str) else json.dumps({f"transformer.{n}": settings[n] for n in settings})
        )
        lora = with_prefix(random_lora(theirs), "transformer.")
        save_file(lora, loras / "noted.safetensors", metadata={"lora_adapter_metadata": text})

    return save


@pytest.mark.parametrize("settings", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("kind", ["5b"])
def test_settings_that_cannot_be_read_are_refused(nodes_by_id, core, ours, noted, settings):
    noted(settings)
    with pytest.raises(core.ModelFolderError, match=r"noted\.safetensors: training settings \(lora_adapter_met"):
        put_on(nodes_by_id, ours, "noted.safetensors")


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", ["5b"])
def test_settings_that_are_not_computed_are_refused(nodes_by_id, core, ours, noted, settings, message):
    noted({"r": RANK, "lora_alpha": RANK, **settings})
    with pytest.raises(core.ModelFolderError, match=message):
        put_on(nodes_by_id, ours, "noted.safetensors")


@pytest.mark.parametrize("part", ["lora_magnitude_vector.weight", "lora_B.bias", "alpha"])
@pytest.mark.parametrize("kind", ["5b"])
def test_tensors_that_contradict_the_settings_are_refused(nodes_by_id, core, theirs, ours, loras, part):
    lora = random_lora(theirs) | {f"transformer_blocks.0.attn1.to_q.{part}": torch.ones(192 if part != "alpha" else 1)}
    note = json.dumps({"transformer.r": RANK, "transformer.use_rslora": True})
    save_file(with_prefix(lora, "transformer."), loras / "noted.safetensors", metadata={"lora_adapter_metadata": note})
    with pytest.raises(
        core.ModelFolderError, match=r"to_q with an? (magnitude|bias|alpha of its own), but its settings"
    ):
        put_on(nodes_by_id, ours, "noted.safetensors")


@pytest.mark.parametrize("kind", ["5b"])
def test_every_setting_of_todays_peft_is_known(nodes_by_id, theirs, ours, loras):
    """At its default each is taken, and nothing that PEFT may add is taken at another value unseen."""
    save_as_diffusers(theirs, train(theirs), loras, "mine.safetensors")
    put_on(nodes_by_id, ours, "mine.safetensors")
