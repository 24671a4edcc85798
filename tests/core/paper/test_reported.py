"""Numbers that the paper reports, and statements about them that follow from the list."""

import statistics

import pytest

from richspace_core.paper.reported import MIXTURES, STEPS, TABLE_1

INDICES = [mixture.index for mixture in MIXTURES if mixture.index is not None]


def test_the_reported_indices():
    assert len(INDICES) == 32
    assert all(1 <= index <= STEPS for index in INDICES)
    assert statistics.fmean(INDICES) == pytest.approx(15.2, abs=0.05)
    assert statistics.stdev(INDICES) == pytest.approx(2.3, abs=0.05)
    assert statistics.fmean(abs(index - STEPS // 2) for index in INDICES) == pytest.approx(1.7, abs=0.05)


def test_every_mixture_and_every_figure_is_listed_once():
    assert len({mixture.name for mixture in MIXTURES}) == len({mixture.figure for mixture in MIXTURES}) == len(MIXTURES)
    assert {str(figure) for figure in range(5, 35)} < {mixture.figure for mixture in MIXTURES}


@pytest.mark.parametrize("arm", ["optimum", "direct"])
@pytest.mark.parametrize("metric", [0, 1], ids=["SC", "AQ"])
def test_the_averages_of_table_1_follow_from_its_rows(arm, metric):
    *rows, average = (getattr(row, arm)[metric] for row in TABLE_1)
    assert statistics.fmean(rows) == pytest.approx(average, abs=5e-5)
