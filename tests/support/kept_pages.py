"""Pages of the frontend that one test after another uses, because a page takes seconds to open."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from comfyui.frontend import Frontend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comfyui.server import ComfyServer
    from playwright.sync_api import Browser


class KeptPages:
    """One page of each renderer, which rests until the next test uses it, with everything on it closed.

    Args:
        browser: Browser to open them in.
        server: Server of the frontend.
    """

    def __init__(self, browser: Browser, server: ComfyServer) -> None:
        self._browser = browser
        self._server = server
        self._kept: dict[bool, Frontend] = {}
        self._used: list[Frontend] = []

    @contextlib.contextmanager
    def open(self, *, nodes_2: bool = False, language: str = "en", new: bool = False) -> Iterator[Frontend]:
        """Yield a page on which nothing is open, for the length of a block. Two blocks never have the same page.

        Args:
            nodes_2: Whether the "Nodes 2.0" renderer draws the nodes, instead of the classic one.
            language: Language of the frontend, such as "zh".
            new: Whether the page is for this block alone, which changes it for good.
        """
        page = None if new else self._take(nodes_2, language)
        page = page or Frontend(self._browser, self._server, nodes_2=nodes_2, language=language).__enter__()
        self._used.append(page)
        try:
            yield page
        except BaseException:
            self.forget()
            raise
        finally:
            if page in self._used and not new and nodes_2 not in self._kept:
                page.rest()
                self._kept[nodes_2] = page
            else:
                page.close()
            self._used = [other for other in self._used if other is not page]

    def _take(self, nodes_2: bool, language: str) -> Frontend | None:
        """Return the kept page of a renderer with nothing open on it, or close it if it cannot be used again."""
        page = self._kept.pop(nodes_2, None)
        if page is None:
            return None
        with contextlib.ExitStack() as stack:
            stack.callback(page.close)
            page.wake()
            if page.language == language and page.start_over():
                stack.pop_all()
                return page
        return None

    def forget(self) -> None:
        """Use no page again that is kept or in use, so that a test that failed leaves nothing to the next one."""
        for page in self._kept.values():
            page.close()
        self._kept.clear()
        self._used.clear()
