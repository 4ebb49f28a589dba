"""Traces: each request joined with the calls that it caused."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from brownout.faults.values.answer import Issued
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import PhaseSpan

__all__ = ["Call", "Outcome", "Source", "Trace", "join"]


class Outcome(StrEnum):
    """What the user got."""

    ANSWERED = "answered"
    DEGRADED = "degraded"  # not the normal path, and declared to be so
    SHED = "shed"  # a clean refusal by the app
    REFUSED = "refused"  # by the model
    TRUNCATED = "truncated"
    WRONG = "wrong"  # nonsense or damage passed on
    ERROR = "error"
    TIMEOUT = "timeout"
    ABANDONED = "abandoned"  # the user left before anything, or before more, came
    UNPROVEN = "unproven"


class Source(StrEnum):
    """Where the text came from."""

    FRESH = "fresh"
    CACHED = "cached"
    FOREIGN = "foreign"  # another user's answer to another question
    STALE = "stale"  # an earlier run's
    MIXED = "mixed"
    FALLBACK = "fallback"  # not the model's
    ECHO = "echo"
    UNKNOWN = "unknown"  # of a call that belongs to no known request
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Call:
    """One call as the journal has it. Times are seconds since the run's origin."""

    number: int
    backend: str
    endpoint: str
    model: str
    request: str
    messages: str
    attempt: int
    arrived: float
    ended: float
    status: int
    end: str
    retry_after: float | None
    injected: tuple[str, ...]
    decided: tuple[str, ...]
    texts: tuple[Issued, ...]
    finish: str
    tokens: int
    cost_usd: float | None
    lag: float
    """The largest time by which an action was later than due, in seconds."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What attempts of one call have in common."""
        return (self.request or self.messages, self.backend, self.endpoint, self.model)

    @property
    def failed(self) -> bool:
        """True when the backend gave no whole answer."""
        return self.status >= 400 or self.end not in ("complete", "client_left")

    @classmethod
    def from_record(cls, r: Mapping[str, Any]) -> Call:
        """Raises KeyError, TypeError or ValueError for a record of another shape."""
        return cls(
            number=r["call"],
            backend=r["backend"],
            endpoint=r["endpoint"],
            model=r["model"],
            request=r["request"],
            messages=r["messages"],
            attempt=r["attempt"],
            arrived=r["arrived"],
            ended=r["ended"],
            status=r["status"],
            end=r["end"],
            retry_after=r["retry_after"],
            injected=tuple(f["label"] for f in r["faults"] if f["injected"]),
            decided=tuple(f["label"] for f in r["faults"]),
            texts=tuple(Issued(**t) for t in r["texts"]),
            finish=r["finish"],
            tokens=r["prompt_tokens"] + r["completion_tokens"],
            cost_usd=r["cost_usd"],
            lag=max((done - due for _, due, done, _ in r["actions"]), default=0.0),
        )


@dataclass(frozen=True)
class Trace:
    """One request with its calls, and what it came to.

    `unsure` holds the numbers of the calls that another request may have made; `why` tells in a few words how the outcome was
    found.
    """

    sample: Sample
    calls: tuple[Call, ...]
    unsure: frozenset[int] = frozenset()
    outcome: Outcome = Outcome.UNPROVEN
    source: Source = Source.NONE
    integrity: str = ""
    delivered: float = 0.0
    why: str = ""
    transitional: bool = False

    @property
    def served(self) -> bool:
        """Whether the user got something to read that is not an error."""
        return self.outcome in (Outcome.ANSWERED, Outcome.DEGRADED, Outcome.REFUSED)

    @property
    def _endless(self) -> bool:
        failed = (Outcome.ERROR, Outcome.TIMEOUT, Outcome.ABANDONED, Outcome.SHED)
        return self.outcome in failed or self.sample.end == "unfinished"

    @property
    def ttft(self) -> float:
        """Seconds from the intended start to the first visible text; infinite where no answer came."""
        return math.inf if self._endless or self.sample.first is None else self.sample.first - self.sample.intended

    @property
    def total(self) -> float:
        """Seconds from the intended start to the end of the answer; infinite where no answer came."""
        return math.inf if self._endless or self.sample.ended is None else self.sample.ended - self.sample.intended


def join(
    samples: Iterable[Sample], calls: Iterable[Call], spans: Mapping[str, PhaseSpan], border: float = 0.0
) -> list[Trace]:
    """Each sample with the calls that it caused, in the order of intended starts. `spans` in seconds since the origin.

    A call belongs to the request whose prompt watermark its body holds. Where several requests asked the same prompt, it
    belongs to the one that was sent last before the call among those still open, else to the last one sent; such a call is
    *unsure* when another of them may have made it: one that is open too, or that did not end well and may have left work behind.

    The requests of the last `border` seconds of the baseline may live to see the fault, and are transitional. All of them are:
    to leave out only those that did would leave out the slow ones.
    """
    ordered = sorted(samples, key=lambda s: (s.intended, s.request))
    asked: dict[str, list[Sample]] = defaultdict(list)
    for sample in ordered:
        asked[f"prompt-{sample.prompt}"].append(sample)
    owned: dict[int, list[Call]] = defaultdict(list)
    unsure: dict[int, set[int]] = defaultdict(set)
    for call in sorted(calls, key=lambda c: c.arrived):
        # Two processes read one clock: a call cannot precede its request by more than rounding.
        before = [s for s in asked.get(call.request, ()) if s.sent is not None and s.sent <= call.arrived + 0.002]
        if not before:
            continue
        still_open = [s for s in before if s.ended is None or s.ended >= call.arrived]
        owner = (still_open or before)[-1]
        owned[owner.request].append(call)
        if any(s is not owner and (s in still_open or s.end != "complete") for s in before):
            unsure[owner.request].add(call.number)

    def transitional(s: Sample) -> bool:
        return s.phase == "baseline" and s.intended > spans[s.phase].end - border

    return [
        Trace(s, tuple(owned[s.request]), frozenset(unsure[s.request]), transitional=transitional(s)) for s in ordered
    ]
