"""The folder of finished clips, which knows of each clip whether it is whole, and if not, why.

A clip counts as done when its files are what its record says they are. The record is written last, and in one step:
whatever was cut off in the middle, or damaged afterwards, is made again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from .clips import LATENTS, STRIP, VIDEO, ClipJob, ClipKeys, ClipName, RenderedClip
from .hashes import hash_bytes
from .outputs import create_folder, remove_output, require_files, write_output
from .records import RECORD, ClipRecord, RecordError, read_record, write_record

_FILES = (LATENTS, VIDEO, STRIP)


@dataclass(frozen=True)
class ClipState:
    """What the folder has of a clip.

    Args:
        record: The record of a clip that is finished, undamaged and made from the same things; None for any other.
        has_latents: Whether its latents can be used.
        reason: Why it must be made again; empty for a finished clip, and for one that was never made.
    """

    record: ClipRecord | None = None
    has_latents: bool = False
    reason: str = ""


class ClipStore:
    """The folder of finished clips.

    Args:
        root: Created if it does not exist.

    Raises:
        RichSpaceError: If it is a file, or cannot be created.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        create_folder(root)

    def state(self, name: ClipName, keys: ClipKeys) -> ClipState:
        """Return what there is of a clip that is to have these keys."""
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
            return ClipState(reason="the prompts, the model or the settings are not those that it was made with")
        damage = {file: self._damage(name, record, file) for file in _FILES}
        reason = next(filter(None, damage.values()), "")
        if not reason and not record.has_hash:
            reason = f"{RECORD} is from an earlier version and has no checksum of its scores"
        if not reason and record.score != keys.score:
            reason = "the metrics or --tiled are not those that it was scored with"
        return ClipState(None if reason else record, not damage[LATENTS], reason)

    def record(self, name: ClipName, keys: ClipKeys) -> ClipRecord | None:
        """Return the record of a clip that is finished, undamaged, and made from the same things; else None."""
        return self.state(name, keys).record

    def latents(self, name: ClipName, keys: ClipKeys) -> bytes | None:
        """Return the latents of a clip whose video depends on the same things; None if it must be sampled."""
        return self.path(name, LATENTS).read_bytes() if self.state(name, keys).has_latents else None

    def require_room(self, name: ClipName) -> None:
        """Check that a clip's folder and files can take their places.

        Raises:
            RichSpaceError: If a file is in the place of the folder, or a folder in that of a file.
        """
        folder = self.root / name.folder
        for above in (folder.parent, folder):
            if above.exists():
                create_folder(above)
        require_files(folder / file for file in (*_FILES, RECORD))

    def save(self, job: ClipJob, clip: RenderedClip) -> ClipRecord:
        """Write a clip's files, and then its record.

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
        )
        write_record(self.path(job.name, RECORD), record)
        return record

    def path(self, name: ClipName, file: str) -> Path:
        """Return the path of one of a clip's files."""
        return self.root / name.folder / file

    def _damage(self, name: ClipName, record: ClipRecord, file: str) -> str:
        """Say what is wrong with one of a clip's files; nothing if it is what its record says."""
        try:
            content = self.path(name, file).read_bytes()
        except FileNotFoundError:
            return f"{file} is missing"
        except OSError as error:
            return f"{file} cannot be read ({error.strerror})"
        return (
            "" if hash_bytes(content) == record.files.get(file) else f"{file} is not the file that {RECORD} describes"
        )
