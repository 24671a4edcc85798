"""Nodes of earlier versions: the host puts today's in their place, when this pack's table says so."""

import ast
import re
import shutil

import pytest
from comfyui.prompts import node, video_prompt
from comfyui.server import ComfyServer, PromptError
from environment.checkout import ARTIFACTS, ROOT
from host_runs import watch

TABLE = ROOT / "nodes" / "host" / "replacements.py"
EMPTY = re.compile(r"^REPLACEMENTS: .+ = \(\)$", re.MULTILINE)
NEEDLESS = shutil.ignore_patterns(".*", "__pycache__", "tests", "tools", "benchmarks", "docs", "*.egg-info")


def example():
    """The entry that the table's own explanation shows."""
    text = ast.get_docstring(ast.parse(TABLE.read_text(encoding="utf-8")))
    return re.search(r"^    io\.NodeReplace\(\n.+?^    \)$", text, re.MULTILINE | re.DOTALL).group().strip()


@pytest.fixture(scope="module")
def renamed(tmp_path_factory):
    """A host with this pack as it would be if it had once had the node of the example."""
    base = tmp_path_factory.mktemp("renamed")
    pack = base / "custom_nodes" / "a-copy"
    shutil.copytree(ROOT, pack, ignore=NEEDLESS)
    text, changes = EMPTY.subn(f"REPLACEMENTS = ({example()},)", TABLE.read_text(encoding="utf-8"))
    assert changes == 1
    (pack / "nodes" / "host" / "replacements.py").write_text(text, encoding="utf-8")
    with ComfyServer(base, log=ARTIFACTS / "renamed-tests.log", with_pack=False) as running:
        yield running


def with_mixer(class_type, **inputs):
    """A video of a mixture by a node of one class, as the frontend would queue it: every node with its `_meta`."""
    prompt = video_prompt(seed=301)
    for name in ("plot", "save_plot"):
        del prompt[name]
    prompt["mix"] = node(class_type, **inputs)
    return {name: {**content, "_meta": {"title": name}} for name, content in prompt.items()}


def test_the_frontend_is_told(renamed):
    (told,) = renamed.get("/node_replacements")["RichSpaceBlend"]
    assert told["new_node_id"] == "RichSpaceInterpolate"
    assert told["old_widget_ids"] == ["amount"]
    assert {"new_id": "index", "old_id": "amount"} in told["input_mapping"]


def test_a_prompt_with_the_old_node_is_that_with_the_new_one(renamed):
    old = with_mixer("RichSpaceBlend", first=["a", 0], second=["b", 0], amount=12)
    first = watch(renamed, old)
    assert first.entry["status"]["completed"]
    assert "mix" in first.executed
    new = with_mixer("RichSpaceInterpolate", a=["a", 0], b=["b", 0], index=12, steps=30)
    assert watch(renamed, new).executed == set()  # every result is there already


def test_without_an_entry_an_unknown_node_is_refused(server):
    assert "RichSpaceBlend" not in server.get("/node_replacements")
    refused = with_mixer("RichSpaceBlend", first=["a", 0], second=["b", 0], amount=12)
    with pytest.raises(PromptError, match="'mix' not found"):
        server.queue(refused)
