"""Each workflow through the real host: the video and the plot that come out are real."""

import io
import json
import math
import re
from fractions import Fraction

import av
import numpy as np
import pytest
from comfyui.prompts import DEMO, SMALL_VIDEO, change, node, video_prompt
from comfyui.server import output_files
from environment.checkout import ROOT
from export_workflows import CHAINS, COGVIDEOX_LOADERS, FINDERS, FULL_SIZE, on_the_demo_model
from host_frames import pictures_of, run_for_frames
from small_models.demo_scripts import import_demo_script

WORKFLOWS = sorted(file.stem for file in (ROOT / "workflows").glob("*.json"))
RESULT_PICTURES = ("SaveImage", "RichSpaceContactSheet", "RichSpaceCompare")
BALANCES = (*FINDERS[1:], *CHAINS)
SAMPLERS = ("RichSpaceCogVideoXSample", "KSampler")
SETTINGS = ("seed", "cfg", "sampler_name", "scheduler", "width", "height", "frames")
STEPS = 3
# Frames, height and width of the videos that a workflow makes of the model's own size.
OWN_VIDEO = {DEMO: (9, 64, 64), "CogVideoX-2b": (9, 32, 48)}
# For a workflow whose size stands in a node of the host's.
SMALL_SIZES = {
    "EmptyHunyuanLatentVideo": {"length": 9, "height": 32, "width": 48},
    "EmptyLatentImage": {"height": 64, "width": 64},
}
SMALL_PICTURE = tuple(SMALL_SIZES["EmptyLatentImage"].values())


def read_workflow(name):
    """A workflow in the API format."""
    return json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))


def read_video(content):
    """The frames [n, h, w, 3] of an mp4, and how many of them are shown a second."""
    with av.open(io.BytesIO(content)) as container:
        (stream,) = container.streams.video
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]), stream.average_rate


def videos_of(server, entry):
    """The videos that a prompt saved."""
    files = [file for file in output_files(entry) if file["filename"].endswith(".mp4")]
    return [read_video(server.view(file)) for file in files]


def nodes_of(prompt, *class_types):
    """The names of a prompt's nodes of some classes."""
    return [name for name, content in prompt.items() if content["class_type"] in class_types]


def made_quickly(prompt):
    """A workflow with few steps, and small where it says a size itself."""
    for name in nodes_of(prompt, *SAMPLERS):
        prompt = change(prompt, name, steps=STEPS)
    for kind, size in SMALL_SIZES.items():
        for name in nodes_of(prompt, kind):
            prompt = change(prompt, name, **size)
    return prompt


def shape_of(prompt):
    """Frames, height and width of the videos that `made_quickly` makes of a workflow."""
    models = [prompt[loader]["inputs"]["model"] for loader in nodes_of(prompt, *COGVIDEOX_LOADERS)]
    if not models:
        return tuple(SMALL_SIZES["EmptyHunyuanLatentVideo"].values())
    frames, *sides = OWN_VIDEO[models[0]]
    asked = [node["inputs"].get("frames", 0) for node in prompt.values() if "width" in node["inputs"]]
    return max(asked, default=0) or frames, *sides


def frames_a_second(prompt):
    """What a workflow's videos are to be shown at, one number each."""
    return [prompt[name]["inputs"]["fps"] for name in nodes_of(prompt, "CreateVideo")]


def assert_is_a_video(video, shape, fps=8):
    frames, rate = video
    assert frames.shape == (*shape, 3)
    assert rate == Fraction(fps)
    assert frames.std(axis=(1, 2, 3)).min() > 5  # of 255: no frame is blank
    assert np.abs(np.diff(frames.astype(int), axis=0)).mean() > 0.5  # something moves


def assert_is_a_plot(picture):
    height, width, _ = picture.shape
    assert width >= 512
    assert height >= 256
    assert_is_a_picture(picture)


def assert_is_a_picture(picture):
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name not in FULL_SIZE])
@pytest.mark.usefixtures("tiny_model")
def test_a_workflow_makes_its_video(server, name):
    prompt = read_workflow(name)
    entry = server.run(made_quickly(prompt))
    videos = videos_of(server, entry)
    candidates = [prompt[sweep]["inputs"]["count"] for sweep in nodes_of(prompt, "RichSpaceInterpolationSweep")]
    assert len(videos) == len(nodes_of(prompt, "SaveVideo")) * math.prod(candidates)
    for video, fps in zip(videos, [*frames_a_second(prompt)] * math.prod(candidates), strict=True):
        assert_is_a_video(video, shape_of(prompt), fps)
    finders, chains = nodes_of(prompt, *FINDERS), nodes_of(prompt, *CHAINS)
    pictures = pictures_of(server, entry)
    sheets = [name for kind in RESULT_PICTURES for name in nodes_of(prompt, kind)]
    assert len(pictures) == len(finders) + len(chains) + len(sheets)  # in every finder, and where one is the result
    for picture in pictures:
        if picture.shape[:2] == SMALL_PICTURE:
            assert_is_a_picture(picture)
        else:
            assert_is_a_plot(picture)
    for finder in finders + chains:
        verdicts = entry["outputs"][finder]["text"]
        assert len(verdicts) == (2 if finder in chains else 1)
        for verdict in verdicts:
            assert " of 30: " in verdict


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_shows_the_mixture_that_balance_finds(name):
    """And its drafts have the settings of the sampler that makes the video."""
    prompt = read_workflow(name)
    mixtures = [prompt[node]["inputs"]["positive"][0] for node in nodes_of(prompt, *SAMPLERS)]
    balances = nodes_of(prompt, *BALANCES)
    if name == "Choose a mixture by eye (demo)" or nodes_of(prompt, "RichSpaceMorph", "RichSpaceCogVideoXEncode"):
        assert not balances
        return
    (balance,) = balances
    sources = [link[0] for name in nodes_of(prompt, "CreateList") for link in prompt[name]["inputs"].values()]
    assert balance in mixtures + sources
    (sampler,) = nodes_of(prompt, *SAMPLERS)
    drafts, video = prompt[balance]["inputs"], prompt[sampler]["inputs"]
    shared = {*SETTINGS, "model", "negative"} & drafts.keys() & video.keys()
    assert len(shared) >= 5
    assert {key: drafts[key] for key in shared} == {key: video[key] for key in shared}
    if "latent" in drafts:
        assert drafts["latent"] == video["latent_image"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_model_file_has_a_link_for_comfyui_s_download_button(server, name):
    content = json.loads((ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))
    kinds = server.get("/models")
    for shown in content["nodes"]:
        values = shown.get("widgets_values") or []
        links = {link["name"]: link for link in shown["properties"].get("models", [])}
        assert list(links) == [value for value in values if str(value).endswith(".safetensors")]
        for file, link in links.items():
            assert re.fullmatch(
                rf"https://huggingface\.co/[^/]+/[^/]+/resolve/main/(.+/)?{file}\?download=true", link["url"]
            )
            assert link["directory"] in kinds


@pytest.mark.parametrize(
    "name", ["Mix in CogVideoX 1.5", "Mix three prompts (CogVideoX)", "Mix two prompts (CogVideoX)"]
)
def test_a_workflow_for_another_cogvideox_runs_on_the_demo(server, name):
    """As for its picture in the templates dialog."""
    prompt = read_workflow(name)
    moved = on_the_demo_model(prompt)
    encoders = nodes_of(prompt, "RichSpaceT5Encode")
    texts = {prompt[encoder]["inputs"]["text"]: moved[encoder]["inputs"]["text"] for encoder in encoders}
    assert texts[""] == ""
    assert len(set(texts.values())) == len(texts)
    assert prompt == read_workflow(name)
    entry = server.run(made_quickly(moved))
    videos = videos_of(server, entry)
    assert len(videos) == len(nodes_of(prompt, "SaveVideo"))
    for video, fps in zip(videos, frames_a_second(prompt), strict=True):
        assert_is_a_video(video, OWN_VIDEO[DEMO], fps)
    for picture in pictures_of(server, entry):
        assert_is_a_plot(picture)


def test_a_redrawn_video_keeps_what_the_mixture_does_not_say(server):
    """As the note in the workflow says: color and motion are those of the video, and nothing of it is left at 1."""
    prompt = read_workflow("Redraw a video (demo)")
    sampler = prompt["12"]["inputs"]["latent"][0]
    (before, after), (_, alone) = (
        [video / 255 for video, _ in videos_of(server, server.run(change(prompt, sampler, strength=strength)))]
        for strength in (prompt[sampler]["inputs"]["strength"], 1.0)
    )
    measuring = import_demo_script("measure")
    prototypes = measuring.make_prototypes()
    seen = [prototypes.name_features(measuring.measure_clip(video)) for video in (before, after, alone)]
    assert [each["hue"] for each in seen] == ["cyan", "cyan", "orange"]
    assert [each["motion"] for each in seen] == ["left", "left", "up"]
    assert prototypes.locate(measuring.measure_clip(after), "shape", "star", "circle").has_both


def test_size_and_frames_are_those_that_were_asked_for(server):
    entry = server.run(video_prompt(width=64, height=48, frames=17))
    (video,) = videos_of(server, entry)
    assert_is_a_video(video, (17, 48, 64))


def test_a_batch_becomes_videos_of_their_own(server):
    entry, frames = run_for_frames(server, video_prompt(batch_size=2, seed=11))
    videos = videos_of(server, entry)
    assert len(videos) == 2
    for video in videos:
        assert_is_a_video(video, SMALL_VIDEO)
    first, second = np.split(frames, 2)
    _, alone = run_for_frames(server, video_prompt(seed=12))
    assert np.array_equal(second, alone)  # the second of a batch is the first of the next seed
    assert not np.array_equal(first, second)


def chains():
    """Three prompts mixed with two finders that are wired, and with one chained finder."""
    wired = video_prompt(seed=13)
    wired["c"] = change(wired, "a", text="a yellow star moves right")["a"]
    wired["guide_c"] = change(wired, "a", text="a red and yellow circle moves right")["a"]
    links = {"a": ["mix", 0], "b": ["c", 0], "guide": ["guide_c", 0]}
    wired["mix_c"] = node("RichSpaceOptimalInterpolate", **links, steps=30, index=0)
    names = {"stages.prompt_2": "b", "stages.guide_2": "guide", "stages.prompt_3": "c", "stages.guide_3": "guide_c"}
    stages = {key: [name, 0] for key, name in names.items()}
    chained = wired | {"mix": node("RichSpaceChainedFinder", first=["a", 0], **stages, steps=30)}
    del chained["mix_c"]
    return change(wired, "sample", positive=["mix_c", 0]), change(chained, "plot", scores=["mix", 1])


def test_the_chained_finder_makes_the_video_of_the_wired_ones(server):
    wired, chained = chains()
    wired_entry, expected = run_for_frames(server, wired)
    chained_entry, frames = run_for_frames(server, chained)
    assert np.array_equal(frames, expected)
    verdicts = [wired_entry["outputs"][name]["text"][0] for name in ("mix", "mix_c")]
    assert chained_entry["outputs"]["mix"]["text"] == verdicts


def test_a_model_of_the_host_s_folder(server, tiny_model):
    (video,) = videos_of(server, server.run(video_prompt(tiny_model.name)))
    assert_is_a_video(video, SMALL_VIDEO)


def test_every_other_node_in_one_graph(server):
    prompt = video_prompt(DEMO, seed=14)
    three = {name: [name, 0] for name in ("a", "b", "guide")}
    prompt["foot"] = node("RichSpacePerpendicularFoot", **three)
    prompt["scores"] = node("RichSpaceCosineScore", **three, steps=12)
    prompt["by_hand"] = node("RichSpaceInterpolate", a=["foot", 0], b=["b", 0], index=7, steps=12)
    prompt = change(change(prompt, "sample", positive=["by_hand", 0]), "plot", scores=["scores", 0])
    entry = server.run(prompt)
    (video,) = videos_of(server, entry)
    assert_is_a_video(video, SMALL_VIDEO)
    assert " of 12: " in entry["outputs"]["scores"]["text"][0]
