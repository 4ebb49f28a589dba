"""What a backend is, as its owner writes it: dialect, models, speed, capacity, answers and prices."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from brownout.faults.values.distribution import Duration, Fixed, Lognormal
from brownout.faults.values.errors import shown
from brownout.faults.values.units import Between, Number

__all__ = ["SILENT", "AnswerRule", "BackendSpec", "Capacity", "Price", "ScriptedTool", "Speed"]

SILENT = frozenset(("embeddings", "moderations", "count_tokens", "models", "model"))
"""Endpoints whose answers hold no text."""

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


class _Label:
    """Pydantic metadata: a text; what YAML takes for true, false or a number without quotes is refused with that reason."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        def check(value: object) -> str:
            if isinstance(value, str):
                return value
            what = "true or false" if isinstance(value, bool) else shown(value)
            raise ValueError(f"a label is a text, not {what}; write it in quotes")

        return core_schema.no_info_plain_validator_function(check)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return {"type": "string"}


@dataclass(frozen=True)
class ScriptedTool:
    """A tool that a rule wants called. Without `arguments` they are made from the schema of the tool as it was offered.

    `name` may be ``any``, for the first tool that is offered.
    """

    name: str
    arguments: dict[str, Any] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a tool has a name")
        _check_json("arguments", self.arguments)


@dataclass(frozen=True)
class AnswerRule:
    """A scripted answer. The first rule is used of which all that it names matches the call.

    It says one of:

    * `text`;
    * `json`, any JSON value but null (which ``text: "null"`` says), as JSON text;
    * `tools`, to be called;
    * `one_of` several labels, such as the words of a verdict, drawn anew for each call;
    * `vector`, the embedding of every input whose text matches `prompt`;
    * `refusal`, the text with which the model refuses.

    It matches by `model` (wildcards), `prompt` (regular expression, searched in the prompt), `endpoint` (the neutral name of
    the operation), `schema` (wildcards: the name or the title of the JSON Schema asked for) and `nth` (from 1: how many
    different calls the user's request has made to this model and endpoint by then, this one included). A rule with `tools`
    matches no call that forbids tools, and without `nth` none whose last message is what a tool returned: agents end.

    In texts, and in texts inside `json` and `arguments`, ``{prompt}`` becomes the text of the prompt and ``{watermark}``, once
    in each, `sentences` sentences of watermark: 4 unless given, 1 inside JSON.
    """

    text: str | None = None
    model: str = "*"
    prompt: str = ""
    sentences: Annotated[int, Between(1, 200)] | None = None
    json: Any = None
    tools: tuple[ScriptedTool, ...] | None = None
    one_of: tuple[Annotated[str, _Label()], ...] | None = None
    vector: tuple[Number, ...] | None = None
    refusal: str | None = None
    endpoint: str = ""
    schema: str = ""
    nth: Annotated[int, Between(1, 1_000_000)] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        given = [k for k in _SAID if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"a rule says one of {', '.join(_SAID)}; this one says {' and '.join(given) or 'nothing'}")
        (said,) = given
        try:
            re.compile(self.prompt)
        except (re.error, OverflowError, RecursionError) as e:
            raise ValueError(f"prompt is not a regular expression: {e}") from None
        if self.nth is not None and self.nth < 1:
            raise ValueError(f"nth counts from 1, so it cannot be {self.nth}")
        if said in ("tools", "one_of", "vector") and not getattr(self, said):
            raise ValueError(f"{said} is empty")
        if not all(map(math.isfinite, self.vector or ())):
            raise ValueError("a vector holds finite numbers only")
        _check_json("json", self.json)
        if said == "vector" and self.endpoint not in ("", "embeddings"):
            raise ValueError(f"a vector answers the endpoint embeddings, not {self.endpoint}")
        if said != "vector" and self.endpoint in SILENT:
            raise ValueError(f"the endpoint {self.endpoint} is not answered with {said}")
        marks = [t.count("{watermark}") for t in _texts([self.text, self.refusal, self.json, self.tools])]
        if max(marks, default=0) > 1:
            raise ValueError("{watermark} may stand once in a text")
        if self.sentences is not None and not any(marks):
            raise ValueError("sentences says how long {watermark} becomes, and there is none")


_SAID = ("text", "json", "tools", "one_of", "vector", "refusal")


def _check_json(name: str, value: object) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as e:
        raise ValueError(f"{name} holds what JSON cannot say: {str(e)[:100]}") from None


def _texts(value: object) -> Iterator[str]:
    """The texts in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, ScriptedTool):
        yield from _texts(value.arguments)
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


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
    """One simulated backend. Without `models` it accepts any model name; without `answers` it speaks watermarked prose.

    It has a port of its own, or a `prefix` (``/openai``) of the path on one port that all backends with a prefix share, for
    apps that take a single host.
    """

    dialect: str = "openai"
    prefix: str = ""
    models: tuple[str, ...] = ()
    speed: Speed = field(default_factory=Speed)
    capacity: Capacity = Capacity()
    answers: tuple[AnswerRule, ...] = ()
    prices: dict[str, Price] = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        if self.prefix and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", self.prefix):
            raise ValueError(f"prefix is the beginning of a path, such as /openai, not {self.prefix[:60]!r}")
