"""Numbers within the limits of a JSON Schema."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from random import Random

from brownout.faults.model.pattern import SchemaError

__all__ = ["integer", "number"]

_SPAN = 100
"""How far from a limit a number is drawn that has no limit on its other side."""


def integer(schema: Mapping[str, object], rng: Random) -> int:
    """A whole number that the limits of `schema` allow. Raises SchemaError where there is none."""
    # A whole multiple of p/q in lowest terms is a multiple of p.
    step = (_step(schema) or Fraction(1)).numerator
    low, high, open_low, open_high = _limits(schema)
    first = None if low is None else math.floor(low / step) + 1 if open_low else math.ceil(low / step)
    last = None if high is None else math.ceil(high / step) - 1 if open_high else math.floor(high / step)
    if first is None:
        first = 1 if last is None else last - _SPAN
    if last is None:
        last = first + _SPAN
    if first > last:
        raise SchemaError("no whole number lies within the limits")
    return rng.randint(first, last) * step


def number(schema: Mapping[str, object], rng: Random) -> float:
    """A number that the limits of `schema` allow. Raises SchemaError where there is none."""
    step = _step(schema)
    low, high, open_low, open_high = _limits(schema)
    for value in _candidates(low, high, step, rng):
        exact = Fraction(str(value))  # as JSON writes it
        if low is not None and (exact < low or (open_low and exact == low)):
            continue
        if high is not None and (exact > high or (open_high and exact == high)):
            continue
        # As validators see it, which divide floating-point numbers.
        if step is None or (value / float(step)).is_integer():
            return value
    raise SchemaError("no number lies within the limits")


def _candidates(low: Fraction | None, high: Fraction | None, step: Fraction | None, rng: Random) -> Iterator[float]:
    """Numbers to try, from what reads well to what lies right at a limit."""
    begin = low if low is not None else high - _SPAN if high is not None else Fraction(0)
    end = high if high is not None else begin + _SPAN
    try:
        if step is not None:
            first, last = math.ceil(begin / step), math.floor(end / step)
            if first <= last:
                yield float(rng.randint(first, last) * step)
            yield from (float(n * step) for n in range(first - 1, first + _SPAN))
            return
        yield round(float(begin + (end - begin) * Fraction(rng.random())), 2)
        yield float((begin + end) / 2)
        for limit in (float(begin), float(end)):
            yield limit
            yield math.nextafter(limit, math.inf)
            yield math.nextafter(limit, -math.inf)
    except OverflowError:
        raise SchemaError("a limit is larger than any floating-point number") from None


def _limits(schema: Mapping[str, object]) -> tuple[Fraction | None, Fraction | None, bool, bool]:
    """Lower and upper limit, None where there is none, and whether each is itself left out.

    In drafts before 6 ``exclusiveMinimum`` is a boolean that changes what ``minimum`` means.
    """
    low, high = _exact(schema, "minimum"), _exact(schema, "maximum")
    open_low, open_high = schema.get("exclusiveMinimum") is True, schema.get("exclusiveMaximum") is True
    above, below = _exact(schema, "exclusiveMinimum"), _exact(schema, "exclusiveMaximum")
    if above is not None and (low is None or above >= low):
        low, open_low = above, True
    if below is not None and (high is None or below <= high):
        high, open_high = below, True
    return low, high, open_low, open_high


def _step(schema: Mapping[str, object]) -> Fraction | None:
    step = _exact(schema, "multipleOf")
    return step if step and step > 0 else None


def _exact(schema: Mapping[str, object], key: str) -> Fraction | None:
    """A number of the schema as it is written: 0.1 is a tenth."""
    value = schema.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return Fraction(str(value))
