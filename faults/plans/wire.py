"""Plans as plain JSON data, to send them to backends that run elsewhere. Nothing but known faults can come of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from brownout.faults.plans.plan import FaultPlan, Rule, Scope, Window
from brownout.faults.plans.selector import Selector, selectors
from brownout.faults.values.distribution import Fixed, Lognormal, Uniform, plain
from brownout.faults.values.fault import Fault, faults

__all__ = ["from_data", "to_data"]


def to_data(plan: FaultPlan) -> list[dict[str, Any]]:
    """The rules of a plan. Raises TypeError for a fault with a parameter that JSON cannot hold."""
    return [
        {
            "id": rule.id,
            "label": rule.label,
            "fault": rule.fault.name,
            "parameters": {f.name: _plain(getattr(rule.fault, f.name)) for f in fields(rule.fault)},
            "scope": {f.name: getattr(rule.scope, f.name) for f in fields(Scope)},
            "window": [rule.window.start, None if math.isinf(rule.window.end) else rule.window.end],
            "selectors": {s.name: s.said for s in rule.selectors},
        }
        for rule in plan.rules
    ]


def from_data(data: object) -> FaultPlan:
    """The plan that `to_data` wrote. Raises ValueError for anything else, ConfigError for an unknown fault or selector."""
    if not isinstance(data, list):
        raise ValueError("a plan is a list of rules")
    return FaultPlan(tuple(map(_rule, data)))


def _rule(data: object) -> Rule:
    try:
        if not isinstance(data, Mapping):
            raise TypeError("a rule is a mapping")
        start, end = data["window"]
        window = Window(float(start), math.inf if end is None else float(end))
        if not math.isfinite(window.start) or math.isnan(window.end):
            raise ValueError(f"a window of a rule is {start} to {end}")
        picked: list[Selector] = [selectors.get(name).parse(said) for name, said in data["selectors"].items()]
        made = _fault(data["fault"], data["parameters"])
        return Rule(str(data["id"]), str(data["label"]), made, _scope(data["scope"]), window, tuple(picked))
    except (KeyError, TypeError, AttributeError, OverflowError) as e:
        raise ValueError(f"not a rule of a plan: {type(e).__name__}: {e}") from None


def _scope(given: Mapping[str, Any]) -> Scope:
    scope = Scope(**given)
    texts = (scope.backend, scope.endpoint, scope.model)
    if not all(t is None or isinstance(t, str) for t in texts) or not isinstance(scope.streaming, bool | None):
        raise TypeError("a scope holds three texts and a truth value")
    return scope


def _fault(name: object, parameters: object) -> Fault:
    from pydantic import TypeAdapter

    made: Fault = TypeAdapter(faults.get(str(name))).validate_python(parameters)
    return made


def _plain(value: object) -> Any:
    """A parameter as it would be written in YAML."""
    match value:
        case Fixed() | Uniform() | Lognormal():
            return plain(value)
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {k: _plain(v) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v) for v in value]
    raise TypeError(f"JSON has no {type(value).__name__}")
