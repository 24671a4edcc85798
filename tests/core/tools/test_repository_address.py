"""The repository's address, written in one place and from there to where it is needed."""

import shutil

import pytest
from environment import repository_address as address
from environment.checkout import ROOT
from environment.programs import ToolError

OURS = "https://github.com/someone/ComfyUI-RichSpace"


@pytest.fixture
def checkout(tmp_path):
    """Copy the files that have the address."""
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_every_place_has_the_address_if_pyproject_has_it():
    assert address.missing_places() in ([], ["pyproject.toml"])


@pytest.mark.parametrize("form", [OURS, f"{OURS}/", f"{OURS}.git"])
def test_it_is_written_to_every_place(checkout, form):
    address.write_address(form, checkout)
    project = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    assert f'\n[project.urls]\nRepository = "{OURS}"\n\n[tool.comfy]\n' in project
    raw = "https://raw.githubusercontent.com/someone/ComfyUI-RichSpace/main/docs/images"
    assert f'\nIcon = "{raw}/icon.png"\nBanner = "{raw}/banner.png"\n' in project
    assert f"\ngit clone {OURS} ComfyUI-RichSpace\n" in (checkout / "README.md").read_text(encoding="utf-8")
    assert address.read_address(checkout) == OURS
    assert address.missing_places(checkout) == []


def test_another_address_replaces_it(checkout):
    address.write_address(OURS, checkout)
    once = [(checkout / name).read_bytes() for name in ("pyproject.toml", "README.md")]
    address.write_address("https://github.com/other/name", checkout)
    assert OURS not in (checkout / "pyproject.toml").read_text(encoding="utf-8")
    address.write_address(OURS, checkout)
    assert [(checkout / name).read_bytes() for name in ("pyproject.toml", "README.md")] == once


@pytest.mark.parametrize("wrong", ["", "someone/ComfyUI-RichSpace", "https://example.org/a/b", f"{OURS}/tree/main"])
def test_what_is_no_address_is_refused(checkout, wrong):
    with pytest.raises(ToolError, match=r"is not an address such as https://github\.com/OWNER/NAME"):
        address.write_address(wrong, checkout)


class TestRelease:
    @pytest.fixture
    def version(self, checkout):
        """Write the address, and a version of its own."""
        file = checkout / "pyproject.toml"
        address.write_address(OURS, checkout)
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace('\nversion = "', '\nversion = "7.'), encoding="utf-8")
        return file.read_text(encoding="utf-8").partition('\nversion = "')[2].partition('"')[0]

    def test_with_every_address_and_the_version_s_tag(self, checkout, version):
        address.check_release(None, checkout)
        address.check_release(f"v{version}", checkout)

    def test_of_another_version_is_refused(self, checkout, version):
        with pytest.raises(ToolError, match=rf"The tag is v0.0.1, but .* is {version}. Tag it as v{version}."):
            address.check_release("v0.0.1", checkout)

    def test_without_an_address_somewhere_is_refused(self, checkout, version):
        readme = checkout / "README.md"
        readme.write_text(readme.read_text(encoding="utf-8").replace(OURS, "https://github.com/a/b"), encoding="utf-8")
        with pytest.raises(ToolError, match=r"address is missing in README.md"):
            address.check_release(f"v{version}", checkout)
