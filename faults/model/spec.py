"""What a backend is, as its owner writes it: dialect, models, speed, capacity, answers and prices."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from brownout.faults.values.distribution import Duration, Fixed, Lognormal
from brownout.faults.values.units import Between, Number

__all__ = ["AnswerRule", "BackendSpec", "Capacity", "Price", "Speed"]

_FORBID: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True)
class Speed:
    """How fast the model answers: until the head, from the head to the first token, and between tokens.

    The default is that of a mid-sized hosted model: a first token after about a third of a second, 80 tokens a second.
    """

    head: Duration = field(default_factory=lambda: Lognormal(0.25, 0.3))
    first_token: Duration = field(default_factory=lambda: Fixed(0.08))
    per_token: Duration = field(default_factory=lambda: Fixed(0.0125))
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class Capacity:
    """How much the model carries: `slots` answers at once (None: any number), `queue` more waiting; others get 503."""

    slots: Annotated[int, Between(1, 1_000_000)] | None = None
    queue: Annotated[int, Between(0, 1_000_000)] = 100
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class AnswerRule:
    """A scripted answer: the first rule whose `model` (wildcards) and `prompt` (regex, searched) match is used.

    ``{watermark}`` in `text` becomes `sentences` sentences of watermark; ``{prompt}`` the text of the prompt.
    """

    text: str
    model: str = "*"
    prompt: str = ""
    sentences: Annotated[int, Between(1, 200)] = 4
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        try:
            re.compile(self.prompt)
        except (re.error, OverflowError, RecursionError) as e:
            raise ValueError(f"prompt is not a regular expression: {e}") from None
        if self.text.count("{watermark}") > 1:
            raise ValueError("{watermark} may stand once in an answer")


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens."""

    input: Number
    output: Number
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is a price in US dollars from 0, not {getattr(self, name):g}")


@dataclass(frozen=True)
class BackendSpec:
    """One simulated backend. Without `models` it accepts any model name; without `answers` it speaks watermarked prose."""

    dialect: str = "openai"
    models: tuple[str, ...] = ()
    speed: Speed = field(default_factory=Speed)
    capacity: Capacity = Capacity()
    answers: tuple[AnswerRule, ...] = ()
    prices: dict[str, Price] = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID
