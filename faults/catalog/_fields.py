"""Fields that faults have in common: headers, Retry-After, kinds of failures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from brownout.faults.values.errors import shown
from brownout.faults.values.units import _LONGEST, SECONDS_PATTERN, Between, _Parsed, parse_seconds

__all__ = ["Count", "Every", "Headers", "Kind", "Line", "RetryAfter", "RetryAfterAs", "Tokens"]

Kind = Literal[
    "server_error",
    "overloaded",
    "rate_limit",
    "quota",
    "bad_request",
    "context_length",
    "content_filter",
    "model_not_found",
    "auth",
]
"""What failed, in neutral terms; the dialect has the provider's words for it."""

RetryAfterAs = Literal["seconds", "decimal", "date", "ms"]
"""How a wait is written: in whole seconds, rounded up, with decimals, as a date, or as ``retry-after-ms``."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = ("content-length", "transfer-encoding", "connection")


def parse_line(value: object) -> str:
    """One line of Latin-1, as HTTP headers can hold it; a number is one too. Raises ValueError for anything else."""
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    if text is None or not _LINE.fullmatch(text):
        raise ValueError(f"{shown(value)} is not one line of text")
    return text


def parse_headers(value: object) -> dict[str, str]:
    """Header names and values. Raises ValueError for what HTTP cannot say, and for the headers that frame a body."""
    if not isinstance(value, Mapping):
        raise ValueError(f"headers are a mapping of names to values, not {shown(value)}")
    for name in value:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{shown(name)} is not the name of a header")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} follows from the reply; see the faults wrong_length and broken_chunking")
    return {name: parse_line(said) for name, said in value.items()}


def parse_retry_after(value: object) -> float:
    """A duration in seconds that may be negative. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return -parse_seconds(-value)
    if isinstance(value, str) and value.strip().startswith("-"):
        return -parse_seconds(value.strip()[1:])
    return parse_seconds(value)


def parse_every(value: object) -> float:
    """The seconds between two things that come again and again. Raises ValueError for less than 100 ms."""
    seconds = parse_seconds(value)
    if seconds < 0.1:
        raise ValueError(f"{shown(value)} is too often; write 100ms or more")
    return seconds


Tokens = Annotated[int, Between(0, 1_000_000)]
"""A field that holds a number of tokens."""

Count = Annotated[int, Between(1, 1_000_000)]
"""A field that holds a number of things, of which there is one at least."""

Every = Annotated[
    float,
    _Parsed(
        parse_every,
        {
            "type": ["number", "string"],
            "minimum": 0.1,
            "maximum": _LONGEST,
            "pattern": rf"^\s*{SECONDS_PATTERN}\s*$",
            "examples": ["5s"],
        },
    ),
]
"""A field that holds the seconds from one of many to the next."""

Line = Annotated[str, _Parsed(parse_line, {"type": ["string", "number"], "pattern": f"^{_LINE.pattern}$"})]
"""A field that holds one line of text."""

Headers = Annotated[
    Mapping[str, str],
    _Parsed(
        parse_headers,
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{_NAME.pattern}$"},
            "additionalProperties": {"type": ["string", "number"]},
            "examples": [{"x-ratelimit-remaining-requests": "0"}],
        },
    ),
]
"""A field that holds headers. One of a name that the reply has replaces it; an empty value takes it away."""

RetryAfter = Annotated[
    float,
    _Parsed(
        parse_retry_after,
        {
            "type": ["number", "string"],
            "minimum": -_LONGEST,
            "maximum": _LONGEST,
            "pattern": rf"^\s*-?\s*{SECONDS_PATTERN}\s*$",
            "examples": ["2s", "10m", "-1s", 0],
        },
    ),
]
"""A field that holds the seconds of a Retry-After; negative ones are said by broken servers."""
