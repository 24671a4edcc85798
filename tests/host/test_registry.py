"""The pack as the registry takes it: checked and packed by its own command, unpacked into a host and run there."""

import json
import re
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from comfyui.server import ComfyServer, output_files
from environment.checkout import ARTIFACTS, ROOT, import_file
from environment.comfy_cli import run_comfy
from PIL import Image
from surface import read_surface
from thumbnails import read_frames

NOT_PACKED = {
    ".ci",
    ".comfyignore",
    ".github",
    ".gitignore",
    "CONTRIBUTING.md",
    "benchmarks",
    "dev.py",
    "tests",
    "tools",
}
MADE_HERE = shutil.ignore_patterns(".git", ".dev", "__pycache__", ".*_cache", "*.egg-info")
MAXIMUM_BYTES = 20e6  # a courtesy to those who download it; most of it is the demo model


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of this checkout as a repository of its own, so that nothing is left in this one."""
    folder = tmp_path_factory.mktemp("registry") / "checkout"
    shutil.copytree(ROOT, folder, ignore=MADE_HERE)
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def archive(checkout):
    """What the registry would be sent."""
    run_comfy("node", "pack", folder=checkout, home=checkout.parent)
    with zipfile.ZipFile(checkout / "node.zip") as opened:
        yield opened


def test_it_is_valid(checkout):
    said = run_comfy("node", "validate", folder=checkout, home=checkout.parent)
    assert "All validation checks passed" in said
    assert "arning" not in said


def tops(names):
    """The first part of each path."""
    return {name.partition("/")[0] for name in names}


def test_what_is_packed(checkout, archive):
    tracked = subprocess.check_output(["git", "ls-files"], cwd=checkout, text=True).splitlines()
    names = archive.namelist()
    assert tops(names) == tops(tracked) - NOT_PACKED
    assert not [name for name in names if "test" in name.lower()]
    assert {"__init__.py", "LICENSE", "README.md", "pyproject.toml", "requirements.txt"} <= set(names)
    assert sum(info.compress_size for info in archive.infolist()) < MAXIMUM_BYTES


def test_it_runs_where_it_is_unpacked(archive, tmp_path):
    # The registry's folders are named by the project, not as this repository is.
    archive.extractall(tmp_path / "custom_nodes" / "richspace")
    workflow = tmp_path / "custom_nodes" / "richspace" / "workflows" / "api" / "Mix three prompts (demo).json"
    with ComfyServer(tmp_path, log=ARTIFACTS / "unpacked-tests.log", with_pack=False) as server:
        assert {name for name in server.object_info() if name.startswith("RichSpace")} == read_surface()["nodes"].keys()
        entry = server.run(json.loads(workflow.read_text(encoding="utf-8")))
        (video,) = (file for file in output_files(entry) if file["filename"].endswith(".mp4"))
        assert len(read_frames(server.view(video))) == 9


@pytest.mark.parametrize(("key", "size"), [("Icon", (400, 400)), ("Banner", (1260, 540))])
def test_pictures_are_there_and_are_what_the_script_draws(key, size):
    # Once the repository has an address, it stands before them.
    (file,) = re.findall(
        rf'^{key} = ".*?(docs/.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    logo = import_file("draw_logo", ROOT / "docs" / "images" / "draw_logo.py")
    drawn = {"Icon": logo.draw_icon, "Banner": logo.draw_banner}[key]()
    with Image.open(ROOT / file) as stored:
        assert (stored.format, stored.size) == ("PNG", size)
        difference = np.abs(np.asarray(stored, dtype=int) - np.asarray(drawn, dtype=int))
    assert difference.mean() < 1, "Run `python docs/images/draw_logo.py`."  # other versions of PIL may smooth otherwise
