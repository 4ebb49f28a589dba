"""Errors of the tool. A finding about the app is never one of these.

BrownoutError
├── ConfigError        bad input: usage, YAML, keys, types          exit 2
└── SetupError         the app, a child or the machine: not ready   exit 4
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BrownoutError", "ConfigError", "Problem", "SetupError", "shown"]


def shown(value: object) -> str:
    """A value as messages quote it: cut to 40 characters, so that a wrong file given is not printed line by line."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"{value[:39]!r}…"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


class BrownoutError(Exception):
    """Base of all errors of the tool. `exit_code` is the process status that the command line ends with."""

    exit_code = 70


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in an input: what, where, and what was probably meant.

    `line` and `column` count from 1; 0 means that the place is not known. `key` is the dotted path of the value.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    key: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}:{self.column}" if self.line else "")
        parts = [p for p in (place, self.key) if p]
        text = ": ".join([*parts, self.message])
        return f"{text} ({self.hint})" if self.hint else text


class ConfigError(BrownoutError):
    """Input that cannot be used. Carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(p if isinstance(p, Problem) else Problem(p) for p in problems)
        super().__init__("\n".join(map(str, self.problems)))


class SetupError(BrownoutError):
    """The app under test, one of our children or the machine is not in a state in which anything can be measured.

    `output` is the last output of the process concerned, cleaned of control characters, for people to read.
    """

    exit_code = 4

    def __init__(self, message: str, *, output: str = "") -> None:
        self.output = output
        super().__init__(message)
