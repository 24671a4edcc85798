"""The metrics in the real host: a comparison with and without weights, in one queue."""

import io

import pytest
from comfyui.prompts import change, node, video_prompt
from comfyui.server import PromptError
from PIL import Image
from small_models.vbench import place_weights

METRICS = ("subject consistency", "aesthetic quality", "background consistency", "temporal flickering")


def compare_prompt(**inputs):
    """A, B, the guide and the mixture through one sampler into one comparison; `inputs` go to it."""
    prompt = video_prompt(seed=31)
    for name in ("plot", "save_plot", "video", "save"):
        del prompt[name]
    listed = {f"inputs.input{number}": [name, 0] for number, name in enumerate(("a", "b", "guide", "mix"))}
    compared = {"videos.video_1": ["decode", 0], "names": "A\nB", "columns": 3, "frame_width": 96} | inputs
    prompt |= {"list": node("CreateList", **listed), "compare": node("RichSpaceCompare", **compared)}
    prompt["table"] = node("PreviewAny", source=["compare", 1])
    return change(prompt, "sample", positive=["list", 0])


def table_of(entry):
    """The rows of the Markdown table without their bold marks, and the lines below it."""
    (text,) = entry["outputs"]["table"]["text"]
    table, *lines = text.split("\n\n")
    return [row.replace("*", "").strip("| ").split(" | ") for row in table.splitlines()], lines


@pytest.fixture
def weights(server):
    models = server.base / "models"
    place_weights(models)
    yield
    for file in [*models.glob("richspace/**/*.*"), *models.glob("clip_vision/*.*")]:
        file.unlink()


@pytest.mark.usefixtures("weights")
def test_four_videos_are_compared_in_one_queue(server):
    entry = server.run(compare_prompt())
    rows, lines = table_of(entry)
    assert rows[0] == ["video", *METRICS]
    assert [row[0] for row in rows[2:]] == ["A", "B", "video 3", "video 4"]
    assert all(0 < float(cell) < 1 for row in rows[2:] for cell in row[1:])
    assert lines == []
    (file,) = entry["outputs"]["compare"]["images"]
    assert file["type"] == "temp"
    assert Image.open(io.BytesIO(server.view(file))).size[0] >= 3 * 96


def test_without_weights_the_node_says_which_go_where(server):
    entry = server.run(compare_prompt())
    rows, lines = table_of(entry)
    assert rows[0] == ["video", "temporal flickering"]
    (said,) = entry["outputs"]["compare"]["richspace_report"]
    assert said["note"].startswith("No scores: ")
    assert str(server.base) not in said["note"]
    assert str(server.base / "models" / "richspace" / "dino-vitb16") in lines[0]


def test_several_sockets_in_their_order(server):
    links = {f"videos.video_{number}": ["decode", 0] for number in (1, 2)}
    prompt = change(compare_prompt(**links, names="one\n\n\n\ntwo"), "list", **{"inputs.input3": None})
    prompt = change(change(prompt, "list", **{"inputs.input2": None}), "sample", positive=["list", 0])
    rows, _ = table_of(server.run(prompt))
    assert [row[0] for row in rows[2:]] == ["one", "video 2", "video 3", "video 4"]


def test_a_metric_without_its_weights_says_so(server):
    prompt = compare_prompt()
    prompt["score"] = node("RichSpaceSubjectConsistency", frames=["decode", 0])
    del prompt["compare"], prompt["table"]
    with pytest.raises(PromptError, match=r"model\.safetensors: expected this file in .*dino-vitb16, got no such file"):
        server.run(prompt)
