"""Embeddings saved to the host's folders and loaded from them, so that a look can be shared without its encoder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import folder_paths

from ..richspace_core import EmbeddingError
from ..richspace_core.embedding_file import MixtureRecord, load_embedding, save_embedding
from ..richspace_core.finder.choice import Choice
from .host.api import Scores, io, report
from .host.conditioning import Conditioning, from_conditioning, from_saved, to_saved

FOLDER = "richspace_embeddings"
"""The folder's name below the host's models and below its output, and in extra_model_paths.yaml."""

_SUFFIX, _SAVED_HERE = ".safetensors", " [output]"  # the host's own mark of a file in its output folder
_PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def register_folder() -> None:
    """Tell the host of the folder among its models."""
    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir, FOLDER)))


def available() -> dict[str, Path]:
    """What can be loaded, name to file: first what was saved here, then what lies among the host's models."""
    found = {name + _SAVED_HERE: file for name, file in _files_below(_output_folder()).items()}
    for root in folder_paths.get_folder_paths(FOLDER):
        found = {**_files_below(Path(root)), **found}  # of two files of one name the first folder's
    return dict(sorted(found.items(), key=lambda item: (not item[0].endswith(_SAVED_HERE), item[0])))


def _output_folder() -> Path:
    return Path(folder_paths.get_output_directory(), FOLDER)


def _files_below(root: Path) -> dict[str, Path]:
    names, _ = folder_paths.recursive_search(str(root))
    return {Path(name).as_posix(): root / name for name in names if name.endswith(_SUFFIX)}


def _pack_version() -> str:
    found = re.search(r'^version = "(.+)"$', _PYPROJECT.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


class RichSpaceSaveEmbedding(io.ComfyNode):
    """A conditioning to a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceSaveEmbedding",
            display_name="RichSpace Save Embedding",
            category="RichSpace/files",
            description="Saves a prompt or a mixture with where it came from, so that the look can be used again, and "
            "shared with people who do not have the text encoder.",
            search_aliases=["save conditioning", "export", "embedding", "safetensors", "share"],
            inputs=[
                io.Conditioning.Input("conditioning", tooltip="A prompt or a mixture of prompts."),
                io.String.Input(
                    "filename_prefix",
                    default="RichSpace",
                    tooltip=f"How the file's name begins, below output/{FOLDER}; a number follows. May hold folders, "
                    "and %year%, %month%, %day% and so on.",
                ),
                Scores.Input(
                    "scores",
                    optional=True,
                    tooltip="The scores of the node that made the mixture, to be kept with it: prompts, candidate and "
                    "curves.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(display_name="conditioning", tooltip="What came in, for a sampler."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, conditioning: Conditioning, filename_prefix: str, scores: Sequence[Choice] = ()) -> io.NodeOutput:
        """Write a file that has a number of its own."""
        prompt = from_conditioning("conditioning", conditioning)
        saved = to_saved(prompt, mixtures=tuple(map(MixtureRecord.of, scores)), pack_version=_pack_version())
        folder, name, counter, *_ = folder_paths.get_save_image_path(filename_prefix, str(_output_folder()))
        file = Path(folder, f"{name}_{counter:05}_{_SUFFIX}")
        save_embedding(file, saved)
        said = report(f"Saved as {file.relative_to(_output_folder()).as_posix()}\n{saved.summary}")
        return io.NodeOutput(conditioning, ui=said)


class RichSpaceLoadEmbedding(io.ComfyNode):
    """A conditioning from a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """What the host shows."""
        return io.Schema(
            node_id="RichSpaceLoadEmbedding",
            display_name="RichSpace Load Embedding",
            category="RichSpace/files",
            description="Loads a prompt or a mixture that RichSpace Save Embedding has saved. No text encoder is "
            "needed for it.",
            search_aliases=["load conditioning", "import", "embedding", "safetensors", "share"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=list(available()),
                    tooltip=f"A file in output/{FOLDER}, marked [output], or in models/{FOLDER}. Press R to look for "
                    "new ones.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="conditioning", tooltip="As it was saved, for RichSpace nodes and samplers."
                ),
                io.String.Output(display_name="about", tooltip="What it is and where it came from."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, file: str) -> Any:
        """Read the file again when it has changed."""
        path = available().get(file)
        if path is None:
            return file
        state = path.stat()
        return file, state.st_mtime_ns, state.st_size

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Read a file that is on the list; a path is never followed."""
        path = available().get(file)
        if path is None:
            raise EmbeddingError(
                "file",
                expected="one of the files in the list",
                got=repr(file),
                hint=f"Put the file into models/{FOLDER} and refresh the page.",
            )
        saved = load_embedding(path)
        return io.NodeOutput(from_saved(saved), saved.summary, ui=report(saved.summary))


NODES: list[type[io.ComfyNode]] = [RichSpaceSaveEmbedding, RichSpaceLoadEmbedding]
