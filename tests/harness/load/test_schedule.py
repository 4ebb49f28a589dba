"""Schedules: counts, order, repeats, seeds."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.harness.load.schedule import SETTLED, Arrival, PhaseSpan, make_schedule, read, write

SPANS = (PhaseSpan("baseline", 0.0, 20.0), PhaseSpan("fault", 20.0, 50.0), PhaseSpan("recovery", 50.0, 60.0))


def made(
    phases: tuple[PhaseSpan, ...] = SPANS, rps: float = 10.0, seed: int = 1, repeat: float = 0.35
) -> tuple[Arrival, ...]:
    return make_schedule(
        phases, rps, seed=seed, routes={"chat": 1.0}, prompt_text=lambda i: f"question {i}", repeat=repeat
    )


def offsets(schedule: tuple[Arrival, ...], span: PhaseSpan) -> list[float]:
    return [round(a.at - span.start, 9) for a in schedule if a.phase == span.name]


@st.composite
def spans(draw: st.DrawFn) -> tuple[PhaseSpan, ...]:
    phases, start = [], draw(st.floats(0, 5))
    for name in draw(st.lists(st.sampled_from(["baseline", "fault", "recovery"]), unique=True)):
        end = start + draw(st.floats(0.01, 20))
        phases.append(PhaseSpan(name, start, end))
        start = end + draw(st.sampled_from([0.0, 0.3]))
    return tuple(phases)


@settings(deadline=None)
@given(spans(), st.floats(0.1, 30), st.integers(), st.floats(0, 1))
def test_every_schedule(phases: tuple[PhaseSpan, ...], rps: float, seed: int, repeat: float) -> None:
    schedule = made(phases, rps, seed, repeat)
    assert Counter(a.phase for a in schedule) == Counter({p.name: round(rps * (p.end - p.start)) for p in phases})
    assert [a.request for a in schedule] == list(range(len(schedule)))
    assert list(schedule) == sorted(schedule, key=lambda a: a.at)
    assert all(p.start <= a.at < p.end for p in phases for a in schedule if a.phase == p.name)
    first: dict[int, Arrival] = {}
    for a in schedule:
        if a.prompt in first:
            assert a.at - first[a.prompt].at >= SETTLED
            assert a.user in (first[a.prompt].user, f"user-{a.request}")
        else:
            assert a.prompt == len(first)
            assert a.user == f"user-{a.request}"
            first[a.prompt] = a
        assert a.text == f"question {a.prompt}"
        assert a.route == "chat"
    assert made(phases, rps, seed, repeat) == schedule


def test_another_seed_is_another_schedule() -> None:
    assert [a.at for a in made(seed=1)] != [a.at for a in made(seed=2)]
    assert [a.prompt for a in made(seed=1)] != [a.prompt for a in made(seed=2)]


def test_a_phase_does_not_depend_on_the_others() -> None:
    longer = (PhaseSpan("baseline", 0.0, 33.0), PhaseSpan("fault", 33.0, 63.0), PhaseSpan("recovery", 63.0, 73.0))
    one, other = made(), made(longer)
    for before, after in zip(SPANS[1:], longer[1:], strict=True):
        assert offsets(one, before) == offsets(other, after)
    assert offsets(one, SPANS[0]) != offsets(other, longer[0])
    twins = (PhaseSpan("baseline", 0.0, 20.0), PhaseSpan("recovery", 20.0, 40.0))
    assert offsets(made(twins), twins[0]) != offsets(made(twins), twins[1])


def test_times_are_a_poisson_process() -> None:
    schedule = made((PhaseSpan("fault", 0.0, 1000.0),), rps=20.0)
    gaps = [b.at - a.at for a, b in pairwise(schedule)]
    # The gaps of a Poisson process are exponential: mean and standard deviation are both 1/rate.
    mean = sum(gaps) / len(gaps)
    deviation = math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps))
    assert mean == pytest.approx(0.05, rel=0.01)
    assert deviation == pytest.approx(0.05, rel=0.05)


def test_repeats() -> None:
    schedule = made((PhaseSpan("baseline", 0.0, 1000.0),), repeat=0.35)
    first: dict[int, Arrival] = {}
    again = []
    for a in schedule:
        if first.setdefault(a.prompt, a) is not a:
            again.append(a)
    assert len(again) / len(schedule) == pytest.approx(0.35, abs=0.02)
    assert sum(a.user == first[a.prompt].user for a in again) / len(again) == pytest.approx(0.5, abs=0.03)
    # Each question asked before is as likely: on average the one in the middle of those asked so far.
    asked = sorted(a.at for a in first.values())
    ranks = [a.prompt / max(1, sum(t <= a.at for t in asked)) for a in again[-500:]]
    assert sum(ranks) / len(ranks) == pytest.approx(0.5, abs=0.05)
    assert len({a.prompt for a in made(repeat=0.0)}) == len(made())
    nearly_all = made(repeat=1.0)
    assert len({a.prompt for a in nearly_all}) == sum(a.at < nearly_all[0].at + SETTLED for a in nearly_all)


@pytest.mark.parametrize(
    ("phases", "rps", "repeat", "message"),
    [
        (SPANS, 0.0, 0.3, "rps is a number of requests a second above 0, not 0.0"),
        (SPANS, math.inf, 0.3, "rps"),
        (SPANS, 1.0, 1.5, "repeat is a share from 0 to 1, not 1.5"),
        ((PhaseSpan("fault", 0, 1), PhaseSpan("fault", 1, 2)), 1.0, 0.3, "same name"),
        ((PhaseSpan("fault", 1, 1),), 1.0, 0.3, "phase fault from 1 s to 1 s is empty or out of order"),
        ((PhaseSpan("baseline", 0, 2), PhaseSpan("fault", 1, 3)), 1.0, 0.3, "phase fault"),
    ],
)
def test_what_cannot_be_scheduled(phases: tuple[PhaseSpan, ...], rps: float, repeat: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(phases, rps, 1, repeat)


def test_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "schedule.jsonl"
    schedule = make_schedule(SPANS, 3.0, seed=4, routes={"chat": 1.0}, prompt_text=lambda i: f"Grüße {i}\u2028\n")
    write(file, schedule)
    assert read(file) == schedule
    assert len(file.read_bytes().splitlines()) == len(schedule)
    with file.open("a") as f:
        f.write('{"request": 1}\n')
    with pytest.raises(ValueError, match=rf"schedule.jsonl:{len(schedule) + 1}: not an arrival"):
        read(file)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.integers(0, 2**32))
def test_each_route_gets_its_share(a: float, b: float, seed: int) -> None:
    made = make_schedule(SPANS, 100.0, seed=seed, routes={"a": a, "b": b}, prompt_text=str, repeat=0.0)
    share = sum(x.route == "a" for x in made) / len(made)
    expected = a / (a + b)
    assert abs(share - expected) < 5 * (expected * (1 - expected) / len(made)) ** 0.5 + 1 / len(made)


def test_a_repetition_takes_the_route_of_its_first_asking() -> None:
    made = make_schedule(SPANS, 50.0, seed=1, routes={"a": 1, "b": 1}, prompt_text=str, repeat=0.7)
    first: dict[int, str] = {}
    for arrival in made:
        assert arrival.route == first.setdefault(arrival.prompt, arrival.route)
    assert set(first.values()) == {"a", "b"}


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": 1.0, "b": -1.0}, {"a": math.inf}])
def test_routes_without_weight(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weight above 0"):
        make_schedule(SPANS, 5.0, seed=1, routes=weights, prompt_text=str)
