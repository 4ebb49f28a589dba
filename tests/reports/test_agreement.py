"""All outputs tell of one verdict: over every combination of findings they agree with the exit code."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from tests.reports.made import WAIVER, experiment, finding, hostile, result, usual

from brownout.harness.report import Report, reports
from brownout.harness.verdict.finding import Finding, Severity, Status
from brownout.harness.verdict.result import ExperimentResult, Result

ENDS = st.sampled_from([None, 0.0, 1.5, 2.0, float("inf"), float("-inf"), float("nan"), 1e308, -1e308, 5e-324])


def findings() -> st.SearchStrategy[Finding]:
    made = st.builds(
        finding,
        st.sampled_from(Status),
        st.sampled_from(Severity),
        experiment=st.sampled_from(["one", "two"]),
        value=ENDS,
        low=ENDS,
        high=ENDS,
        limit=ENDS,
        op=st.sampled_from([None, "<", "<=", ">", ">="]),
        unit=st.sampled_from(["s", "ratio", "calls", "usd", "count", ""]),
        n=st.integers(0, 300),
        waiver=st.sampled_from([None, None, WAIVER]),
    )
    return made.filter(lambda f: f.waiver is None or f.severity is not Severity.BLOCKS)


def experiments() -> st.SearchStrategy[ExperimentResult]:
    def build(name: str, those: list[Finding], valid: bool) -> ExperimentResult:
        return experiment(name, [replace(f, experiment=name) for f in those], valid=valid)

    return st.builds(
        build, st.sampled_from(["one", "two"]), st.lists(findings(), max_size=4), st.sampled_from([True] * 4 + [False])
    )


def results() -> st.SearchStrategy[Result]:
    return st.builds(
        lambda those, strict, clock: result(those, strict=strict, clock=clock),
        st.lists(experiments(), max_size=3),
        st.booleans(),
        st.sampled_from(["live", "virtual"]),
    )


@settings(max_examples=300, deadline=None)
@given(results())
def test_junit_is_red_exactly_when_the_exit_code_is_not_0(made: Result) -> None:
    root = ET.fromstring(reports.get("junit").render(made))
    red = len(root.findall(".//failure")) + len(root.findall(".//error"))
    assert (red > 0) == (made.verdict.exit_code != 0)
    assert int(root.attrib["failures"]) + int(root.attrib["errors"]) == red
    assert len(root.findall(".//testcase")) == int(root.attrib["tests"])


@settings(max_examples=100, deadline=None)
@given(results())
def test_html_markdown_and_json_say_the_same_word(made: Result) -> None:
    page, summary, data = (reports.get(name).render(made) for name in ("html", "md", "json"))
    heading = re.search(r"<h1>(.*?)</h1>", page)
    assert heading is not None
    assert unescape(heading[1]) == str(made.verdict)
    assert summary.splitlines()[0].endswith(f" {made.verdict}")
    assert json.loads(data)["verdict"]["word"] == made.verdict.word.value


def test_the_formats_are_these() -> None:
    assert {name: report.filename for name, report in reports} == {
        "html": "report.html",
        "json": "result.json",
        "junit": "junit.xml",
        "md": "summary.md",
    }


@pytest.mark.parametrize("name", ["html", "json", "junit", "md"])
@pytest.mark.parametrize("made", [usual(), hostile(), result()], ids=["usual", "hostile", "empty"])
def test_every_format_is_a_pure_function_that_can_be_written(name: str, made: Result) -> None:
    report: Report = reports.get(name)
    text = report.render(made)
    assert text == report.render(made)
    assert text.endswith("\n")
    assert text.encode("utf-8")
    assert report.name == name
    assert report.title


@pytest.mark.parametrize("name", ["html", "md", "json"])
def test_experiments_that_were_not_run_are_named(name: str) -> None:
    made = replace(usual(), not_run=("The moon is full: it did not fit into --max-minutes 3",))
    assert "The moon is full" in reports.get(name).render(made)
    assert "The moon is full" not in reports.get(name).render(usual())
