"""Call keys and keyed decisions: which calls a fault hits does not depend on the order in which they arrive.

A decision is a pure function of (seed, what is decided, key), so concurrency cannot change it and a seed repeats it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from random import Random

__all__ = ["Attempts", "CallKey", "digest", "generator", "uniform"]


@dataclass(frozen=True, slots=True)
class CallKey:
    """Which call this is, whatever order calls arrive in.

    `request` is the key of the user request behind the call (from the watermark in its body, a header …), '' when
    unknown; `messages` is the hash of the messages. `site` tells the different calls of one request apart: 0 for the first
    messages that it sent to this model, 1 for the next different ones. Attempts of one call share the key.
    """

    request: str
    backend: str
    endpoint: str
    model: str
    messages: str
    site: int = 0

    @property
    def by_hash_only(self) -> bool:
        """True when nothing but the body tells this call from another: equal bodies then count as attempts of one."""
        return not self.request

    def parts(self) -> tuple[str, ...]:
        """What keyed draws are made of. The messages only where the request is not known: they hold words of the run."""
        which = f"site {self.site}" if self.request else self.messages
        return (self.request, self.backend, self.endpoint, self.model, which)


class Attempts:
    """Counts the attempts of each call key, from 1."""

    def __init__(self) -> None:
        self._seen: Counter[CallKey] = Counter()

    def next(self, key: CallKey) -> int:
        self._seen[key] += 1
        return self._seen[key]


def digest(seed: int, *parts: object) -> int:
    """64 bits that are a function of seed and parts alone."""
    # Each part is length-prefixed: ("ab", "c") and ("a", "bc") are different decisions.
    text = "".join(f"{len(s)}:{s}" for s in (str(seed), *map(str, parts)))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def uniform(seed: int, *parts: object) -> float:
    """A number in [0, 1) that is a function of seed and parts alone: compare with a probability to decide."""
    return (digest(seed, *parts) >> 11) / (1 << 53)


def generator(seed: int, *parts: object) -> Random:
    """A random generator seeded by seed and parts alone: for draws from distributions."""
    return Random(digest(seed, *parts))
