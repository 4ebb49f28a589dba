"""Expectations become findings: never in vain, and never against a broken baseline."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brownout.harness.check import Evidence
from brownout.harness.config.app import Launch
from brownout.harness.config.experiment import Experiment, read_experiment
from brownout.harness.judging import findings
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import PhaseSpan
from brownout.harness.sizing import size
from brownout.harness.trace import Call, Outcome, Trace
from brownout.harness.verdict.finding import Finding, Status

SPANS = {n: PhaseSpan(n, 10.0 * i, 10.0 * (i + 1)) for i, n in enumerate(("baseline", "fault", "recovery"))}
TEXT = """\
experiment: x
phases: {fault: {faults: [provider_down_503]}}
expect:
  baseline: [served >= 60%]
  fault: [served >= 60%, no_endless_wait, amplification <= 2, {that: ttft_p95 < 2s, severity: note}]
  recovery: [recovery_time <= 5s]
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    (tmp_path / "x.experiment.yaml").write_text(TEXT)
    return read_experiment(tmp_path / "x.experiment.yaml", Launch())


def evidence(*, injected: bool = True, **outcomes: Outcome) -> Evidence:
    """100 requests a phase with one call each; `outcomes` names the outcome of a phase's requests."""
    traces = []
    for i in range(300):
        phase, at = ("baseline", "fault", "recovery")[i // 100], i * 0.1
        given: dict[str, Any] = {
            "request": i, "prompt": i, "user": "u", "phase": phase, "route": "r", "intended": at, "sent": at, "status": 200,
            "head": at, "first": at + 0.5, "last": at + 0.8, "ended": at + 0.9, "end": "complete", "error": "", "text": "",
            "pieces": 3, "max_gap": 0.1, "bytes": 9, "good": True, "degraded": "", "retry_after": None,
        }  # fmt: skip
        hit = ("provider_down_503",) if injected and phase == "fault" else ()
        call = Call(i, "primary", "chat", "m", f"prompt-{i}", "h", 1, at, at + 0.4, 200, "complete", None, hit, hit, (), "stop", 9, 0.0, 0.0)  # fmt: skip
        traces.append(Trace(Sample(**given), (call,), outcome=outcomes.get(phase, Outcome.ANSWERED)))
    return Evidence(tuple(traces), tuple(c for t in traces for c in t.calls), SPANS, Launch())


def by_check(found: tuple[Finding, ...]) -> dict[str, Status]:
    return {f"{f.phase} {f.check}": f.status for f in found}


def test_all_is_well(experiment: Experiment) -> None:
    found = findings(experiment, evidence())
    assert {f.status for f in found} == {Status.PASS}
    assert [f.expectation for f in found] == [
        "served >= 60%", "served >= 60%", "no_endless_wait", "amplification <= 2", "ttft_p95 < 2s", "recovery_time <= 5s"
    ]  # fmt: skip
    assert found[4].severity.value == "note"


def test_nothing_passes_when_no_fault_fired(experiment: Experiment) -> None:
    found = findings(experiment, evidence(injected=False))
    assert by_check(found)["baseline served"] is Status.PASS
    others = [f for f in found if f.phase != "baseline"]
    assert {f.status for f in others} == {Status.UNKNOWN}
    assert all("no fault was injected" in f.message for f in others)


def test_a_fail_without_a_fault_stays_a_fail(experiment: Experiment) -> None:
    found = by_check(findings(experiment, evidence(injected=False, fault=Outcome.ABANDONED)))
    assert found["fault no_endless_wait"] is Status.FAIL
    assert found["fault served"] is Status.FAIL


def test_without_a_plan_there_is_no_fault_to_wait_for(experiment: Experiment) -> None:
    healthy = replace(experiment, phases=tuple(replace(p, plan=type(p.plan)()) for p in experiment.phases))
    assert {f.status for f in findings(healthy, evidence(injected=False))} == {Status.PASS}


def test_a_broken_baseline_fails_and_leaves_unknown_what_compares_with_it(experiment: Experiment) -> None:
    found = by_check(findings(experiment, evidence(baseline=Outcome.ERROR)))
    assert found["baseline served"] is Status.FAIL
    assert found["fault amplification"] is Status.UNKNOWN
    assert found["recovery recovery_time"] is Status.UNKNOWN
    assert found["fault served"] is Status.PASS


def test_in_virtual_time_latency_can_fail_but_not_pass(experiment: Experiment) -> None:
    assert by_check(findings(experiment, evidence(), "virtual"))["fault ttft"] is Status.UNKNOWN
    slow = evidence(fault=Outcome.ERROR)
    assert by_check(findings(experiment, slow, "virtual"))["fault ttft"] is Status.FAIL


def test_evidence_names_requests(experiment: Experiment) -> None:
    found = {f.check: f for f in findings(experiment, evidence(fault=Outcome.ABANDONED)) if f.phase == "fault"}
    assert found["no_endless_wait"].requests[0] == 100
    assert "the user left after" in found["no_endless_wait"].evidence[0]
    assert 100 <= found["served"].requests[0] < 200


def test_phases_are_as_long_as_their_expectations_need(experiment: Experiment) -> None:
    slow, fast = size(experiment, Launch(peak_rps=5)), size(experiment, Launch(peak_rps=50))
    assert slow.seconds > 2 * fast.seconds
    for shape, rps in ((slow, 5), (fast, 50)):
        fault = next(s for s in shape.spans if s.name == "fault")
        assert rps * (fault.end - fault.start) >= 1.1 * 80
        recovery = next(s for s in shape.spans if s.name == "recovery")
        assert recovery.end - recovery.start >= 8.0


def test_what_the_users_who_count_against_the_app_got_is_said(experiment: Experiment) -> None:
    made = evidence(fault=Outcome.ERROR)
    told = replace(
        made, traces=tuple(replace(t, why="status 500" if t.sample.request % 2 else "no reply") for t in made.traces)
    )
    served = next(f for f in findings(experiment, told) if f.phase == "fault" and f.check == "served")
    assert set(served.evidence) == {"50 × error: status 500", "50 × error: no reply"}


def test_an_unknown_says_how_long_the_phase_would_have_to_be(experiment: Experiment) -> None:
    """60 % of 100 requests, where 60 % are asked for: the interval straddles the limit, at ten requests a second."""
    made = evidence()
    traces = tuple(
        replace(t, outcome=Outcome.ERROR) if t.sample.phase == "fault" and t.sample.request % 20 < 7 else t
        for t in made.traces
    )
    served = next(
        f for f in findings(experiment, replace(made, traces=traces)) if f.phase == "fault" and f.check == "served"
    )
    assert served.status is Status.UNKNOWN
    needed = re.search(r"about ([\d,]+) needed\. With at_least: (\d+)s in the fault phase", served.message)
    assert needed
    assert int(needed[2]) == math.ceil(int(needed[1].replace(",", "")) / 10)
