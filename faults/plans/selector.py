"""Selectors: of the calls in a rule's scope, which ones it hits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from brownout.faults.values.keys import CallKey, uniform
from brownout.faults.values.registry import Registry

__all__ = ["Draw", "Selector", "selectors"]


@dataclass(frozen=True, slots=True)
class Draw:
    """What a keyed selector may look at. None of it depends on the order in which calls of different keys arrive.

    `rule` names the rule in its plan, so that two rules with one probability do not hit the same calls.
    `attempt` counts the calls of this key that the rule concerned, from 1: those before its window are not among them.
    `conversation` is how the conversation began (its first prompt, or first user message), `user` the user's name or ''.
    """

    seed: int
    rule: str
    key: CallKey
    attempt: int
    conversation: str = ""
    user: str = ""

    def chance(self, *parts: object) -> float:
        """A number in [0, 1) fixed by seed, rule and parts."""
        return uniform(self.seed, self.rule, *parts)


class Selector(Protocol):
    """A condition on a call. `name` is its key in a plan file; `parse` makes it from the value that stands there."""

    name: ClassVar[str]
    keyed: ClassVar[bool]

    @classmethod
    def parse(cls, value: object) -> Selector:
        """Raises ValueError with what can be written."""
        ...

    @property
    def said(self) -> object:
        """What `parse` made it from, as JSON has it."""
        ...

    def picks(self, draw: Draw) -> bool: ...


selectors: Registry[type[Selector]] = Registry("selector", "brownout.selectors")
