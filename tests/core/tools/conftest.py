"""Temporary folders for the virtual environment and ComfyUI, so that the real ones are not touched."""

import pytest
from environment import browser, checkout, comfyui_source, newest_frontend, virtual_environment


@pytest.fixture
def bare_checkout(tmp_path, monkeypatch):
    """Nothing is installed in the checkout, and the user has neither a ComfyUI nor a browser of their own."""
    development = tmp_path / ".dev"
    places = {
        "ROOT": tmp_path,
        "VENV": development / "venv",
        "STAMP": development / "venv" / "stamp.json",
        "HOST": development / "host" / "ComfyUI",
        "LOGS": tmp_path / "logs",
    }
    for module in (browser, checkout, comfyui_source, newest_frontend, virtual_environment):
        for name in places.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, places[name])
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    (tmp_path / "pyproject.toml").write_text("[project]")


@pytest.fixture
def host(tmp_path):
    """The folder of a user's own ComfyUI."""
    folder = tmp_path / "their ComfyUI"
    folder.mkdir()
    (folder / "main.py").touch()
    (folder / "requirements.txt").write_text("torch\n")
    return folder
