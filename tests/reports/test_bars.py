"""The drawings of the page, as numbers: shares add up, values lie where the scale puts them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from tests.reports.made import finding

from brownout.harness.verdict.wording import OUTCOMES
from brownout.reports.bars import Margin, margin, mix


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*OUTCOMES, "new"]), st.integers(0, 10**9)))
def test_outcomes_fill_the_bar_from_best_to_worst(outcomes: dict[str, int]) -> None:
    segments = mix(outcomes)
    assert {s.name: s.requests for s in segments} == {k: v for k, v in outcomes.items() if v}
    assert [s.style for s in segments] == [o for o in (*OUTCOMES, "other") if any(s.style == o for s in segments)]
    if segments:
        assert segments[0].start == 0
        assert sum(s.width for s in segments) == pytest.approx(100, abs=0.06)
        assert all(a.start + a.width == pytest.approx(b.start, abs=0.02) for a, b in pairwise(segments))


def test_a_margin_is_drawn_to_scale() -> None:
    drawn = margin(finding(value=1.0, low=0.5, high=1.5, limit=2.0, op="<"))
    assert drawn is not None
    scale = drawn.limit / 2.0
    assert drawn.value == pytest.approx(1.0 * scale, abs=0.02)
    assert drawn.low == pytest.approx(0.5 * scale, abs=0.02)
    assert drawn.width == pytest.approx(1.0 * scale, abs=0.02)
    assert (drawn.allowed, drawn.allowed_width) == (0.0, drawn.limit)


def test_a_lower_limit_allows_what_lies_above() -> None:
    drawn = margin(finding(value=0.97, low=0.95, high=0.985, limit=0.99, op=">=", unit="ratio"))
    assert drawn is not None
    assert drawn.allowed == drawn.limit
    assert drawn.allowed + drawn.allowed_width == pytest.approx(100)
    assert drawn.low < drawn.value < drawn.limit
    assert 5 < drawn.low < 50, "near 1 the scale does not begin at 0"


def test_an_open_end_reaches_to_the_edge() -> None:
    drawn = margin(finding(value=1.0, low=0.5, high=math.inf))
    assert drawn is not None
    assert drawn.low + drawn.width == pytest.approx(100)
    assert (drawn.open_low, drawn.open_high) == (False, True)


@pytest.mark.parametrize(
    "part", [{"value": None}, {"limit": None}, {"op": None}, {"value": math.inf}, {"value": math.nan}]
)
def test_what_has_no_scale_is_not_drawn(part: dict[str, Any]) -> None:
    assert margin(finding(**part)) is None


@settings(deadline=None)
@given(*[st.one_of(st.none(), st.floats())] * 4, st.sampled_from(["<", ">="]), st.sampled_from(["s", "ratio"]))
def test_all_positions_lie_within_the_drawing(
    value: float | None, low: float | None, high: float | None, limit: float | None, op: str, unit: str
) -> None:
    drawn: Margin | None = margin(finding(value=value, low=low, high=high, limit=limit, op=op, unit=unit))
    for position in drawn[:6] if drawn else ():
        assert -100 <= position <= 100
