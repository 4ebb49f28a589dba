"""Words and numbers of all outputs, and what stands where."""

from __future__ import annotations

import math

import pytest
from tests.reports.made import WAIVER, experiment, finding, result, usual

from brownout.harness.trace import Outcome
from brownout.harness.verdict import wording
from brownout.harness.verdict.finding import Finding, Severity, Status
from brownout.harness.verdict.result import Result


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1.234, "s", "1.23 s"),
        (math.inf, "s", "never"),
        (math.inf, "calls", "∞"),
        (0.975, "ratio", "97.5 %"),
        (3.0, "calls", "3 calls"),
        (0.42, "usd", "$0.42"),
        (None, "s", "–"),
        (math.nan, "s", "–"),
    ],
)
def test_numbers(value: float | None, unit: str, words: str) -> None:
    assert wording.number(value, unit) == words


@pytest.mark.parametrize(
    ("made", "between"),
    [
        (finding(low=1.2, high=2.4), "1.2–2.4 s"),
        (finding(low=1.2, high=math.inf), "1.2 s – never"),
        (finding(low=math.inf, high=math.inf), "never"),
        (finding(low=None, high=2.4), "–"),
        (finding(value=0.0, unit="count", op=None, limit=None, low=None, high=None, n=200), "below 1.88 %"),
        (finding(value=1.0, unit="count", op=None, limit=None, low=None, high=None, n=200), "–"),
        (finding(value=0.0, unit="count", op=None, limit=None, low=None, high=None, n=0), "–"),
    ],
)
def test_intervals(made: Finding, between: str) -> None:
    assert wording.interval(made) == between


def test_limits() -> None:
    assert wording.limit(finding(op="<=", limit=2.0)) == "<= 2 s"
    assert wording.limit(finding(op=None, limit=None, unit="count", value=0.0)) == "none allowed"
    assert wording.limit(finding(op=None, limit=None)) == "–"


def test_every_outcome_has_its_place() -> None:
    assert set(wording.OUTCOMES) == {o.value for o in Outcome}
    assert wording.by_weight({"new": 1, "error": 2, "answered": 3, "shed": 0}) == [
        ("answered", 3),
        ("error", 2),
        ("new", 1),
    ]
    assert set(wording.STATUSES) == set(wording.SIGNS) == set(Status)
    assert set(wording.SEVERITIES) == set(Severity)


@pytest.mark.parametrize(
    ("made", "place"),
    [
        (finding(Status.FAIL), "blocking"),
        (finding(Status.UNKNOWN), "undecided"),
        (finding(Status.FAIL, Severity.CONDITION), "conditions"),
        (finding(Status.UNKNOWN, Severity.CONDITION), "conditions"),
        (finding(Status.FAIL, Severity.NOTE, waiver=WAIVER), "conditions"),
        (finding(Status.UNKNOWN, Severity.NOTE), "untested"),
        (finding(Status.NOT_APPLICABLE), "untested"),
        (finding(Status.PASS), ""),
        (finding(Status.FAIL, Severity.NOTE), ""),
    ],
)
def test_where_a_finding_stands(made: Finding, place: str) -> None:
    def places(of: Result) -> list[str]:
        at = wording.standing(of)
        return [p for p in ("blocking", "undecided", "conditions", "untested") if made in getattr(at, p)]

    assert places(result([experiment(findings=[made])])) == ([place] if place else [])
    unsound = result([experiment(findings=[made], valid=False)])
    assert places(unsound) == [], "a finding of an unsound experiment counts for nothing"
    assert wording.standing(unsound).unsound == unsound.experiments


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (usual(), "The app is not ready: 3 blocking expectations failed, in 2 of 3 experiments."),
        (
            result([experiment(valid=False)]),
            "1 experiment was not a sound measurement, so the run says nothing certain about the app.",
        ),
        (
            result([experiment(findings=[finding(Status.UNKNOWN)])]),
            "1 blocking expectation could not be decided; nothing failed that blocks.",
        ),
        (result(), "Nothing was shown: no experiment was run."),
        (
            result([experiment(findings=[finding(), finding(Status.FAIL, Severity.CONDITION)])]),
            "Nothing blocks the launch; 1 condition to settle or to accept.",
        ),
        (
            result([experiment(findings=[finding(), finding(Status.NOT_APPLICABLE)])]),
            "1 expectation held in 1 experiment, and nothing stands in the way.",
        ),
        (
            result([experiment(findings=[finding()] * 2)], clock="virtual"),
            "2 expectations held in 1 experiment, and nothing stands in the way. "
            "Reached in virtual time: speed and capacity were not tested.",
        ),
    ],
)
def test_the_verdict_in_one_sentence(made: Result, sentence: str) -> None:
    assert wording.headline(made) == sentence
