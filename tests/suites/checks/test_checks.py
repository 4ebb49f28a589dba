"""Every check: failing on evidence of its defect, passing on evidence without it, and never passing on nothing."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from brownout.harness.check import Check, Evidence, View, checks
from brownout.harness.config.app import Launch
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import PhaseSpan
from brownout.harness.trace import Call, Outcome, Trace
from brownout.harness.verdict.finding import Status
from brownout.harness.verdict.judge import Limit, judge
from brownout.harness.watch import Probe

SPANS = {n: PhaseSpan(n, 10.0 * i, 10.0 * (i + 1)) for i, n in enumerate(("baseline", "fault", "recovery"))}
NAMES = [n for n, _ in checks]


def sample(request: int, intended: float, **more: Any) -> Sample:
    phase = ("baseline", "fault", "recovery")[int(intended // 10)]
    given: dict[str, Any] = {
        "request": request, "prompt": request, "user": f"user-{request}", "phase": phase, "route": "chat",
        "intended": intended, "sent": intended, "status": 200, "head": intended + 0.2, "first": intended + 0.3,
        "last": intended + 0.9, "ended": intended + 1.0, "end": "complete", "error": "", "text": "", "pieces": 5,
        "max_gap": 0.1, "bytes": 900, "good": True, "degraded": "", "retry_after": None,
    }  # fmt: skip
    return Sample(**{**given, **more})


def call(number: int, arrived: float, **more: Any) -> Call:
    given: dict[str, Any] = {
        "number": number, "backend": "primary", "endpoint": "chat", "model": "gpt-4o", "request": f"prompt-{number}",
        "messages": f"h{number}", "attempt": 1, "arrived": arrived, "ended": arrived + 0.5, "status": 200,
        "end": "complete", "retry_after": None, "injected": (), "decided": (), "texts": (), "finish": "stop",
        "tokens": 90, "cost_usd": 0.001, "lag": 0.001,
    }  # fmt: skip
    return Call(**{**given, **more})


Change = Callable[[Trace], Trace]


def evidence(change: Change = lambda t: t) -> Evidence:
    """100 requests a phase, each answered in a second with one call, then changed."""
    traces: list[Trace] = []
    for i in range(300):
        at = i * 0.1
        s = sample(i, at)
        traces.append(change(Trace(s, (call(i, at + 0.1),), outcome=Outcome.ANSWERED)))
    calls = tuple(c for t in traces for c in t.calls)
    needs = {"chat": frozenset({"primary"}), "faq": frozenset({"secondary"})}
    health = tuple(Probe(t.sample.intended, t.sample.status, 0.01) for t in traces)
    return Evidence(tuple(traces), calls, SPANS, Launch(), needs, health)


def status(name: str, phase: str, made: Evidence, limit: Limit | None = None, p: float | None = None) -> Status:
    return judge(checks.get(name).measure(View(made, phase), p), limit).status


def during(phase: str, change: Change) -> Change:
    return lambda t: change(t) if t.sample.phase == phase else t


def some(every: int, change: Change) -> Change:
    return lambda t: change(t) if t.sample.request % every == 0 else t


def slow(seconds: float) -> Change:
    def change(t: Trace) -> Trace:
        at = t.sample.intended + seconds
        return replace(t, sample=replace(t.sample, first=at, last=at, ended=at))

    return change


def outcome(which: Outcome) -> Change:
    return lambda t: replace(t, outcome=which)


def calls_each(n: int) -> Change:
    return lambda t: replace(t, calls=tuple(replace(t.calls[0], number=t.sample.request * 10 + i) for i in range(n)))


def told_to_wait(gap: float) -> Change:
    """429 with Retry-After 2 s, and the same call again `gap` seconds after it."""

    def change(t: Trace) -> Trace:
        first = replace(t.calls[0], status=429, retry_after=2.0)
        second = replace(t.calls[0], number=10_000 + t.sample.request, arrived=first.ended + gap, attempt=2)
        return replace(t, calls=(first, second))

    return change


def cached_fallback(t: Trace) -> Trace:
    """In the fault a stopgap; in the recovery the same question again: the stopgap from a cache."""
    s = t.sample
    if s.phase == "fault":
        return replace(t, sample=replace(s, text=f"Call us. {s.prompt}"), outcome=Outcome.DEGRADED)
    if s.phase == "recovery" and s.request >= 240:
        again = replace(s, prompt=s.request - 100, text=f"Call us. {s.request - 100}")
        return replace(t, sample=again, outcome=Outcome.UNPROVEN, calls=())
    return t


def asked_again(t: Trace) -> Trace:
    again = cached_fallback(t)
    recovered = t.sample.phase == "recovery"
    return replace(again, outcome=Outcome.ANSWERED, calls=t.calls) if recovered else again


def beside(which: Outcome) -> Change:
    """In the fault every other request is for a route that needs another backend than the one at fault."""

    def change(t: Trace) -> Trace:
        if t.sample.request % 2:
            return replace(t, calls=(replace(t.calls[0], injected=("hang",)),), outcome=Outcome.ERROR)
        apart = replace(t.calls[0], backend="secondary")
        return replace(t, sample=replace(t.sample, route="faq"), calls=(apart,), outcome=which)

    return change


def unhealthy(t: Trace) -> Trace:
    """The health check fails at the time of this request."""
    return replace(t, sample=replace(t.sample, status=503))


CASES: list[tuple[str, str, str, Limit | None, float | None, Change, Change]] = [
    # check, what is wrong, phase, limit, percentile, evidence with the defect, evidence without it
    ("answered", "stopgaps", "fault", Limit(">=", 0.9), None, during("fault", outcome(Outcome.DEGRADED)), lambda t: t),
    ("served", "errors", "fault", Limit(">=", 0.9), None, during("fault", outcome(Outcome.ERROR)), during("fault", outcome(Outcome.DEGRADED))),
    ("served", "shed", "fault", Limit(">=", 0.9), None, during("fault", outcome(Outcome.SHED)), lambda t: t),
    ("ttft", "slow", "fault", Limit("<", 2.0), 0.95, during("fault", slow(4.0)), slow(1.0)),
    ("ttft", "a tenth fails", "fault", Limit("<", 2.0), 0.8, during("fault", some(2, outcome(Outcome.ERROR))), slow(1.0)),
    ("total", "slow", "baseline", Limit("<", 2.0), 0.95, during("baseline", slow(4.0)), lambda t: t),
    ("no_endless_wait", "one user left", "fault", None, None, some(150, outcome(Outcome.ABANDONED)), outcome(Outcome.ERROR)),
    ("retry_after_obeyed", "too early", "fault", None, None, during("fault", told_to_wait(0.5)), during("fault", told_to_wait(2.0))),
    ("amplification", "three tries", "fault", Limit("<=", 2.5), None, during("fault", calls_each(3)), during("fault", calls_each(2))),
    ("breaker_opens", "goes on calling", "fault", Limit("<=", 0.5), None, lambda t: t, during("fault", lambda t: replace(t, calls=t.calls if t.sample.request % 10 == 0 else ()))),
    ("recovery_time", "never", "recovery", Limit("<=", 5.0), None, during("recovery", outcome(Outcome.DEGRADED)), during("recovery", lambda t: replace(t, outcome=Outcome.DEGRADED) if t.sample.intended < 22 else t)),
    ("recovery_time", "late", "recovery", Limit("<=", 3.0), None, during("recovery", lambda t: replace(t, outcome=Outcome.ERROR) if t.sample.intended < 25 else t), lambda t: t),
    ("bad_answer_cached", "the stopgap", "recovery", None, None, cached_fallback, asked_again),
    ("cost_per_day", "over budget", "baseline", Limit("<=", 8.0), None, lambda t: t, lambda t: replace(t, calls=tuple(replace(c, cost_usd=0.0005) for c in t.calls))),
    ("isolated", "a shared pool", "fault", Limit(">=", 0.9), None, during("fault", beside(Outcome.ERROR)), during("fault", beside(Outcome.ANSWERED))),
    ("stays_healthy", "liveness asks the model", "fault", None, None, during("fault", some(50, unhealthy)), during("baseline", unhealthy)),
]  # fmt: skip


def test_every_check_is_shown_failing_and_passing() -> None:
    assert {c[0] for c in CASES} == set(NAMES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[1]}")
def test_the_defect_is_found_and_its_absence_passes(case: Any) -> None:
    name, _, phase, limit, p, broken, sound = case
    assert status(name, phase, evidence(broken), limit, p) is Status.FAIL
    assert status(name, phase, evidence(sound), limit, p) is Status.PASS


@pytest.mark.parametrize("name", NAMES)
def test_no_check_passes_on_nothing(name: str) -> None:
    check: Check = checks.get(name)
    nothing = Evidence((), (), SPANS, Launch())
    loose = (
        None if check.kind == "invariant" else Limit("<=", math.inf) if check.better == "lower" else Limit(">=", 0.0)
    )
    for phase in check.phases:
        found = status(name, phase, nothing, loose, 0.95 if check.percentile else None)
        assert found in (Status.UNKNOWN, Status.NOT_APPLICABLE)


@pytest.mark.parametrize("name", NAMES)
def test_every_check_explains_itself(name: str) -> None:
    check: Check = checks.get(name)
    assert check.name == name
    assert check.title
    assert check.meaning.endswith(".")
    assert check.fix.endswith(".")
    assert check.kind == "invariant" or check.example
    limit = None if check.kind == "invariant" else Limit("<=" if check.better == "lower" else ">=", 0.9)
    assert 0 < check.needs(limit, 0.95 if check.percentile else None) <= 5000


@pytest.mark.parametrize("p", [0.5, 0.9, 0.95, 0.99])
def test_as_many_requests_as_a_percentile_needs_are_enough_to_pass(p: float) -> None:
    check = checks.get("ttft")
    n = check.needs(None, p)
    traces = tuple(Trace(sample(i, 10 + i * 9 / n), (), outcome=Outcome.ANSWERED) for i in range(n))
    made = Evidence(traces, (), SPANS, Launch())
    assert status("ttft", "fault", made, Limit("<", 2.0), p) is Status.PASS


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95, 0.99])
def test_as_many_requests_as_a_share_needs_pass_with_two_misses(share: float) -> None:
    n = checks.get("served").needs(Limit(">=", share), None)

    def traces(misses: int) -> Iterator[Trace]:
        for i in range(n):
            yield Trace(sample(i, 10 + i * 9 / n), (), outcome=Outcome.ERROR if i < misses else Outcome.ANSWERED)

    for misses in (0, 2):
        made = Evidence(tuple(traces(misses)), (), SPANS, Launch())
        assert status("served", "fault", made, Limit(">=", share)) is Status.PASS


def test_going_elsewhere_obeys_retry_after() -> None:
    def other_model(t: Trace) -> Trace:
        told = told_to_wait(0.0)(t)
        return replace(told, calls=(told.calls[0], replace(told.calls[1], model="gpt-4o-mini")))

    made = evidence(during("fault", other_model))
    assert status("retry_after_obeyed", "fault", made) is Status.PASS


def test_a_model_without_a_price_leaves_the_cost_unknown() -> None:
    made = evidence(lambda t: replace(t, calls=tuple(replace(c, cost_usd=None) for c in t.calls)))
    assert status("cost_per_day", "baseline", made, Limit("<=", 1e9)) is Status.UNKNOWN


def test_requests_that_overlap_a_change_of_phase_are_left_out_of_the_baseline() -> None:
    late = lambda t: replace(slow(9.0)(t), transitional=True) if 9.0 <= t.sample.intended < 10 else t
    made = evidence(late)
    assert len(View(made, "baseline").settled) == 90
    assert len(View(made, "baseline").traces) == 100
    assert status("ttft", "baseline", made, Limit("<", 2.0), 0.95) is Status.PASS


def test_two_users_who_ask_the_same_are_no_attempts_of_one_call() -> None:
    """A 429 for one user, and at once the same question from another: nobody came back too early."""

    def same_question(t: Trace) -> Trace:
        return replace(t, calls=tuple(replace(c, request="prompt-1", status=429, retry_after=2.0) for c in t.calls))

    assert status("retry_after_obeyed", "fault", evidence(during("fault", same_question))) is Status.PASS


def test_a_second_worker_that_comes_back_later_caches_nothing() -> None:
    """New questions get the stopgap too, until its breaker closes: that is no cache."""

    def worker(t: Trace) -> Trace:
        s = t.sample
        if s.phase == "fault":
            return cached_fallback(t)
        if s.phase == "recovery" and s.intended < 28 and s.request % 2:
            prompt = s.request - 100 if s.request % 4 == 1 else s.request
            return replace(
                t, sample=replace(s, prompt=prompt, text=f"Call us. {prompt}"), outcome=Outcome.DEGRADED, calls=()
            )
        return t

    assert status("bad_answer_cached", "recovery", evidence(worker)) is not Status.FAIL


def test_a_guardrail_call_does_not_hide_a_cached_stopgap() -> None:
    def guarded(t: Trace) -> Trace:
        made = cached_fallback(t)
        refused = tuple(replace(c, status=503) for c in t.calls)
        return replace(made, calls=refused) if made.sample.phase == "recovery" and not made.calls else made

    assert status("bad_answer_cached", "recovery", evidence(guarded)) is Status.FAIL


def test_two_calls_at_once_are_no_early_return() -> None:
    """A hedge or a fan-out: both were under way when the first refusal came."""

    def hedged(t: Trace) -> Trace:
        both = [
            replace(t.calls[0], number=t.sample.request * 10 + i, arrived=t.calls[0].arrived + i / 1000) for i in (0, 1)
        ]
        return replace(t, calls=tuple(replace(c, status=429, retry_after=2.0) for c in both))

    assert status("retry_after_obeyed", "fault", evidence(during("fault", hedged))) is Status.PASS


@pytest.mark.parametrize("name", ["answered", "served", "recovery_time"])
def test_unproven_answers_are_neither_good_nor_bad(name: str) -> None:
    made = evidence(some(10, outcome(Outcome.UNPROVEN)))
    phase = "recovery" if name == "recovery_time" else "fault"
    limit = Limit("<=", 5.0) if name == "recovery_time" else Limit(">=", 0.5)
    assert status(name, phase, made, limit) is Status.UNKNOWN


@pytest.mark.parametrize(
    ("name", "phase", "limit"),
    [
        ("cost_per_day", "baseline", Limit("<=", 15.0)),
        ("breaker_opens", "fault", Limit("<=", 2.0)),
        ("amplification", "fault", Limit("<=", 2.0)),
    ],
)
def test_calls_of_no_request_are_counted(name: str, phase: str, limit: Limit) -> None:
    """An app that rewrites questions hides whose calls they are, not that they are made."""
    made = evidence()
    assert status(name, phase, made, limit) is Status.PASS
    spans = (SPANS[phase].start, SPANS[phase].end)
    nobodys = tuple(
        call(5000 + i, spans[0] + i * 0.033, request="", cost_usd=0.01)
        for i in range(int((spans[1] - spans[0]) / 0.033))
    )
    assert status(name, phase, replace(made, calls=made.calls + nobodys), limit) is Status.FAIL


def test_what_is_cached_early_in_the_recovery_does_not_hide_what_was_cached_in_the_fault() -> None:
    """The breaker is open for three more seconds, the app caches its stopgaps, and both kinds are asked again to the end."""

    def caches_everything(t: Trace) -> Trace:
        s = t.sample
        if s.phase == "fault" or (s.phase == "recovery" and s.intended < 23):
            return replace(t, sample=replace(s, text=f"Call us. {s.prompt}"), outcome=Outcome.DEGRADED, calls=())
        if s.phase == "recovery" and s.request % 3 == 0:
            prompt = s.request - 100 if s.request % 2 else 200 + s.request % 30
            return replace(
                t, sample=replace(s, prompt=prompt, text=f"Call us. {prompt}"), outcome=Outcome.UNPROVEN, calls=()
            )
        return t

    assert status("bad_answer_cached", "recovery", evidence(caches_everything)) is Status.FAIL


def test_where_no_route_is_apart_from_the_fault_isolation_does_not_apply() -> None:
    made = evidence(during("fault", lambda t: replace(t, calls=(replace(t.calls[0], injected=("hang",)),))))
    assert status("isolated", "fault", made, Limit(">=", 0.9)) is Status.NOT_APPLICABLE
    assert status("isolated", "fault", replace(made, needs={}), Limit(">=", 0.9)) is Status.NOT_APPLICABLE


def test_health_that_is_not_watched_is_not_judged() -> None:
    assert status("stays_healthy", "fault", replace(evidence(unhealthy), health=None)) is Status.NOT_APPLICABLE
