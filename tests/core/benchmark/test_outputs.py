"""Output files: errors before the work starts, and failed writes that change nothing."""

from pathlib import Path

import pytest
from small_disk import limited_files

from richspace_core import RichSpaceError
from richspace_core.benchmark.outputs import remove_output, require_writable, write_output


def test_a_folder_is_made_and_left_empty(tmp_path):
    folder = tmp_path / "a" / "b"
    require_writable(folder, ["table.md"])
    assert list(folder.iterdir()) == []
    (folder / "table.md").write_text("a table", encoding="utf-8")
    require_writable(folder, ["table.md"])
    assert (folder / "table.md").read_text(encoding="utf-8") == "a table"


@pytest.mark.parametrize("out", ["note.txt", "note.txt/results"])
def test_a_file_in_the_place_of_the_folder(out, tmp_path):
    (tmp_path / "note.txt").write_text("a note", encoding="utf-8")
    with pytest.raises(RichSpaceError, match=r"^out: expected a folder, .*note\.txt.*, got a file in its place\. Move"):
        require_writable(tmp_path / out)


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / "table.md").mkdir()
    with pytest.raises(RichSpaceError, match=r"^out: expected a file, .*table\.md, got a folder in its place"):
        require_writable(tmp_path, ["scores.csv", "table.md"])
    with pytest.raises(RichSpaceError, match=r"^out: expected a file that can be written, .*table\.md, got Is a dir"):
        write_output(tmp_path / "table.md", "a table")
    assert [file.name for file in tmp_path.iterdir()] == ["table.md"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that nobody can write to")
def test_a_file_system_that_cannot_be_written_to():
    with pytest.raises(RichSpaceError, match=r"^out: expected a folder, /proc/self/results, got "):
        require_writable(Path("/proc/self/results"))


def test_a_full_disk_is_said_and_the_file_stays_as_it_was(tmp_path):
    folder = r"^out: expected a folder that can be written to, .* Check the free disk"
    with limited_files(1000), pytest.raises(RichSpaceError, match=folder):
        require_writable(tmp_path)
    write_output(tmp_path / "table.md", "a table")
    file = r"^out: expected a file that can be written, .*table\.md, got File too la"
    with limited_files(1000), pytest.raises(RichSpaceError, match=file):
        write_output(tmp_path / "table.md", "x" * 2000)
    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == {"table.md": "a table"}


def test_a_file_that_cannot_be_deleted(tmp_path):
    remove_output(tmp_path / "nothing")
    (tmp_path / "clip.json").mkdir()
    with pytest.raises(RichSpaceError, match=r"^out: expected a file that can be deleted, .*clip\.json, got "):
        remove_output(tmp_path / "clip.json")
