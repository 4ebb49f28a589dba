"""result.json: what is written is strict JSON and comes back as it was; what is broken is named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.harness.verdict.finding import Finding, Severity, Status, Waiver
from brownout.harness.verdict.result import (
    SCHEMA,
    App,
    ExperimentResult,
    PhaseSummary,
    Result,
    from_json,
    to_json,
)
from brownout.harness.verdict.table import ExperimentOutcome, Verdict, Word

numbers = st.floats(allow_nan=False)
counts = st.integers(0, 10**12)
texts = st.text(max_size=20)
optional = st.none() | numbers
waivers = st.builds(Waiver, texts, st.none() | texts, texts, texts, st.dates())
findings = st.builds(
    Finding,
    experiment=texts,
    phase=st.sampled_from(["baseline", "fault", "recovery", "run"]),
    check=texts,
    expectation=texts,
    severity=st.sampled_from(Severity),
    status=st.sampled_from(Status),
    value=optional,
    unit=st.sampled_from(["s", "ratio", "calls", "usd", "count"]),
    op=st.sampled_from([None, "<", "<=", ">", ">="]),
    limit=optional,
    low=optional,
    high=optional,
    n=counts,
    message=texts,
    meaning=texts,
    fix=texts,
    evidence=st.lists(texts, max_size=2).map(tuple),
    requests=st.lists(counts, max_size=2).map(tuple),
    waiver=st.none() | waivers,
)
phases = st.builds(
    PhaseSummary,
    texts,
    numbers,
    numbers,
    counts,
    st.dictionaries(texts, counts, max_size=3),
    optional,
    optional,
    optional,
    optional,
    counts,
    counts,
    numbers,
)
# In samples, these three texts stand for numbers.
free = st.recursive(
    st.none() | st.booleans() | counts | numbers | texts.filter(lambda t: t not in ("inf", "-inf", "nan")),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
results = st.builds(
    Result,
    tool=texts,
    run=texts,
    seed=st.integers(),
    clock=st.sampled_from(["live", "virtual"]),
    app=st.builds(App, texts, texts, texts),
    started=texts,
    ended=texts,
    verdict=st.builds(
        Verdict,
        st.sampled_from(Word),
        st.integers(0, 4),
        st.lists(texts, max_size=2).map(tuple),
        st.booleans(),
    ),
    experiments=st.lists(
        st.builds(
            ExperimentResult,
            texts,
            texts,
            texts,
            st.booleans(),
            st.lists(texts, max_size=2).map(tuple),
            st.lists(findings, max_size=2).map(tuple),
            st.lists(phases, max_size=2).map(tuple),
            st.integers(1, 2),
            st.dictionaries(texts, free, max_size=3),
        ),
        max_size=2,
    ).map(tuple),
    expired_waivers=st.lists(waivers, max_size=1).map(tuple),
    not_run=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)

FINDING = Finding(
    experiment="outage",
    phase="fault",
    check="ttft_p95",
    expectation="ttft_p95 < 2s",
    severity=Severity.BLOCKS,
    status=Status.FAIL,
    value=math.inf,
    unit="s",
    op="<",
    limit=2.0,
    low=2.5,
    high=math.inf,
    n=200,
    message="during the outage nobody gets an answer",
    requests=(17, 40),
    waiver=Waiver("ttft_p95", None, "known", "Ada", date(2026, 12, 1)),
)
PHASE = PhaseSummary("fault", 0.0, 60.0, 200, {"error": 30, "answered": 170}, 0.2, math.inf, None, None, 400, 30, 0.4)
RESULT = Result(
    tool="0.1.0",
    run="2026-11-25-a1",
    seed=7,
    clock="live",
    app=App("demo", "naive"),
    started="2026-11-25T02:00:00Z",
    ended="2026-11-25T02:10:00Z",
    verdict=Verdict(Word.NO_GO, 1, ("outage: nobody gets an answer",), False),
    experiments=(
        ExperimentResult(
            "outage", "Outage", "What if it is down?", True, (), (FINDING,), (PHASE,), 1, {"send_lag_p99": 0.012}
        ),
    ),
)


def strict(text: str) -> Any:
    """Parsed as JSON of RFC 8259, which has no NaN or Infinity."""

    def refuse(name: str) -> object:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


class TestRoundTrip:
    @settings(deadline=None)
    @given(results)
    def test_what_is_written_is_read_back_equal(self, result: Result) -> None:
        text = to_json(result)
        strict(text)
        assert from_json(text) == result
        assert to_json(from_json(text)) == text

    def test_example_with_all_its_types(self) -> None:
        again = from_json(to_json(RESULT))
        assert again == RESULT
        found = again.experiments[0].findings[0]
        assert (type(found.status), type(found.severity), type(again.verdict.word)) == (Status, Severity, Word)
        assert type(found.waiver and found.waiver.expires) is date
        assert type(found.requests) is tuple

    def test_samples_keep_infinities_and_texts(self) -> None:
        samples: dict[str, object] = {"lag": math.inf, "deep": [{"low": -math.inf, "note": "infinite", "none": None}]}
        experiment = replace(RESULT.experiments[0], samples=samples)
        assert from_json(to_json(replace(RESULT, experiments=(experiment,)))).experiments[0].samples == samples

    def test_nan_stays_nan(self) -> None:
        experiment = replace(RESULT.experiments[0], phases=(replace(PHASE, cost_usd=math.nan),))
        text = to_json(replace(RESULT, experiments=(experiment,)))
        assert strict(text)["experiments"][0]["phases"][0]["cost_usd"] == "nan"
        assert math.isnan(from_json(text).experiments[0].phases[0].cost_usd)

    def test_text_that_is_no_unicode_survives(self, tmp_path: Path) -> None:
        result = replace(RESULT, run="cut \ud83d and \u2028")
        (tmp_path / "result.json").write_text(to_json(result), encoding="utf-8")
        assert from_json((tmp_path / "result.json").read_text(encoding="utf-8")) == result


class TestForm:
    def test_begins_with_the_schema_and_ends_with_a_newline(self) -> None:
        text = to_json(RESULT)
        assert text.startswith(f'{{\n  "schema": "{SCHEMA}",\n')
        assert text.endswith("}\n")
        assert list(strict(text)) == [
            *("schema", "tool", "run", "seed", "clock", "app", "started", "ended"),
            *("verdict", "experiments", "expired_waivers", "not_run"),
        ]

    def test_infinity_is_a_text(self) -> None:
        found = strict(to_json(RESULT))["experiments"][0]["findings"][0]
        assert (found["value"], found["limit"], found["waiver"]["expires"]) == ("inf", 2.0, "2026-12-01")

    def test_order_of_names_does_not_show(self) -> None:
        experiment = RESULT.experiments[0]
        one = replace(experiment, samples={"a": 1, "b": {"x": -math.inf, "y": []}})
        other = replace(experiment, samples={"b": {"y": [], "x": -math.inf}, "a": 1})
        assert to_json(replace(RESULT, experiments=(one,))) == to_json(replace(RESULT, experiments=(other,)))

    @pytest.mark.parametrize(
        ("samples", "message"),
        [
            ({"out": [1, Path("x")]}, r"experiments\[0\]\.samples\.out\[1\]: a \w*Path cannot be written"),
            ({"by_status": {503: 2}}, r"experiments\[0\]\.samples\.by_status: the key 503 is not a text"),
        ],
    )
    def test_samples_that_json_cannot_hold_are_named(self, samples: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            to_json(replace(RESULT, experiments=(replace(RESULT.experiments[0], samples=samples),)))

    def test_the_verdict_can_be_derived_again(self) -> None:
        assert RESULT.experiments[0].outcome == ExperimentOutcome("outage", True, (), (FINDING,))


Change = Callable[[dict[str, Any]], object]


def first(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["experiments"][0]["findings"][0]
    return found


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d.update(schema="brownout.result/2"), r"schema: .*'brownout\.result/2'.*'brownout\.result/1'"),
            (lambda d: d.pop("schema"), "no key 'schema'"),
            (lambda d: d.pop("seed"), "^seed: missing"),
            (lambda d: d.update(seed=True), "^seed: expected a whole number, not true"),
            (lambda d: d.update(seed=1.5), "^seed: expected a whole number, not 1.5"),
            (lambda d: d.update(clock="lively"), 'clock: expected one of live, virtual, not "lively"'),
            (lambda d: d.update(clok=1), r"^clok: unknown key \(did you mean clock\?\)"),
            (lambda d: d.update(app=[]), r"^app: expected an object, not \[\]"),
            (lambda d: d["app"].update(name=None), r"^app\.name: expected a text, not null"),
            (lambda d: d.update(experiments={}), r"^experiments: expected a list, not \{\}"),
            (lambda d: d["verdict"].update(word="MAYBE"), r'^verdict\.word: expected one of NO-GO, .*, not "MAYBE"'),
            (lambda d: d["verdict"].update(reasons=["a", 1]), r"^verdict\.reasons\[1\]: expected a text, not 1"),
            (lambda d: d["experiments"][0].update(valid=1), r"^experiments\[0\]\.valid: expected true or false, not 1"),
            (lambda d: d["experiments"][0].update(samples=[]), r"^experiments\[0\]\.samples: expected an object"),
            (
                lambda d: d["experiments"][0]["phases"][0]["outcomes"].update(error="3"),
                r'^experiments\[0\]\.phases\[0\]\.outcomes\.error: expected a whole number, not "3"',
            ),
            (
                lambda d: first(d).update(status="passed"),
                r"^experiments\[0\]\.findings\[0\]\.status: expected one of pass, fail, unknown, not_applicable",
            ),
            (lambda d: first(d).update(op="=="), r"^experiments\[0\]\.findings\[0\]\.op: expected one of <, <=, >, >="),
            (lambda d: first(d).update(low="2"), r'^experiments\[0\]\.findings\[0\]\.low: expected a number or "inf"'),
            (lambda d: first(d).update(low=True), r"^experiments\[0\]\.findings\[0\]\.low: expected a number"),
            (lambda d: first(d).update(low=10**400), r"^experiments\[0\]\.findings\[0\]\.low: the number is too large"),
            (
                lambda d: first(d)["waiver"].update(expires="soon"),
                r'^experiments\[0\]\.findings\[0\]\.waiver\.expires: expected a date such as 2026-12-31, not "soon"',
            ),
            (lambda d: first(d)["waiver"].update(expires=5), r"waiver\.expires: expected a date"),
            (lambda d: d.update(run=["x" * 100]), r'^run: expected a text, not \["x{55}\.\.\.$'),
        ],
    )
    def test_the_key_is_named(self, change: Change, message: str) -> None:
        data = strict(to_json(RESULT))
        change(data)
        with pytest.raises(ValueError, match=message):
            from_json(json.dumps(data))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not a result of brownout: Expecting value"),
            (to_json(RESULT)[:-40], "not a result of brownout: .*line"),
            ("[]", "no key 'schema'"),
            ('{"schema": NaN}', "NaN is not JSON"),
            ("[" * 100_000, "not a result of brownout"),
        ],
    )
    def test_what_is_no_result_is_said_to_be_none(self, text: str, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            from_json(text)

    def test_fields_with_a_default_may_be_missing(self) -> None:
        data = strict(to_json(RESULT))
        del data["expired_waivers"], data["experiments"][0]["attempts"], data["app"]["command"]
        assert from_json(json.dumps(data)) == RESULT

    @settings(deadline=None)
    @given(st.recursive(st.none() | st.booleans() | counts | texts, lambda i: st.lists(i) | st.dictionaries(texts, i)))
    def test_any_other_json_is_a_value_error(self, data: object) -> None:
        full = strict(to_json(RESULT))
        for broken in (data, full | {"experiments": data, "verdict": data}, full | {"experiments": [data]}):
            with pytest.raises(ValueError, match=r"schema|verdict|experiments"):
                from_json(json.dumps(broken))
