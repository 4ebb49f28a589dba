"""Runs to be reported: one as they come, one full of hostile text, and parts to build others from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from brownout.harness.verdict.finding import Finding, Severity, Status, Waiver
from brownout.harness.verdict.result import App, ExperimentResult, PhaseSummary, Result
from brownout.harness.verdict.table import verdict

HOSTILE = (
    "<script>alert(1)</script> ]]> & \x1b[31mred\x1b[0m \x1b]8;;http://evil.test\x07link \u202egnp.exe\u202c "
    "| pipe ` tick ``` \\ *bold* [a](http://evil.test) @octocat <img src=x onerror=alert(1)> \x00\x07\x9b31m "
    "\ud800 \ufffe [red]markup[/red] :boom: '\" {{ 7*7 }} {% raw %}\nsecond line\r\n# heading\u2028- item"
)
WAIVER = Waiver("ttft", None, "the provider answers in March", "ana", date(2030, 1, 31))


def finding(
    status: Status = Status.PASS,
    severity: Severity = Severity.BLOCKS,
    *,
    experiment: str = "slow-start",
    expectation: str = "ttft_p95 < 2s",
    message: str = "",
    **numbers: object,
) -> Finding:
    given: dict[str, object] = {
        "value": 1.42,
        "unit": "s",
        "op": "<",
        "limit": 2.0,
        "low": 1.2,
        "high": 1.81,
        "n": 180,
    }
    return Finding(
        **{  # type: ignore[arg-type]
            "experiment": experiment,
            "phase": "fault",
            "check": "ttft",
            "expectation": expectation,
            "severity": severity,
            "status": status,
            "message": message or f"Users wait 1.42 s for the first word (limit < 2 s): {status.value}",
            "meaning": "People leave after two or three seconds without a word.",
            "fix": "Stream the answer, and give up on the backend after one second.",
            **given,
            **numbers,
        }
    )


def phase(name: str = "fault", start: float = 30.0, end: float = 90.0, **numbers: object) -> PhaseSummary:
    given: dict[str, object] = {
        "requests": 180,
        "outcomes": {"answered": 120, "degraded": 30, "error": 21, "timeout": 9},
        "ttft_p50": 0.42,
        "ttft_p95": 3.3,
        "total_p50": 2.1,
        "total_p95": math.inf,
        "calls": 412,
        "faults": 96,
        "cost_usd": 0.087,
    }
    return PhaseSummary(**{"name": name, "start": start, "end": end, **given, **numbers})  # type: ignore[arg-type]


def experiment(name: str = "slow-start", findings: Sequence[Finding] = (), **fields: object) -> ExperimentResult:
    given: dict[str, object] = {
        "title": "The model is slow to begin",
        "question": "Do users get a first word in time when the backend takes ten seconds to start?",
        "valid": True,
        "why_invalid": (),
        "phases": (
            phase(
                "baseline",
                0.0,
                30.0,
                requests=90,
                outcomes={"answered": 90},
                ttft_p95=0.81,
                total_p95=2.9,
                calls=90,
                faults=0,
                cost_usd=0.031,
            ),
            phase(),
            phase("recovery", 90.0, 120.0, requests=90, outcomes={"answered": 88, "abandoned": 2}, faults=0, calls=93),
        ),
        "samples": {
            "send_lag_p99": 0.0041,
            "delivery_lag_p99": 0.0073,
            "lag_allowed": 0.1,
            "sent": 360,
            "scheduled": 360,
        },
    }
    return ExperimentResult(**{"name": name, "findings": tuple(findings), **given, **fields})  # type: ignore[arg-type]


def result(experiments: Sequence[ExperimentResult] = (), *, strict: bool = False, clock: str = "live") -> Result:
    return Result(
        tool="0.1.0",
        run="2026-11-22T101500-7",
        seed=7,
        clock="virtual" if clock == "virtual" else "live",
        app=App("demo", "naive", "python -m brownout.suites.demo --variant naive --port 8080"),
        started="2026-11-22T10:15:00+00:00",
        ended="2026-11-22T10:21:07+00:00",
        verdict=verdict(
            [e.outcome for e in experiments], strict=strict, clock="virtual" if clock == "virtual" else "live"
        ),
        experiments=tuple(experiments),
    )


def usual() -> Result:
    """Three experiments with a bit of everything: NO-GO."""
    slow = experiment(
        findings=[
            finding(Status.PASS, phase="baseline", value=0.81, low=0.74, high=0.93, n=90),
            finding(
                Status.FAIL,
                value=3.3,
                low=2.9,
                high=4.4,
                message="Users wait 3.3 s for the first word when the model is slow (limit < 2 s). "
                "P95 3.3 s (2.9–4.4 s) is outside the limit < 2 s; n = 180, 9 of them ∞ (error, timeout or abandoned)",
                requests=(12, 40, 41, 77, 103),
            ),
            finding(
                Status.FAIL,
                check="answered",
                expectation="answered >= 95%",
                value=0.6667,
                low=0.595,
                high=0.731,
                unit="ratio",
                op=">=",
                limit=0.95,
                message="66.7 % of users got an answer (limit ≥ 95 %).",
                meaning="One user in three sees an error page.",
                fix="Fall back to the smaller model after the first failed call.",
                requests=tuple(range(100, 130)),
            ),
            finding(
                Status.UNKNOWN,
                Severity.CONDITION,
                expectation="total_p95 < 20s",
                value=math.inf,
                low=18.2,
                high=math.inf,
                limit=20.0,
                message="The whole answer takes never for one user in twenty. P95 never straddles 20 s; n = 180",
            ),
        ],
    )
    storm = experiment(
        "retry-storm",
        title="The backend answers 429 for a minute",
        question="Does the app retry without making it worse?",
        findings=[
            finding(
                Status.FAIL,
                Severity.CONDITION,
                experiment="retry-storm",
                check="amplification",
                expectation="amplification <= 2",
                unit="calls",
                op="<=",
                limit=2.0,
                value=3.4,
                low=3.1,
                high=3.7,
                message="Each request made 3.4 calls while the backend refused (limit ≤ 2).",
                meaning="Retries keep a struggling backend down, and cost money.",
                fix="Honour Retry-After, and share one retry budget.",
            ),
            finding(
                Status.FAIL,
                Severity.CONDITION,
                experiment="retry-storm",
                check="cost",
                expectation="cost_per_request < $0.01",
                unit="usd",
                op="<",
                limit=0.01,
                value=0.013,
                low=0.011,
                high=0.016,
                message="A request costs $0.013 (limit < $0.01).",
                meaning="The bill grows by a third.",
                fix="Send less context.",
                waiver=WAIVER,
            ),
            finding(
                Status.PASS,
                experiment="retry-storm",
                check="foreign",
                expectation="no foreign answers",
                unit="count",
                op=None,
                limit=None,
                value=0.0,
                low=None,
                high=None,
                n=200,
                message="No user got the answer of another.",
            ),
            finding(
                Status.NOT_APPLICABLE,
                experiment="retry-storm",
                check="cut_streams",
                expectation="no cut streams",
                value=None,
                low=None,
                high=None,
                limit=None,
                op=None,
                unit="",
                n=0,
                message="Cut streams passed on as whole. Not applicable: the app does not stream.",
            ),
            finding(
                Status.UNKNOWN,
                Severity.NOTE,
                experiment="retry-storm",
                check="recovery",
                phase="recovery",
                expectation="recovery < 10s",
                value=None,
                low=None,
                high=None,
                limit=10.0,
                n=0,
                message="Time to recover. No samples",
            ),
        ],
    )
    nonsense = experiment(
        "nonsense",
        title="The model talks nonsense",
        question="Does the app notice an answer that is none?",
        findings=[
            finding(
                Status.FAIL,
                experiment="nonsense",
                check="wrong",
                expectation="no nonsense passed on",
                unit="count",
                op=None,
                limit=None,
                value=4.0,
                low=None,
                high=None,
                n=60,
                message="Nonsense reached 4 users. 4 violations in 60 opportunities: error text as an answer (request 9)",
                meaning="Users read garbage under your name.",
                fix="Check the shape of each answer before it is shown.",
                evidence=(
                    "error text as an answer",
                    "an answer in another alphabet",
                    "half a JSON object",
                    "an empty one",
                ),
                requests=(9, 14, 15, 51),
            )
        ],
    )
    return result([slow, storm, nonsense])


def hostile() -> Result:
    """Every text of the run is hostile."""
    name = HOSTILE[:60] + HOSTILE[-60:]
    bad = finding(
        Status.FAIL,
        experiment=name,
        expectation=HOSTILE,
        message=HOSTILE * 30,
        meaning=HOSTILE,
        fix=HOSTILE,
        check=HOSTILE,
        evidence=(HOSTILE,) * 40,
        requests=tuple(range(500)),
        unit="s",
    )
    waived = replace(WAIVER, reason=HOSTILE, owner=HOSTILE, check=HOSTILE)
    findings = [
        bad,
        replace(bad, status=Status.UNKNOWN),
        replace(bad, severity=Severity.CONDITION, waiver=waived),
        replace(bad, status=Status.NOT_APPLICABLE),
        replace(bad, status=Status.UNKNOWN, severity=Severity.NOTE),
    ]
    sound = experiment(
        name, findings, title=HOSTILE, question=HOSTILE, phases=(phase(HOSTILE, outcomes={HOSTILE: 180}),)
    )
    unsound = replace(
        sound,
        name="b" + name,
        valid=False,
        why_invalid=(HOSTILE,),
        samples={"output": HOSTILE, "send_lag_p99": HOSTILE},
    )
    made = result([sound, unsound])
    app = App(HOSTILE, HOSTILE, HOSTILE)
    return replace(made, app=app, run=HOSTILE, tool=HOSTILE, started=HOSTILE, ended=HOSTILE, expired_waivers=(waived,))
