"""Child processes: their progress, failures and end."""

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from comfyui.server import PromptError
from environment.checkout import TOOLS
from environment.programs import Progress, ToolError, child, run_logged, run_steps, run_to_the_end

NAP = "import time; time.sleep(60)"
POSIX = pytest.mark.skipif(os.name == "nt", reason="uses signals of POSIX")


class TestRunning:
    def test_a_failed_step_stops_nothing_and_is_remembered(self, capsys):
        assert run_steps({"one": lambda: 0, "two": lambda: 3, "three": lambda: 0}) == 1
        summary = capsys.readouterr().out.partition("Summary")[2].split()
        assert summary[::4] == ["ok", "FAILED", "ok"]
        assert summary[3::4] == ["one", "two", "three"]
        assert run_steps({"one": lambda: 0}) == 0

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

    @POSIX
    def test_a_child_that_does_not_listen_is_killed(self, monkeypatch):
        monkeypatch.setattr("environment.programs.PATIENCE_SECONDS", 0.2)
        before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a new process inherits it
        try:
            with pytest.raises(ZeroDivisionError), child([sys.executable, "-c", NAP]) as process:
                _ = 1 / 0
        finally:
            signal.signal(signal.SIGTERM, before)
        assert process.poll() == -signal.SIGKILL

    @POSIX
    def test_children_of_a_job_in_the_background_can_be_interrupted(self):
        inner = "import signal; print(signal.getsignal(signal.SIGINT) == signal.default_int_handler)"
        outer = f"""
import sys
sys.path.insert(0, {str(TOOLS)!r})
from environment.programs import call, run_to_the_end
sys.exit(run_to_the_end(lambda: call([sys.executable, "-c", {inner!r}])))
"""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a new process inherits it
        try:
            said = subprocess.check_output([sys.executable, "-c", outer], text=True)
        finally:
            signal.signal(signal.SIGINT, before)
        assert said == "True\n"

    @pytest.mark.parametrize(
        ("end", "status", "said"),
        [
            (None, 0, ""),
            (3, 3, ""),
            (ToolError("no network"), 1, "\nno network\n"),
            (PromptError("refused", {}), 1, "\nrefused\n"),
            (KeyboardInterrupt(), 130, ""),
        ],
    )
    def test_the_exit_status_of_a_program(self, end, status, said, capsys):
        def program():
            if isinstance(end, BaseException):
                raise end
            return end

        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            assert run_to_the_end(program) == status
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert capsys.readouterr().err == said

    @POSIX
    @pytest.mark.parametrize("request_", [signal.SIGTERM, signal.SIGINT])
    def test_a_child_can_tidy_up_when_all_are_stopped(self, tmp_path, request_):
        """Stopping dev.py gives its child processes, such as a server, time to end by themselves."""
        tidy = tmp_path / "tidied"
        inner = f"""
import pathlib, sys, time
sys.path.insert(0, {str(TOOLS)!r})
from environment.programs import listen_to_signals
listen_to_signals()
try:
    pathlib.Path({str(tidy)!r}).with_suffix(".started").touch()
    time.sleep(60)
finally:
    pathlib.Path({str(tidy)!r}).touch()
"""
        outer = f"""
import sys
sys.path.insert(0, {str(TOOLS)!r})
from environment.programs import call, listen_to_signals
listen_to_signals()
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
