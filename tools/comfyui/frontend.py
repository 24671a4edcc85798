"""ComfyUI's web frontend in a real Chromium, used as an artist uses it: files are dropped, buttons are pressed.

with chromium() as browser, Frontend(browser, server) as frontend:
frontend.drop(ROOT / "workflows" / "Mix two prompts (CogVideoX).json")
entry = frontend.run()
frontend.screenshot(ARTIFACTS / "Mix two prompts (CogVideoX).png")
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from environment.browser import existing_browser
from environment.programs import ToolError
from playwright.sync_api import TimeoutError as NotInTimeError
from playwright.sync_api import sync_playwright

from comfyui import page_queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from playwright.sync_api import Browser, ConsoleMessage, ViewportSize
    from typing_extensions import Self

    from comfyui.server import ComfyServer

WINDOW: ViewportSize = {"width": 1920, "height": 1080}
READY_MS = 120_000  # about 6 s on two cores
SETTLED_MS = 60_000  # for a busy machine; a page usually settles in a second
UNCOVERED_MS = 10_000  # a mask that is still there after this stays for good
ATTEMPTS = 3

# Software rendering, no sandbox (a container's root user cannot have one), and no requests of the browser's own.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # The address bar's popups cost a second of processor time for each window. This list replaces Playwright's, so the
    # rest is from there.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,HttpsUpgrades,MediaRouter,OptimizationHints,PaintHolding",
)

_FRAME_RATE = "LiteGraph.Canvas.MaximumFps"
_COMPLAINTS = (
    "[data-testid=error-dialog]",
    "[data-testid=error-overlay]",
    "[data-testid=runtime-error-panel]",
    "[data-testid=missing-node-card]",
    "[role=dialog]",
    ".p-toast-message-error",
    ".p-toast-message-warn",
)


def find_chromium() -> str:
    """Return the browser at CHROMIUM_PATH, which dev.py sets, or any other that is on this machine."""
    if found := existing_browser():
        return found
    raise ToolError("There is no Chromium. Run `python3 dev.py test`, or set CHROMIUM_PATH to yours.")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium while the block runs."""
    # The server is on this machine, so a proxy that the environment names is not used.
    direct = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*_FLAGS], env={**direct})
        try:
            yield browser
        finally:
            browser.close()


class Frontend:
    """A page of the frontend, with a profile of its own.

    Args:
        browser: Browser to open it in.
        server: Server of the frontend.
        nodes_2: Whether the "Nodes 2.0" renderer draws the nodes, instead of the classic one.
        language: Language of the frontend, such as "zh".
    """

    def __init__(self, browser: Browser, server: ComfyServer, *, nodes_2: bool = False, language: str = "en") -> None:
        self.server = server
        self.nodes_2 = nodes_2
        self.language = language
        self.errors: set[str] = set()
        # ComfyUI keeps these. A user who has finished the tutorial is not greeted with it.
        self._settings = {
            "Comfy.TutorialCompleted": True,
            "Comfy.VueNodes.Enabled": nodes_2,
            "Comfy.Locale": language,
            "Comfy.Minimap.Visible": False,  # it would cover a corner
            "Comfy.RightSidePanel.IsOpen": False,  # an earlier error may have opened it
            _FRAME_RATE: 0,  # as many frames as the page can draw
        }
        self._context = browser.new_context(viewport=WINDOW)
        self._context.set_default_timeout(SETTLED_MS)
        self._context.set_default_navigation_timeout(READY_MS)
        self.page = self._context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.add(str(error)))

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def _open(self) -> None:
        """Open the page and wait until it can be used.

        On a slow machine the mask that covers the loading page sometimes stays (frontend 1.47.12 misses the end of its
        animation). Then the page is reloaded, as a person would do.
        """
        self.server.request("/settings", self._settings)
        for _ in range(ATTEMPTS):
            self.page.goto(self.server.address)
            self.page.wait_for_function(page_queries.IS_READY, timeout=READY_MS)
            if self._is_uncovered():
                return
        raise ToolError(f"The frontend stayed covered by its loading mask in {ATTEMPTS} attempts.")

    def _is_uncovered(self) -> bool:
        """Wait until no loading mask covers the page, since a mask takes every click; return whether it went."""
        with contextlib.suppress(NotInTimeError):
            self.page.locator(".p-blockui-mask").wait_for(state="detached", timeout=UNCOVERED_MS)
            return True
        return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the page and forget its profile."""
        self._context.close()

    def _note(self, message: ConsoleMessage) -> None:
        """Record an error of this server with its address. Errors of other servers do not concern the pack."""
        url = message.location.get("url", "").partition("?")[0]
        if message.type == "error" and url.startswith(self.server.address):
            self.errors.add(f"{message.text} ({url.removeprefix(self.server.address)})")

    # Actions

    def drop(self, file: Path) -> None:
        """Drop a workflow file on the canvas and wait until its graph is shown."""
        content = [file.name, file.read_text(encoding="utf-8")]
        transfer = self.page.evaluate_handle(page_queries.MAKE_TRANSFER, content)
        place = {"dataTransfer": transfer, "clientX": 960, "clientY": 540}
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event("#graph-canvas", event, place)
        self.page.wait_for_function(page_queries.IS_OPEN, arg=file.name, timeout=SETTLED_MS)
        if not self._is_uncovered():
            self.reload()
        self.settle()

    def run(self, timeout: float = 300) -> dict[str, Any]:
        """Press Run, wait until the prompt is over in the page too, and return its history entry."""
        with self.page.expect_response(lambda it: it.url.endswith("/api/prompt")) as response:
            self.page.get_by_test_id("queue-button").click()
        answer = response.value.json()
        assert response.value.ok, answer
        entry = self.server.wait(answer["prompt_id"], timeout)
        files = [file["filename"] for output in entry["outputs"].values() for file in output.get("images", [])]
        self.page.wait_for_function(page_queries.IS_TOLD, arg=files, timeout=SETTLED_MS)
        return entry

    def set_widget(self, title: str, name: str, value: Any) -> None:
        """Set a widget of the node with a title, as the widget's own dialog does."""
        self.page.evaluate(
            """([title, name, value]) => {
                const node = app.graph.nodes.find(node => node.title === title);
                const widget = node.widgets.find(widget => widget.name === name);
                widget.value = value;
                widget.callback?.(value, app.canvas, node);
            }""",
            [title, name, value],
        )

    def reload(self) -> None:
        """Reload the page and wait until its graph is shown again."""
        # The frontend saves the open workflow once it has not changed for a moment. It looks for changes after a click
        # or a key, which this call replaces.
        self.page.evaluate("app.extensionManager.workflow.activeWorkflow?.changeTracker?.captureCanvasState?.()")
        self.page.wait_for_function(page_queries.IS_KEPT, timeout=SETTLED_MS)
        self._open()
        self.page.wait_for_function("() => app.graph.nodes.length", timeout=SETTLED_MS)
        self.settle()

    def start_over(self) -> bool:
        """Close everything that is open and forget the errors, which is much quicker than to open another page.

        Returns:
            Whether the page is then like a new one. Something else may be open that only a person can close.
        """
        self.page.mouse.move(0, 0)
        self.page.evaluate(page_queries.START_OVER, self._settings)
        self.settle()
        self.errors.clear()
        return bool(self.page.evaluate(page_queries.IS_EMPTY)) and not self.complaints()

    def rest(self) -> None:
        """Have the page draw no frames until it wakes, since an unused one takes a tenth of a processor."""
        self.page.evaluate(page_queries.REST)

    def wake(self) -> None:
        """Have the page draw frames again."""
        self.page.evaluate("wakeUp()")

    @contextlib.contextmanager
    def drawing_seldom(self) -> Iterator[None]:
        """Have the page draw the graph a few times a second, since it draws on the processor that runs the nodes."""
        setting = "([name, value]) => app.extensionManager.setting.set(name, value)"
        self.page.evaluate(setting, [_FRAME_RATE, 5])
        try:
            yield
        finally:
            self.page.evaluate(setting, [_FRAME_RATE, 0])
            self.page.evaluate("app.canvas.draw(true, true)")

    def widget(self, title: str, name: str) -> Any:
        """Return the value of a widget of the node with a title."""
        find = "([title, name]) => app.graph.nodes.find(it => it.title === title).widgets.find(it => it.name === name)"
        return self.page.evaluate(f"given => ({find})(given)?.value", [title, name])

    def add_node(self, node_id: str, place: tuple[int, int] = (0, 0)) -> str:
        """Add a node at a place of the canvas without the search; return its id in the graph."""
        (added,) = self.add_nodes([(node_id, place)])
        return added

    def add_nodes(self, nodes: Sequence[tuple[str, tuple[int, int]]]) -> list[str]:
        """Add nodes, each of a type and at a place; return their ids in the graph."""
        add = """nodes => nodes.map(([type, place]) => {
            const node = LiteGraph.createNode(type);
            node.pos = place;
            app.graph.add(node);
            return String(node.id);
        })"""
        added: list[str] = self.page.evaluate(add, nodes)
        self.settle()
        return added

    def tooltip(self, node: str, socket: str | None = None) -> str:
        """Point at the title of a node, or at the socket of an input, and return the tooltip."""
        place = self.page.evaluate(page_queries.SOCKET if socket else page_queries.TITLE, [node, socket])
        shown = self.page.locator(".node-tooltip:visible, .p-tooltip-text:visible").first
        self.page.mouse.move(0, 0)
        shown.wait_for(state="hidden", timeout=SETTLED_MS)  # or the one before would be read
        self.page.mouse.move(*place, steps=3)
        shown.wait_for(timeout=SETTLED_MS)
        return shown.inner_text().strip()

    def open_help(self, node: str) -> None:
        """Select a node and press the info button above it."""
        self.page.evaluate("id => app.canvas.selectItems([app.graph.getNodeById(id)])", node)
        self.page.get_by_test_id("info-button").click(timeout=SETTLED_MS)

    def open_blank(self) -> None:
        """Open an empty graph, as "New" in the menu does."""
        self.page.evaluate("app.extensionManager.command.execute('Comfy.NewBlankWorkflow')")
        self.page.wait_for_function("() => !app.graph.nodes.length", timeout=SETTLED_MS)
        self.settle()

    def open_templates(self, pack: str) -> dict[str, int]:
        """Open the templates of a pack; return the width of each one's picture, 0 for a missing picture."""
        self._show_templates(pack)
        return dict(self.page.wait_for_function(page_queries.TEMPLATES, timeout=SETTLED_MS).json_value())

    def _show_templates(self, pack: str) -> None:
        self.page.get_by_role("button", name="Templates").first.click()
        name = self.page.get_by_text(pack, exact=True).locator("visible=true")
        name.click()
        name.nth(1).wait_for(timeout=SETTLED_MS)  # the heading above them

    def open_template(self, pack: str, name: str) -> None:
        """Open a template of a pack by a click on its card."""
        self._show_templates(pack)
        self.page.get_by_test_id(f"template-workflow-{name}").click()
        self._wait_until_fitted(name)

    def open_as_template(self, file: Path) -> None:
        """Open a workflow file as the click on a template's card opens it, without the dialog."""
        load = "([text, name]) => app.loadGraphData(JSON.parse(text), true, true, name, {openSource: 'template'})"
        self.page.evaluate(load, [file.read_text(encoding="utf-8"), file.stem])
        self._wait_until_fitted(file.stem)

    def _wait_until_fitted(self, name: str) -> None:
        self.page.wait_for_function(page_queries.IS_FITTED, arg=name, timeout=SETTLED_MS)
        self.settle()

    def search(self, *words: str) -> dict[str, list[str]]:
        """Open the search for nodes and return the names that it finds for each text, the best first."""
        self.page.mouse.dblclick(960, 540)
        field = self.page.get_by_placeholder("Add a node...")
        found = {}
        for text in words:
            field.fill(text, timeout=SETTLED_MS)
            self.settle()
            found[text] = [it.partition("\n")[0] for it in self.page.get_by_role("option").all_inner_texts()]
        self.page.keyboard.press("Escape")
        field.wait_for(state="detached", timeout=SETTLED_MS)
        return found

    def add_from_search(self, words: str, place: tuple[int, int]) -> None:
        """Double-click the canvas, type words, and add the first node that is found."""
        count, search = len(self.nodes()), self.page.get_by_placeholder("Add a node...")
        for _ in range(ATTEMPTS):  # on a busy machine the box sometimes closes at once
            self.page.mouse.dblclick(*place)
            with contextlib.suppress(NotInTimeError):
                search.fill(words, timeout=SETTLED_MS / 4)
                self.page.get_by_role("option", name=words).first.wait_for(timeout=SETTLED_MS / 4)
                break
            self.page.keyboard.press("Escape")
        else:
            raise ToolError(f"The search for {words!r} found no node.")
        self.page.keyboard.press("Enter")
        search.wait_for(state="detached", timeout=SETTLED_MS)
        self.page.wait_for_function("count => app.graph.nodes.length > count", arg=count, timeout=SETTLED_MS)
        self.page.mouse.click(*place)  # the new node follows the pointer until then
        self.page.wait_for_function("() => app.canvas.state.ghostNodeId === null", timeout=SETTLED_MS)
        self.settle()

    # What the page shows

    def settle(self) -> None:
        """Make the page draw its current state, and wait two frames for it."""
        # The canvas is not redrawn by itself in every case, for example when a video enlarges its node.
        frames = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate("app.canvas.setDirty(true, true)")
        self.page.evaluate(frames)

    def nodes(self) -> list[dict[str, Any]]:
        """Return every node in the graph.

        Each has its id, type and title; whether it is red and of a known type; its box on the canvas and its place in
        the window, both as x, y, width and height with the title bar; the names of its inputs and widgets.
        """
        return list(self.page.evaluate(page_queries.NODES))

    def groups(self) -> list[dict[str, Any]]:
        """Return title and box of every group."""
        return list(self.page.evaluate(page_queries.GROUPS))

    def cut_texts(self) -> list[str]:
        """Return the start of every prompt and note that does not fit in its box."""
        return list(self.page.evaluate(page_queries.CUT_TEXTS))

    def wait_for_outputs(self) -> None:
        """Wait until every video and picture of the last run is shown."""
        self.page.wait_for_function(page_queries.IS_SHOWN, timeout=SETTLED_MS)
        self.settle()

    def videos(self) -> list[dict[str, Any]]:
        """Return every visible video: the query of its address, its width and height, and whether it can be played."""
        return list(self.page.evaluate(page_queries.VIDEOS))

    def complaints(self) -> list[str]:
        """Return the page's complaints: nodes that are unknown or red, dialogs, warnings and errors."""
        shown = [it for kind in _COMPLAINTS for it in self.page.locator(kind).all() if it.is_visible()]
        wrong = [f"red or unknown: {node['title']}" for node in self.nodes() if node["red"] or not node["known"]]
        return [*(it.inner_text() for it in shown), *wrong]

    def screenshot(self, file: Path) -> None:
        """Save the window as a PNG file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file)

    def api_prompt(self) -> dict[str, Any]:
        """Return the graph in API format, as Run would send it, with the nodes in the order of their ids.

        It leaves out what ComfyUI does not read: newer frontends also name the pack of each node.
        """
        output: dict[str, Any] = self.page.evaluate("async () => (await app.graphToPrompt()).output")
        read = {name: node | {"_meta": {"title": node["_meta"]["title"]}} for name, node in output.items()}
        return {name: read[name] for name in sorted(read, key=int)}
