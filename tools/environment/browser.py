"""A Chromium for the tests: found on this machine, or installed."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from environment.checkout import LOGS
from environment.programs import ToolError, run_logged
from environment.virtual_environment import venv_program

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FILES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def get_browser() -> str:
    """Return the path of a Chromium: one on this machine, else Playwright's, else one that is installed now."""
    return existing_browser() or install_browser()


def existing_browser() -> str | None:
    """Return the path of a Chromium that is there already: one on this machine, else Playwright's, else None."""
    return find_browser() or playwright_browser()


def find_browser() -> str | None:
    """Return the Chromium at CHROMIUM_PATH, else one on the PATH, else one in a usual folder, else None."""
    if chosen := os.environ.get("CHROMIUM_PATH"):
        if not Path(chosen).is_file():
            raise ToolError(f"CHROMIUM_PATH is {chosen}, but there is no such file. Set it to a browser or unset it.")
        return str(Path(chosen).resolve())
    commands = (shutil.which(name) for name in COMMANDS)
    return next((path for path in (*commands, *FILES) if path and Path(path).is_file()), None)


def playwright_browser() -> str | None:
    """Return the Chromium that Playwright has downloaded, if it has."""
    code = "from playwright.sync_api import sync_playwright as p\nwith p() as it: print(it.chromium.executable_path)"
    found = subprocess.run([venv_program("python"), "-c", code], capture_output=True, text=True, check=False)
    path = found.stdout.strip()
    return path if path and Path(path).is_file() else None


def install_browser() -> str:
    """Install a Chromium and return its path: Debian's own where that is possible, else Playwright's."""
    advice = "Install Chromium or Chrome yourself. If it is in an unusual place, set CHROMIUM_PATH to it."
    log = LOGS / "install-browser.log"
    if is_debian_root():
        script = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y chromium"
        with contextlib.suppress(ToolError):  # Playwright's comes next
            run_logged("Installing Debian's Chromium", ["sh", "-c", script], log=log, advice=advice)
    if not find_browser():
        command: list[str | Path] = [venv_program("python"), "-m", "playwright", "install", "chromium"]
        run_logged("Downloading Chromium with Playwright", command, log=log, advice=advice)
    if browser := existing_browser():
        return browser
    raise ToolError(f"No Chromium was found after its installation. {advice}")


def is_debian_root() -> bool:
    """Return whether Debian's package manager may be used."""
    try:  # Ubuntu's does not help: its chromium is a snap, which containers cannot run
        return platform.freedesktop_os_release()["ID"] == "debian" and os.geteuid() == 0
    except OSError:
        return False
