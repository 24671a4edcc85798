"""The virtual environment, without a network: what is installed when, and what a failure leaves."""

import pytest
from environment import virtual_environment
from environment.programs import ToolError

pytestmark = pytest.mark.usefixtures("bare_checkout")


@pytest.fixture
def programs_run(monkeypatch):
    """Record commands instead of running them, and make a fake virtual environment when it is asked for."""
    notes = []

    def note(_, command, **__):
        notes.append([str(part) for part in command])
        if "venv" in notes[-1]:
            virtual_environment.venv_program("python").parent.mkdir(parents=True)
            virtual_environment.venv_program("python").touch()

    monkeypatch.setattr(virtual_environment, "run_logged", note)
    return notes


class TestInstall:
    def test_from_nothing_then_nothing_again(self, tmp_path, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        assert virtual_environment.set_up() == host
        make, install = programs_run
        assert make[1:3] == ["-m", "venv"]
        assert install[1:4] == ["-m", "pip", "install"]
        assert set(virtual_environment.TORCH) < set(install)
        assert install[-4:] == ["-r", str(host / "requirements.txt"), "-e", str(tmp_path)]
        virtual_environment.set_up()
        assert len(programs_run) == 2

    def test_the_test_extra_is_added_and_covers_the_demo(self, tmp_path, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        virtual_environment.set_up()
        virtual_environment.set_up("test")
        assert programs_run[-1][-1] == f"{tmp_path}[test]"
        virtual_environment.set_up()
        assert len(programs_run) == 3

    @pytest.mark.parametrize("changed", ["pyproject.toml", "their ComfyUI/requirements.txt"])
    def test_changed_requirements_are_installed_without_starting_again(
        self, host, programs_run, monkeypatch, tmp_path, changed
    ):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        virtual_environment.set_up()
        (tmp_path / changed).write_text("something else")
        virtual_environment.set_up()
        assert [command[2] for command in programs_run] == ["venv", "pip", "pip"]

    @pytest.mark.parametrize("error", [ToolError("no network"), KeyboardInterrupt()])
    def test_a_first_install_that_fails_leaves_nothing(self, host, programs_run, monkeypatch, error):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        note = virtual_environment.run_logged

        def fail(label, command, **options):
            note(label, command, **options)
            if "pip" in command:
                raise error

        monkeypatch.setattr(virtual_environment, "run_logged", fail)
        with pytest.raises(type(error)):
            virtual_environment.set_up()
        assert programs_run
        assert not virtual_environment.VENV.exists()

    @pytest.mark.parametrize(("error", "kept"), [(ToolError("no network"), True), (KeyboardInterrupt(), False)])
    def test_an_upgrade_that_fails_keeps_what_works(self, tmp_path, host, programs_run, monkeypatch, error, kept):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        virtual_environment.set_up()
        before = virtual_environment.read_stamp(virtual_environment.STAMP)
        (tmp_path / "pyproject.toml").write_text("something else")

        def fail(*_, **__):
            raise error

        monkeypatch.setattr(virtual_environment, "run_logged", fail)
        with pytest.raises(type(error)):
            virtual_environment.set_up()
        assert programs_run
        assert virtual_environment.VENV.exists()
        # An installation that was cut off in the middle is made again next time.
        assert virtual_environment.read_stamp(virtual_environment.STAMP) == (
            before if kept else {}
        )  # cut off in the middle: made anew next time

    def test_what_a_killed_run_left_is_made_anew(self, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        leftover = virtual_environment.VENV / "lib" / "half a package"
        leftover.mkdir(parents=True)
        virtual_environment.set_up()
        assert not leftover.exists()
        assert len(programs_run) == 2

    @pytest.mark.parametrize("content", ["", "no json", '{"place": "elsewhere", "installed": {"": "abc"}}'])
    def test_a_stamp_that_says_nothing_about_this_place(self, tmp_path, content):
        (tmp_path / "stamp").write_text(content)
        assert virtual_environment.read_stamp(tmp_path / "stamp") == {}

    def test_no_room(self, host, programs_run, monkeypatch):
        monkeypatch.setenv("COMFYUI_PATH", str(host))
        monkeypatch.setattr(virtual_environment.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2e9}))
        with pytest.raises(ToolError, match=r"about 10 GB and .* has 2 GB free"):
            virtual_environment.set_up()
        assert programs_run == []
