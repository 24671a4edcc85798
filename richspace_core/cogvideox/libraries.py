"""Classes of diffusers and transformers, with an error that says what to do where these do not work together."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch

from ..errors import LibraryError


def find_class(library: str, name: str) -> Any:
    """Return a class of diffusers or transformers.

    torch belongs to ComfyUI, so pip does not compare it with what these libraries need. If it is too old for them, some
    fail when they are imported, and others replace the class by one that can only raise an error. An old diffusers also
    fails with a transformers that is much newer.

    Args:
        library: Name of the library.
        name: Name of the class in it.

    Raises:
        LibraryError: If the installed library does not work with the installed torch and transformers.

    Example:
        >>> find_class("diffusers", "CogVideoXDDIMScheduler").__name__
        'CogVideoXDDIMScheduler'
    """
    try:
        found = getattr(import_module(library), name)
    except (AttributeError, ImportError, RuntimeError) as error:
        raise _misfit(library, str(error)[:200]) from error
    if hasattr(found, "_backends"):
        raise _misfit(library, f"no {name}, because it does not find a torch that is new enough")
    return found


def _misfit(library: str, what: str) -> LibraryError:
    return LibraryError(
        f"{library} {version(library)}",
        expected=f"a version that works with torch {torch.__version__} and transformers {version('transformers')}",
        got=what,
        hint=(
            "Update diffusers: pip install --upgrade diffusers. Update torch (2.6 or newer fits today's libraries), or "
            'install libraries that fit torch 2.5: pip install "diffusers==0.35.*" "transformers==4.*".'
        ),
    )
