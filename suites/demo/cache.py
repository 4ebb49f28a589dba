"""An exact-match answer cache: many users ask the same thing in the same words."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["AnswerCache", "normalise"]


def normalise(message: str) -> str:
    """The key of a message: case and white space make no difference."""
    return " ".join(message.casefold().split())


class AnswerCache:
    """The `size` answers used last, each for at most `ttl` seconds after it was given.

    The key is the message alone, which is right only because nothing else (user, account, earlier turns) enters the
    answer. An app whose answers depend on who asks must put that into the key.
    """

    def __init__(self, *, size: int = 1000, ttl: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._ttl, self._clock = size, ttl, clock
        self._answers: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def get(self, message: str) -> str | None:
        key = normalise(message)
        found = self._answers.get(key)
        if found is None:
            return None
        expires, answer = found
        if self._clock() >= expires:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer

    def put(self, message: str, answer: str) -> None:
        key = normalise(message)
        self._answers[key] = (self._clock() + self._ttl, answer)
        self._answers.move_to_end(key)
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)
