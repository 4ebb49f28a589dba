"""Which hosts the app may call: patterns such as ``db.internal``, ``*.internal`` or ``10.0.0.*:6333``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

__all__ = ["LOOPBACK", "HostPattern", "split_target"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names of this machine that are reached directly, and through the proxy by clients that heed no exception."""

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})"
_TARGET = re.compile(rf"(\[[0-9A-Fa-f:.]{{2,45}}\]|{_NAME}):([0-9]{{1,5}})")
_PATTERN = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._*-]{1,253})(?::([0-9]{1,5}))?")


def split_target(text: str) -> tuple[str, int]:
    """Host and port of ``host:port``: lower case, without brackets and without the root's dot.

    Raises ValueError for anything else; the message does not repeat the text, which may hold a secret.
    """
    match = _TARGET.fullmatch(text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError("not a host and a port")
    return _plain(match[1]), int(match[2])


def _plain(host: str) -> str:
    return host.strip("[]").lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """Hosts that may be called. ``*`` in `host` stands for one or more characters; no `port` means every port."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: object) -> HostPattern:
        """A pattern from ``host`` or ``host:port``; IPv6 addresses in brackets. Raises ValueError saying what to write."""
        if isinstance(text, cls):
            return text
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None or (match[2] and not 0 < int(match[2]) < 65536):
            raise ValueError(f"{text!r} is not a host such as db.internal, *.internal or 10.0.0.5:6333{_meant(text)}")
        return cls(_plain(match[1]), int(match[2]) if match[2] else None)

    def matches(self, host: str, port: int) -> bool:
        """Whether the pattern stands for a host, as `split_target` gives it, and a port."""
        if self.port not in (None, port):
            return False
        return re.fullmatch(".+".join(map(re.escape, self.host.split("*"))), host) is not None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls.parse)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> Any:
        return {"type": "string", "examples": ["db.internal", "*.internal", "10.0.0.5:6333"]}


def _meant(text: object) -> str:
    """For a URL: the host that it names."""
    match = re.match(r"[a-z]+://(?:[^/@]*@)?([^/?#@]+)", text) if isinstance(text, str) else None
    return f"; write the host alone: {match[1]}" if match and _PATTERN.fullmatch(match[1]) else ""
