"""Folder of the finished clips, which checks whether each clip is complete, and if not, why.

A clip is finished if its files match its record. The record is written last, in one step, so a clip that was
interrupted or damaged later is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .clips import LATENTS, STRIP, VIDEO, ClipJob, ClipKeys, ClipName, RenderedClip
from .hashes import hash_bytes
from .outputs import create_folder, remove_output, require_files, write_output
from .records import RECORD, ClipRecord, RecordError, read_record, write_record

_FILES = (LATENTS, VIDEO, STRIP)


@dataclass(frozen=True)
class ClipState:
    """State of a clip in the folder.

    Args:
        record: Record of the clip if it is finished, undamaged and has the right keys; otherwise None.
        has_latents: Whether its latents can be used.
        reason: Reason to make it again; empty for a finished clip, and for one that was never made.
    """

    record: ClipRecord | None = None
    has_latents: bool = False
    reason: str = ""


class ClipStore:
    """Folder of the finished clips.

    Args:
        root: Path of the folder, which is created if it does not exist.
        metrics: Names of the scores that a finished clip must have.

    Raises:
        RichSpaceError: If it is a file, or cannot be created.
    """

    def __init__(self, root: Path, metrics: Sequence[str] = ()) -> None:
        self.root = root
        self.metrics = tuple(metrics)
        create_folder(root)

    def state(self, name: ClipName, keys: ClipKeys) -> ClipState:
        """Return the state of a clip that must have these keys."""
        try:
            record = read_record(self.path(name, RECORD))
        except (FileNotFoundError, NotADirectoryError):
            begun = any(self.path(name, file).exists() for file in _FILES)
            return ClipState(reason=f"it was not finished, or {RECORD} was deleted" if begun else "")
        except RecordError as error:
            return ClipState(reason=str(error))
        if record.name != name:
            return ClipState(reason=f"{RECORD} belongs to another clip ({record.name})")
        if record.render != keys.render:
            return ClipState(reason="it was made with other prompts, another model or other settings")
        damage = {file: self._find_damage(name, record, file) for file in _FILES}
        reason = next(filter(None, damage.values()), "") or self._find_outdated_scores(record, keys)
        return ClipState(None if reason else record, not damage[LATENTS], reason)

    def record(self, name: ClipName, keys: ClipKeys) -> ClipRecord | None:
        """Return the record of a clip if it is finished, undamaged and has these keys; otherwise None."""
        return self.state(name, keys).record

    def latents(self, name: ClipName, keys: ClipKeys) -> bytes | None:
        """Return the latents of a clip if they can be used with these keys; None if it must be sampled."""
        return self.path(name, LATENTS).read_bytes() if self.state(name, keys).has_latents else None

    def require_room(self, name: ClipName) -> None:
        """Check that nothing else is in the place of a clip's folder or of its files.

        Raises:
            RichSpaceError: If a file is in the place of the folder, or a folder is in the place of a file.
        """
        folder = self.root / name.folder
        for above in (folder.parent, folder):
            if above.exists():
                create_folder(above)
        require_files(folder / file for file in (*_FILES, RECORD))

    def save(self, job: ClipJob, clip: RenderedClip) -> ClipRecord:
        """Write a clip's files, then its record.

        Raises:
            RichSpaceError: If one of them cannot be written.
        """
        self.require_room(job.name)
        create_folder(self.root / job.name.folder)
        remove_output(self.path(job.name, RECORD))
        for file, content in clip.files.items():
            write_output(self.path(job.name, file), content)
        record = ClipRecord(
            **asdict(job.name),
            **asdict(job.keys),
            scores=dict(clip.scores),
            seconds=clip.seconds,
            files={file: hash_bytes(content) for file, content in clip.files.items()},
            indices=clip.indices,
        )
        write_record(self.path(job.name, RECORD), record)
        return record

    def path(self, name: ClipName, file: str) -> Path:
        """Return the path of one of a clip's files."""
        return self.root / name.folder / file

    def _find_outdated_scores(self, record: ClipRecord, keys: ClipKeys) -> str:
        """Return the reason to score an undamaged clip again, or an empty text."""
        if not record.has_hash:
            return f"{RECORD} is from an earlier version and has no checksum of its scores"
        if record.score != keys.score:
            return "it was scored with other metrics, other drafts or another --tiled"
        missing = [metric for metric in self.metrics if metric not in record.scores]
        return f"it has no score of {', '.join(missing)}" if missing else ""

    def _find_damage(self, name: ClipName, record: ClipRecord, file: str) -> str:
        """Return what is wrong with one of a clip's files, or an empty text if it matches the record."""
        try:
            content = self.path(name, file).read_bytes()
        except FileNotFoundError:
            return f"{file} is missing"
        except OSError as error:
            return f"{file} cannot be read ({error.strerror})"
        return (
            "" if hash_bytes(content) == record.files.get(file) else f"{file} is not the file that {RECORD} describes"
        )
