"""Files that are written in one step: whole after a kill and after a full disk."""

import os
import subprocess
import sys
import time

import pytest
from environment.checkout import ROOT

from richspace_core.files import write_file

SIZE = 4_000_000  # bytes: long enough to be killed in the middle


def test_text_and_bytes_are_written(tmp_path):
    write_file(tmp_path / "a", "虎\n")
    write_file(tmp_path / "b", b"\x00\xff")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a": "虎\n".encode(), "b": b"\x00\xff"}


def test_a_file_is_replaced_and_an_unfinished_part_with_it(tmp_path):
    file = tmp_path / "a"
    file.write_text("old")
    (tmp_path / ".a.part").write_text("left by a killed process, and longer")
    write_file(file, "new")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a": "new"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_whatever_ends_the_writing_the_old_content_stays(tmp_path, monkeypatch, error):
    def fail(_descriptor):
        raise error

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_file(tmp_path / "a", "new")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"a": "old"}


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    calls = []
    flush, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append("flush") or flush(descriptor))
    monkeypatch.setattr(os, "replace", lambda *names: calls.append("rename") or replace(*names))
    monkeypatch.setattr(os, "rename", lambda *names: calls.append("rename") or replace(*names))
    write_file(tmp_path / "a", "new")
    assert calls == (["flush", "rename", "flush"] if os.name == "posix" else ["flush", "rename"])


def test_a_killed_writer_leaves_a_whole_file(tmp_path):
    """A process that writes all the time is killed, 12 times."""
    file = tmp_path / "a"
    code = f"""
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("files", {str(ROOT / "richspace_core" / "files.py")!r})
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
print("begun", flush=True)
while True:
    for letter in (b"a", b"b"):
        files.write_file(pathlib.Path({str(file)!r}), letter * {SIZE})
"""
    for kill in range(12):
        with subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(0.005 * kill)
            writer.kill()
        assert not file.exists() or file.read_bytes() in (b"a" * SIZE, b"b" * SIZE)
    assert {each.name for each in tmp_path.iterdir()} <= {"a", ".a.part"}
    assert file.exists()
