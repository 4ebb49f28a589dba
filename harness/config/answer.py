"""Where an app's answer is in its reply: one spec for each format that is read (`answer:` of a route)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

__all__ = ["FORMATS", "AnswerSpec", "NdjsonDone", "NdjsonSpec", "SseSpec", "TextSpec", "VercelSpec", "check_path"]

_FORBID: dict[str, Any] = {"extra": "forbid"}
FORMATS = ("json", "sse", "ndjson", "text", "vercel")
"""The keys of `answer:`, of which a route has exactly one."""


def check_path(path: str) -> str:
    """`path` if it is a JSONPath (RFC 9535). Raises ValueError otherwise."""
    import jsonpath_rfc9535 as jsonpath

    try:
        jsonpath.compile(path)
    except (jsonpath.JSONPathError, RecursionError) as e:
        raise ValueError(f"{path!r} is not a JSONPath such as $.answer: {e}") from None
    return path


class _Switch:
    """Pydantic metadata: ``true`` is written for a mapping without entries. Pydantic is imported only when it asks."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_switched, handler(source))


def _switched(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, str | int | float | list):
        raise ValueError(f"write true, not {value!r}")
    return value


@dataclass(frozen=True)
class SseSpec:
    """An answer as server-sent events: where the text is in a data event, and which events say the end and an error.

    `text` is a JSONPath into the data of unnamed (``message``) events; ``$`` alone takes the data as text. `done` and
    `error` are event names, or a literal ``data`` text such as ``[DONE]``; without `done` the end of the body is the end.
    """

    text: str
    done: str = ""
    error: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        check_path(self.text)


@dataclass(frozen=True)
class NdjsonDone:
    """Which line says the end: what `path` finds in it equals `equals`, or without `equals` is not empty.

    Empty are null, false, 0, and texts, lists and objects that hold nothing.
    """

    path: str
    equals: str | int | float | bool | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True)
class NdjsonSpec:
    """An answer as newline-delimited JSON: JSONPaths into each line, to its text and to an error.

    A line is an error where `error` finds something that is not empty. Without `done` the end of the body is the end.
    """

    text: str
    done: NdjsonDone | None = None
    error: str | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        check_path(self.text)
        if self.error is not None:
            check_path(self.error)


@dataclass(frozen=True)
class TextSpec:
    """The body itself is the answer, as plain text. Written ``text: true``."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class VercelSpec:
    """A stream of the Vercel AI SDK: its UI message stream or the older data stream. Written ``vercel: true``.

    `finish` is whether the app's streams say their end, as those of the SDK do: a ``finish`` part or a ``d:`` line. Some
    adapters and hand-written servers leave it out; with `finish` false, ``[DONE]`` or the end of the body is the end.
    """

    finish: bool = True
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID


@dataclass(frozen=True)
class AnswerSpec:
    """Where the answer is in the reply: exactly one of `FORMATS`. `json` is a JSONPath into the body.

    `websocket` is known only to be refused with a reason.
    """

    json: str | None = None
    sse: SseSpec | None = None
    ndjson: NdjsonSpec | None = None
    text: Annotated[TextSpec | None, _Switch()] = None
    vercel: Annotated[VercelSpec | None, _Switch()] = None
    websocket: Any = None
    __pydantic_config__: ClassVar[dict[str, Any]] = _FORBID

    def __post_init__(self) -> None:
        known = ", ".join(f"{name}:" for name in FORMATS[:-1]) + f" or {FORMATS[-1]}:"
        if self.websocket is not None:
            raise ValueError(
                "an app that answers over a WebSocket is not supported: brownout reads answers from HTTP replies; "
                f"point the route at one and write {known}"
            )
        given = [name for name in FORMATS if getattr(self, name) is not None]
        if not given:
            raise ValueError(f"say where the answer is: write one of {known}")
        if len(given) > 1:
            raise ValueError(f"an answer has one format; write only one of {', '.join(f'{n}:' for n in given)}")
        if self.json is not None:
            check_path(self.json)

    @property
    def format(self) -> tuple[str, Any]:
        """The name of the format, and what is said about it."""
        return next((name, value) for name in FORMATS if (value := getattr(self, name)) is not None)
