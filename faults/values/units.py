"""Durations and shares as people write them: ``15s``, ``250ms``, ``2m``; ``95%``, ``0.95``."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from brownout.faults.values.errors import shown

__all__ = [
    "NUMBER_PATTERN",
    "SECONDS_PATTERN",
    "SHARE_PATTERN",
    "Between",
    "Number",
    "Seconds",
    "Share",
    "parse_number",
    "parse_seconds",
    "parse_share",
    "retry_after",
    "show_seconds",
]

_UNITS = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_LONGEST = 366 * 24 * 3600.0
_DURATION = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*")

# The same rules for JSON Schema (ECMA 262, which has no flag for case): a text that a pattern takes is read, but for
# one of more than a year or above 100 %.
_CASES = "|".join("".join(f"[{c}{c.upper()}]" for c in unit) for unit in _UNITS if unit)
SECONDS_PATTERN = rf"[0-9]*\.?[0-9]+\s*({_CASES})?"
SHARE_PATTERN = r"[0-9]*\.?[0-9]+\s*%?"
NUMBER_PATTERN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def _schema(pattern: str, *examples: str | float, **limits: float) -> dict[str, Any]:
    return {"type": ["number", "string"], **limits, "pattern": rf"^\s*{pattern}\s*$", "examples": list(examples)}


def parse_seconds(value: object) -> float:
    """A duration in seconds, from a number (seconds) or a text such as ``1.5s``, ``250ms``, ``2m`` or ``1h``.

    Raises ValueError for anything else; negative, infinite and NaN durations included, and those longer than a year.
    """
    if isinstance(value, bool):
        raise ValueError("a duration is a number of seconds or a text such as 250ms, not true or false")
    if isinstance(value, int | float):
        if not 0 <= value < math.inf:
            raise ValueError(f"a duration cannot be {shown(value)}")
        seconds = float(min(value, 2 * _LONGEST))  # an integer may be larger than any float
    elif isinstance(value, str) and (m := _DURATION.fullmatch(value.lower())) and m[2] in _UNITS:
        seconds = float(m[1]) * _UNITS[m[2]]
    else:
        raise ValueError(f"{shown(value)} is not a duration; write 250ms, 1.5s, 2m or a number of seconds")
    if seconds > _LONGEST:
        raise ValueError(f"{shown(value)} is longer than a year, the longest duration")
    return seconds


def parse_share(value: object) -> float:
    """A share between 0 and 1, from a number or a percentage such as ``95%``. Raises ValueError otherwise."""
    share = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value) if 0 <= value <= 1 else math.nan  # an integer may be larger than any float
    elif isinstance(value, str) and (m := re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(%?)\s*", value)):
        share = float(m[1]) / (100 if m[2] else 1)
    if not 0 <= share <= 1:
        raise ValueError(f"{shown(value)} is not a share; write 95% or a number from 0 to 1")
    return share


def parse_number(value: object) -> float:
    """A finite number, written as one or as a text: YAML 1.1 takes 1e3 for a text. Raises ValueError otherwise."""
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not a number")
    return number


def show_seconds(seconds: float) -> str:
    """A duration for people: ``180 ms``, ``1.85 s``, ``2 min 5 s``."""
    if math.isinf(seconds):
        return "never"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


class _Parsed:
    """Pydantic metadata: run a parser before the field's own type. Pydantic is imported only when it asks."""

    def __init__(self, parse: Any, schema: dict[str, Any]) -> None:
        self.parse, self.schema = parse, schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return dict(self.schema)


Seconds = Annotated[
    float, _Parsed(parse_seconds, _schema(SECONDS_PATTERN, "250ms", "1.5s", 2, minimum=0, maximum=_LONGEST))
]
"""A field that holds seconds and is written as a duration."""

Share = Annotated[float, _Parsed(parse_share, _schema(SHARE_PATTERN, "95%", 0.95, minimum=0, maximum=1))]
"""A field that holds a share from 0 to 1 and may be written as a percentage."""


Number = Annotated[float, _Parsed(parse_number, _schema(NUMBER_PATTERN, 2.5))]
"""A field that holds a finite number; true and false are none."""


class Between:
    """Pydantic metadata: an integer from `low` to `high`, both included."""

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.int_schema(ge=self.low, le=self.high, strict=True)


def retry_after(seconds: float | None) -> tuple[tuple[str, str], ...]:
    """The Retry-After header (RFC 9110 section 10.2.3: whole seconds) for a wait, rounded up; none for None."""
    return () if seconds is None else (("retry-after", str(math.ceil(seconds))),)
