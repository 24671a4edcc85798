"""Surface that saved workflows rely on: the nodes' ids, inputs and outputs, compared with tests/surface.json."""

import copy
import json
import re

import pytest
from environment.checkout import ROOT
from surface import ADVICE, SNAPSHOT, breaking_changes, read_surface, surface_of

ARCHIVE = ROOT / "tests" / "archive"
RELEASED = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
FINDER = "RichSpaceOptimalInterpolate"


@pytest.fixture(scope="module")
def surface(pack):
    """Return the pack's surface, as it would be read from a file."""
    return json.loads(json.dumps(surface_of(pack)))


@pytest.mark.parametrize(
    "file", [SNAPSHOT, *sorted(ARCHIVE.glob("*/surface.json"))], ids=lambda file: str(file.relative_to(ROOT / "tests"))
)
def test_no_saved_workflow_breaks(surface, file):
    assert breaking_changes(read_surface(file), surface) == [], ADVICE


def test_what_was_added_is_written_down(surface):
    assert surface == read_surface(), "Run `python3 dev.py surface`."
    assert json.dumps(surface) == json.dumps(read_surface()), "Run `python3 dev.py surface`: the order has changed."


def test_every_released_version_is_in_the_archive():
    assert RELEASED
    for version in RELEASED:
        folder = ARCHIVE / version
        files = {file.name for file in folder.glob("*.json")}
        assert "surface.json" in files, f"Copy tests/surface.json to {folder}, and the workflows."
        assert files - {"surface.json"} == {file.name for file in (folder / "api").glob("*.json")} != set()


def gone(nodes):
    del nodes["RichSpaceInterpolate"]


def renamed_input(nodes):
    nodes[FINDER]["inputs"] = {"k" if name == "steps" else name: it for name, it in nodes[FINDER]["inputs"].items()}


def other_type(nodes):
    nodes[FINDER]["inputs"]["steps"]["type"] = "FLOAT"


def other_default(nodes):
    nodes[FINDER]["inputs"]["steps"]["default"] = 20


def narrower_range(nodes):
    nodes[FINDER]["inputs"]["steps"]["max"] = 100


def needed_now(nodes):
    nodes[FINDER]["inputs"]["guides"]["required"] = True


def shorter_list(nodes):
    nodes[FINDER]["inputs"]["guides"]["template"]["names"].pop()


def choice_gone(nodes):
    nodes["RichSpaceCogVideoXSample"]["inputs"]["scheduler"]["options"].remove("DPM")


def inputs_in_another_order(nodes):
    nodes[FINDER]["inputs"] = dict(reversed(nodes[FINDER]["inputs"].items()))


def optional_widget_in_another_place(nodes):
    free(nodes[FINDER]["inputs"], "steps")


def new_input_in_front(nodes):
    nodes[FINDER]["inputs"] = {"mode": {"type": "INT", "required": False}} | nodes[FINDER]["inputs"]


def new_required_input(nodes):
    nodes[FINDER]["inputs"]["mode"] = {"type": "INT", "required": True}


def output_gone(nodes):
    nodes[FINDER]["outputs"].pop()


def new_output_in_front(nodes):
    nodes[FINDER]["outputs"].insert(0, {"name": "foot", "type": "CONDITIONING", "is_list": False})


def output_becomes_a_list(nodes):
    nodes[FINDER]["outputs"][0]["is_list"] = True


def no_longer_an_end(nodes):
    nodes[FINDER]["output_node"] = False


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (gone, "RichSpaceInterpolate was removed"),
        (renamed_input, "input steps was removed"),
        (other_type, '"type": "FLOAT"'),
        (other_default, '"default": 20'),
        (narrower_range, '"max": 100'),
        (needed_now, '"required": true'),
        (shorter_list, "input guides was"),
        (choice_gone, "input scheduler was"),
        (inputs_in_another_order, "Add new ones at the end"),
        (optional_widget_in_another_place, "Add new ones at the end"),
        (new_input_in_front, "Add new ones at the end"),
        (new_required_input, "input mode is new and required"),
        (output_gone, "outputs were"),
        (new_output_in_front, "outputs were"),
        (output_becomes_a_list, "outputs were"),
        (no_longer_an_end, "output_node was True, now False"),
    ],
)
def test_what_breaks_a_saved_workflow_is_found(surface, break_it, said):
    broken = copy.deepcopy(surface)
    break_it(broken["nodes"])
    assert said in "\n".join(breaking_changes(surface, broken))


def test_a_replaced_node_may_go_but_its_replacement_must_stay(surface):
    renamed = copy.deepcopy(surface)
    renamed["nodes"]["RichSpaceMix"] = renamed["nodes"].pop("RichSpaceInterpolate")
    renamed["replacements"]["RichSpaceInterpolate"] = "RichSpaceMix"
    assert breaking_changes(surface, renamed) == []
    forgotten = renamed | {"replacements": {}}
    assert breaking_changes(renamed, forgotten) == ["RichSpaceInterpolate is no longer replaced"]


def free(inputs, name):
    """Make an input optional; ComfyUI lists it after the required ones then."""
    inputs[name] = inputs.pop(name) | {"required": False}


def test_additions_break_nothing(surface):
    grown = copy.deepcopy(surface)
    nodes = grown["nodes"]
    nodes["RichSpaceNew"] = nodes[FINDER]
    nodes[FINDER]["inputs"]["mode"] = {"type": "INT", "required": False}
    nodes[FINDER]["inputs"]["steps"]["max"] = 2000
    free(nodes[FINDER]["inputs"], "guide")
    nodes[FINDER]["inputs"]["guides"]["template"]["names"].append("guide_9")
    nodes[FINDER]["outputs"].append({"name": "foot", "type": "CONDITIONING", "is_list": False})
    nodes["RichSpaceT5Encode"]["inputs"]["encoder"]["type"] += ",RICHSPACE_OTHER"
    nodes["RichSpaceCogVideoXSample"]["inputs"]["scheduler"]["options"].insert(1, "Euler")
    assert breaking_changes(surface, grown) == []
