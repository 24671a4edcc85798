"""Score table in the form of the paper's Table 1."""

import csv
import math
import statistics

import pytest

from richspace_core.benchmark.balancing import SEEN
from richspace_core.benchmark.records import ClipRecord
from richspace_core.benchmark.score_table import AVERAGE, ScoreTable, SeedMean, write_scores
from richspace_core.markdown import markdown_table
from richspace_core.metrics.registry import AESTHETIC_QUALITY, SUBJECT_CONSISTENCY, TEMPORAL_FLICKERING

SUBJECT, AESTHETIC, FLICKERING = (
    metric.name for metric in (SUBJECT_CONSISTENCY, AESTHETIC_QUALITY, TEMPORAL_FLICKERING)
)


def record(mixture, arm, seed, **scores):
    names = {"subject": SUBJECT, "aesthetic": AESTHETIC, "flickering": FLICKERING, "seen": SEEN.name}
    return ClipRecord(mixture, arm, seed, "r", "s", {names[key]: value for key, value in scores.items()}, 1.0, {})


RECORDS = [
    record(mixture, arm, seed, subject=base + seed / 10, flickering=0.9)
    for mixture, base in (("Tiger+Zebra", 0.5), ("Circle+Square", 0.3))
    for arm in ("optimum", "direct")
    for seed in range(3)
]


def test_a_cell_is_the_mean_over_seeds_with_its_standard_error():
    cell = ScoreTable.from_records(RECORDS).rows["Tiger+Zebra"][SUBJECT, "optimum"]
    assert cell.measured.mean == pytest.approx(0.6)
    assert cell.measured.error == pytest.approx(statistics.stdev([0.5, 0.6, 0.7]) / math.sqrt(3))
    assert str(cell) == "0.6000 ± 0.0577 (paper: 0.9751)"


def test_the_average_is_over_mixtures_and_its_error_over_seeds():
    cell = ScoreTable.from_records(RECORDS).rows[AVERAGE][SUBJECT, "direct"]
    assert cell.measured.mean == pytest.approx(0.5)
    assert cell.measured.error == pytest.approx(0.1 / math.sqrt(3))
    assert cell.reported is None  # the paper averages over other mixtures


def test_the_papers_average_stands_beside_that_of_its_mixtures():
    names = ["Tiger+Zebra", "Rabbit+Cat", "Strawberry+Blueberry", "Sunflower+Snail"]
    rows = ScoreTable.from_records(
        [record(name, arm, 0, subject=0.5) for name in names for arm in ("optimum", "direct")]
    ).rows
    assert [cell.reported for cell in rows[AVERAGE].values()] == [0.9787, 0.9748]


def test_the_balance_is_an_arm_that_the_paper_has_no_number_for():
    records = [record("Tiger+Zebra", arm, 0, subject=0.5) for arm in ("optimum", "direct", "balance")]
    table = ScoreTable.from_records(records)
    assert table.columns == ((SUBJECT, "optimum"), (SUBJECT, "direct"), (SUBJECT, "balance"))
    assert [cell.reported for cell in table.rows["Tiger+Zebra"].values()] == [0.9751, 0.9739, None]


def test_the_share_seen_follows_the_metrics_if_every_clip_has_it():
    records = [
        record("Tiger+Zebra", arm, seed, seen=0.4 + seed / 10) for arm in ("optimum", "balance") for seed in (0, 2)
    ]
    table = ScoreTable.from_records(records)
    assert table.to_cells() == (
        ["mixture", "share seen, optimum", "share seen, balance"],
        [["Tiger+Zebra", "0.5000 ± 0.1000", "0.5000 ± 0.1000"]],
    )
    assert ScoreTable.from_records([*records, record("Tiger+Zebra", "direct", 0)]).metrics == ()


def test_one_seed_has_no_error():
    assert str(SeedMean.from_values([0.25])) == "0.2500"
    assert math.isnan(SeedMean.from_values([0.25]).error)


def test_the_papers_numbers_stand_beside_whichever_part_is_named_first():
    rows = ScoreTable.from_records([record("Rabbit+Cat", arm, 0, aesthetic=0.5) for arm in ("optimum", "direct")]).rows
    assert list(rows) == ["Rabbit+Cat"]  # without an average over one mixture
    assert [cell.reported for cell in rows["Rabbit+Cat"].values()] == [0.4649, 0.4821]


def test_only_metrics_that_every_clip_has_are_shown():
    table = ScoreTable.from_records([*RECORDS, record("Circle+Square", "optimum", 3, flickering=0.9)])
    assert table.metrics == (TEMPORAL_FLICKERING,)


def test_the_files_hold_the_table_and_every_digit(tmp_path):
    write_scores(tmp_path, RECORDS)
    assert (tmp_path / "table.md").read_text(encoding="utf-8") == ScoreTable.from_records(RECORDS).to_markdown()
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(RECORDS)
    assert [float(row["score"]) for row in rows if row["metric"] == SUBJECT] == [one.scores[SUBJECT] for one in RECORDS]


def test_a_markdown_table_keeps_its_form_whatever_it_says():
    assert markdown_table(["a", "b"], [["x|y", "1\n2"]]).splitlines()[2] == r"| x\|y | 1 2 |"
