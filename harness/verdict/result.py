"""result.json: everything a run came to. All output for people and machines is made from it alone.

The file is strict JSON. JSON has no infinity and no NaN, so these numbers are the strings "inf", "-inf" and "nan". The
codec follows the annotations of the dataclasses: a new field is written and read without further work.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from brownout.faults.values.registry import did_you_mean
from brownout.harness.verdict.finding import Finding, Waiver
from brownout.harness.verdict.judge import Clock
from brownout.harness.verdict.table import ExperimentOutcome, Verdict

__all__ = ["SCHEMA", "App", "ExperimentResult", "PhaseSummary", "Result", "from_json", "to_json"]

SCHEMA = "brownout.result/1"


@dataclass(frozen=True, slots=True)
class App:
    """The app under test: its name, the variant of the demo app ('' for others), the command that started it, and what the
    command line called it ('' where that is name and variant)."""

    name: str
    variant: str = ""
    command: str = ""
    given: str = ""


@dataclass(frozen=True, slots=True)
class PhaseSummary:
    """One phase in numbers. Times are in seconds: `start` and `end` since the start of the experiment.

    `outcomes` counts requests by outcome. Percentiles hold every scheduled request, failed ones as +∞; None where there
    was none. `calls` went to backends, `faults` were delivered there.
    """

    name: str
    start: float
    end: float
    requests: int
    outcomes: dict[str, int]
    ttft_p50: float | None
    ttft_p95: float | None
    total_p50: float | None
    total_p95: float | None
    calls: int
    faults: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class ExperimentResult:
    """One experiment: whether it was a valid measurement, what was found, and its phases.

    `attempts` is 2 where an invalid run was repeated. `samples` holds further numbers by name (e.g. `send_lag_p99`):
    anything JSON has, and infinite floats.
    """

    name: str
    title: str
    question: str
    valid: bool
    why_invalid: tuple[str, ...]
    findings: tuple[Finding, ...]
    phases: tuple[PhaseSummary, ...]
    attempts: int = 1
    samples: dict[str, object] = field(default_factory=dict)
    file: str = ""
    """The file that holds the experiment; '' for one that brownout knows by name."""

    @property
    def outcome(self) -> ExperimentOutcome:
        """What the verdict table needs of it."""
        return ExperimentOutcome(self.name, self.valid, self.why_invalid, self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run. `tool` is the version of brownout, `run` the run id, `started` and `ended` ISO 8601 in UTC.

    `expired_waivers` changed nothing, and people should hear of it. `not_run` says, a line each, which experiments were asked
    for and not run, and why: what they ask is untested.
    """

    schema: str = SCHEMA
    tool: str
    run: str
    seed: int
    clock: Clock
    app: App
    started: str
    ended: str
    verdict: Verdict
    experiments: tuple[ExperimentResult, ...]
    expired_waivers: tuple[Waiver, ...] = ()
    not_run: tuple[str, ...] = ()


def to_json(result: Result) -> str:
    """The result as JSON text with a newline at the end. Fields stand in the order declared, names in `samples` sorted.

    Raises ValueError naming the key of something in `samples` that JSON cannot hold.
    """
    return json.dumps(_encode(result, ""), indent=2, allow_nan=False) + "\n"


def from_json(text: str) -> Result:
    """The result that `to_json` wrote: an equal one (in `samples`, tuples come back as lists, "inf" as the number).

    Raises ValueError for text that is not JSON, for another schema, and for a missing, unknown or wrong value, which it
    names by its path.
    """
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as e:
        raise ValueError(f"this is not a result of brownout: {e}") from None
    if not isinstance(data, dict) or "schema" not in data:
        raise ValueError("this is not a result of brownout: it has no key 'schema'")
    if data["schema"] != SCHEMA:
        raise ValueError(f"schema: the file is {data['schema']!r}, this version of brownout reads {SCHEMA!r}")
    result: Result = _decode(Result, data, "")
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _encode(value: object, at: str) -> object:
    if is_dataclass(value):
        return {f.name: _encode(getattr(value, f.name), _join(at, f.name)) for f in fields(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        if wrong := [k for k in value if not isinstance(k, str)]:
            raise ValueError(f"{at}: the key {wrong[0]!r} is not a text")
        return {k: _encode(value[k], _join(at, k)) for k in sorted(value)}
    if isinstance(value, tuple | list):
        return [_encode(v, f"{at}[{i}]") for i, v in enumerate(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"{at}: a {type(value).__name__} cannot be written to a result")


def _decode(kind: Any, data: Any, at: str) -> Any:
    """The value of type `kind` that `data` stands for. Raises ValueError that begins with the path `at`."""
    origin = get_origin(kind)
    if kind is object:
        return _decode_free(data)
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_fields(kind, data, at)
    if origin in (Union, types.UnionType):  # only X | None occurs
        (some,) = (k for k in get_args(kind) if k is not type(None))
        return None if data is None else _decode(some, data, at)
    if origin is tuple:
        _expect(isinstance(data, list), "a list", data, at)
        return tuple(_decode(get_args(kind)[0], v, f"{at}[{i}]") for i, v in enumerate(data))
    if origin is dict:
        _expect(isinstance(data, dict), "an object", data, at)
        return {k: _decode(get_args(kind)[1], v, _join(at, k)) for k, v in data.items()}
    if origin is Literal or issubclass(kind, Enum):
        known = [str(v) for v in (get_args(kind) or kind)]
        _expect(isinstance(data, str) and data in known, f"one of {', '.join(known)}", data, at)
        return data if origin is Literal else kind(data)
    if kind is date:
        try:
            return date.fromisoformat(data)
        except (TypeError, ValueError):
            _expect(False, "a date such as 2026-12-31", data, at)
    if kind is float:
        return _decode_float(data, at)
    _expect(type(data) is kind, {str: "a text", int: "a whole number", bool: "true or false"}[kind], data, at)
    return data


def _decode_fields(kind: type, data: Any, at: str) -> Any:
    _expect(isinstance(data, dict), "an object", data, at)
    hints = _hints(kind)
    for key in data:
        if key not in hints:
            hint = did_you_mean(key, list(hints))
            raise ValueError(f"{_join(at, key)}: unknown key" + (f" ({hint})" if hint else ""))
    values = {}
    for name, (declared, f) in hints.items():
        if name in data:
            values[name] = _decode(declared, data[name], _join(at, name))
        elif f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{_join(at, name)}: missing")
    return kind(**values)


def _decode_float(data: Any, at: str) -> float:
    if isinstance(data, str) and data in ("inf", "-inf", "nan"):
        return float(data)
    _expect(isinstance(data, int | float) and not isinstance(data, bool), 'a number or "inf"', data, at)
    try:
        return float(data)
    except OverflowError:
        raise ValueError(f"{at}: the number is too large") from None


def _decode_free(data: Any) -> Any:
    if isinstance(data, dict):
        return {k: _decode_free(v) for k, v in data.items()}
    if isinstance(data, list):
        return [_decode_free(v) for v in data]
    return float(data) if isinstance(data, str) and data in ("inf", "-inf", "nan") else data


@cache
def _hints(kind: type) -> dict[str, tuple[Any, Field[Any]]]:
    declared = get_type_hints(kind)
    return {f.name: (declared[f.name], f) for f in fields(kind)}


def _expect(right: bool, wanted: str, data: object, at: str) -> None:
    if not right:
        shown = json.dumps(data)
        raise ValueError(f"{at}: expected {wanted}, not {shown if len(shown) <= 60 else shown[:57] + '...'}")


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
