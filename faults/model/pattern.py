"""Texts that match a regular expression, for the strings of a JSON Schema that have a pattern."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

from brownout.faults.values.errors import shown

__all__ = ["SchemaError", "matching"]

_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " "
_CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}
_ECMA_NAME = re.compile(r"\(\?<(?=[A-Za-z_$])")
_LONGEST = 10_000


class SchemaError(ValueError):
    """No value could be made for a schema: nothing satisfies it, or it is beyond what is understood here."""


def matching(pattern: str, rng: Random, shortest: int = 0, longest: int | None = None) -> str:
    """A text of `shortest` to `longest` characters in which `pattern` is found, as JSON Schema reads it: not anchored.

    What a pattern asks of its surroundings (anchors, lookaround) is not built but checked afterwards, so a pattern that
    hardly anything satisfies may find no text. Raises SchemaError then, and for what Python's `re` cannot read.
    """
    try:
        compiled, tree = _read(pattern)
    except (re.error, OverflowError, RecursionError) as e:
        raise SchemaError(f"the pattern {shown(pattern)} cannot be read: {e}") from None
    most = _LONGEST if longest is None else longest
    for more in _repeats(shortest):
        for exact in (False, True):
            made = _Maker(rng, more, exact).text(tree)
            if shortest <= len(made) <= most and compiled.search(made):
                return made
    raise SchemaError(f"no text was found that matches the pattern {shown(pattern)} and has the length asked for")


@lru_cache(maxsize=256)
def _read(pattern: str) -> tuple[re.Pattern[str], Any]:
    from re import _parser  # type: ignore[attr-defined]  # the one parser of this syntax in the standard library

    pattern = _ECMA_NAME.sub("(?P<", pattern)
    return re.compile(pattern), _parser.parse(pattern)


def _repeats(shortest: int) -> Iterator[int]:
    """How often more than it must a part may be repeated, from what reads well to what reaches a length."""
    yield 3
    yield from range(33)
    yield from range(max(shortest - 4, 33), shortest + 1)


class _Maker:
    """Makes one text. `more` is how often more than it must a part is repeated: at most, or each time if `exact`."""

    def __init__(self, rng: Random, more: int, exact: bool) -> None:
        self._rng, self._more, self._exact = rng, more, exact
        self._groups: dict[int, str] = {}
        self._left = _LONGEST

    def text(self, tree: Any) -> str:
        return "".join(self._part(str(op), arg) for op, arg in tree)

    def _part(self, op: str, arg: Any) -> str:
        self._left -= 1
        if self._left < 0:
            raise SchemaError(f"a pattern asks for a text of more than {_LONGEST:,} characters")
        match op:
            case "LITERAL":
                return chr(arg)
            case "NOT_LITERAL":
                return self._character([("NEGATE", None), ("LITERAL", arg)])
            case "ANY":
                return self._rng.choice(string.ascii_lowercase)
            case "IN":
                return self._character([(str(kind), value) for kind, value in arg])
            case "BRANCH":
                return self.text(self._rng.choice(arg[1]))
            case "SUBPATTERN":
                made = self.text(arg[3])
                if arg[0] is not None:
                    self._groups[arg[0]] = made
                return made
            case "ATOMIC_GROUP":
                return self.text(arg)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, inner = arg
                most = min(int(high), low + self._more)
                return "".join(self.text(inner) for _ in range(most if self._exact else self._rng.randint(low, most)))
            case "GROUPREF":
                return self._groups.get(arg, "")
            case "AT" | "ASSERT" | "ASSERT_NOT":
                return ""
        raise SchemaError(f"a pattern holds what no text is made for: {op.lower()}")

    def _character(self, items: list[tuple[str, Any]]) -> str:
        """One character of a class: a letter or digit mostly, where it has some."""
        found = [c for c in _CHARACTERS if _holds(items, c)]
        plain = [c for c in found if c.isalnum()]
        if found:
            return self._rng.choice(plain if plain and self._rng.random() < 0.8 else found)
        if items[0][0] in ("LITERAL", "RANGE"):  # of another script
            kind, value = items[0]
            return chr(value if kind == "LITERAL" else value[0])
        raise SchemaError("a pattern holds a class without a usual character")


def _holds(items: list[tuple[str, Any]], character: str) -> bool:
    """Whether a class, as the parser of `re` gives it, holds a character."""
    negated = items[0][0] == "NEGATE"
    return negated != any(_is(kind, value, character) for kind, value in items[negated:])


def _is(kind: str, value: Any, character: str) -> bool:
    if kind == "LITERAL":
        return bool(ord(character) == value)
    if kind == "RANGE":
        return bool(value[0] <= ord(character) <= value[1])
    _, *no, name = str(value).split("_")  # CATEGORY_DIGIT, CATEGORY_NOT_DIGIT
    return bool(no) != bool(re.match(_CATEGORIES[name], character))
