"""`dev.py pictures`: draw the example picture of each node's help page, from real runs in the real frontend.

Each picture shows its node, and the nodes that explain it, in a small graph on the demo model: `help_scenes.py` has
them, and `help_further_scenes.py` those of pages with several pictures. The frontend's help panel is about 400 pixels
wide, so the pictures are narrow enough that their text can be read there.
"""

from __future__ import annotations

import importlib
import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from comfyui.frontend import Frontend, chromium
from comfyui.in_process import import_host, load_pack
from comfyui.server import ComfyServer, raise_for_status
from environment.checkout import ROOT
from environment.programs import Progress, ToolError, run_to_the_end
from help_further_scenes import further_scenes
from help_scenes import CONVERTED, Scene, scenes
from PIL import Image
from small_models.single_files import LORA, demo_lora, save_models
from small_models.tiny_models import wide_weights
from small_models.vbench import place_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES = ROOT / "web" / "docs" / "images"
MARGIN = 16
COLORS = 256  # a third of the bytes, without a visible difference
DRAWN_MS = 500

# Nodes that are not shown are next to the others, sources to the left and the rest to the right. They are inside the
# window, because the frontend draws no curves outside of it, and clear of the frontend's bars.
_ARRANGE = """async ([prompt, shown, scale]) => {
    app.loadApiJson(prompt, "help");
    await app.refreshComboInNodes(); // a file to load may have been saved just now
    const first = Object.keys(prompt).findIndex(name => name in shown);
    for (const [at, name] of Object.keys(prompt).entries()) {
        const node = app.graph.getNodeById(name);
        const [left, top, ...size] = shown[name] ?? [at < first ? -500 : 750, 0, 250, 100];
        node.pos = [left, top];
        node.setSize(size);
        for (const widget of node.widgets ?? []) if (widget.name === "control_after_generate") widget.value = "fixed";
    }
    app.canvas.ds.scale = scale;
    app.canvas.ds.offset = [650, 190];
}"""
_SHOW_A_MIDDLE_FRAME = """() => Promise.all([...document.querySelectorAll("video")].map(video => {
    video.currentTime = video.duration / 2;
    return new Promise(done => video.addEventListener("seeked", done, {once: true}));
}))"""


def photograph(frontend: Frontend, scene: Scene) -> Image.Image:
    """Run a scene and return the part of the window that shows its nodes."""
    frontend.server.free()  # a node with a cached result would not show its text again
    frontend.open_blank()  # which removes the results of the other scenes
    frontend.page.evaluate(_ARRANGE, [scene.prompt, dict(scene.shown), scene.scale])
    frontend.settle()
    raise_for_status(scene.prompt, frontend.run())
    frontend.wait_for_outputs()
    frontend.page.evaluate(_SHOW_A_MIDDLE_FRAME)
    frontend.page.mouse.move(10, 500)
    frontend.page.wait_for_timeout(DRAWN_MS)
    frontend.settle()
    places = [it["place"] for it in frontend.nodes() if it["id"] in scene.shown]
    left, top = (min(place[axis] for place in places) - MARGIN for axis in (0, 1))
    right, bottom = (max(place[axis] + place[axis + 2] for place in places) + MARGIN for axis in (0, 1))
    window = Image.open(io.BytesIO(frontend.page.screenshot())).convert("RGB")
    return window.crop((round(left), round(top), round(right), round(bottom)))


def place_files(base: Path) -> None:
    """Write everything that the scenes load below a base directory, before ComfyUI starts."""
    place_weights(base / "models")
    import_host(base)
    native = importlib.import_module(f"{load_pack().__name__}.nodes.native")
    converted = native.host_keys(wide_weights())
    save_models(base, {f"diffusion_models/{CONVERTED}": converted, f"loras/{LORA}": demo_lora()})


def draw(pictures: Path, names: Sequence[str] = ()) -> None:
    """Draw pictures in the renderer with the sharper text.

    Args:
        pictures: Folder to write them to.
        names: Names of the pictures, which are the ids of the nodes; without any, all pictures.

    Raises:
        ToolError: If a node has no scene.
    """
    known = scenes() | further_scenes()
    if unknown := [name for name in names if name not in known]:
        raise ToolError(f"{unknown[0]} has no scene. Add one to tools/help_scenes.py.")
    pictures.mkdir(parents=True, exist_ok=True)
    progress = Progress("Drawing the pictures of the help pages")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        place_files(base)
        with ComfyServer(base) as server, chromium() as browser, Frontend(browser, server, nodes_2=True) as frontend:
            done = set[str]()
            for name in names or known:
                progress.show(name)
                scene = known[name]
                if scene.after and scene.after not in done:
                    photograph(frontend, known[scene.after])
                picture = photograph(frontend, scene).quantize(COLORS, dither=Image.Dither.NONE)
                picture.save(pictures / f"{name}.png", optimize=True)
                done.add(name)
    progress.end("done")


if __name__ == "__main__":
    sys.exit(run_to_the_end(lambda: draw(PICTURES, sys.argv[1:])))
