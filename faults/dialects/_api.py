"""What all dialects have in common: routing to operations, reading JSON, the rhythm of streams, ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote

from brownout.faults.values.answer import Answer, Pace
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Reply, Wait

__all__ = [
    "Api",
    "Headers",
    "Operation",
    "Received",
    "base62",
    "compact",
    "encoded",
    "limit",
    "paced",
    "parts_text",
    "read_json",
    "stops",
    "whole",
]

Headers = tuple[tuple[str, str], ...]

_BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Received:
    """A request that was found to be for an operation.

    `named` are the named groups of the operation's `path`, percent-decoded; `query` the parameters of the URL, the last of
    repeated ones; `headers` have lower-case names; `body` is the parsed JSON object, empty where there was none.
    """

    named: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, object]


class Operation(Protocol):
    """One operation of an API.

    `name` is the neutral endpoint (see `Ask.endpoint`). `path` is matched against the end of the request's path, so any
    prefix is accepted: gateways and base URLs differ in what they put in front. `shown` is how lists write it.
    """

    name: ClassVar[str]
    method: ClassVar[str]
    path: ClassVar[re.Pattern[str]]
    shown: ClassVar[str]

    def __init__(self, api: Any) -> None:
        """An operation of one backend's `api`, an instance of the dialect."""
        ...

    def parse(self, received: Received) -> Ask | Failure:
        """What is asked for, or why the provider would refuse it."""
        ...

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        """The healthy reply."""
        ...


O = TypeVar("O", bound=Operation)


class Api:
    """Base of the dialects: finds the operation of a request and hands it over.

    A dialect says its name, base URL, headers and errors; each of its operations is a class of its own, mostly in a file of
    its own, that registers itself with the decorator ``@Dialect.operation``.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    framing: ClassVar[Literal["sse", "ndjson"]] = "sse"
    overloaded: ClassVar[int] = 503
    variables: ClassVar[Mapping[str, str]] = {}
    error_type: ClassVar[str] = "application/json"
    operations: ClassVar[dict[str, type[Operation]]]

    def __init_subclass__(cls) -> None:
        cls.operations = {}

    def __init__(self, models: tuple[str, ...] = ()) -> None:
        self.models = models
        self._operations: dict[str, Operation] = {name: made(self) for name, made in self.operations.items()}

    @classmethod
    def operation(cls, made: type[O]) -> type[O]:
        """Class decorator: register an operation. A second one of the same name is a programming error: ValueError."""
        if cls.operations.setdefault(made.name, made) is not made:
            raise ValueError(f"two operations of {cls.name} are called {made.name}")
        return made

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(sorted(self.operations))

    @property
    def served(self) -> tuple[str, ...]:
        return tuple(sorted(f"{o.method} {o.shown}" for o in self._operations.values()))

    def parse(self, request: WireRequest) -> Ask | Failure:
        path, _, query = request.path.partition("?")
        path = path.rstrip("/")
        found = [(o, m) for o in self._operations.values() if (m := o.path.search(path))]
        if not found:
            return self.unknown(request.method, path)
        operation, match = next(((o, m) for o, m in found if o.method == request.method), found[0])
        if operation.method != request.method:
            return Failure(405, message=f"Not allowed to {request.method} on {path}.")
        body: object = {}
        if request.body:
            try:
                body = read_json(request.body)
            except (ValueError, RecursionError):
                return Failure(400, "bad_request", "We could not parse the JSON body of your request.")
        if not isinstance(body, dict):
            return Failure(400, "bad_request", "The body of your request must be a JSON object.")
        named = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        asked = operation.parse(Received(named, parameters, request.headers, body))
        if isinstance(asked, Ask) and asked.model and self.models and asked.model not in self.models:
            return Failure(404, "model_not_found", model=asked.model)
        return asked

    def unknown(self, method: str, path: str) -> Failure:
        """The failure for a path that no operation serves."""
        return Failure(404, message=f"Invalid URL ({method} {path})")

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Reply:
        return self._operations[ask.endpoint].reply(ask, answer, stamp)

    def failure(self, failure: Failure, stamp: Stamp) -> tuple[Action, ...]:
        body = self.error_body(failure, stamp)
        headers = (("content-type", self.error_type), *self.headers(stamp), *failure.headers)
        return (Head(failure.status, headers, len(body)), Data(body), End())

    def headers(self, stamp: Stamp) -> Headers:
        """The headers that every reply carries."""
        return ()

    def error_body(self, failure: Failure, stamp: Stamp) -> bytes:
        """The body of an error reply."""
        raise NotImplementedError


def read_json(data: bytes) -> object:
    """JSON in UTF-8. Raises ValueError also for half a surrogate pair, which no UTF-8 can hold: strict parsers refuse it."""
    value: object = json.loads(data.decode("utf-8-sig"))
    if b"\\ud" in data or b"\\uD" in data:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def compact(value: object) -> str:
    """JSON without spaces, non-ASCII characters as themselves."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encoded(text: str) -> bytes:
    """UTF-8. Half a surrogate pair has none; what this puts in its place is its JSON escape."""
    return text.encode("utf-8", "backslashreplace")


def whole(answer: Answer, body: bytes, headers: Headers, kind: str = "application/json") -> Iterator[Action]:
    """A reply that is not streamed: it comes when all of it is said. `kind` is its content type."""
    yield Wait(answer.seconds, "generate")
    yield Head(200, (("content-type", kind), *headers), len(body))
    yield Data(body, "body", answer.tokens)
    yield End()


def paced(pieces: Sequence[str], pace: Pace, made: Callable[[str], bytes], *, begun: bool = False) -> Iterator[Action]:
    """The content events of some tokens, each made by `made`, with the time between tokens.

    `begun`: tokens were said before these, so the first of them is waited for like any other. The wait for a stream's first
    token is the operation's own, since dialects differ in what they send before it.
    """
    for i, piece in enumerate(pieces):
        if i or begun:
            yield Wait(pace.per_token, "token")
        yield Data(made(piece), "content", 1)


def parts_text(content: object) -> str:
    """The text of a message: a text, or the ``text`` of each part of a list, on lines of their own."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    return ""


def limit(value: object, name: str) -> int | Failure | None:
    """A number of tokens from 1, None where it was left out, or the failure that says what is wrong with it."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    return Failure(400, "bad_request", f"Invalid value for '{name}': expected an integer above 0.")


def stops(value: object) -> tuple[str, ...]:
    """Stop sequences: a text, or a list of texts."""
    if isinstance(value, str):
        return (value,)
    return tuple(s for s in value if isinstance(s, str)) if isinstance(value, list) else ()


def base62(hexadecimal: str, length: int) -> str:
    """A text of `length` letters and digits made from hexadecimal digits: the alphabet of most providers' ids."""
    number, out = int(hexadecimal, 16) * 0x9E3779B97F4A7C15F39CC0605CEDC835, []
    for _ in range(length):
        number, digit = divmod(number, 62)
        out.append(_BASE62[digit])
    return "".join(out)
