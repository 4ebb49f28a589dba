"""Judgement: a measurement held against its limit gives pass, fail, unknown or not applicable, with the reason.

An *estimate* (percentile, ratio, mean, value) passes if its whole 95 % interval is within the limit, fails if it is
wholly outside, and is unknown in between. An *invariant* fails on one counter-example and passes on enough
opportunities without one. Nothing passes on too few samples, and nothing that is not a number passes at all.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from brownout.harness.verdict.finding import Op, Status, show, show_range
from brownout.harness.verdict.measurement import (
    Invariant,
    Mean,
    Measurement,
    NotApplicable,
    Percentile,
    Ratio,
    Unknown,
    Value,
)
from brownout.harness.verdict.statistics import (
    Interval,
    Z,
    mean_interval,
    needed,
    percentile,
    percentile_interval,
    ratio_interval,
    zero_bound,
)

__all__ = ["Clock", "Judgement", "Limit", "judge", "under_clock"]

Clock = Literal["live", "virtual"]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """What a measured number has to be: below or above `value`, in the unit of the measurement.

    Raises ValueError for another operator and for NaN.
    """

    op: Op
    value: float

    def __post_init__(self) -> None:
        if self.op not in _COMPARE:
            raise ValueError(f"{self.op!r} is not a comparison; a limit is written with one of {', '.join(_COMPARE)}")
        if math.isnan(self.value):
            raise ValueError("a limit is a number, not NaN")

    def allows(self, value: float) -> bool:
        """Whether a number is within the limit."""
        return _COMPARE[self.op](value, self.value)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a measurement came to.

    `value` is the estimate (for an invariant, the number of violations), `low` and `high` the ends of its 95 % interval,
    in the unit of the measurement; None where there is none. `n` counts samples or opportunities. `reason` is never
    empty.
    """

    status: Status
    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str


def judge(measurement: Measurement, limit: Limit | None, *, least: int = 20) -> Judgement:
    """Hold a measurement to its limit.

    `least` is the number of opportunities without which an invariant, and of values without which a mean, is unknown.
    An estimate without a limit is not applicable: shown, not judged. An invariant takes no limit: ValueError, as for
    `least` below 1, with which something could pass on nothing.
    """
    if least < 1:
        raise ValueError(f"at least one opportunity is needed, not {least}")
    match measurement:
        case NotApplicable(reason):
            return Judgement(Status.NOT_APPLICABLE, None, None, None, 0, reason or "not applicable")
        case Unknown(reason):
            return Judgement(Status.UNKNOWN, None, None, None, 0, reason or "unknown")
        case Invariant():
            if limit is not None:
                raise ValueError("an invariant must never be violated; it takes no limit")
            return _invariant(measurement, least)
        case Percentile() | Ratio() | Mean() | Value():
            return _estimate(measurement, limit, least)
        case _:
            assert_never(measurement)


def under_clock(judgement: Judgement, clock: Clock, *, pass_valid: bool, fail_valid: bool) -> Judgement:
    """What remains of a judgement in the clock it was reached in.

    `pass_valid` and `fail_valid` say what the check can show *in this clock*. Latency in virtual time, where computing
    takes none, is a lower bound: it can fail but not pass (``pass_valid=False``), and a pass becomes unknown. A check
    that can show neither does not apply. The numbers are kept.
    """
    if judgement.status is Status.NOT_APPLICABLE or (pass_valid and fail_valid):
        return judgement
    if not pass_valid and not fail_valid:
        return replace(judgement, status=Status.NOT_APPLICABLE, reason=f"cannot be measured in {clock} time")
    if judgement.status is Status.UNKNOWN or (pass_valid if judgement.status is Status.PASS else fail_valid):
        return judgement
    where = "in virtual time, where computing takes none," if clock == "virtual" else "in live time"
    reason = f"would {judgement.status}, but {where} that proves nothing: {judgement.reason}"
    return replace(judgement, status=Status.UNKNOWN, reason=reason)


def _invariant(seen: Invariant, least: int) -> Judgement:
    n, count = seen.opportunities, len(seen.violations)
    if count:
        first = seen.violations[0]
        where = "" if first.request is None else f" (request {first.request})"
        number = f"{count} violation{'s' if count > 1 else ''} in {n} opportunit{'ies' if n != 1 else 'y'}"
        return Judgement(Status.FAIL, count, None, None, n, f"{number}: {first.what}{where}")
    if n == 0:
        return Judgement(Status.UNKNOWN, 0, None, None, 0, "no opportunities: nothing that happened could violate it")
    if n < least:
        only = f"only {n} opportunit{'ies' if n != 1 else 'y'}, {least} needed"
        return Judgement(Status.UNKNOWN, 0, None, None, n, only)
    bound = f"0 of {n}: below {100 * zero_bound(n):.2g} % at 95 %"
    return Judgement(Status.PASS, 0, None, None, n, bound)


def _estimate(seen: Percentile | Ratio | Mean | Value, limit: Limit | None, least: int) -> Judgement:
    n = seen.n if isinstance(seen, Ratio | Value) else len(seen.values)
    if n < 1:
        return Judgement(Status.UNKNOWN, None, None, None, 0, "no samples")
    numbers = (seen.value, seen.low, seen.high) if isinstance(seen, Value) else getattr(seen, "values", ())
    if any(math.isnan(v) or v == -math.inf for v in numbers):
        return Judgement(Status.UNKNOWN, None, None, None, n, "what was measured is not a number (NaN or -inf)")
    name, value, (low, high) = _interval(seen)

    def judged(status: Status, reason: str) -> Judgement:
        return Judgement(status, value, low, high, n, reason)

    text = f"{name}{show(value, seen.unit)}" + (f" ({show_range(low, high, seen.unit)})" if low < high else "")
    size = f"n = {n}"
    if isinstance(seen, Percentile) and (lost := seen.values.count(math.inf)):
        size += f", {lost} of them never (error, timeout or abandoned)"
    if limit is None:
        return judged(Status.NOT_APPLICABLE, f"{text}; no limit is set; {size}")
    bound = show(limit.value, seen.unit)
    if isinstance(seen, Mean) and n < least:
        return judged(Status.UNKNOWN, f"{text}, limit {limit.op} {bound}; only {n} values, {least} needed")
    if limit.allows(low) and limit.allows(high):
        return judged(Status.PASS, f"{text} is within the limit {limit.op} {bound}; {size}")
    if not limit.allows(low) and not limit.allows(high):
        return judged(Status.FAIL, f"{text} is outside the limit {limit.op} {bound}; {size}")
    hint = _what_would_decide(seen, limit, value, high, n)
    return judged(Status.UNKNOWN, f"{text} straddles {bound}; {size}{hint}")


def _interval(seen: Percentile | Ratio | Mean | Value) -> tuple[str, float, Interval]:
    """What the number is called in a sentence, the estimate and its interval."""
    match seen:
        case Percentile(values, p):
            ordered = sorted(values)
            low, high = percentile_interval(ordered, p)
            # A duration has a lower bound even where too few samples give none.
            low = max(low, min(0.0, ordered[0]))
            return f"p{100 * p:g} ", percentile(ordered, p), Interval(low, high)
        case Ratio(hits, n):
            return "", hits / n, ratio_interval(hits, n)
        case Mean(values):
            low, high = mean_interval(values)
            # Counts and costs have a lower bound, which the interval does not know.
            low = max(low, min(0.0, *values)) if len(values) > 1 else low
            value = low if low == high else math.fsum(v / len(values) for v in values)
            return "mean ", value, Interval(low, high)
        case Value(value, low, high):
            return "", value, Interval(low, high)


def _what_would_decide(seen: Percentile | Ratio | Mean | Value, limit: Limit, value: float, high: float, n: int) -> str:
    """About how many samples would decide if they went on as they are; '' where more of them would not.

    A percentile within its limit is a share of values within it that is at least p. So percentile and ratio both come to
    a share tested against q, which is decided when |share − q| ≥ z √(q(1 − q)/n).
    """
    distance, spread = 0.0, 0.0
    match seen:
        case Percentile(values, p):
            if n < needed(p):
                return f", at least {needed(p)} needed"
            within = Limit("<" if limit.op in ("<", ">=") else "<=", limit.value)
            distance = abs(sum(map(within.allows, values)) / n - p)
            spread = Z * math.sqrt(p * (1 - p))
        case Ratio():
            if (limit.op, limit.value) in (("<=", 0), (">=", 1)):
                exactly = show(limit.value, seen.unit)
                return f"; no sample shows a ratio of exactly {exactly}: make it an invariant, or allow a little"
            distance, spread = abs(value - limit.value), Z * math.sqrt(max(0.0, limit.value * (1 - limit.value)))
        case Mean():
            distance, spread = abs(value - limit.value), (high - value) * math.sqrt(n)
    # On the limit itself, and with a spread that is not known, there is nothing to extrapolate from.
    times = spread / distance if distance else math.inf
    enough = math.ceil(times * times) if times < 1e6 else 0
    step = 10 ** max(0, len(str(enough)) - 2)
    return f", about {-(-enough // step) * step} needed" if enough > n else ""
