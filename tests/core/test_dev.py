"""dev.py: what it promises without a network."""

import shutil
import subprocess
import sys

import pytest
from environment import virtual_environment
from environment.checkout import ROOT, TOOLS, import_file

COMMANDS = [
    "demo",
    "test",
    "host",
    "workflows",
    "pictures",
    "surface",
    "texts",
    "oldest",
    "versions",
    "bench",
    "hostile",
    "kills",
    "memory",
    "soak",
    "cancels",
    "lint",
    "address",
    "setup",
]


@pytest.fixture
def dev():
    """dev.py as a module."""
    return import_file("dev", ROOT / "dev.py")


@pytest.mark.parametrize("arguments", [[], ["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_without_site_packages(arguments, tmp_path):
    command = [sys.executable, "-S", "-E", str(ROOT / "dev.py"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "usage: dev.py" in result.stdout
    assert arguments[:1] != [] or all(command in result.stdout for command in COMMANDS)


def test_help_in_a_folder_with_spaces(tmp_path):
    folder = tmp_path / "my own checkout"
    shutil.copytree(TOOLS, folder / "tools")
    shutil.copy(ROOT / "dev.py", folder)
    command = [sys.executable, "-S", "-E", str(folder / "dev.py")]
    assert "usage: dev.py" in subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True).stdout


def test_what_follows_the_dashes_is_for_some_commands_only(dev, capsys):
    with pytest.raises(SystemExit):
        dev.main(["demo", "--", "-k", "finder"])
    assert "only host, test, bench, kills and memory" in capsys.readouterr().err


def test_an_error_is_one_message_and_status_1(dev, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(virtual_environment, "VENV", tmp_path / "venv")
    monkeypatch.setattr(virtual_environment, "STAMP", tmp_path / "venv" / "stamp.json")
    monkeypatch.setenv("COMFYUI_PATH", "/no/such/place")
    assert dev.main(["setup"]) == 1
    assert "COMFYUI_PATH is /no/such/place, which has no main.py" in capsys.readouterr().err
    assert not virtual_environment.VENV.exists()
