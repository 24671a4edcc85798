"""Bad input through the real host: the message names the input and says what to do, and the next prompt runs."""

import itertools
import json
import shutil

import pytest
import torch
from comfyui.prompts import DEMO, change, mix_prompt, node, video_prompt
from comfyui.server import PromptError
from host_runs import failed, watch
from safetensors.torch import load_file, save_file

DENOISER = "transformer/diffusion_pytorch_model.safetensors"
_unseen = itertools.starmap(
    "the {} and blue {} moves {}".format,
    itertools.product(
        ("red", "orange", "yellow", "green", "violet"),
        ("circle", "square", "triangle", "star"),
        ("left", "right", "up", "down"),
    ),
)


@pytest.fixture(autouse=True)
def _the_host_survives(server):
    """After every test here the host runs a prompt that it has not seen."""
    yield
    assert watch(server, change(mix_prompt(), "guide", text=next(_unseen))).executed >= {"guide", "mix"}


@pytest.fixture(scope="module", autouse=True)
def _and_makes_a_video_in_the_end(server):
    yield
    server.run(video_prompt(seed=999))


@pytest.fixture
def copied_model(diffusers_folder, tiny_model):
    """A copy of the tiny model under a name of its own, to be spoilt."""
    folder = shutil.copytree(tiny_model, diffusers_folder / "spoilt")
    yield folder
    shutil.rmtree(folder)


def refused(server, prompt):
    """The host's errors for a prompt that it does not even begin: [(node, input, kind, message)]."""
    with pytest.raises(PromptError, match="refused the workflow") as caught:
        server.queue(prompt)
    return [
        (name, error["extra_info"]["input_name"], error["type"])
        for name, found in caught.value.details["node_errors"].items()
        for error in found["errors"]
    ]


def same_prompts():
    return change(mix_prompt(), "b", text=mix_prompt()["a"]["inputs"]["text"])


def other_encoder():
    prompt = mix_prompt()
    prompt["load_tiny"] = node("RichSpaceLoadCogVideoX", model="CogVideoX-2b", dtype="auto")
    return change(prompt, "guide", encoder=["load_tiny", 1])


def other_model_s_prompts():
    prompt = video_prompt()
    prompt["load_tiny"] = node("RichSpaceLoadCogVideoX", model="CogVideoX-2b", dtype="auto")
    return change(prompt, "sample", model=["load_tiny", 0])


def several_entries():
    prompt = mix_prompt()
    prompt["both"] = node("ConditioningCombine", conditioning_1=["a", 0], conditioning_2=["b", 0])
    return change(prompt, "mix", b=["both", 0])


def several_entries_to_the_sampler():
    prompt = video_prompt()
    prompt["both"] = node("ConditioningCombine", conditioning_1=["a", 0], conditioning_2=["b", 0])
    return change(prompt, "sample", positive=["both", 0])


def an_image_s_latents():
    prompt = video_prompt()
    prompt["image"] = node("EmptyLatentImage", width=64, height=64, batch_size=1)
    return change(prompt, "decode", latent=["image", 0])


def chain_without_a_guide():
    stages = {"stages.prompt_2": ["b", 0], "stages.guide_2": ["guide", 0], "stages.prompt_3": ["negative", 0]}
    return mix_prompt() | {"mix": node("RichSpaceChainedFinder", first=["a", 0], **stages, steps=30)}


# What is made: (the node that fails, how its message begins, what it says besides).
FAILURES = {
    same_prompts: ("mix", "B: expected an embedding that differs from A", "give two different prompts"),
    other_encoder: (
        "mix",
        "guide: expected the same kind of embedding as A, 64 tokens of width 64",
        "the same text encoder",
    ),
    other_model_s_prompts: ("sample", "positive: expected an embedding of 40 tokens by 32", "Encode the prompts with"),
    several_entries: ("mix", "B: expected a conditioning with one prompt", "got 2 prompts. Mix the prompts before"),
    several_entries_to_the_sampler: (
        "sample",
        "positive: expected a conditioning with one prompt, got 2 prompts",
        "This sampler takes one prompt",
    ),
    an_image_s_latents: ("decode", "latent: expected one video's latents with 8 channels", "got [1, 4, 8, 8]"),
    chain_without_a_guide: ("mix", "guide_3: expected a conditioning", "Connect prompts and guides in pairs"),
}

# What is set: (node, input, value), (how the message begins, what it says besides).
SETTINGS = {
    ("a", "text", ""): ("A: expected a prompt with words, got an empty one", "Describe what the video should show"),
    ("guide", "text", "  "): ("guide: expected a prompt with words", "Describe what the video should show"),
    ("mix", "index", 31): ("index: expected a candidate between 1 (nearly B) and 30 (exactly A), got 31", "from 1"),
    ("sample", "width", 100): ("width: expected a multiple of 16", "nearest this model can make are 96 and 112"),
    ("sample", "height", 15): ("height: expected a multiple of 16", "The nearest this model can make are 16 and 32"),
    ("sample", "frames", 12): ("frames: expected 1 more than a multiple of 8", "can make are 9 and 17"),
}

# What is set, and what the host itself says of it.
OUT_OF_RANGE = {
    ("mix", "steps", 0): "value_smaller_than_min",
    ("mix", "steps", 1001): "value_bigger_than_max",
    ("mix", "index", -1): "value_smaller_than_min",
    ("sample", "steps", 0): "value_smaller_than_min",
    ("sample", "width", -16): "value_smaller_than_min",
    ("sample", "seed", -1): "value_smaller_than_min",
    ("sample", "scheduler", "Euler"): "value_not_in_list",
    ("load", "dtype", "int8"): "value_not_in_list",
    ("mix", "guide", None): "required_input_missing",
    ("mix", "guide", ("load", 1)): "return_type_mismatch",
    ("a", "encoder", ("load", 0)): "return_type_mismatch",
}

PATHS_OUTSIDE = ("../../etc/passwd", "/etc", "..", "../diffusers/CogVideoX-2b", "C:\\Windows", "CogVideoX-2b/vae", "")


@pytest.mark.usefixtures("tiny_model")
class TestWhatFailsWhileItRuns:
    @pytest.mark.parametrize("made", FAILURES, ids=lambda made: made.__name__)
    def test_graphs(self, server, made):
        expected, begin, middle = FAILURES[made]
        name, message = failed(server, made())
        assert name == expected
        assert message.startswith(begin)
        assert middle in message

    @pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting[0]}.{setting[1]}={setting[2]!r}")
    def test_settings(self, server, setting):
        (name, field, value), (begin, middle) = setting, SETTINGS[setting]
        where, message = failed(server, change(video_prompt(seed=501), name, **{field: value}))
        assert where == (name if field != "text" else "mix")
        assert message.startswith(begin)
        assert middle in message


class TestWhatIsRefusedBeforeItRuns:
    @pytest.mark.parametrize("setting", OUT_OF_RANGE, ids=lambda setting: f"{setting[0]}.{setting[1]}={setting[2]!r}")
    def test_out_of_range(self, server, setting):
        name, field, value = setting
        assert (name, field, OUT_OF_RANGE[setting]) in refused(server, change(video_prompt(), name, **{field: value}))

    @pytest.mark.parametrize("path", PATHS_OUTSIDE)
    @pytest.mark.usefixtures("tiny_model")
    def test_a_path_outside_the_model_folders(self, server, path):
        assert ("load", "model", "value_not_in_list") in refused(server, mix_prompt(path))

    def test_a_model_that_is_no_cogvideox(self, server, copied_model):
        change_json(copied_model / "model_index.json", _class_name="StableDiffusionPipeline")
        assert ("load", "model", "value_not_in_list") in refused(server, mix_prompt("spoilt"))

    def test_a_chain_without_its_first_guide(self, server):
        prompt = chain_without_a_guide()
        chain = change(prompt, "mix", **{"stages.guide_2": None, "stages.prompt_3": None})
        assert ("mix", "stages.guide_2", "required_input_missing") in refused(server, chain)


def change_json(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def image_to_video(folder):
    change_json(folder / "model_index.json", _class_name="CogVideoXImageToVideoPipeline")


def missing_weights(folder):
    (folder / DENOISER).unlink()


def truncated_weights(folder):
    (folder / DENOISER).write_bytes((folder / DENOISER).read_bytes()[:5000])


def pickled_weights(folder):
    (folder / DENOISER).rename(folder / "transformer" / "diffusion_pytorch_model.bin")


BROKEN = {
    image_to_video: ("spoilt: expected a text-to-video CogVideoXPipeline", "Download the whole repository"),
    missing_weights: ("spoilt/transformer: expected weights in diffusion_pytorch_model.safetensors", "Download"),
    truncated_weights: ("transformer/diffusion_pytorch_model.safetensors: expected a complete", "download it again"),
    pickled_weights: ("spoilt/transformer: expected weights in", "pickled weights (diffusion_pytorch_model.bin)"),
}


class TestBrokenModels:
    @pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
    def test_are_told_by_the_loader(self, server, copied_model, spoil):
        spoil(copied_model)
        begin, middle = BROKEN[spoil]
        name, message = failed(server, mix_prompt("spoilt"))
        assert name == "load"
        assert message.startswith(begin)
        assert middle in message

    def test_a_repaired_one_runs(self, server, copied_model, tiny_model):
        truncated_weights(copied_model)
        failed(server, video_prompt("spoilt"))
        shutil.copy(tiny_model / DENOISER, copied_model / DENOISER)
        server.run(video_prompt("spoilt"))

    def test_an_encoder_that_gives_nan(self, server, copied_model):
        file = copied_model / "text_encoder" / "model.safetensors"
        weights = load_file(file)
        weights["encoder.final_layer_norm.weight"][3] = torch.nan
        save_file(weights, file, metadata={"format": "pt"})
        name, message = failed(server, mix_prompt("spoilt"))
        assert name in ("a", "b", "guide", "negative")
        assert message.startswith("text encoder output: expected finite values, got ")
        assert "run it in bfloat16 or float32" in message

    def test_a_denoiser_that_gives_nan(self, server, copied_model):
        weights = load_file(copied_model / DENOISER)
        weights["proj_out.weight"][0] = torch.inf
        save_file(weights, copied_model / DENOISER, metadata={"format": "pt"})
        name, message = failed(server, video_prompt("spoilt"))
        assert name == "sample"
        assert message.startswith("video: expected finite")
        assert "choose bfloat16 or float32" in message


class TestWarnings:
    def test_a_prompt_over_the_limit_is_cut_in_plain_sight(self, server):
        text = f"a red circle moves right{' and right' * 40} and left."
        run = watch(server, change(mix_prompt(DEMO), "a", text=text))
        assert run.entry["status"]["completed"]
        (text,) = run.entry["outputs"]["a"]["text"]
        assert " of 64 tokens\nToo long. Lost: " in text
        assert text.endswith('and right and left."')
        assert "and right and left." in server.log.read_text(encoding="utf-8", errors="replace")
