"""JUnit XML, which every CI system shows.

It is red exactly when the exit code of the run is not 0. A suite is an experiment, a case a finding:

=====================================  =====================================================
finding                                case
=====================================  =====================================================
pass                                   passed
blocks, fail                           failure of type ``fail``
blocks, unknown                        failure of type ``inconclusive``
condition or waived, fail or unknown   the same with ``--strict``, skipped without
note, fail or unknown                  skipped
not applicable                         skipped
any, in an experiment that is invalid  skipped; the case ``measurement`` is an error
=====================================  =====================================================
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from typing import NamedTuple

from brownout.harness.report import reports
from brownout.harness.verdict.finding import Finding, Severity, Status
from brownout.harness.verdict.plain import clean, clip, one_line
from brownout.harness.verdict.result import ExperimentResult, Result
from brownout.harness.verdict.wording import headline, waived
from brownout.reports.words import app_name, is_strict, reproduce

__all__ = ["JUnit"]

_TEXT = 10_000
"""The most characters of one text: CI systems refuse files of many megabytes."""


class JUnit:
    """One file for the test report of a CI system."""

    name = "junit"
    title = "JUnit XML for the test report of a CI system"
    filename = "junit.xml"

    def render(self, result: Result) -> str:
        root = ET.Element("testsuites", name="brownout")
        for experiment in result.experiments:
            _suite(root, result, experiment)
        red = root.find(".//failure") is not None or root.find(".//error") is not None
        if result.verdict.exit_code and not red:
            _run_suite(root, result)
        for suite in root:
            _count(suite)
        for total in ("tests", "failures", "errors", "skipped"):
            root.set(total, str(sum(int(suite.get(total, 0)) for suite in root)))
        ET.indent(root)
        return "<?xml version='1.0' encoding='UTF-8'?>\n" + ET.tostring(root, encoding="unicode") + "\n"


class _Mark(NamedTuple):
    """What a case says of a finding: an element with a message; for a failure, its type."""

    tag: str
    kind: str
    message: str


def _mark(finding: Finding, valid: bool, strict: bool) -> _Mark | None:
    """None for a case that passed."""
    said = finding.message
    if not valid:
        return _Mark("skipped", "", f"not counted, the measurement was unsound: {said}")
    if finding.status is Status.PASS:
        return None
    if finding.status is Status.NOT_APPLICABLE:
        return _Mark("skipped", "", f"not applicable: {said}")
    failure = _Mark("failure", "fail" if finding.status is Status.FAIL else "inconclusive", said)
    if finding.severity is Severity.BLOCKS:
        return failure
    if finding.waiver is not None:
        return failure if strict else _Mark("skipped", "", f"{waived(finding.waiver)}: {said}")
    if finding.severity is Severity.CONDITION:
        return failure if strict else _Mark("skipped", "", f"condition: {said}")
    return _Mark("skipped", "", f"note: {said}")


def _suite(root: ET.Element, result: Result, experiment: ExperimentResult) -> None:
    seconds = max((p.end for p in experiment.phases), default=0.0)
    suite = _begin(root, result, experiment.name, seconds)
    measured = _case(suite, experiment.name, "measurement")
    if not experiment.valid:
        reasons = experiment.why_invalid or ("not a valid run",)
        output = experiment.samples.get("output")
        _add(measured, _Mark("error", "invalid", "; ".join(reasons)), output if isinstance(output, str) else "")
    names: Counter[str] = Counter()
    for finding in experiment.findings:
        name = f"{finding.phase}: {finding.expectation or finding.check}"
        names[name] += 1
        # Readers tell cases apart by class and name alone.
        case = _case(suite, experiment.name, name if names[name] == 1 else f"{name} ({names[name]})")
        _properties(case, _numbers(finding))
        if mark := _mark(finding, experiment.valid, is_strict(result)):
            _add(case, mark, _body(finding))


def _run_suite(root: ET.Element, result: Result) -> None:
    """The verdict as a case, where no finding shows it: a run in which nothing was decided."""
    case = _case(_begin(root, result, "verdict", 0.0), "verdict", str(result.verdict.word))
    kind = {1: "fail", 3: "inconclusive"}.get(result.verdict.exit_code, "invalid")
    _add(case, _Mark("failure", kind, headline(result)), "\n".join(result.verdict.reasons))


def _begin(root: ET.Element, result: Result, name: str, seconds: float) -> ET.Element:
    # The schema's timestamp has no offset; ours is in UTC.
    suite = ET.SubElement(root, "testsuite", name=_attribute(name), timestamp=_attribute(result.started[:19]))
    suite.set("time", f"{seconds:.3f}")
    about = {"verdict": str(result.verdict), "app": app_name(result.app), "seed": str(result.seed)}
    about |= {"clock": result.clock, "run": result.run, "brownout": result.tool, "reproduce": reproduce(result)}
    _properties(suite, about)
    return suite


def _case(suite: ET.Element, experiment: str, name: str) -> ET.Element:
    called = {"classname": _attribute(f"brownout.{experiment}"), "name": _attribute(name)}
    return ET.SubElement(suite, "testcase", called, time="0.000")


def _numbers(finding: Finding) -> dict[str, str]:
    """The numbers of a finding as they are, in its unit; infinite ones as ``inf``."""
    given = {"value": finding.value, "low": finding.low, "high": finding.high, "limit": finding.limit}
    numbers = {name: f"{number:.9g}" for name, number in given.items() if number is not None}
    words = {"op": finding.op or "", "unit": finding.unit, "check": finding.check, "severity": finding.severity.value}
    return numbers | {"n": str(finding.n)} | {name: word for name, word in words.items() if word}


def _properties(element: ET.Element, values: dict[str, str]) -> None:
    properties = ET.SubElement(element, "properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", name=name, value=_attribute(value))


def _add(case: ET.Element, mark: _Mark, body: str) -> None:
    element = ET.SubElement(case, mark.tag, message=_attribute(mark.message))
    if mark.kind:
        element.set("type", mark.kind)
    if body:
        element.text = clip(clean(body), _TEXT)


def _body(finding: Finding) -> str:
    lines = [finding.message]
    lines += [f"For users: {finding.meaning}"] if finding.meaning else []
    lines += [f"Usual fix: {finding.fix}"] if finding.fix else []
    lines += [f"Waiver: {waived(finding.waiver)}"] if finding.waiver else []
    lines += [f"Requests: {', '.join(map(str, finding.requests))}"] if finding.requests else []
    return "\n".join([*lines, *(f"- {one_line(line)}" for line in finding.evidence)])


def _attribute(text: str) -> str:
    return one_line(text, 1000)


def _count(suite: ET.Element) -> None:
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))


reports.add("junit", JUnit())
