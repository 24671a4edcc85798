"""ComfyUI's own web frontend in a real Chromium, used as an artist uses it: files are dropped, buttons are pressed.

    with chromium() as browser, Frontend(browser, server) as frontend:
        frontend.drop(ROOT / "workflows" / "two_prompt_mix.json")
        prompt_id = frontend.run()
        frontend.screenshot(ARTIFACTS / "two_prompt_mix.png")

What the page's own scripts know (the graph, its nodes) is read from `window.app`, the object that extensions get too.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from typing import TYPE_CHECKING, Any

from checkout import ROOT
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from comfy_server import ComfyServer
    from playwright.sync_api import Browser, ConsoleMessage
    from typing_extensions import Self

WINDOW = {"width": 1920, "height": 1080}
READY_MS = 120_000  # about 6 s on two cores
SETTLED_MS = 20_000

# Software rendering, no sandbox (a container's root may have none), and nothing that asks the network on its own.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

_IS_READY = """() => {
    const app = window.app;
    return app?.vueAppReady && app.canvas && !app.extensionManager.spinner
        && app.extensionManager.workflow.activeWorkflow && Object.keys(LiteGraph.registered_node_types).length > 100;
}"""
_MAKE_TRANSFER = """([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, {type: "application/json"}));
    return transfer;
}"""
_IS_OPEN = "name => app.extensionManager.workflow.activeWorkflow?.path.endsWith(`/${name}`) && app.graph.nodes.length"
_NODES = """() => app.graph.nodes.map(node => ({
    id: String(node.id), type: node.type, title: node.title, virtual: Boolean(node.isVirtualNode),
    known: node.type in LiteGraph.registered_node_types, red: Boolean(node.has_errors),
    box: [node.pos[0], node.pos[1] - LiteGraph.NODE_TITLE_HEIGHT, node.size[0], node.size[1] + LiteGraph.NODE_TITLE_HEIGHT],
    widgets: Object.fromEntries((node.widgets ?? []).map(widget => [widget.name, widget.value])),
    pictures: (node.imgs ?? []).filter(picture => picture.complete).map(picture => picture.naturalWidth),
}))"""
_GROUPS = "() => app.graph.groups.map(group => ({title: group.title, box: [...group.boundingRect]}))"
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
    """The browser that dev.py has found (it passes it on as CHROMIUM_PATH), or what dev.py would find now."""
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    dev = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dev)
    if found := dev.find_browser() or dev.playwright_browser():
        return str(found)
    raise dev.ToolError("There is no Chromium yet: run `python3 dev.py test`, or set CHROMIUM_PATH to yours.")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium."""
    # Playwright's own proxy settings aside, the server is on this machine: never asked for through a proxy.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*_FLAGS], env=environment)
        try:
            yield browser
        finally:
            browser.close()


class Frontend:
    """One page of the frontend, with a profile of its own.

    Args:
        browser: where to open it.
        server: whose frontend it is.
        nodes_2: whether nodes are drawn by the "Nodes 2.0" renderer instead of the classic one.
    """

    def __init__(self, browser: Browser, server: ComfyServer, *, nodes_2: bool = False) -> None:
        self.server = server
        self.nodes_2 = nodes_2
        self.errors: set[str] = set()
        self._context = browser.new_context(viewport=WINDOW)  # type: ignore[arg-type]
        self.page = self._context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.add(str(error)))

    def __enter__(self) -> Self:
        # The host keeps these: the renderer, and that somebody has been here before and needs no greeting.
        self.server.request("/settings", {"Comfy.TutorialCompleted": True, "Comfy.VueNodes.Enabled": self.nodes_2})
        try:
            self.page.goto(self.server.address)
            self.page.wait_for_function(_IS_READY, timeout=READY_MS)
        except BaseException:
            self._context.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._context.close()

    def _note(self, message: ConsoleMessage) -> None:
        """Keep an error, with the address it is about; other machines' addresses are the frontend's own affair."""
        url = message.location.get("url", "").partition("?")[0]
        if message.type == "error" and url.startswith(self.server.address):
            self.errors.add(f"{message.text} ({url.removeprefix(self.server.address)})")

    # What a person does

    def drop(self, file: Path) -> None:
        """Drop a workflow file on the canvas, and wait until its graph is shown."""
        content = [file.name, file.read_text(encoding="utf-8")]
        transfer = self.page.evaluate_handle(_MAKE_TRANSFER, content)
        place = {"dataTransfer": transfer, "clientX": 960, "clientY": 540}
        for event in ("dragenter", "dragover", "drop"):
            self.page.dispatch_event("#graph-canvas", event, place)
        self.page.wait_for_function(_IS_OPEN, arg=file.name, timeout=SETTLED_MS)
        self.settle()

    def run(self, timeout: float = 300) -> dict[str, Any]:
        """Press Run and wait until the prompt is over; returns its entry in the host's history."""
        with self.page.expect_response(lambda it: it.url.endswith("/api/prompt")) as response:
            self.page.get_by_test_id("queue-button").click()
        answer = response.value.json()
        assert response.value.ok, answer
        return self.server.wait(answer["prompt_id"], timeout)

    def set_widget(self, node_type: str, name: str, value: Any) -> None:
        """Give a widget of the only node of a type another value, as its own dialog does."""
        self.page.evaluate(
            """([type, name, value]) => {
                const [node, ...others] = app.graph.nodes.filter(node => node.type === type);
                const widget = node.widgets.find(widget => widget.name === name);
                if (others.length) throw new Error(`several nodes of type ${type}`);
                widget.value = value;
                widget.callback?.(value, app.canvas, node);
            }""",
            [node_type, name, value],
        )

    # What a person sees

    def settle(self) -> None:
        """Wait until the page has drawn what it knows: two frames."""
        frame = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.page.evaluate(frame)

    def nodes(self) -> list[dict[str, Any]]:
        """Every node: id, type, title, box (x, y, width, height; title included), widgets, and what is wrong with it."""
        return list(self.page.evaluate(_NODES))

    def groups(self) -> list[dict[str, Any]]:
        """Every group: title and box."""
        return list(self.page.evaluate(_GROUPS))

    def complaints(self) -> list[str]:
        """What the page complains about: nodes that are unknown or red, dialogs, warnings and errors that pop up."""
        shown = [it for kind in _COMPLAINTS for it in self.page.locator(kind).all() if it.is_visible()]
        wrong = [f"red or unknown: {node['title']}" for node in self.nodes() if node["red"] or not node["known"]]
        return [*(it.inner_text() for it in shown), *wrong]

    def screenshot(self, file: Path) -> None:
        """Keep what is in the window as a PNG file."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file)

    def api_prompt(self) -> dict[str, Any]:
        """The graph in API format: what Run would send, its nodes in the order of their ids."""
        output: dict[str, Any] = self.page.evaluate("async () => (await app.graphToPrompt()).output")
        return {name: output[name] for name in sorted(output, key=int)}
