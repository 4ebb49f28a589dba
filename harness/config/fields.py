"""What several parts of brownout.yaml have in common: commands, paths, headers and bodies, checked as they are read."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from brownout.faults.values.errors import shown

__all__ = [
    "FORBID",
    "LONGEST_WAIT",
    "Command",
    "check_body",
    "check_headers",
    "check_url_path",
    "fill",
    "placeholders",
    "texts",
    "words_of",
]

FORBID: dict[str, Any] = {"extra": "forbid"}
LONGEST_WAIT = 3600.0
"""Seconds that anything waits for the app at most: beyond lies a mistake in writing."""

_PLACEHOLDER = re.compile(r"\{([^{}\s]+)\}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 section 5.6.2
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")  # field-content, RFC 9110 section 5.5


class Command:
    """Pydantic metadata: a command is a text that can be split into words, or a list of texts."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(_command)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}


def _command(given: object) -> list[str] | str | None:
    if given is None:
        return None
    if isinstance(given, str):
        try:
            words = shlex.split(given)
        except ValueError as e:
            raise ValueError(f"cannot be split into words as a shell would: {str(e).lower()}") from None
        if words:
            return given
    elif isinstance(given, list) and given and all(isinstance(word, str) for word in given) and given[0]:
        return given
    raise ValueError(f"a command is a text or a list of texts, not {shown(given)}")


def words_of(command: list[str] | str) -> list[str]:
    """The words of a command. Raises ValueError for a text that cannot be split as a shell would."""
    return shlex.split(command) if isinstance(command, str) else list(command)


def check_url_path(path: str) -> None:
    """Raises ValueError for what is no path of a URL."""
    if not path.startswith("/"):
        raise ValueError(f"path starts with a slash, not {shown(path)}")
    if not path.isprintable():
        raise ValueError("path holds a control character")


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises ValueError for what no HTTP header can hold."""
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"headers: {shown(name)} cannot be the name of a header")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"headers: {shown(name)} holds a character that no header can (Latin-1, on one line)")


def check_body(body: object) -> None:
    """Raises ValueError for a body that cannot be sent as JSON."""
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError) as e:  # a date, for example, which YAML knows and JSON does not
        raise ValueError(f"body holds what JSON does not have ({e}); write it in quotes") from None


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with ``{name}`` replaced by its value; a brace that names nothing stays as it is."""
    return _PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def placeholders(text: str) -> list[str]:
    """The names that stand in braces in a text."""
    return _PLACEHOLDER.findall(text)


def texts(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """All texts in a body or a mapping, with their places."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, (*at, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from texts(inner, (*at, i))
