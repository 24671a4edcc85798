"""Candidates that a count or a text selects, and their names."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from richspace_core import RichSpaceError
from richspace_core.finder.candidates import evenly_spread, file_name, label, parse_candidates, parse_indices, shares

steps_and_count = st.tuples(st.integers(1, 1000), st.integers(1, 1000))


class TestEvenlySpread:
    @given(steps_and_count)
    def test_reaches_from_the_first_to_the_last_with_gaps_that_differ_by_one_at_most(self, drawn):
        steps, count = drawn
        indices = evenly_spread(count, steps)
        assert len(indices) == min(count, steps)
        gaps = {after - before for before, after in pairwise(indices)}
        assert not gaps or (min(gaps) >= 1 and max(gaps) - min(gaps) <= 1)
        if len(indices) > 1:
            assert (indices[0], indices[-1]) == (1, steps)

    @given(st.integers(1, 1000))
    def test_a_single_one_lies_in_the_middle(self, steps):
        (index,) = evenly_spread(1, steps)
        assert abs((index - 1) - (steps - index)) <= 1

    @pytest.mark.parametrize(("count", "steps", "name"), [(0, 30, "count"), (-1, 30, "count"), (5, 0, "steps")])
    def test_refuses_none(self, count, steps, name):
        with pytest.raises(RichSpaceError, match=f"^{name}: expected"):
            evenly_spread(count, steps)


class TestParseIndices:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", [0, 0, 0]),
            ("0, 17", [0, 17, 0]),
            (" 1 ,, 30", [1, 0, 30]),
            (",5", [0, 5, 0]),
            ("007", [7, 0, 0]),
        ],
    )
    def test_reads_one_number_for_each_stage(self, text, expected):
        assert parse_indices(text, 3, 30) == expected

    @pytest.mark.parametrize("text", ["1, 2, 3, 4", ",,,", "a", "1 2", "-1", "1.5", "1-3", "\u0663", "9" * 5000])
    def test_refuses_other_forms(self, text):
        with pytest.raises(RichSpaceError, match=r"^indices: expected at most 3 whole numbers"):
            parse_indices(text, 3, 30)

    def test_refuses_candidates_that_do_not_exist(self):
        with pytest.raises(RichSpaceError, match=r"^indices: expected a candidate between 1 .* and 30"):
            parse_indices("0, 31", 3, 30)


class TestParseCandidates:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("15", [15]),
            ("1, 8, 15-18", [1, 8, 15, 16, 17, 18]),
            (" 3 ,1,  30 ", [3, 1, 30]),
            ("4 - 6,5,9", [4, 5, 6, 9]),
            ("18-15", [18, 17, 16, 15]),
            ("10\u201312", [10, 11, 12]),
            ("7-7", [7]),
            ("1,\n2", [1, 2]),
        ],
    )
    def test_reads_numbers_and_ranges(self, text, expected):
        assert parse_candidates(text, 30) == expected

    @given(st.lists(st.integers(1, 50), min_size=1, unique=True))
    def test_keeps_the_order_of_the_text(self, indices):
        assert parse_candidates(", ".join(map(str, indices)), 50) == indices

    @pytest.mark.parametrize(
        "text", ["a", "1 2", "1;2", "1, ", ",", "1-2-3", "-3", "1.5", "50%", "every 5", "", "9" * 5000]
    )
    def test_shows_the_form_where_a_text_has_another(self, text):
        message = r'^candidates: expected numbers and ranges such as "1, 8, 15-18", got .*\. Leave it empty to'
        with pytest.raises(RichSpaceError, match=message):
            parse_candidates(text, 30)

    @pytest.mark.parametrize("text", ["0", "31", "1, 40", "25-31", "0-3", "1-999999999"])
    def test_refuses_a_candidate_that_is_not_there(self, text):
        message = r"^candidates: expected a candidate between 1 \(nearly B\) and 30 \(exactly A\), got \d+\."
        with pytest.raises(RichSpaceError, match=message):
            parse_candidates(text, 30)


def test_a_label_gives_the_share_of_a():
    assert [label(index, 30) for index in (1, 15, 30)] == ["1 of 30: 3% A", "15 of 30: 50% A", "30 of 30: 100% A"]


@given(st.integers(1, 1000).flatmap(lambda steps: st.tuples(st.integers(1, steps), st.just(steps))))
def test_only_the_last_candidate_is_all_of_a_and_none_is_all_of_b(drawn):
    index, steps = drawn
    a, b = (float(share.rstrip("%")) for share in shares(index, steps))
    assert round(a + b, 9) == 100
    assert (a == 100) == (index == steps)


@given(st.integers(1, 2000), st.data())
def test_file_names_sort_as_the_candidates_do_and_hold_no_special_characters(steps, data):
    indices = data.draw(st.lists(st.integers(1, steps), min_size=1, unique=True))
    names = [file_name(index, steps) for index in sorted(indices)]
    assert names == sorted(names)
    assert all(name.replace("_", "").isalnum() for name in names)
