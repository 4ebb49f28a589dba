"""Measurements refuse numbers that cannot be, where the check makes them and not later."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from brownout.harness.verdict.measurement import Invariant, Mean, Percentile, Ratio, Value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Percentile((1.0,), 95), r"p95 is 0\.95"),
        (lambda: Percentile((1.0,), math.nan), r"p95 is 0\.95"),
        (lambda: Ratio(5, 4), "5 of 4 is not a ratio"),
        (lambda: Ratio(-1, 4), "-1 of 4 is not a ratio"),
        (lambda: Value(3.0, 4.0, 5.0, 1), r"3\.0 does not lie between 4\.0 and 5\.0"),
        (lambda: Value(6.0, 4.0, 5.0, 1), r"6\.0 does not lie between"),
        (lambda: Invariant(-1), "-1 opportunities"),
    ],
)
def test_impossible_numbers_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_units_go_with_the_kind_of_measurement() -> None:
    assert [m.unit for m in (Percentile((), 0.5), Ratio(0, 0), Invariant(0), Mean((), unit="usd"))] == [
        "s",
        "ratio",
        "count",
        "usd",
    ]
