"""How long anything may take, and the limits of one model call that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UNLIMITED", "Limits", "Timings"]


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations in seconds. A user's patience for the first words is short, hence the small ones."""

    first_token: float = 1.2  # of the main model, from the arrival of the request
    small_first_token: float = 0.6  # that much more for the small model
    token_gap: float = 2.0  # between two pieces of an answer
    whole_answer: float = 8.0  # from the arrival of the request
    after_finish: float = 0.2  # for the usage figures that follow a whole answer
    backoff: float = 0.1  # before the first retry; doubles, and is drawn from its upper half
    stubborn_retry: float = 0.05  # what a loop without Retry-After waits
    breaker_open: float = 2.0
    cache_ttl: float = 300.0
    budget_window: float = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When one model call must have delivered what: points in the event loop's time, and a gap in seconds."""

    first_by: float | None = None
    gap: float | None = None
    whole_by: float | None = None
    after_finish: float | None = None

    @property
    def too_late(self) -> bool:
        """There is no point in starting: the whole answer is due before its first piece."""
        return self.first_by is not None and self.whole_by is not None and self.first_by > self.whole_by

    def next_by(self, now: float, *, started: bool, finished: bool) -> float | None:
        """When the next chunk must be here, None for any time.

        `started`: a first piece of text has come. `finished`: so has the reason why the answer ended.
        """
        if finished:
            return None if self.after_finish is None else now + self.after_finish
        if not started:
            return _earliest(self.first_by, self.whole_by)
        return _earliest(None if self.gap is None else now + self.gap, self.whole_by)


UNLIMITED = Limits()


def _earliest(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)
