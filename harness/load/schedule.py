"""The schedule: which question each user asks, and when. Made before the load begins, and repeated by its seed."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from heapq import heappop, heappush
from itertools import accumulate, count
from pathlib import Path

from brownout.faults.values.keys import generator, uniform
from brownout.harness.config.route import ConversationSpec
from brownout.harness.load.sample import Sample

__all__ = ["Arrival", "PhaseSpan", "make_schedule", "read", "rephased", "write"]

READING = 1.0
"""Seconds that a conversation's schedule allows for an answer to come and be read; a later answer moves the next turn."""
SETTLED = 0.5
"""Seconds after which a question may be asked again: by then its first answer may be in a cache."""


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase from `start` up to `end`, in seconds since the load begins."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it is intended.

    `at` is in seconds since the load begins. `prompt` is the id of the prompt's watermark, the same for all who ask the same
    question; `text` is all that the user says. `turn` counts the questions of a `conversation` from 1; each but the first
    comes `think` seconds after the answer to the one before it, and not before `at`.
    """

    request: int
    at: float
    phase: str
    route: str
    prompt: int
    text: str
    user: str
    tenant: str = ""
    conversation: str = ""
    turn: int = 1
    think: float = 0.0


def make_schedule(
    phases: Sequence[PhaseSpan],
    rps: float,
    *,
    seed: int,
    routes: Mapping[str, float],
    prompt_text: Callable[[int], str],
    repeat: float = 0.35,
    tenants: Mapping[str, float] | None = None,
    turns: Mapping[str, ConversationSpec] | None = None,
) -> tuple[Arrival, ...]:
    """Requests for all phases: in each exactly round(rps * length), at sorted uniform times.

    That is a Poisson process given its count: users arrive independently of each other, and the size of the sample is known.
    Times and choices of a phase are drawn from (seed, name of the phase), so that another length or place of one phase
    leaves the others as they are, relative to their starts.

    People ask the same things: with probability `repeat` an arrival asks again, word for word, a question that was first
    asked at least half a second before (each as likely), by an even chance as the user who first asked it. All other arrivals
    ask a new question as a new user ``user-<request>``, on a route drawn by the weights in `routes`; a repetition takes the
    route of the first asking. Prompt ids count from 0; `prompt_text` makes the text of an id.

    Routes in `turns` have conversations. There an arrival is the next turn of the conversation that has been due for longest,
    whatever would have been repeated: one is due when the answer to its last turn has been read, which is allowed a second,
    and thought about. Where none is due, the arrival is the first turn of ``conversation-<n>``, counted from 0, with a new
    question or a repeated first one. A user belongs to one of the `tenants`, by their weights.

    Raises ValueError for a rate or share out of range, and for phases that overlap, are empty or share a name.
    """
    _check(phases, rps, repeat, routes, tenants or {})
    names, weights = list(routes), list(accumulate(routes.values()))
    made: list[Arrival] = []
    first_asked: list[float] = []  # of each question that may be repeated, ascending
    asked: list[Arrival] = []  # its first arrival
    begun = count()
    talks = {name: _Talks(spec, seed, begun) for name, spec in (turns or {}).items()}
    prompts = count()
    for phase in phases:
        draw = generator(seed, "arrivals", phase.name)
        length = phase.end - phase.start
        last = math.nextafter(phase.end, phase.start)  # rounding must not carry an arrival into the next phase
        times = sorted(min(phase.start + draw.random() * length, last) for _ in range(round(rps * length)))
        for at in times:
            again, which, same_user = draw.random(), draw.random(), draw.random() < 0.5
            request = len(made)
            user = f"user-{request}"
            known = bisect_right(first_asked, at - SETTLED)
            origin = asked[int(which * known)] if again < repeat and known > 0 else None
            route = origin.route if origin else names[bisect_right(weights, which * weights[-1])]
            before = talks[route].due(at) if route in talks else None
            if origin and not before:
                user = origin.user if same_user else user
                arrival = Arrival(request, at, phase.name, route, origin.prompt, origin.text, user)
            else:
                prompt = next(prompts)
                arrival = Arrival(request, at, phase.name, route, prompt, prompt_text(prompt), user)
            first = origin or arrival
            if route in talks:
                arrival, first = talks[route].turn(arrival, before, first)
            made.append(replace(arrival, tenant=_tenant(tenants, seed, arrival.user)))
            if not origin:
                # Later turns stand for their first one: a route's share of the repetitions is its share of the arrivals.
                asked.append(first)
                first_asked.append(at)
    return tuple(made)


@dataclass(frozen=True, slots=True)
class _Talk:
    """A conversation that goes on: its last turn, the time before the next, and the first asking of its first question."""

    last: Arrival
    think: float
    first: Arrival


class _Talks:
    """The conversations of one route; `begun` counts those of all."""

    def __init__(self, spec: ConversationSpec, seed: int, begun: Iterator[int]) -> None:
        self._spec, self._seed, self._begun = spec, seed, begun
        self._open: list[tuple[float, int, _Talk]] = []  # a heap by the times from which they are due

    def due(self, at: float) -> _Talk | None:
        """The conversation that goes on at `at`: the one that has been due for longest."""
        return heappop(self._open)[2] if self._open and self._open[0][0] <= at else None

    def turn(self, arrival: Arrival, before: _Talk | None, first: Arrival) -> tuple[Arrival, Arrival]:
        """The arrival as the next turn of a conversation, or as the first of a new one; and the conversation's `first`."""
        if before:
            last, first = before.last, before.first
            arrival = replace(
                arrival, user=last.user, conversation=last.conversation, turn=last.turn + 1, think=before.think
            )
        else:
            arrival = replace(arrival, conversation=f"conversation-{next(self._begun)}")
        if arrival.turn < self._spec.turns:
            think = self._spec.think.draw(generator(self._seed, "think", arrival.conversation, arrival.turn))
            heappush(self._open, (arrival.at + READING + think, arrival.request, _Talk(arrival, think, first)))
        return arrival, first


def _tenant(tenants: Mapping[str, float] | None, seed: int, user: str) -> str:
    """The tenant of a user: always the same one."""
    if not tenants:
        return ""
    weights = list(accumulate(tenants.values()))
    return list(tenants)[bisect_right(weights, uniform(seed, "tenant", user) * weights[-1])]


def rephased(samples: Iterable[Sample], spans: Iterable[PhaseSpan]) -> list[Sample]:
    """Samples with the phase of their intended start: a turn that waited for an answer may have come into a later phase.

    `spans` are in seconds since the run's origin. What comes after the last one belongs to it.
    """
    ordered = sorted(spans, key=lambda s: s.start)
    place = {span.name: i for i, span in enumerate(ordered)}

    def phase(sample: Sample) -> str:
        begun = bisect_right(ordered, sample.intended, key=lambda s: s.start) - 1
        # Never earlier than planned, which rounding could make it.
        return ordered[max(begun, place[sample.phase])].name

    return [replace(s, phase=phase(s)) if s.turn > 1 else s for s in samples]


def _check(
    phases: Sequence[PhaseSpan], rps: float, repeat: float, routes: Mapping[str, float], tenants: Mapping[str, float]
) -> None:
    if not (rps > 0 and math.isfinite(rps)):
        raise ValueError(f"rps is a number of requests a second above 0, not {rps}")
    if not 0 <= repeat <= 1:
        raise ValueError(f"repeat is a share from 0 to 1, not {repeat}")
    if not routes or any(not (w > 0 and math.isfinite(w)) for w in routes.values()):
        raise ValueError(f"each route has a weight above 0, unlike {dict(routes)}")
    if any(not (w > 0 and math.isfinite(w)) for w in tenants.values()):
        raise ValueError(f"each tenant has a weight above 0, unlike {dict(tenants)}")
    if len({phase.name for phase in phases}) < len(phases):
        raise ValueError("two phases have the same name")
    end = 0.0
    for phase in phases:
        if not end <= phase.start < phase.end < math.inf:
            raise ValueError(f"phase {phase.name} from {phase.start:g} s to {phase.end:g} s is empty or out of order")
        end = phase.end


def write(path: Path, schedule: Iterable[Arrival]) -> None:
    """Write a schedule as JSON lines."""
    path.write_text("".join(json.dumps(asdict(arrival)) + "\n" for arrival in schedule), encoding="ascii")


def read(path: Path) -> tuple[Arrival, ...]:
    """Read what `write` wrote. Raises OSError, or ValueError naming the line that is not an arrival."""
    made = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        try:
            made.append(Arrival(**json.loads(line)))
        except (TypeError, ValueError) as e:
            raise ValueError(f"{path}:{number}: not an arrival: {e}") from None
    return tuple(made)
