"""Embeddings in files: save a prompt or a mixture, and load it without a text encoder."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import folder_paths

from ..richspace_core import EmbeddingError
from ..richspace_core.control_characters import is_control
from ..richspace_core.embedding_file import MixtureRecord, load_embedding, save_embedding
from ..richspace_core.finder.choice import Choice
from .host.api import Scores, io, report
from .host.conditioning import Conditioning, make_saved_embedding, read_prompt, restore_conditioning
from .host.input_names import name_inputs_as_shown
from .host.models import file_times
from .inputs import conditioning_output

FOLDER = "richspace_embeddings"
"""Name of the folder below ComfyUI's models and output, and in extra_model_paths.yaml."""

_PLACES = f"output/{FOLDER}, marked [output], or in models/{FOLDER}"
_SUFFIX, _SAVED_HERE = ".safetensors", " [output]"  # ComfyUI's own mark of a file in its output folder
_LONGEST = 240  # bytes of a file's name, a little less than systems allow, for the part that is written first
_MOST_SHOWN = 60  # characters of a name in a message
_PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def register_folder() -> None:
    """Add the folder to ComfyUI's model folders."""
    folder_paths.add_model_folder_path(FOLDER, str(Path(folder_paths.models_dir, FOLDER)))


def embedding_files() -> dict[str, Path]:
    """Return the files that can be loaded, by name: first those in the output folder, then those in models."""
    found = {name + _SAVED_HERE: file for name, file in _files_below(_output_folder()).items()}
    for root in folder_paths.get_folder_paths(FOLDER):
        found = {**_files_below(Path(root)), **found}  # for equal names, the file in the first folder
    return dict(sorted(found.items(), key=lambda item: (not item[0].endswith(_SAVED_HERE), item[0])))


def _output_folder() -> Path:
    return Path(folder_paths.get_output_directory(), FOLDER)


def _files_below(root: Path) -> dict[str, Path]:
    names, _ = folder_paths.recursive_search(str(root))
    return {Path(name).as_posix(): root / name for name in names if name.endswith(_SUFFIX)}


def _next_file(prefix: str) -> Path:
    """Return the first file of a name that is not there yet, in a folder that is.

    Raises:
        EmbeddingError: If the name leads out of the folder, or no file can have it.
    """
    if any(map(is_control, prefix)):
        raise _unusable(prefix, "one with control characters")
    root = _output_folder()
    folder = root / os.path.dirname(os.path.normpath(prefix))
    if not folder_paths.is_within_directory(str(root), str(folder)):
        raise _unusable(prefix, "one that leads out of that folder")
    try:
        place, name, counter, *_ = folder_paths.get_save_image_path(prefix, str(root))
    except (OSError, ValueError) as error:
        raise _unusable(prefix, f"a name that no file can have ({_reason(error)})") from error
    file = Path(place, f"{name}_{counter:05}_{_SUFFIX}")
    if len(os.fsencode(file.name)) > _LONGEST:
        raise _unusable(prefix, "a name that is too long for a file")
    return file


def _reason(error: Exception) -> str:
    """Return why a file cannot be used, without its path."""
    return str(getattr(error, "strerror", None) or error)[:200]


def _unusable(prefix: str, got: str) -> EmbeddingError:
    return EmbeddingError(
        "filename_prefix",
        expected=f"the name of a file below output/{FOLDER}",
        got=f"{got}: {prefix[:_MOST_SHOWN]!r}",
        hint="Use letters, digits and / for folders.",
    )


def _pack_version() -> str:
    found = re.search(r'^version = "(.+)"$', _PYPROJECT.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


class RichSpaceSaveEmbedding(io.ComfyNode):
    """File that holds a conditioning."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceSaveEmbedding",
            display_name="RichSpace Save Embedding",
            category="RichSpace/files",
            description="Saves a prompt or a mixture together with its origin. You can use it again, or share it with "
            "people who do not have the text encoder.",
            search_aliases=["save conditioning", "export", "embedding", "safetensors", "share"],
            inputs=[
                io.Conditioning.Input("conditioning", tooltip="A prompt or a mixture of prompts."),
                io.String.Input(
                    "filename_prefix",
                    default="RichSpace",
                    tooltip=f"Start of the file name below output/{FOLDER}; a number is added. Folders and %year%, "
                    "%month%, %day% and so on are allowed.",
                ),
                Scores.Input(
                    "scores",
                    optional=True,
                    tooltip="Scores of the node that made the mixture. Its prompts and curves are saved as well.",
                ),
            ],
            outputs=[conditioning_output()],
            is_output_node=True,
        )

    @classmethod
    @name_inputs_as_shown(
        embedding="conditioning",
        pooled_output="conditioning, pooled_output",
        attention_mask="conditioning, attention_mask",
    )
    def execute(
        cls, conditioning: Conditioning, filename_prefix: str, scores: Sequence[Choice] | None = None
    ) -> io.NodeOutput:
        """Save the conditioning in a file with a number of its own."""
        prompt = read_prompt("conditioning", conditioning)
        saved = make_saved_embedding(
            prompt, mixtures=tuple(map(MixtureRecord.of, scores or ())), pack_version=_pack_version()
        )
        file = _next_file(filename_prefix)
        save_embedding(file, saved)
        shown = report(f"Saved as {file.relative_to(_output_folder()).as_posix()}\n{saved.summary}")
        return io.NodeOutput(conditioning, ui=shown)


class RichSpaceLoadEmbedding(io.ComfyNode):
    """Conditioning from a file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Return the schema."""
        return io.Schema(
            node_id="RichSpaceLoadEmbedding",
            display_name="RichSpace Load Embedding",
            category="RichSpace/files",
            description="Loads a prompt or a mixture that RichSpace Save Embedding saved. No text encoder is needed.",
            search_aliases=["load conditioning", "import", "embedding", "safetensors", "share"],
            inputs=[
                io.Combo.Input(
                    "file", options=[*embedding_files()], tooltip=f"A file in {_PLACES}. Press R for new ones."
                )
            ],
            outputs=[
                conditioning_output(),
                io.String.Output(display_name="about", tooltip="Content of the file and where it came from."),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def fingerprint_inputs(cls, file: str) -> Any:
        """Return the state of the file, so that a changed file is read again."""
        return file, file_times(embedding_files().get(file))

    @classmethod
    @name_inputs_as_shown()
    def execute(cls, file: str) -> io.NodeOutput:
        """Load a file of the list; paths are never followed."""
        path = embedding_files().get(file)
        if path is None:
            raise EmbeddingError(
                "file",
                expected="one of the files in the list",
                got=repr(file),
                hint=f"Put the file in models/{FOLDER} and refresh the page.",
            )
        saved = load_embedding(path)
        return io.NodeOutput(restore_conditioning(saved), saved.summary, ui=report(saved.summary))


NODES: list[type[io.ComfyNode]] = [RichSpaceSaveEmbedding, RichSpaceLoadEmbedding]
