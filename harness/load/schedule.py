"""The schedule: which question each user asks, and when. Made before the load begins, and repeated by its seed."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

from brownout.faults.values.keys import generator

__all__ = ["Arrival", "PhaseSpan", "make_schedule", "read", "write"]

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
    question; `text` is all that the user says.
    """

    request: int
    at: float
    phase: str
    route: str
    prompt: int
    text: str
    user: str


def make_schedule(
    phases: Sequence[PhaseSpan],
    rps: float,
    *,
    seed: int,
    routes: Mapping[str, float],
    prompt_text: Callable[[int], str],
    repeat: float = 0.35,
) -> tuple[Arrival, ...]:
    """Requests for all phases: in each exactly round(rps * length), at sorted uniform times.

    That is a Poisson process given its count: users arrive independently of each other, and the size of the sample is known.
    Times and choices of a phase are drawn from (seed, name of the phase), so that another length or place of one phase
    leaves the others as they are, relative to their starts.

    People ask the same things: with probability `repeat` an arrival asks again, word for word, a question that was first
    asked at least half a second before (each as likely), by an even chance as the user who first asked it. All other arrivals
    ask a new question as a new user ``user-<request>``, on a route drawn by the weights in `routes`; a repetition takes the
    route of the first asking. Prompt ids count from 0; `prompt_text` makes the text of an id.

    Raises ValueError for a rate or share out of range, and for phases that overlap, are empty or share a name.
    """
    _check(phases, rps, repeat, routes)
    names, weights = list(routes), list(accumulate(routes.values()))
    made: list[Arrival] = []
    first_asked: list[float] = []  # of each prompt id, ascending
    asked: list[Arrival] = []  # the first arrival of each prompt id
    for phase in phases:
        draw = generator(seed, "arrivals", phase.name)
        length = phase.end - phase.start
        count = round(rps * length)
        last = math.nextafter(phase.end, phase.start)  # rounding must not carry an arrival into the next phase
        times = sorted(min(phase.start + draw.random() * length, last) for _ in range(count))
        for at in times:
            again, which, same_user = draw.random(), draw.random(), draw.random() < 0.5
            request = len(made)
            user = f"user-{request}"
            known = bisect_right(first_asked, at - SETTLED)
            if again < repeat and known:
                origin = asked[int(which * known)]
                user = origin.user if same_user else user
                made.append(Arrival(request, at, phase.name, origin.route, origin.prompt, origin.text, user))
                continue
            prompt = len(asked)
            route = names[bisect_right(weights, which * weights[-1])]
            made.append(Arrival(request, at, phase.name, route, prompt, prompt_text(prompt), user))
            asked.append(made[-1])
            first_asked.append(at)
    return tuple(made)


def _check(phases: Sequence[PhaseSpan], rps: float, repeat: float, routes: Mapping[str, float]) -> None:
    if not (rps > 0 and math.isfinite(rps)):
        raise ValueError(f"rps is a number of requests a second above 0, not {rps}")
    if not 0 <= repeat <= 1:
        raise ValueError(f"repeat is a share from 0 to 1, not {repeat}")
    if not routes or any(not (w > 0 and math.isfinite(w)) for w in routes.values()):
        raise ValueError(f"each route has a weight above 0, unlike {dict(routes)}")
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
