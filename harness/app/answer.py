"""Reading an app's reply: the answer's text as it becomes visible, its end, its errors, and whether it is a good one.

Sans-I/O: whoever has the bytes feeds them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from brownout.harness.config.app import AnswerSpec, ReplyRule, RouteSpec, SseSpec

if TYPE_CHECKING:
    from jsonpath_rfc9535 import JSONPathQuery

__all__ = ["AnswerReader", "ReadAnswer", "judge_reply"]

LIMIT = 256 * 1024
"""Bytes of a body, of a line and of an event that are kept, and characters of an answer."""
MAX_EVENTS, MAX_EVENT = 50, 4096
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What was read of a reply.

    `ended`: the answer's end was announced: the `done` event, or without one the clean end of the body; for JSON, the whole
    body came and the path found something. `cut`: it broke off instead: an interrupted body, events without the announced
    end, JSON that begins and does not close. `error` is the text of an error event, `problem` what is wrong with the reply's
    form. `events` are the first 50 named events, as name and data (4096 characters at most).
    """

    text: str
    ended: bool
    error: str = ""
    events: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    cut: bool = False


class AnswerReader:
    """Reads one reply. `over` turns True when an event has announced the end or an error: users expect no more."""

    def __init__(self, spec: AnswerSpec) -> None:
        self._spec = spec
        self._body = bytearray()
        self._size = 0
        self._stream = _EventStream()
        self._text: list[str] = []
        self._kept = 0
        self._named: list[tuple[str, str]] = []
        self._events = 0
        self._error = self._problem = ""
        self._done = self.over = False

    @property
    def body_text(self) -> str:
        """The body as far as it came, 256 kB at most; what is not UTF-8 becomes U+FFFD."""
        return self._body.decode("utf-8-sig", "replace")

    def feed(self, data: bytes) -> list[str]:
        """Take in bytes of the body. Returns the pieces of answer text that became visible: none before the end of JSON."""
        self._size += len(data)
        self._body += data[: LIMIT - len(self._body)]
        if self._spec.sse is None:
            return []
        pieces = [self._event(self._spec.sse, name, value) for name, value in self._stream.feed(data)]
        return [piece for piece in pieces if piece]

    def finish(self, complete_body: bool) -> ReadAnswer:
        """The reply as a whole, when no more bytes come. `complete_body`: the body ended as its framing says."""
        if self._spec.sse is not None:
            return self._finish_events(self._spec.sse, complete_body)
        assert self._spec.json is not None
        text, problem, cut = _json_answer(self._spec.json, self.body_text, self._size)
        ended = complete_body and not problem
        return ReadAnswer(text, ended, problem=problem, cut=cut or not complete_body)

    def _event(self, spec: SseSpec, name: str, data: str) -> str:
        """The answer text in one event. WHATWG: an event named ``message`` is an unnamed one."""
        named = name not in ("", "message")
        self._events += 1
        if named and len(self._named) < MAX_EVENTS:
            self._named.append((name, data[:MAX_EVENT]))
        if self._done:
            return ""
        if spec.done and spec.done in (name, data):
            self._done = self.over = True
        elif spec.error and spec.error in (name, data):
            self.over = True
            self._error = self._error or data[:MAX_EVENT] or name
        elif not named:
            text = self._text_of(spec.text, data)
            self._text.append(text[: LIMIT - self._kept])
            self._kept += len(self._text[-1])
            return text
        return ""

    def _text_of(self, path: str, data: str) -> str:
        value = _parsed(data)
        if path == "$":
            # Text that happens to read as a number or an object is text; a JSON string was encoded to carry line feeds.
            return value if isinstance(value, str) else data
        if value is _ABSENT:
            self._problem = self._problem or f"the data of an event is not JSON: {data[:80]!r}"
            return ""
        return "".join(map(_shown, _values(path, value)))

    def _finish_events(self, spec: SseSpec, complete_body: bool) -> ReadAnswer:
        ended = self._done or (complete_body and not spec.done)
        problem = self._problem
        if not self._events:
            problem = "the reply holds no server-sent events"
        elif not problem and not self._kept:
            problem = f"path {spec.text} found no text in the {self._events} events"
        elif not problem and not ended and complete_body:
            problem = f"the event that says the end ({spec.done}) did not come"
        if spec.done and not ended and spec.done in self._stream.dataless:
            problem = f"the event {spec.done} came without a data line, and such events are never dispatched"
        text = "".join(self._text)
        return ReadAnswer(text, ended, self._error, tuple(self._named), problem, cut=not ended)


class _EventStream:
    """Parses an event stream incrementally as the WHATWG HTML standard says (section 9.2.6, interpreting an event stream).

    Lines end in LF, CR or CRLF; an event ends with an empty line, and one that the stream's end interrupts is dropped, as is
    an event without data. `id` and `retry` say nothing about an answer.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._first = True
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self._length = 0
        self.dataless: set[str] = set()

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Name and data of each event that ends within `data`."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if not data:
            return
        self._after_cr = data.endswith(b"\r")
        # Splitting bytes, not text: UTF-8 never holds a line end within a character, so only whole lines are decoded.
        for part in data.splitlines(keepends=True):
            content = part.rstrip(b"\r\n")
            self._line += content[: LIMIT - len(self._line)]
            if len(content) == len(part):
                return
            line = bytes(self._line)
            self._line.clear()
            if self._first:
                line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
            event = self._take(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _take(self, line: str) -> tuple[str, str] | None:
        if not line:
            name, data = self._name, self._data
            self._name, self._data, self._length = "", [], 0
            if data:
                return name, "\n".join(data)
            if name and len(self.dataless) < MAX_EVENTS:
                self.dataless.add(name)
            return None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value[:MAX_EVENT]
        elif field == "data" and self._length < LIMIT:
            self._data.append(value[: LIMIT - self._length])
            self._length += len(value) + 1
        return None


def judge_reply(
    route: RouteSpec, status: int, headers: Mapping[str, str], body_text: str, read: ReadAnswer
) -> tuple[bool, str]:
    """Whether a reply is a good one, and which rule says that it is degraded ('' when none does).

    Good: any rule of `good` holds; without rules, the status is 2xx. `status` is 0 where no reply came.
    """
    lowered = {k.lower(): v for k, v in headers.items()}

    def holds(rule: ReplyRule) -> bool:
        return _holds(rule, status, lowered, body_text, read)

    good = any(map(holds, route.good)) if route.good else 200 <= status <= 299
    return good, next((_describe(rule) for rule in route.degraded if holds(rule)), "")


def _holds(rule: ReplyRule, status: int, headers: Mapping[str, str], body: str, read: ReadAnswer) -> bool:
    if rule.status is not None and not _is_status(rule.status, status):
        return False
    for name, pattern in rule.header.items():
        value = headers.get(name.lower())
        if value is None or not re.search(pattern, value):
            return False
    if rule.event is not None:
        places = [data for name, data in read.events if name == rule.event]
    else:
        places = [body if rule.path is not None else read.text]
    return any(_place_holds(rule, place) for place in places)


def _place_holds(rule: ReplyRule, text: str) -> bool:
    """Whether `text` (answer, body or the data of an event) has what the rule asks of it."""
    values: list[Any] = [text]
    if rule.path is not None:
        document = _parsed(text)
        values = [] if document is _ABSENT else _values(rule.path, document)
    return any(_value_holds(rule, value) for value in values)


def _value_holds(rule: ReplyRule, value: Any) -> bool:
    if rule.matches is not None and not re.search(rule.matches, _shown(value)):
        return False
    # In Python True == 1; in JSON they differ.
    same = value == rule.equals and isinstance(value, bool) == isinstance(rule.equals, bool)
    return rule.equals is None or same


def _is_status(wanted: int | str, status: int) -> bool:
    wanted = str(wanted)
    return str(status)[:1] == wanted[0] if wanted.endswith("xx") else str(status) == wanted


def _describe(rule: ReplyRule) -> str:
    """A rule in a few words, such as ``header x-fallback`` or ``event meta, $.source = "cache"``."""
    parts = [f"status {rule.status}"] if rule.status is not None else []
    parts += [f"header {name}: {pattern}" if pattern else f"header {name}" for name, pattern in rule.header.items()]
    if rule.event is not None:
        parts.append(f"event {rule.event}")
    what = rule.path or ("data" if rule.event else "text")
    if rule.equals is not None:
        parts.append(f"{what} = {json.dumps(rule.equals, ensure_ascii=False)}")
    if rule.matches is not None:
        parts.append(f"{what} matches {rule.matches}")
    elif rule.path is not None and rule.equals is None:
        parts.append(what)
    return ", ".join(parts)[:200]


def _json_answer(path: str, body: str, size: int) -> tuple[str, str, bool]:
    """Text, problem and whether the JSON breaks off, of a body that had `size` bytes."""
    if size > LIMIT:
        return "", f"the body is larger than {LIMIT // 1024} kB", False
    document = _parsed(body)
    if document is _ABSENT:
        stripped = body.strip()
        cut = stripped[:1] in ("{", "[") and stripped[-1] not in "}]"
        return "", f"not JSON: {stripped[:80]!r}" if stripped else "not JSON: the body is empty", cut
    found = _values(path, document)
    if not found:
        return "", f"path {path} found nothing", False
    if all(value is None for value in found):
        return "", f"path {path} found null", False
    return "".join(map(_shown, found))[:LIMIT], "", False


def _parsed(text: str) -> Any:
    """The JSON value of `text`; _ABSENT when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _ABSENT


def _shown(value: Any) -> str:
    """A JSON value as people see it: a string is itself, null is nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _values(path: str, document: Any) -> list[Any]:
    """What a JSONPath selects."""
    from jsonpath_rfc9535 import JSONPathError

    try:
        return list(_compiled(path).find(document).values())
    except JSONPathError:  # `..` in a document that is nested too deeply
        return []


@lru_cache(maxsize=256)
def _compiled(path: str) -> JSONPathQuery:
    import jsonpath_rfc9535

    return jsonpath_rfc9535.compile(path)
