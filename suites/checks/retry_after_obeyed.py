"""Retry-After is obeyed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import cast

from brownout.faults.values.units import show_seconds
from brownout.harness.check import Check, View, checks
from brownout.harness.trace import Call
from brownout.harness.verdict.measurement import Invariant, Measurement, Violation

TOLERANCE = 0.05
"""Seconds by which clocks and rounding may make an obedient retry look early."""


class RetryAfterObeyed(Check):
    """After a 429 or 503 with Retry-After, the same call is not made again (same model) before that time has passed.

    Each such reply is an opportunity; giving up and going elsewhere are obedient too. Calls that more than one request may
    have made say nothing.
    """

    name = "retry_after_obeyed"
    title = "Retry-After is obeyed"
    kind = "invariant"
    phases = ("fault",)
    meaning = (
        "The provider said when to come back. Coming back sooner feeds the overload and can get the key suspended."
    )
    fix = "Read Retry-After, wait that long if the user's deadline allows it, and leave that model alone meanwhile."
    source = "RFC 9110 section 10.2.3; OpenAI rate limits guide"

    def measure(self, view: View, percentile: float | None) -> Measurement:
        told, violations = 0, []
        unsure = {number for t in view.evidence.traces for number in t.unsure}
        for request, calls in _attempts(view):
            for call in calls:
                # What was under way when the refusal came is no coming back: two calls made at once, a hedge.
                following = next((c for c in calls if c.arrived > call.ended), None)
                if call.number in unsure or (following and following.number in unsure):
                    continue
                wait = call.retry_after or 0.0
                if not wait or call.status not in (429, 503) or not view.span.start <= call.arrived < view.span.end:
                    continue
                told += 1
                if following and following.arrived < call.ended + wait - TOLERANCE:
                    came = show_seconds(max(0.0, following.arrived - call.ended))
                    what = f"told to wait {show_seconds(wait)}, called {call.model} again after {came}"
                    violations.append(Violation(request, following.number, what))
        return Invariant(told, tuple(violations))


def _attempts(view: View) -> Iterator[tuple[int | None, list[Call]]]:
    """The attempts of each call, in order, with their request: two users who ask the same make two calls, not two attempts.

    Calls that belong to no request are told apart by what they ask.
    """
    tied: set[int] = set()
    groups: dict[tuple[object, ...], list[Call]] = defaultdict(list)
    for trace in view.evidence.traces:
        for call in trace.calls:
            tied.add(call.number)
            groups[trace.sample.request, *call.key, call.messages].append(call)
    for call in view.evidence.calls:
        if call.number not in tied:
            groups[None, *call.key].append(call)
    for key, calls in groups.items():
        yield cast("int | None", key[0]), sorted(calls, key=lambda c: c.arrived)


checks.add("retry_after_obeyed", RetryAfterObeyed())
