"""What a user has after logging in: cookies to send, and values that stand for ``{login.NAME}``."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Session"]


@dataclass(frozen=True)
class Session:
    """`headers` are sent with each request (the cookies); `values` are what `login.take` found."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    values: dict[str, str] = field(default_factory=dict, repr=False)
