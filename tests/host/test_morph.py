"""RichSpace Morph through the real host: the change in both samplers, what runs again, and every bad input."""

import numpy as np
import pytest
from comfyui.prompts import DEMO, PROMPTS, change, node
from host_frames import run_for_frames
from host_runs import failed, watch

SIZE = {"width": 48, "height": 32, "frames": 17}
CURVE = "0%: A, 30%: A, 70%: B"
STEPS, CFG, SEED = 4, 4.0, 42
PROMPT_TEXTS = {name: PROMPTS[name] for name in ("a", "b", "negative")}
MORPH = {"curve": "0%: A, 100%: B", "interpolation": "linear", "quality": "fast", "most_mixtures": 16, "frames": 17}
WAN = {
    "load": ("UNETLoader", {"unet_name": "wan2.1_t2v_1.3B_fp16.safetensors", "weight_dtype": "default"}),
    "clip": ("CLIPLoader", {"clip_name": "umt5_xxl_fp8_e4m3fn_scaled.safetensors", "type": "wan", "device": "default"}),
}


def prompts(loader, encoder):
    """Make the model's loader and the encoded prompts; `encoder` is the link to the text encoder."""
    texts = {name: node("RichSpaceT5Encode", encoder=encoder, text=text) for name, text in PROMPT_TEXTS.items()}
    return {"load": loader, **texts}


def morphed(**inputs):
    """Make a morph; a link to the model and to A and B are in place."""
    return node("RichSpaceMorph", **{"model": ["load", 0], "a": ["a", 0], "b": ["b", 0]} | MORPH | inputs)


def own(positive="morph", **inputs):
    """Make a graph that samples with RichSpace CogVideoX Sample."""
    settings = {"steps": STEPS, "cfg": CFG, "seed": SEED, "batch_size": 1, "scheduler": "DDIM", "dynamic_cfg": "off"}
    links = {"model": ["load", 0], "positive": [positive, 0], "negative": ["negative", 0]}
    return prompts(node("RichSpaceLoadCogVideoX", model=DEMO, dtype="auto"), ["load", 1]) | {
        "morph": morphed(**inputs),
        "sample": node("RichSpaceCogVideoXSample", **links, **SIZE, **settings),
        "decode": node("RichSpaceCogVideoXDecode", model=["load", 0], latent=["sample", 0], tiled=False),
    }


def native(positive="morph", **inputs):
    """Make a graph that samples with ComfyUI's own nodes; the morph reads its length from the latent."""
    links = {"model": ["load", 0], "positive": [positive, 0], "negative": ["negative", 0], "latent_image": ["size", 0]}
    return prompts(node("RichSpaceLoadCogVideoXNative", model=DEMO, dtype="auto"), ["load", 1]) | {
        "size": node("RichSpaceEmptyCogVideoXLatent", model=["load", 0], **SIZE, batch_size=1),
        "morph": morphed(latent=["size", 0], **inputs),
        "sample": sampler(links),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["load", 2]),
    }


def wan():
    """Make a graph of ComfyUI's nodes for Wan, with a morph between encoding and sampling."""
    links = {"model": ["load", 0], "positive": ["morph", 0], "negative": ["negative", 0], "latent_image": ["size", 0]}
    loaders = {name: node(kind, **inputs) for name, (kind, inputs) in WAN.items()}
    texts = {name: node("CLIPTextEncode", clip=["clip", 0], text=text) for name, text in PROMPT_TEXTS.items()}
    return (
        loaders
        | texts
        | {
            "size": node("EmptyHunyuanLatentVideo", width=48, height=32, length=17, batch_size=1),
            "morph": morphed(latent=["size", 0]),
            "sample": sampler(links),
            "show": node("PreviewAny", source=["sample", 0]),
        }
    )


def sampler(links):
    settings = {"steps": STEPS, "cfg": CFG, "seed": SEED, "sampler_name": "euler", "scheduler": "simple"}
    return node("KSampler", **links, **settings, denoise=1.0)


def sheet_of(prompt):
    """Add a contact sheet with the morph's captions."""
    return prompt | {
        "sheet": node("RichSpaceContactSheet", frames=["decode", 0], captions=["morph", 1], columns=5, frame_width=96)
    }


@pytest.fixture(scope="module")
def nearness(server):
    """Return a function that runs a graph: how much nearer each frame of its video is to B than to A, ``[17]``."""
    alone = {}

    def nearness(graph, **inputs):
        if graph not in alone:
            alone[graph] = [run_for_frames(server, graph(name))[1].astype(int) for name in ("a", "b")]
        frames = run_for_frames(server, graph(**inputs))[1]
        assert frames.shape == (17, 32, 48, 3)
        to_a, to_b = (np.abs(frames - other).mean(axis=(1, 2, 3)) for other in alone[graph])
        return to_a - to_b

    return nearness


@pytest.mark.parametrize("graph", [own, native])
def test_the_video_begins_like_a_and_ends_like_b(nearness, graph):
    is_b = nearness(graph, curve=CURVE) > 0
    assert not is_b[:5].any()
    assert is_b[-5:].all()
    assert np.count_nonzero(np.diff(is_b)) == 1  # one change, and none back


def test_a_dragged_keyframe_moves_the_change_and_samples_again_alone(server, nearness):
    curves = ["0%: A, 20%: B", "0%: A, 80%: A, 100%: B"]
    early, late = (int(np.argmax(nearness(native, curve=curve) > 0)) for curve in curves)
    assert early <= 4
    assert late >= 10
    again = watch(server, native(curve="0%: A, 70%: A, 90%: B") | saved("again"))
    assert again.executed == {"morph", "sample", "decode", "again"}


def saved(name):
    return {name: node("PreviewImage", images=["decode", 0])}


def test_the_report_and_the_sheet_come_with_the_video(server):
    entry = server.run(sheet_of(native(curve=CURVE)))
    (said,) = entry["outputs"]["morph"]["text"]
    assert said.startswith("latent frames: A, A, 73% A + 27% B, ")
    assert "\n3 predictions a step in place of 2 (2 for the morph, 1 for the negative prompt)" in said
    (drawn,) = entry["outputs"]["morph"]["richspace_morph"]
    assert drawn == {"frames": 17, "middles": [0, 2.5, 6.5, 10.5, 14.5], "prompts": [PROMPTS["a"], PROMPTS["b"]]}
    assert len(entry["outputs"]["sheet"]["images"]) == 1


def other_encoder():
    prompt = own()
    prompt["load_tiny"] = node("RichSpaceLoadCogVideoX", model="CogVideoX-2b", dtype="auto")
    return change(prompt, "b", encoder=["load_tiny", 1])


def image_model():
    prompt = own()
    prompt["checkpoint"] = node("CheckpointLoaderSimple", ckpt_name="sd_xl_base_1.0.safetensors")
    return change(prompt, "morph", model=["checkpoint", 0])


def picture():
    prompt = native()
    prompt["picture"] = node("EmptyLatentImage", width=64, height=64, batch_size=1)
    return change(prompt, "morph", latent=["picture", 0])


CURVES = {
    "0%: A, 60%: B, 40%: A": ("expected keyframes in order of time, got 60% before 40%.", ""),
    "0%: A, 40%: A, 40%: B": ("expected one keyframe at a time, got two at 40%.", "Remove one, or move it."),
    "0: A, 8: B, 50%: A": ("expected one keyframe at a time, got two at 50%.", "Remove one, or move it."),
    "0: A, 24: B": ("expected keyframes within the video, whose last frame is 16, got one at frame 24.", "longer"),
    "0%: A, 120%: B": ("expected a time of at most 100%, the last frame of the video, got '120%: B' at char", ""),
    "": ("expected at least one keyframe, got none.", 'Write "0%: A, 40%: A, 60%: B".'),
    "0%: A, 40%: A, 60%: X": ("expected the letter of a prompt, A to F, got 'X' at character 21.", "Write keyfr"),
    "0%: A, half: B": ("expected a time", "got 'half: B' at character 8."),
    "0%: A 60%: B": ("expected a comma between keyframes, got '60%: B' at character 7.", ""),
    "0%: A, 50%: C": ("expected the letters of connected prompts, A to B, got C.", "Connect a prompt to C"),
    "0: A, 1: B, 2: A, 3: B, 4: A, 5: B": (
        "expected at most 5 keyframes, one for each latent frame of the video, got 6.",
        "Remove keyframes, or make a longer video.",
    ),
}


@pytest.mark.parametrize("graph", [own, native])
@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_that_is_wrong_is_refused_by_the_morph(server, graph, curve):
    name, message = failed(server, graph(curve=curve) | saved("shown"))
    begin, middle = CURVES[curve]
    assert name == "morph"
    assert message.startswith(f"curve: {begin}")
    assert middle in message


INPUTS = {
    other_encoder: ("B: expected the same kind of embedding as A", "Encode all prompts of a mixture with the same"),
    image_model: ("model: expected a video model with latent frames", "got SDXL. Pictures have no time."),
    picture: ("latent: expected a video of at least 2 latent frames", "got a picture or a single frame (1x4x8x8)."),
}


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("made", INPUTS, ids=lambda made: made.__name__)
def test_an_input_that_is_wrong_is_refused_by_the_morph(server, made):
    name, message = failed(server, made() | saved("shown"))
    begin, middle = INPUTS[made]
    assert name == "morph"
    assert message.startswith(begin)
    assert middle in message


class TestWhatOtherNodesDoAfterwards:
    """With a model that this pack has not touched."""

    def test_a_mask_is_refused_by_the_sampler(self, server):
        prompt = wan()
        prompt["mask"] = node("SolidMask", value=0.5, width=48, height=32)
        settings = {"strength": 1.0, "set_cond_area": "default"}
        prompt["masked"] = node("ConditioningSetMask", conditioning=["morph", 0], mask=["mask", 0], **settings)
        name, message = failed(server, change(prompt, "sample", positive=["masked", 0]))
        assert name == "sample"
        assert message.startswith("positive: expected the morph of RichSpace Morph with its own masks over time, got")
        assert "Set the mask on prompt A before RichSpace Morph" in message
        assert watch(server, prompt).entry["status"]["completed"]

    def test_context_windows_are_refused_by_the_sampler(self, server):
        prompt = wan()
        windows = {
            "context_length": 2,
            "context_overlap": 0,
            "context_schedule": "standard_static",
            "fuse_method": "flat",
        }
        windows |= {"context_stride": 1, "closed_loop": False, "dim": 2, "freenoise": False}
        windows |= {"cond_retain_index_list": "", "split_conds_to_windows": False}
        windows |= {"latent_retain_index_list": "", "causal_window_fix": True}
        prompt["windows"] = node("ContextWindowsManual", model=["load", 0], **windows)
        name, message = failed(server, change(prompt, "sample", model=["windows", 0]))
        assert name == "sample"
        assert message.startswith(
            "context windows: expected none for a morph with this model, got one of 2 of 5 latent"
        )
