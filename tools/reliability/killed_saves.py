"""Embeddings that are saved while the process is killed: by writers of their own, and by a real ComfyUI."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from comfyui.prompts import node
from comfyui.server import ComfyServer

from reliability.outcomes import KillOutcome
from richspace_core import RichSpaceError
from richspace_core.embedding_file import SavedEmbedding, load_embedding, save_embedding

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from comfyui.prompts import Prompt

FOLDER = "richspace_embeddings"  # below ComfyUI's models and output
_NAMES = 8  # files that a writer writes again and again
_WRITING_SECONDS = 0.8  # longest time until a writer is killed
_BIG, _SAVES = "big.safetensors", 40  # what ComfyUI saves, and how often in one run
_SAVING_SECONDS = 3.0  # longest time from the first file until ComfyUI is killed
_START_SECONDS = 60.0


def kill_writers(folder: Path, kills: int, random: Random, show: Callable[[str], None]) -> KillOutcome:
    """Kill a process while it saves embeddings over others and under new names, and read every file after each kill."""
    folder.mkdir(parents=True)
    outcome = KillOutcome("writer of embeddings")
    known = [_embedding(variant) for variant in range(2)]
    for kill in range(kills):
        show(f"{kill} of {kills}")
        writer = multiprocessing.get_context("fork").Process(target=_save_forever, args=(folder, known))
        writer.start()
        time.sleep(random.uniform(0, _WRITING_SECONDS))
        _kill(writer)
        outcome.add_kill(in_the_middle=any(folder.glob(".*.part")))
        for file in sorted(folder.glob("*.safetensors")):
            outcome.add_file(file.name, _damage(file, known))
    return outcome


def kill_comfyui(base: Path, kills: int, random: Random, show: Callable[[str], None]) -> KillOutcome:
    """Kill a real ComfyUI while it saves embeddings; the next one must load what is there and save again."""
    outcome = KillOutcome("ComfyUI, saving embeddings")
    source, saved = base / "models" / FOLDER, base / "output" / FOLDER
    source.mkdir(parents=True)
    big = _embedding(0, rows=1024)
    save_embedding(source / _BIG, big)
    for kill in range(kills):
        show(f"{kill} of {kills}")
        with ComfyServer(base) as server:
            _check_what_is_left(server, saved, outcome, big)
            before = set(saved.glob("*.safetensors"))
            server.queue(_saving_prompt())
            _wait_for_another(saved, before)
            time.sleep(random.uniform(0, _SAVING_SECONDS))
            if server.process is not None:
                server.process.kill()
                server.process.wait()
        outcome.add_kill(in_the_middle=any(saved.glob(".*.part")))
    with ComfyServer(base) as server:
        _check_what_is_left(server, saved, outcome, big)
        server.run(_saving_prompt(1))
    return outcome


def _check_what_is_left(server: ComfyServer, saved: Path, outcome: KillOutcome, expected: SavedEmbedding) -> None:
    """Check every saved file and that ComfyUI offers these files and no others; then remove them."""
    files = sorted(saved.glob("*.safetensors"))
    options = server.object_info()["RichSpaceLoadEmbedding"]["input"]["required"]["file"]
    offered = options[0] if isinstance(options[0], list) else options[1]["options"]
    if {name.removesuffix(" [output]") for name in offered if name.endswith(" [output]")} != {f.name for f in files}:
        outcome.add_fault(f"ComfyUI offers {offered}")
    for file in files:
        outcome.add_file(file.name, _damage(file, [expected]))
    if files:
        server.run(_saving_prompt(0) | {"load": node("RichSpaceLoadEmbedding", file=f"{files[-1].name} [output]")})
    for file in files:
        file.unlink()


def _saving_prompt(saves: int = _SAVES) -> Prompt:
    """Return a prompt that saves an embedding under one name after another."""
    load = {"load": node("RichSpaceLoadEmbedding", file=_BIG), "show": node("PreviewAny", source=["load", 1])}
    names = (f"save{number}" for number in range(saves))
    # Each takes the conditioning of the one before, so that none is skipped as a copy of another.
    links = itertools.chain([["load", 0]], ([f"save{number}", 0] for number in range(saves)))
    return load | {
        name: node("RichSpaceSaveEmbedding", conditioning=link, filename_prefix="killed")
        for name, link in zip(names, links, strict=False)
    }


def _wait_for_another(folder: Path, before: set[Path]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while set(folder.glob("*.safetensors")) <= before and time.monotonic() < deadline:
        time.sleep(0.01)


def _embedding(variant: int, rows: int = 256) -> SavedEmbedding:
    """Return one of the embeddings that are saved, of 4 MB with 256 rows."""
    values = torch.randn(rows, 4096, generator=torch.Generator().manual_seed(variant))
    return SavedEmbedding(values, 5 + variant, text=f"variant {variant}")


def _save_forever(folder: Path, known: list[SavedEmbedding]) -> None:
    torch.set_num_threads(1)
    for count in itertools.count():
        save_embedding(folder / f"{count % _NAMES}.safetensors", known[count // _NAMES % len(known)])


def _damage(file: Path, known: list[SavedEmbedding]) -> str:
    """Return what is wrong with a file; nothing if it is one of the known embeddings to the last bit."""
    try:
        loaded = load_embedding(file)
    except RichSpaceError as error:
        return str(error)
    same = any(loaded.text == each.text and torch.equal(loaded.values, each.values) for each in known)
    return "" if same else "another content"


def _kill(writer: multiprocessing.process.BaseProcess) -> None:
    writer.kill()
    writer.join()
