"""Reading fault plans.

A plan file holds a list of rules. The key of a rule that is no keyword names a fault or an incident; its value holds the
parameters::

    faults:
      - http_error: {status: 503}
        scope: {model: "gpt-4o*", streaming: true}
        probability: 50%
        window: {from: 10s, to: 40s}
      - overloaded_529                      # an incident, as it is
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from brownout.faults.plans.document import Document, Location
from brownout.faults.plans.plan import FaultPlan, Rule, Scope, Window
from brownout.faults.plans.selector import Selector, selectors
from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.fault import Accept, Fault, dialects, faults
from brownout.faults.values.registry import did_you_mean
from brownout.faults.values.units import Seconds

__all__ = ["Incident", "incidents", "load_plan", "parse_plan", "parse_rules"]

INCIDENTS = Path(__file__).parent.parent / "catalog" / "incidents.yaml"


@dataclass(frozen=True)
class Incident:
    """A named preset: a fault with parameters, and where it was seen."""

    name: str
    fault: Fault
    title: str
    source: str


@dataclass(frozen=True)
class _Scope:
    backend: str | None = None
    endpoint: str | None = None
    model: str | None = None
    streaming: bool | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


def load_plan(path: Path, backends: Collection[str] | None = None) -> FaultPlan:
    """Read a plan file. `backends` are the names that a scope may give; None: any. Raises ConfigError with every mistake."""
    return parse_plan(Document.read(path), backends)


def parse_plan(document: Document, backends: Collection[str] | None = None) -> FaultPlan:
    """The plan that a document holds, as `load_plan` reads it. Raises ConfigError with every mistake."""
    if not isinstance(document.data, Mapping) or set(document.data) != {"faults"}:
        keys = [k for k in document.data if k != "faults"] if isinstance(document.data, Mapping) else []
        at: Location = (keys[0],) if keys else ()
        message = f"unknown key {shown(keys[0])}" if keys else "a plan is a mapping with the key 'faults'"
        raise ConfigError(document.problem(at, message, "a plan has one key: faults"))
    return parse_rules(document, document.data["faults"], ("faults",), backends)


def parse_rules(document: Document, data: object, at: Location, backends: Collection[str] | None = None) -> FaultPlan:
    """The rules in a list that stands at `at` in a document. `backends` are the names that a scope may give; None: any.

    Raises ConfigError with every mistake in it.
    """
    if not isinstance(data, list):
        raise ConfigError(document.problem(at, "expected a list of faults", "start each with a dash: - latency: ..."))
    rules: list[Rule] = []
    problems: list[Problem] = []
    for i, item in enumerate(data):
        try:
            rules.append(_rule(document, item, (*at, i), f"{i}", backends))
        except ConfigError as e:
            problems += e.problems
    if problems:
        raise ConfigError(*problems)
    return FaultPlan(tuple(rules))


def _rule(document: Document, item: object, at: Location, number: str, backends: Collection[str] | None) -> Rule:
    given: Mapping[str, Any] = {item: None} if isinstance(item, str) else item if isinstance(item, Mapping) else {}
    keywords = {"scope", "window", *selectors.names()}
    names = [k for k in given if k not in keywords]
    known = [*faults.names(), *incidents()]
    if len(names) != 1:
        unknown = [n for n in names if n not in known]
        if unknown and len(unknown) < len(names):
            hint = did_you_mean(unknown[0], sorted(keywords))
            raise ConfigError(document.problem((*at, unknown[0]), f"unknown key {shown(unknown[0])}", hint))
        what = "names no fault" if not names else f"names {len(names)} faults: {', '.join(n[:40] for n in names[:4])}"
        raise ConfigError(document.problem(at, f"this rule {what}", "one fault or incident to a rule"))
    name = names[0]
    if name not in known:
        hint = did_you_mean(name, known) or "see brownout list faults and brownout list incidents"
        raise ConfigError(document.problem((*at, name), f"unknown fault or incident {shown(name)}", hint))
    problems: list[Problem] = []
    made = _collect(problems, lambda: _fault(document, name, given[name], (*at, name)))
    scope = _collect(problems, lambda: _scope(document, given.get("scope"), (*at, "scope"), backends))
    window = _collect(problems, lambda: _window(document, given.get("window"), (*at, "window")))
    picked: list[Selector] = []
    for key in given:
        if key in selectors:
            try:
                picked.append(selectors.get(key).parse(given[key]))
            except ValueError as e:
                problems.append(document.problem((*at, key), str(e)))
            else:
                if getattr(picked[-1], "share", 1) == 0:
                    problems.append(document.problem((*at, key), "a rule that hits nothing; give a share above 0"))
    if problems or made is None or scope is None or window is None:
        raise ConfigError(*problems)
    rule = Rule(f"{number}:{name}", name, made, scope, window, tuple(picked))
    if _acts_on_connections(made) and (rule.selectors or scope.needs_ask):
        key = next((k for k in given if k in selectors), "scope")
        raise ConfigError(
            document.problem(
                (*at, key),
                f"{name} acts before anything is asked, so {key} cannot pick calls and the rule would never act",
                f"leave {key} out" if key != "scope" else "give scope a backend only",
            )
        )
    return rule


def _acts_on_connections(fault: Fault) -> bool:
    """Whether a fault does to bare connections what it does: there is no call yet that a rule could pick."""
    return any(fault.on_connection(Random(i)) is not Accept.SERVE for i in range(8))


def _collect(problems: list[Problem], read: Any) -> Any:
    try:
        return read()
    except ConfigError as e:
        problems += e.problems
        return None


def _fault(document: Document, name: str, given: object, at: Location) -> Fault:
    parameters = {} if given is None else given
    if name not in faults:
        incident = incidents()[name]
        if not parameters:
            return incident.fault
        if isinstance(parameters, Mapping):
            parameters = {**vars(incident.fault), **parameters}
        return document.validate(type(incident.fault), parameters, at)
    return document.validate(faults.get(name), parameters, at)


def _scope(document: Document, given: object, at: Location, backends: Collection[str] | None) -> Scope:
    read = document.validate(_Scope, {} if given is None else given, at)
    for key, known in (("backend", backends), ("endpoint", _endpoints())):
        name = getattr(read, key)
        if name is not None and known is not None and name not in known:
            hint = did_you_mean(name, sorted(known))
            raise ConfigError(document.problem((*at, key), f"unknown {key} {shown(name)}", hint))
    return Scope(read.backend, read.endpoint, read.model, read.streaming)


def _endpoints() -> set[str] | None:
    """The endpoints of all dialects; None when one of them does not say which it has."""
    found: set[str] = set()
    for _, dialect in dialects:
        operations = getattr(dialect, "operations", None)
        if not isinstance(operations, Mapping):
            return None
        found |= {operation.name for operation in operations.values()}
    return found


def _window(document: Document, given: object, at: Location) -> Window:
    from pydantic import BaseModel, ConfigDict, Field

    class _Window(BaseModel):
        model_config = ConfigDict(extra="forbid")
        start: Seconds = Field(default=0.0, alias="from")
        end: Seconds = Field(default=math.inf, alias="to")

    read = document.validate(_Window, {} if given is None else given, at)
    if read.start >= read.end:
        raise ConfigError(document.problem(at, "a window ends after it begins", "write from before to"))
    return Window(read.start, read.end)


@lru_cache(maxsize=1)
def incidents() -> Mapping[str, Incident]:
    """The incidents that ship with brownout, by name."""
    document = Document.read(INCIDENTS)
    found: dict[str, Incident] = {}
    for name, entry in document.data.items():
        ((kind, parameters),) = ((k, v) for k, v in entry.items() if k not in ("title", "source"))
        if name in faults:
            raise ConfigError(document.problem((name,), f"{name!r} is already the name of a fault"))
        made = document.validate(faults.get(kind), parameters or {}, (name, kind))
        found[name] = Incident(name, made, entry["title"], entry["source"])
    return found
