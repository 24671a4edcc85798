"""The benchmark as one page to look at: tables, curves and strips in a single HTML file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..drawing.score_plot import plot_scores
from .clips import STRIP, VIDEO, Arm
from .indices import Finding, distances, index_cells
from .outputs import write_output
from .records import ClipRecord
from .rendering import picture_file
from .score_table import ScoreTable
from .store import ClipStore

REPORT = "report.html"
_TEMPLATE = "report.html.jinja"


@dataclass(frozen=True)
class _Clip:
    """One clip on the page: its strip as a data address, and where its video lies beside the page."""

    arm: Arm
    strip: str
    video: str


@dataclass(frozen=True)
class _Section:
    """One mixture on the page: its curves as a data address, and its clips by seed."""

    finding: Finding
    verdicts: list[str]
    curves: str
    seeds: dict[int, list[_Clip]]


def write_report(folder: Path, findings: Sequence[Finding], records: Sequence[ClipRecord], store: ClipStore) -> None:
    """Write ``report.html``; pictures stand in the file itself, the videos' links lead to the folder beside it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(_TEMPLATE).render(
        scores=ScoreTable.of(records).cells(),
        indices=index_cells(findings),
        distances=distances(findings),
        sections=[_section(finding, records, folder, store) for finding in findings],
    )
    write_output(folder / REPORT, page)


def _section(finding: Finding, records: Sequence[ClipRecord], folder: Path, store: ClipStore) -> _Section:
    choices = [
        stage.choice(name_a=a, name_b=b)
        for stage, a, b in zip(finding.chain.stages, _first_names(finding), finding.mixture.prompts[1:], strict=True)
    ]
    seeds: dict[int, list[_Clip]] = {}
    for record in records:
        if record.mixture == finding.mixture.name:
            seeds.setdefault(record.seed, []).append(_clip(record, folder, store))
    verdicts = ["; ".join([choice.verdict, *choice.remarks]) for choice in choices]
    return _Section(finding, verdicts, _data_address(picture_file(plot_scores(choices), "png"), "png"), seeds)


def _first_names(finding: Finding) -> list[str]:
    """What stands at A's end of each stage's line: the first prompt, then the mixture so far."""
    first, *guides = finding.mixture.prompts[0], *finding.mixture.guides[:-1]
    return [first, *(f"mixture so far: {guide}" for guide in guides)]


def _clip(record: ClipRecord, folder: Path, store: ClipStore) -> _Clip:
    video = store.path(record.name, VIDEO).relative_to(folder).as_posix()
    return _Clip(record.arm, _data_address(store.path(record.name, STRIP).read_bytes(), "jpeg"), video)


def _data_address(picture: bytes, form: str) -> str:
    return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"
