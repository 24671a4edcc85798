"""A t5xxl as one file, through the host's own loader, into this pack's encoder and finder; and a LoRA."""

import json

import numpy as np
import pytest
from comfyui.prompts import change, mix_prompt, node
from environment.checkout import ROOT, find_host
from host_frames import run_for_frames
from small_models.single_files import LORA
from transformers import T5TokenizerFast

TEXTS = {
    "a": "The tiger, moves gracefully through the forest, its fur flowing in the breeze.",
    "b": "The zebra, moves gracefully through the forest, its fur flowing in the breeze.",
    "guide": "The tiger, with black and white stripes like zebra, moves gracefully through the forest.",
}
FILES = ["t5xxl_fp16.safetensors", "t5xxl_fp8_e4m3fn_scaled.safetensors"]


def mixed_with(file):
    """Three prompts encoded with a file and mixed."""
    encoders = {name: node("RichSpaceT5Encode", encoder=["load", 0], text=text) for name, text in TEXTS.items()}
    loader = node("CLIPLoader", clip_name=file, type="cogvideox", device="default")
    return {**mix_prompt(), **encoders, "load": loader}


@pytest.fixture(scope="module")
def said(server):
    """{file: what each node says}."""
    found = {}
    for file in FILES:
        prompt = mixed_with(file)
        del prompt["negative"]
        found[file] = {
            name: shown["text"][0] for name, shown in server.run(prompt)["outputs"].items() if "text" in shown
        }
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_the_tokens_are_those_of_t5(said, name):
    tokenizer = T5TokenizerFast.from_pretrained(find_host() / "comfy" / "text_encoders" / "t5_tokenizer")
    for texts in said.values():
        assert texts[name].startswith(f"{len(tokenizer(TEXTS[name]).input_ids)} of 226 tokens")


# Both as in tests/nodes/test_single_file_t5.py, where more of them are measured.
def test_float8_takes_the_candidate_of_float16_or_the_next(said):
    exact, rounded = (int(said[file]["mix"].partition(" of 30: ")[0]) for file in FILES)
    assert abs(exact - rounded) <= 1
    assert "no token counts" not in said[FILES[0]]["mix"]


def frames_with_lora(server, strength):
    """The frames of the native demo workflow with a LoRA of a strength; without one for None."""
    workflow = ROOT / "workflows" / "api" / "Mix in KSampler (demo).json"
    prompt = json.loads(workflow.read_text(encoding="utf-8"))
    by_kind = {content["class_type"]: name for name, content in prompt.items()}
    sampler = by_kind["KSampler"]
    prompt = change(prompt, sampler, steps=3)
    if strength is not None:
        model = prompt[sampler]["inputs"]["model"]
        prompt["lora"] = node("RichSpaceLoadCogVideoXLora", model=model, lora=LORA, strength=strength)
        prompt = change(prompt, sampler, model=["lora", 0])
    entry, frames = run_for_frames(server, prompt, decoder=by_kind["VAEDecode"])
    if strength is not None:
        assert entry["outputs"]["lora"]["text"] == ["18 layers changed"]
    return frames.astype(int)


def test_a_lora_changes_the_video_as_much_as_it_is_told(server):
    without, none, half, whole = (frames_with_lora(server, strength) for strength in (None, 0.0, 0.5, 1.0))
    assert np.array_equal(none, without)
    changes = [np.abs(each - without).mean() for each in (half, whole)]
    assert 0.5 < changes[0] < changes[1]
