"""The combinations of versions that `dev.py versions` tries."""

from __future__ import annotations

from dataclasses import dataclass, field

from environment.checkout import ROOT
from environment.newest_frontend import VERSION as NEWEST_FRONTEND
from environment.oldest_libraries import COMPANIONS, lower_bounds
from environment.virtual_environment import TORCH

LIBRARIES = ("library tests", "demo workflows")
MANAGER = "comfyui-manager==4.2.2"  # the version that ComfyUI 0.30 pins in manager_requirements.txt
TOOLING = "comfyui-tooling-nodes==0.1.0"

# The packages of torch have to fit each other. ComfyUI's README names 2.5 as the oldest one that it supports. diffusers
# since 0.42 and transformers since 5.24 at the latest need 2.6.
TORCH_2_5 = ("torch==2.5.0", "torchvision==0.20.0", "torchaudio==2.5.0")
TORCH_2_6 = ("torch==2.6.0", "torchvision==0.21.0", "torchaudio==2.6.0")
NEWEST_TORCH = ("torch", "torchvision", "torchaudio")


@dataclass(frozen=True)
class Combination:
    """Versions that are tried together.

    Args:
        name: Name on the command line and in the table.
        about: What is special about it, in a few words.
        checks: What is run with it: keys of `trials.TRIALS`.
        packages: Requirements that are installed on top of the main environment, or with a Python of its own next to
            ComfyUI's and the pack's requirements.
        flags: Further options of pip.
        python: A Python of its own, such as "3.12"; empty for the main environment's.
    """

    name: str
    about: str
    checks: tuple[str, ...] = LIBRARIES
    packages: tuple[str, ...] = field(default=())
    flags: tuple[str, ...] = field(default=())
    python: str = ""


def _oldest_packages() -> tuple[str, ...]:
    return (*lower_bounds((ROOT / "requirements.txt").read_text(encoding="utf-8")), *COMPANIONS)


# Where a library is named without a version, pip may choose another one that fits the pinned library.
COMBINATIONS = (
    Combination("current", "the main environment, as it was installed"),
    Combination("oldest", "every library at its lower bound", packages=_oldest_packages(), flags=("--no-deps",)),
    Combination("diffusers-oldest", "oldest diffusers, the rest new", packages=("diffusers==0.35.0",)),
    Combination("transformers-4-oldest", "oldest transformers 4", packages=("transformers==4.50.3", "diffusers")),
    Combination("transformers-4-newest", "newest transformers 4", packages=("transformers<5", "diffusers")),
    Combination("transformers-5-oldest", "oldest transformers 5", packages=("transformers>=5.3,<5.4", "diffusers")),
    Combination("accelerate-oldest", "oldest accelerate, the rest new", packages=("accelerate==1.0.0",)),
    Combination(
        "numpy-oldest", "oldest numpy that ComfyUI allows", packages=("numpy==1.25.0", "scipy", "matplotlib", "kornia")
    ),
    Combination(
        "torch-2.5",
        "oldest torch that ComfyUI supports, with libraries that support it",
        packages=(*TORCH_2_5, "diffusers==0.35.0", "transformers==4.50.3"),
    ),
    Combination("torch-2.6", "oldest torch that the newest libraries support", packages=TORCH_2_6),
    Combination("torch-newest", "newest torch", packages=NEWEST_TORCH, flags=("--upgrade",)),
    Combination("python-3.10", "Python 3.10, everything as new as it allows", packages=TORCH, python="3.10"),
    Combination("python-3.12", "Python 3.12, everything as new as it allows", packages=TORCH, python="3.12"),
    Combination("python-3.13", "Python 3.13, everything as new as it allows", packages=TORCH, python="3.13"),
    Combination("frontend-pinned", "the frontend that ComfyUI pins", checks=("browser tests",)),
    Combination("frontend-newest", f"frontend {NEWEST_FRONTEND}", checks=("browser tests, newest frontend",)),
    Combination(
        "host-tests",
        "ComfyUI's own tests with and without the pack",
        checks=("ComfyUI's tests",),
        packages=("pytest-aiohttp", "pytest-asyncio", "websocket-client"),
    ),
    Combination("host-workflows", "ComfyUI's templates with and without the pack", checks=("templates",)),
    Combination(
        "other-packs",
        "next to ComfyUI-Manager and comfyui-tooling-nodes",
        checks=("demo workflows next to other packs", "templates next to other packs"),
        packages=(MANAGER, TOOLING),
    ),
)
