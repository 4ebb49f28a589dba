"""JUnit: what each finding becomes, and XML that every parser reads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from tests.reports.made import HOSTILE, WAIVER, experiment, finding, hostile, result, usual

from brownout.harness.verdict.finding import Severity, Status
from brownout.harness.verdict.result import Result
from brownout.reports.junit import JUnit

PASS, FAIL, UNKNOWN, OFF = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE
BLOCKS, CONDITION, NOTE = Severity.BLOCKS, Severity.CONDITION, Severity.NOTE


def parsed(made: Result) -> ET.Element:
    return ET.fromstring(JUnit().render(made))


def marks(made: Result) -> dict[str, tuple[str, str, str]]:
    """Of each case that did not pass: element, type and message."""
    return {
        case.attrib["name"]: (mark.tag, mark.get("type", ""), mark.attrib["message"])
        for case in parsed(made).iter("testcase")
        for mark in case
        if mark.tag != "properties"
    }


@pytest.mark.parametrize(
    ("status", "severity", "strict", "waived", "expected"),
    [
        (PASS, BLOCKS, True, False, None),
        (FAIL, BLOCKS, False, False, ("failure", "fail", "said")),
        (UNKNOWN, BLOCKS, False, False, ("failure", "inconclusive", "said")),
        (OFF, BLOCKS, True, False, ("skipped", "", "not applicable: said")),
        (FAIL, CONDITION, False, False, ("skipped", "", "condition: said")),
        (FAIL, CONDITION, True, False, ("failure", "fail", "said")),
        (UNKNOWN, CONDITION, False, False, ("skipped", "", "condition: said")),
        (UNKNOWN, CONDITION, True, False, ("failure", "inconclusive", "said")),
        (FAIL, NOTE, True, False, ("skipped", "", "note: said")),
        (UNKNOWN, NOTE, True, False, ("skipped", "", "note: said")),
        (
            FAIL,
            NOTE,
            False,
            True,
            ("skipped", "", "waived by ana until 2030-01-31: the provider answers in March: said"),
        ),
        (FAIL, NOTE, True, True, ("failure", "fail", "said")),
    ],
)
def test_what_a_finding_becomes(
    status: Status, severity: Severity, strict: bool, waived: bool, expected: tuple[str, str, str] | None
) -> None:
    held = finding(expectation="held")
    judged = finding(status, severity, message="said", waiver=WAIVER if waived else None)
    found = marks(result([experiment(findings=[held, judged])], strict=strict))
    assert found == ({"fault: ttft_p95 < 2s": expected} if expected else {})


def test_an_invalid_experiment_is_an_error_and_its_findings_do_not_count() -> None:
    unsound = experiment(
        findings=[finding(FAIL, message="said"), finding(PASS, message="held", phase="baseline")],
        valid=False,
        why_invalid=("sent late", "and unread"),
        samples={"output": "Traceback"},
    )
    assert marks(result([unsound])) == {
        "measurement": ("error", "invalid", "sent late; and unread"),
        "fault: ttft_p95 < 2s": ("skipped", "", "not counted, the measurement was unsound: said"),
        "baseline: ttft_p95 < 2s": ("skipped", "", "not counted, the measurement was unsound: held"),
    }
    assert "Traceback" in JUnit().render(result([unsound]))


def test_a_run_that_decided_nothing_is_red() -> None:
    assert marks(result()) == {"INCONCLUSIVE": ("failure", "inconclusive", "Nothing was shown: no experiment was run.")}


def test_suites_cases_and_numbers() -> None:
    root = parsed(usual())
    assert [s.attrib["name"] for s in root] == ["slow-start", "retry-storm", "nonsense"]
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == ("13", "3", "5")
    case = root[0].findall("testcase")[4]
    assert (case.attrib["classname"], case.attrib["name"]) == ("brownout.slow-start", "fault: total_p95 < 20s")
    properties = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
    assert properties["value"] == "inf"
    assert (properties["low"], properties["limit"], properties["n"]) == ("18.2", "20", "180")


def test_cases_of_one_name_are_told_apart() -> None:
    twice = result([experiment(findings=[finding(), finding()])])
    names = [case.attrib["name"] for case in parsed(twice).iter("testcase")]
    assert names == ["measurement", "fault: ttft_p95 < 2s", "fault: ttft_p95 < 2s (2)"]


def test_hostile_text_stays_text() -> None:
    text = JUnit().render(hostile())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufffe\uffff]", text)
    assert "]]>" not in text
    root = ET.fromstring(text)
    assert {e.tag for e in root.iter()} == {
        "testsuites",
        "testsuite",
        "testcase",
        "properties",
        "property",
        "failure",
        "error",
        "skipped",
    }
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["message"].startswith("<script>alert(1)</script> ]]> & red link gnp.exe | pipe")


def test_a_text_without_end_is_cut() -> None:
    huge = replace(finding(FAIL), message=HOSTILE * 20_000, evidence=(HOSTILE * 1000,) * 100)
    assert len(JUnit().render(result([experiment(findings=[huge])]))) < 40_000
