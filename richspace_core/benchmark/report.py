"""Report of the benchmark: tables, curves and strips in a single HTML file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..drawing.score_plot import plot_scores
from .balancing import SEEN
from .clips import STRIP, VIDEO, Arm
from .indices import Finding, compute_distances, format_index_cells
from .media import encode_picture
from .outputs import write_output
from .records import ClipRecord
from .score_table import ScoreTable
from .store import ClipStore

REPORT = "report.html"
_TEMPLATE = "report.html.jinja"


@dataclass(frozen=True)
class _Clip:
    """One clip on the page.

    Args:
        arm: Embedding that it was sampled from.
        strip: Picture of its frames as a data URL.
        video: Path of its video, relative to the page.
        note: Share seen in its draft, and the candidates of the balance finder; empty without drafts.
    """

    arm: Arm
    strip: str
    video: str
    note: str


@dataclass(frozen=True)
class _Section:
    """One mixture on the page.

    Args:
        finding: Result of the finder.
        verdicts: Choice of each stage in words.
        curves: Score plot as a data URL.
        seeds: Clips by seed.
    """

    finding: Finding
    verdicts: list[str]
    curves: str
    seeds: dict[int, list[_Clip]]


def write_report(folder: Path, findings: Sequence[Finding], records: Sequence[ClipRecord], store: ClipStore) -> None:
    """Write ``report.html``, which contains the pictures and links to the videos in the folder next to it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    table = ScoreTable.from_records(records)
    page = environment.get_template(_TEMPLATE).render(
        metrics=table.metrics,
        scores=table.to_cells(),
        indices=format_index_cells(findings),
        distances=compute_distances(findings),
        sections=[_make_section(finding, records, folder, store) for finding in findings],
    )
    write_output(folder / REPORT, page)


def _make_section(finding: Finding, records: Sequence[ClipRecord], folder: Path, store: ClipStore) -> _Section:
    choices = [
        stage.choice(name_a=a, name_b=b)
        for stage, a, b in zip(finding.chain.stages, _names_of_a(finding), finding.mixture.prompts[1:], strict=True)
    ]
    seeds: dict[int, list[_Clip]] = {}
    for record in records:
        if record.mixture == finding.mixture.name:
            seeds.setdefault(record.seed, []).append(_make_clip(record, finding.last.steps, folder, store))
    verdicts = ["; ".join([choice.verdict, *choice.remarks]) for choice in choices]
    return _Section(finding, verdicts, _to_data_url(encode_picture(plot_scores(choices), "png"), "png"), seeds)


def _names_of_a(finding: Finding) -> list[str]:
    """Return the text of A for each stage: the first prompt, then the mixture so far."""
    first, *guides = finding.mixture.prompts[0], *finding.mixture.guides[:-1]
    return [first, *(f"mixture so far: {guide}" for guide in guides)]


def _make_clip(record: ClipRecord, steps: int, folder: Path, store: ClipStore) -> _Clip:
    video = store.path(record.name, VIDEO).relative_to(folder).as_posix()
    strip = _to_data_url(store.path(record.name, STRIP).read_bytes(), "jpeg")
    return _Clip(record.arm, strip, video, _describe_share(record, steps))


def _describe_share(record: ClipRecord, steps: int) -> str:
    """Describe what the drafts say about a clip: ``candidate 14 of 30, share seen 0.48``."""
    chosen = [f"candidate {', then '.join(map(str, record.indices))} of {steps}"] if record.indices else []
    seen = [f"{SEEN.name} {record.scores[SEEN.name]:.2f}"] if SEEN.name in record.scores else []
    return ", ".join([*chosen, *seen])


def _to_data_url(picture: bytes, form: str) -> str:
    return f"data:image/{form};base64,{base64.b64encode(picture).decode()}"
