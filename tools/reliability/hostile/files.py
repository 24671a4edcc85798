"""Hostile files: damaged and tampered ones, names that lead elsewhere, and folders that change while they are read."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from reliability.hostile import values as _values  # noqa: F401 - registers the builders
from reliability.hostile.damages import DAMAGES, JSON_TEXTS, JSON_VALUES, REPLACED, replace_file
from reliability.hostile.in_process import run_inputs
from reliability.hostile.outcomes import FINDING, Outcome
from reliability.hostile.texts import names

_PARTS = {
    "transformer": ("config.json", "diffusion_pytorch_model.safetensors"),
    "vae": ("config.json", "diffusion_pytorch_model.safetensors"),
    "text_encoder": ("config.json", "model.safetensors"),
    "tokenizer": ("tokenizer_config.json", "spiece.model"),
    "scheduler": ("scheduler_config.json",),
    ".": ("model_index.json",),
}
MODEL_FILES = tuple(f"{part}/{name}" for part, known in _PARTS.items() for name in known)
NODES = {
    "file": ("RichSpaceLoadEmbedding",),
    "lora": ("RichSpaceLoadCogVideoXLora",),
    "model": ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative"),
}


@dataclass(frozen=True)
class FileCase:
    """One example: a loader, and what is wrong with its file.

    Args:
        node: Node that loads it.
        target: Name of its input: file, lora or model.
        part: File that is damaged, in a model's folder.
        damages: Names of damages with their arguments, one after another.
        replaced: What is in place of the file; empty for a damaged one.
        name: Name to load; empty for the file that is damaged.
        flickers: Whether the file comes and goes while it is read.
    """

    node: str
    target: str
    part: str = ""
    damages: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    replaced: str = ""
    name: str = ""
    flickers: bool = False


_shares = st.floats(0, 1, allow_nan=False)
_which = st.integers(0, 7)
_offsets = st.sampled_from(([0, 0], [0, 4], [8, 4], [0, 2**40], [-4, 8], [2**63, 2**64], ["a", "b"], [], None))
_shapes = st.sampled_from(([], [0], [-1, 4], [2**40, 2**40], [1, 1], [512], [16, 32, 1], "x", None))
_dtypes = st.sampled_from(("F64", "F16", "BF16", "I64", "BOOL", "U8", "F8_E4M3", "F4", "C64", "X", "", None))
_texts = st.sampled_from(JSON_TEXTS)
_lengths = st.sampled_from((0, 7, 100_000_000, 100_000_001, 2**31, 2**63, 2**64 - 1))
_keys = st.sampled_from(("about", "richspace_embedding", "lora_adapter_metadata", "format", ""))
_versions = st.sampled_from(("0", "-1", "2", "99999999999999999999", "1e3", "x", "", "１", "9" * 5000))
_named = st.sampled_from(("x", "", "\0", "a" * 5000, "../x", "text_encoder.x.lora_A.weight", "diffusion_model.x.diff"))
_arguments: dict[str, st.SearchStrategy[Any]] = {
    "truncated": st.tuples(_shares),
    "header_length": st.tuples(_lengths),
    "flipped": st.tuples(_shares),
    "tensor_entry": st.one_of(
        st.tuples(st.just("data_offsets"), _offsets, _which),
        st.tuples(st.just("shape"), _shapes, _which),
        st.tuples(st.just("dtype"), _dtypes, _which),
    ),
    "without_tensor": st.tuples(_which),
    "renamed_tensor": st.tuples(_which, _named),
    "bits": st.tuples(st.sampled_from((0xFF, 0x7F, 0x00, 0x7B))),
    "metadata": st.one_of(st.tuples(_keys, _texts), st.tuples(st.just("richspace_embedding"), _versions)),
    "other_header": st.tuples(_texts),
    "json_value": st.tuples(st.integers(0, 40), st.sampled_from(JSON_VALUES)),
    "other_content": st.tuples(_texts),
}
_OF_JSON = ("json_value", "json_value", "other_content", "truncated", "flipped")
_OF_WEIGHTS = tuple(name for name in _arguments if name != "json_value")


@st.composite
def file_cases(draw: Callable[..., Any]) -> FileCase:
    """Return a loader with a file or a name that is not good."""
    target = draw(st.sampled_from(sorted(NODES)))
    node = draw(st.sampled_from(NODES[target]))
    way = draw(st.integers(0, 9))
    if way == 0:
        return FileCase(node, target, name=draw(names) or "/")
    part = draw(st.sampled_from(MODEL_FILES)) if target == "model" else ""
    if way == 1:
        return FileCase(node, target, part, replaced=draw(st.sampled_from(REPLACED)))
    if way == 2:
        return FileCase(node, target, part, flickers=True)
    kinds = _OF_JSON if part.endswith(".json") else _OF_WEIGHTS
    if part.endswith("spiece.model"):
        kinds = ("truncated", "flipped", "other_content")
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2))
    return FileCase(node, target, part, tuple((kind, draw(_arguments[kind])) for kind in chosen))


def run_file_case(world: Any, case: FileCase) -> Outcome:
    """Write the file, run the node that loads it and what follows, and remove the file."""
    place, file = _write(world, case)
    name = case.name or place.name
    inputs: dict[str, Any] = {case.target: name} | ({"dtype": "float32"} if case.target == "model" else {})
    if case.target == "lora":
        inputs |= {"model": world.models["native 2b"], "strength": 1.0}
    try:
        with _flickering(file) if case.flickers else contextlib.nullcontext():
            asked = _ask(world, case.node, inputs)
            outcome = asked if asked is not None else run_inputs(world, case.node, inputs, (place.stem, file.name))
            return outcome if case.target != "model" or outcome.text else _use(world, case, name)
    finally:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def _write(world: Any, case: FileCase) -> tuple[Path, Path]:
    """Write the damaged file or folder; return what the node loads, and the damaged file."""
    if case.target == "model":
        place = world.folders["model"] / "spoilt"
        shutil.copytree(world.base / "tiny" / "2b", place)
        file = place / (case.part or "model_index.json")
    else:
        place = file = world.folders[case.target] / "spoilt.safetensors"
        shutil.copy(world.good_embedding if case.target == "file" else world.good_lora, file)
    if case.replaced:
        replace_file(file, case.replaced)
    content = b"" if case.replaced else file.read_bytes()
    with contextlib.suppress(Exception):  # the damage before can leave nothing to change
        for kind, arguments in case.damages:
            content = DAMAGES[kind](content, *arguments)
    if case.damages:
        file.write_bytes(content)
    return place, file


def _ask(world: Any, node_id: str, inputs: dict[str, Any]) -> Outcome | None:
    """Ask a node for its schema and the state of its file, as ComfyUI does before it runs the node."""
    node = world.nodes[node_id]
    try:
        node.define_schema()
        node.fingerprint_inputs(**{name: value for name, value in inputs.items() if isinstance(value, str | float)})
    except Exception as error:  # noqa: BLE001 - every exception is one that the page would show without an input
        return Outcome(FINDING, f"before the run: {type(error).__name__}: {error}"[:400])
    return None


def _use(world: Any, case: FileCase, name: str) -> Outcome:
    """Use a loaded model: encode a prompt and sample a video, which reads the weights."""
    try:
        loaded = world.results(case.node, model=name, dtype="float32")
    except world.error as error:
        return Outcome("refused by name", str(error))
    encoded = run_inputs(world, "RichSpaceT5Encode", {"encoder": loaded[1], "text": "a red circle"}, ("spoilt",))
    if encoded.kind == FINDING or case.node.endswith("Native"):
        return encoded
    settings = {"width": 16, "height": 16, "frames": 9, "steps": 1, "cfg": 1.0, "seed": 0, "batch_size": 1}
    inputs = {"model": loaded[0], "positive": world.prompts[0], "negative": world.prompts[3], **settings}
    return run_inputs(
        world, "RichSpaceCogVideoXSample", {**inputs, "scheduler": "auto", "dynamic_cfg": "off"}, ("spoilt",)
    )


@contextlib.contextmanager
def _flickering(file: Path) -> Iterator[None]:
    """Move a file away and back, over and over, while the block runs."""
    over, away = threading.Event(), file.with_name(f"{file.name}.away")

    def flicker() -> None:
        while not over.is_set():
            file.rename(away)
            away.rename(file)

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
