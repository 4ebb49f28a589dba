"""Fault plans: which faults hit which calls, and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from brownout.faults.plans.selector import Draw, Selector
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Fault

__all__ = ["ALWAYS", "FaultPlan", "Rule", "Scope", "Window"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The calls that a rule is about. None means any; `model` may hold wildcards (``gpt-4o*``)."""

    backend: str | None = None
    endpoint: str | None = None
    model: str | None = None
    streaming: bool | None = None

    def covers(self, backend: str, ask: Ask) -> bool:
        return (
            self.backend in (None, backend)
            and self.endpoint in (None, ask.endpoint)
            and (self.model is None or fnmatchcase(ask.model, self.model))
            and self.streaming in (None, ask.stream)
        )

    @property
    def needs_ask(self) -> bool:
        """True when the scope cannot be decided for a bare connection."""
        return (self.endpoint, self.model, self.streaming) != (None, None, None)


@dataclass(frozen=True, slots=True)
class Window:
    """When a rule is in force: seconds since the plan began, `start` included, `end` not. Before that nothing is."""

    start: float = 0.0
    end: float = math.inf

    def holds(self, at: float) -> bool:
        return self.start <= at < self.end


ALWAYS = Window()


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault with its scope, window and selectors. `id` is unique in the plan and enters every keyed draw.

    `label` is the name under which it was asked for: that of a fault or of an incident.
    """

    id: str
    label: str
    fault: Fault
    scope: Scope = Scope()
    window: Window = ALWAYS
    selectors: tuple[Selector, ...] = ()

    def concerns(self, backend: str, ask: Ask, at: float) -> bool:
        """Whether the rule is in force for a call that arrived `at` seconds after the plan began."""
        return self.window.holds(at) and self.scope.covers(backend, ask)

    def hits(self, draw: Draw) -> bool:
        """Whether the rule hits a call that it concerns."""
        return all(s.picks(draw) for s in self.selectors)

    def hits_connection(self, backend: str, at: float) -> bool:
        """Whether the rule concerns a bare connection: only rules without selectors and scopes of the call do."""
        return (
            self.window.holds(at)
            and self.scope.backend in (None, backend)
            and not self.scope.needs_ask
            and not self.selectors
        )


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Rules in the order in which their faults are applied. An empty plan is a healthy backend."""

    rules: tuple[Rule, ...] = field(default=())

    def hitting(
        self, backend: str, ask: Ask, at: float, draw: Draw, attempt: Callable[[Rule], int] | None = None
    ) -> Iterator[Rule]:
        """The rules that hit a call, in order. `attempt` counts the call among those of its key that a rule concerned."""
        for rule in self.rules:
            if rule.concerns(backend, ask, at):
                counted = attempt(rule) if attempt and rule.selectors else draw.attempt
                if rule.hits(replace(draw, rule=rule.id, attempt=counted)):
                    yield rule

    def within(self, window: Window) -> FaultPlan:
        """This plan confined to `window`; a rule's own window counts from the start of it."""

        def confine(rule: Rule) -> Rule:
            start, end = window.start + rule.window.start, window.start + rule.window.end
            return replace(rule, window=Window(start, min(end, window.end)))

        return FaultPlan(tuple(map(confine, self.rules)))

    def __add__(self, other: FaultPlan) -> FaultPlan:
        return FaultPlan(self.rules + other.rules)
