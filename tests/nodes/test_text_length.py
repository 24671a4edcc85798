"""What a corrected model warns about on the sampling node: prompts of another length, and nodes without effect."""

import importlib
import logging

import pytest
import torch
from conditionings import random_prompts
from environment.checkout import link_folder
from native_models import distance
from node_runs import results
from small_models.tiny_models import TEXT_LENGTH

WARNING = (
    "Tokens of the prompts: {}. This model was trained with 40, so the video differs from the published model's. "
    "Encode each prompt with RichSpace Encode Prompt (T5), and mix prompts instead of concatenating them."
)


@pytest.fixture
def model(diffusers_folder, nodes_by_id, tiny_folders):
    """Return the corrected MODEL of the tiny 2B."""
    link_folder(diffusers_folder / "tiny-2b", tiny_folders["2b"])
    return results(nodes_by_id["RichSpaceLoadCogVideoXNative"], model="tiny-2b", dtype="float32")[0]


@pytest.fixture
def shown(monkeypatch, pack):  # noqa: ARG001 - the nodes must be importable first
    """Record the texts to show on the running node; there is no page here."""
    import comfyui_richspace.nodes.native.text_length as module

    texts = []
    monkeypatch.setattr(module, "running_node", lambda: "7")
    monkeypatch.setattr(module, "show_on_node", lambda node, text: texts.append(text) if node == "7" else None)
    return texts


def prompt(rows=TEXT_LENGTH):
    (made,) = random_prompts(count=1, rows=rows, width=32)
    return made


def sample(model, positive, negative, steps=1):
    import comfy.sample

    noise = torch.randn(1, 16, 1, 6, 8, generator=torch.Generator().manual_seed(5))
    settings = steps, 6.0, "euler", "simple", positive, negative, torch.zeros_like(noise)
    with torch.inference_mode():
        return comfy.sample.sample(model, noise, *settings, disable_pbar=True, seed=5)


def test_the_trained_length_needs_no_word(model, shown, caplog):
    with caplog.at_level(logging.WARNING):
        sample(model, prompt(), prompt())
    assert shown == []
    assert "Tokens of the prompts" not in caplog.text


@pytest.mark.parametrize(
    ("positive", "negative", "found"),
    [
        (801, TEXT_LENGTH, "positive 801"),
        (TEXT_LENGTH, 2 * TEXT_LENGTH, "negative 80"),
        (7, 7, "positive 7, negative 7"),  # not padded
    ],
)
def test_any_other_is_said_and_drawn(model, shown, caplog, positive, negative, found):
    with caplog.at_level(logging.WARNING):
        video = sample(model, prompt(positive), prompt(negative))
    assert video.isfinite().all()
    assert shown == [WARNING.format(found)]
    assert WARNING.format(found) in caplog.text


def test_concatenated_prompts(model, shown):
    import nodes as host

    (both,) = host.ConditioningConcat().concat(prompt(), prompt())
    sample(model, both, prompt())
    assert shown == [WARNING.format("positive 80")]


def test_one_of_several_prompts(model, shown):
    import nodes as host

    (both,) = host.ConditioningCombine().combine(prompt(), prompt(41))
    sample(model, both, prompt())
    assert shown == [WARNING.format("positive 41")]


def test_the_text_is_replaced_once_the_prompts_fit(model, shown):
    for rows in (41, 42, TEXT_LENGTH, TEXT_LENGTH):
        sample(model, prompt(rows), prompt())
    assert shown[:2] == [WARNING.format(f"positive {rows}") for rows in (41, 42)]
    assert shown[2:] == ["The prompts have 40 tokens, like those that this model was trained with."]


def test_a_text_on_one_node_is_not_replaced_on_another(model, shown, monkeypatch):
    import comfyui_richspace.nodes.native.text_length as module

    sample(model, prompt(41), prompt())
    monkeypatch.setattr(module, "running_node", lambda: "8")
    sample(model, prompt(), prompt())
    assert len(shown) == 1


def test_a_model_corrected_twice_says_it_once(model, native, shown):
    again = native.correct_model(model, native.corrected_config(model))
    sample(again, prompt(41), prompt())
    assert len(shown) == 1


def test_without_a_page_nothing_is_shown_and_nothing_fails(model, caplog):
    with caplog.at_level(logging.WARNING):
        sample(model, prompt(41), prompt())
    assert "positive 41" in caplog.text


WITHOUT_EFFECT = [
    ("nag", "NAGuidance", "Normalized Attention Guidance", (5.0, 0.5, 1.5)),
    ("pag", "PerturbedAttentionGuidance", "", (3.0,)),
    ("sag", "SelfAttentionGuidance", "Self-Attention Guidance", (0.5, 2.0)),
    ("slg", "SkipLayerGuidanceDiT", "", (3.0, 0.0, 1.0, "0", "0", 0.0)),
    ("slg", "SkipLayerGuidanceDiTSimple", "", (0.0, 1.0, "0", "0")),
    ("hypertile", "HyperTile", "", (256, 2, 0, False)),
    ("tomesd", "TomePatchModel", "", (0.3,)),
]


@pytest.mark.parametrize(("module", "name", "label", "settings"), WITHOUT_EFFECT)
def test_a_node_without_effect_is_named(model, shown, module, name, label, settings):
    node = getattr(importlib.import_module(f"comfy_extras.nodes_{module}"), name)
    made = node.execute(model, *settings)
    (changed,) = getattr(made, "result", made)  # HyperTile returns a tuple
    video = sample(changed, prompt(), prompt())
    (text,) = shown
    assert text.startswith(f"Without effect: {label or name}. ")
    assert distance(video, sample(model, prompt(), prompt())) < 1e-4  # guidance with a difference of zero rounds


def test_a_node_with_effect_is_not(model, shown):
    from comfy_extras.nodes_easycache import EasyCacheNode
    from comfy_extras.nodes_model_advanced import RescaleCFG

    (cached,) = EasyCacheNode.execute(model, 0.2, 0.15, 0.95, False).result
    sample(RescaleCFG().patch(cached, 0.7)[0], prompt(), prompt())
    assert shown == []
