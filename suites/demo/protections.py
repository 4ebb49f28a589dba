"""Which protections the app runs with. All of them is how to ship it; none of them is how it is usually written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

__all__ = ["Protections"]


@dataclass(frozen=True, slots=True)
class Protections:
    """One switch per protection. The comment behind each says what happens without it."""

    deadline: bool = True  # the SDK's own timeouts: 600 s between two reads, no limit for the whole
    retries: bool = True  # the SDK's own two retries, however many other requests are retrying too
    retry_after: bool = True  # Retry-After is ignored: our retry loop asks again after 50 ms, twice
    breaker: bool = True  # every request finds out for itself that the model is down
    cache: bool = True  # every question is paid for
    cache_rule: bool = True  # whatever was sent to a user is cached, also a fallback or half an answer
    streaming: bool = True  # the answer is collected and sent in one piece
    small_model: bool = True  # nobody steps in for the main model
    fallback: bool = True  # no model, no help: the user gets an error
    honest_errors: bool = True  # a failure is a 500 with the provider's text, half an answer passes for a whole one
    hang_up: bool = True  # a call whose user has left before the first piece goes on, and is paid for

    @classmethod
    def hardened(cls) -> Protections:
        """All protections."""
        return cls()

    @classmethod
    def naive(cls) -> Protections:
        """The SDK with its defaults, streamed through to the user."""
        return cls(**{name: name == "streaming" for name in cls.names()})

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in fields(cls)]

    def without(self, names: Iterable[str]) -> Protections:
        """A copy with the named protections off. Raises ValueError for a name that is none."""
        names = list(names)
        for name in names:
            if name not in self.names():
                close = difflib.get_close_matches(name, self.names(), n=1)
                hint = f"did you mean {close[0]}?" if close else "known: " + ", ".join(self.names())
                raise ValueError(f"unknown protection {name!r}; {hint}")
        return replace(self, **dict.fromkeys(names, False))
