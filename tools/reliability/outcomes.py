"""Outcomes of kills: how many there were, what was left, and what was wrong."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class KillOutcome:
    """Outcome of all kills of one kind.

    Args:
        what: What was killed.
        kills: Number of kills.
        in_the_middle: Number of kills after which an unfinished file or clip was left.
        files: Number of files that were read afterwards.
        faults: What was wrong, one text each.
    """

    what: str
    kills: int = 0
    in_the_middle: int = 0
    files: int = 0
    faults: list[str] = field(default_factory=list)

    def add_kill(self, *, in_the_middle: bool) -> None:
        """Count a kill."""
        self.kills += 1
        self.in_the_middle += in_the_middle

    def add_file(self, name: str, damage: str) -> None:
        """Count a file that was read, and note what is wrong with it, if anything."""
        self.files += 1
        if damage:
            self.add_fault(f"{name}: {damage}")

    def add_fault(self, text: str) -> None:
        """Note something that is wrong."""
        self.faults.append(f"after kill {self.kills}: {text}")

    @property
    def row(self) -> list[str]:
        """Row of the table that is printed."""
        return [self.what, *map(str, (self.kills, self.in_the_middle, self.files, len(self.faults)))]


HEADER = ("killed", "kills", "in the middle of a file or clip", "files read afterwards", "wrong")
