"""ComfyUI and the browser found on this machine, and links between folders."""

import os
from pathlib import Path

import pytest
from environment import browser, checkout
from environment.programs import ToolError
from shell_scripts import write_script

POSIX = pytest.mark.skipif(os.name == "nt", reason="uses shell scripts and links of POSIX")


@pytest.mark.usefixtures("bare_checkout")
class TestFind:
    def test_the_users_host_comes_first(self, host, monkeypatch):
        assert checkout.find_host() is None
        checkout.HOST.mkdir(parents=True)
        assert checkout.find_host() == checkout.HOST
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        assert checkout.find_host() == host

    @POSIX
    def test_order_of_browsers(self, tmp_path, monkeypatch):
        programs = tmp_path / "programs"
        monkeypatch.setenv("PATH", str(programs))
        monkeypatch.setattr(browser, "FILES", ["/no/such/file", str(tmp_path / "Applications" / "Chrome")])
        assert browser.find_browser() is None
        for place in [browser.FILES[1], programs / "google-chrome", programs / "chromium", tmp_path / "chosen"]:
            found = write_script(Path(place))
            if found.name == "chosen":
                monkeypatch.setenv("CHROMIUM_PATH", str(found))
            assert browser.find_browser() == str(found)

    def test_a_chosen_browser_that_is_not_there(self, monkeypatch):
        monkeypatch.setenv("CHROMIUM_PATH", "/no/such/browser")
        with pytest.raises(ToolError, match="CHROMIUM_PATH is /no/such/browser, but there is no such file"):
            browser.find_browser()

    @POSIX
    def test_a_link_is_made_once_and_follows_a_move(self, tmp_path):
        for name in ("old", "new", "new"):
            (tmp_path / name).mkdir(exist_ok=True)
            checkout.link_folder(tmp_path / "links" / "pack", tmp_path / name)
            assert (tmp_path / "links" / "pack").resolve() == tmp_path / name
        (tmp_path / "new").rmdir()  # a link that leads nowhere is replaced
        checkout.link_folder(tmp_path / "links" / "pack", tmp_path / "old")
        assert (tmp_path / "links" / "pack").resolve() == tmp_path / "old"
