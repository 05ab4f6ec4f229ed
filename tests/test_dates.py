from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.dates import days_of, overlap, period, span


@given(st.dates())
def test_a_day_lies_in_its_own_day_month_and_year_and_beside_no_other(day: date) -> None:
    written = day.isoformat()
    for asked, part in ((written, 10), (written[:7], 7), (written[:4], 4)):
        first, last = period(asked)
        assert first <= day <= last
        assert first.isoformat()[:part] == last.isoformat()[:part] == asked
        assert first == date.min or (first - timedelta(days=1)).isoformat()[:part] != asked
        assert last == date.max or (last + timedelta(days=1)).isoformat()[:part] != asked
    joined = written.replace("-", "")
    for form in (written, joined, written.replace("-", "/"), f"{written}T23:59:59Z", f"{joined}235959"):
        assert days_of(form) == (day, day)
    bare = f"{written[:4]}/{day.month}/{day.day}"
    assert days_of(bare) == days_of(f"{bare} 7:30") == (day, day)
    assert days_of(f"{written[:4]}-{day.month}") == period(written[:7])
    for coarse in (written[:4], written[:7], written[:7].replace("-", ".")):
        assert overlap(coarse, day, day)
        assert days_of(coarse) == period(coarse.replace(".", "-"))


@pytest.mark.parametrize(
    "asked",
    ["2024-13", "2024-00", "2024-02-30", "0000", "24", "2024-5", "202405", "2024-05-31T10", "May", "", "２０２４"],
)
def test_what_is_no_period_is_told(asked: str) -> None:
    with pytest.raises(ValueError, match=f'found "{asked}", expected a year, month or day that exists: 2024, 2024-05'):
        period(asked)


@pytest.mark.parametrize(
    "dated", [None, "", "31.05.2024", "May 2024", "2024-13", "2024-02-30", "2024-0531", "1717113600", "2024-05-311"]
)
def test_what_is_no_date_lies_in_no_period(dated: str | None) -> None:
    assert days_of(dated) is None
    assert not overlap(dated, date.min, date.max)


@given(st.dates(), st.dates())
def test_what_lies_from_one_period_to_another_has_an_end_after_its_beginning(one: date, other: date) -> None:
    early, late = sorted((one, other))
    assert span(str(early), str(late)) == (early, late)
    assert span(str(late)[:4], str(late)) == (date(late.year, 1, 1), late)
    assert span(None, None) == (date.min, date.max)
    if early < late:
        with pytest.raises(ValueError, match=f"found from {late} to {early}, expected an end"):
            span(str(late), str(early))
