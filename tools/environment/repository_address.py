"""`dev.py address`: the repository's address, written in pyproject.toml and from there to where it is needed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from environment.checkout import ROOT
from environment.programs import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
_REPOSITORY = re.compile(r'^(?:# )?\[project\.urls\]\n(?:# )?Repository = "(.*)"$', re.MULTILINE)
_NOT_SET = "https://github.com/OWNER/NAME"
_PICTURES = {"Icon": "docs/images/icon.png", "Banner": "docs/images/banner.png"}
_CLONE = re.compile(r"^git clone (\S+|<address of this repository>) ComfyUI-RichSpace$", re.MULTILINE)


def read_address(root: Path = ROOT) -> str | None:
    """Return the repository's address from pyproject.toml, or None while there is none."""
    found = _REPOSITORY.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if found is None:
        raise ToolError("pyproject.toml has no [project.urls] with a Repository.")
    return None if found[1] == _NOT_SET else found[1]


def write_address(address: str, root: Path = ROOT) -> None:
    """Write the repository's address to pyproject.toml and to everything that needs it.

    Raises:
        ToolError: If it is not the address of a repository on GitHub.
    """
    matched = _ADDRESS.fullmatch(address)
    if matched is None:
        raise ToolError(f"{address} is not an address such as {_NOT_SET}.")
    for name, change in _changes(f"https://github.com/{matched[1]}/{matched[2]}").items():
        file = root / name
        file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def missing_places(root: Path = ROOT) -> list[str]:
    """Return the files that do not have the address of pyproject.toml yet; pyproject.toml itself if it has none."""
    address = read_address(root)
    if address is None:
        return ["pyproject.toml"]
    texts = {name: (root / name).read_text(encoding="utf-8") for name in _changes(address)}
    return [name for name, change in _changes(address).items() if change(texts[name]) != texts[name]]


def check_release(tag: str | None, root: Path = ROOT) -> None:
    """Check that a release can be published.

    Args:
        tag: Tag of the release, if it has one.
        root: Folder of the checkout.

    Raises:
        ToolError: If the address is missing somewhere, or the tag is not the version.
    """
    if places := missing_places(root):
        where = " and ".join(places)
        advice = f"Write it with `python3 dev.py address {read_address(root) or _NOT_SET}`."
        raise ToolError(f"The repository's address is missing in {where}. {advice}")
    found = re.search(r'^version = "(.+)"$', (root / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    version = found[1] if found else "missing"
    if tag is not None and tag != f"v{version}":
        raise ToolError(f"The tag is {tag}, but the version in pyproject.toml is {version}. Tag it as v{version}.")


def _changes(address: str) -> Mapping[str, Callable[[str], str]]:
    """Return what puts an address into the text of each file."""
    raw = address.replace("https://github.com/", "https://raw.githubusercontent.com/") + "/main/"

    def change_project(text: str) -> str:
        text = _REPOSITORY.sub(f'[project.urls]\nRepository = "{address}"', text)
        for key, picture in _PICTURES.items():
            text = re.sub(rf'^{key} = ".*"$', f'{key} = "{raw}{picture}"', text, flags=re.MULTILINE)
        return text

    def change_readme(text: str) -> str:
        return _CLONE.sub(f"git clone {address} ComfyUI-RichSpace", text)

    return {"pyproject.toml": change_project, "README.md": change_readme}
