"""Schedules of conversations and of tenants, and the phases of turns that came later than planned."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.values.distribution import Duration, Fixed, Uniform
from brownout.harness.config.route import ConversationSpec
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import READING, SETTLED, Arrival, PhaseSpan, make_schedule, read, rephased, write

SPANS = (PhaseSpan("baseline", 0.0, 20.0), PhaseSpan("fault", 20.0, 50.0), PhaseSpan("recovery", 50.0, 60.0))
LONG = (PhaseSpan("baseline", 0.0, 400.0),)


def made(phases: tuple[PhaseSpan, ...] = SPANS, rps: float = 10.0, **given: Any) -> tuple[Arrival, ...]:
    values: dict[str, Any] = {"seed": 1, "routes": {"chat": 1.0}, "prompt_text": lambda i: f"question {i}"}
    return make_schedule(phases, rps, **values | given)


def conversations(schedule: tuple[Arrival, ...]) -> dict[str, list[Arrival]]:
    found = defaultdict(list)
    for arrival in schedule:
        if arrival.conversation:
            found[arrival.conversation].append(arrival)
    return found


thoughts: st.SearchStrategy[Duration] = st.one_of(
    st.builds(Fixed, st.floats(0, 30)), st.builds(Uniform, st.floats(0, 1), st.floats(1, 5))
)
specs = st.builds(ConversationSpec, turns=st.integers(2, 12), think=thoughts)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["chat", "help"]), specs, min_size=1),
    st.floats(0.2, 20),
    st.integers(),
    st.floats(0, 1),
    st.booleans(),
)
def test_every_schedule(turns: dict[str, ConversationSpec], rps: float, seed: int, repeat: float, apart: bool) -> None:
    given: dict[str, Any] = {
        "routes": {"chat": 2.0, "help": 1.0, "search": 1.0},
        "tenants": {"acme": 3.0, "globex": 1.0} if apart else {},
        "seed": seed,
        "repeat": repeat,
    }
    schedule = made(rps=rps, turns=turns, **given)
    plain = made(rps=rps, **given)
    assert [(a.request, a.at, a.phase) for a in schedule] == [(a.request, a.at, a.phase) for a in plain]
    assert made(rps=rps, turns=turns, **given) == schedule
    assert {a.tenant for a in schedule} <= ({"acme", "globex"} if apart else {""})
    tenants: dict[str, str] = {}
    assert all(a.tenant == tenants.setdefault(a.user, a.tenant) for a in schedule)
    assert all(bool(a.conversation) == (a.route in turns) for a in schedule)
    assert all((a.turn, a.think) == (1, 0.0) for a in schedule if not a.conversation)

    first: dict[int, Arrival] = {}
    for a in schedule:
        assert a.text == f"question {a.prompt}"
        if a.prompt not in first:
            assert a.prompt == len(first), "each new question has the next id"
            first[a.prompt] = a
            continue
        assert a.turn == first[a.prompt].turn == 1, "later turns are not repeated, and repeat nothing"
        assert a.route == first[a.prompt].route
        assert a.at - first[a.prompt].at >= SETTLED
        assert a.user in (first[a.prompt].user, f"user-{a.request}")

    found = conversations(schedule)
    assert list(found) == [f"conversation-{n}" for n in range(len(found))]
    for asked in found.values():
        spec = turns[asked[0].route]
        assert [a.turn for a in asked] == list(range(1, len(asked) + 1))
        assert len(asked) <= spec.turns
        assert len({(a.user, a.tenant, a.route) for a in asked}) == 1
        for before, after in pairwise(asked):
            assert after.at >= before.at + after.think + READING
            drawn = spec.think
            low, high = (drawn.low, drawn.high) if isinstance(drawn, Uniform) else (getattr(drawn, "seconds", 0.0),) * 2
            assert low <= after.think <= high


@given(specs, st.integers())
def test_who_has_been_due_for_longest_goes_on_first(spec: ConversationSpec, seed: int) -> None:
    """No arrival begins a conversation while another is due, and none goes on before one that has been due for longer."""
    schedule = made(rps=4.0, seed=seed, turns={"chat": spec})
    after = {(a.conversation, a.turn): a for a in schedule}
    due: dict[tuple[str, int], float] = {}  # of each turn but the first, for as long as it has not come
    for a in schedule:
        if a.turn > 1:
            mine = due.pop((a.conversation, a.turn))
            assert all(mine <= other for other in due.values())
        else:
            assert all(at > a.at for at in due.values())
        following = after.get((a.conversation, a.turn + 1))
        if following is not None:
            due[a.conversation, a.turn + 1] = a.at + following.think + READING


@pytest.mark.parametrize("turns", [2, 3, 10])
def test_conversations_reach_their_length_whatever_is_repeated(turns: int) -> None:
    schedule = made(LONG, repeat=0.35, turns={"chat": ConversationSpec(turns=turns)})
    begun_early = [asked for asked in conversations(schedule).values() if asked[0].at < 300]
    assert sum(len(asked) == turns for asked in begun_early) > 0.95 * len(begun_early)
    firsts = [a for a in schedule if a.turn == 1]
    assert len(firsts) / len(schedule) == pytest.approx(1 / turns, rel=0.1)
    again = len(firsts) - len({a.prompt for a in firsts})
    assert again / len(firsts) == pytest.approx(0.35, abs=0.06), "first questions come back as others do"


def test_a_route_has_its_share_whether_or_not_it_has_conversations() -> None:
    counts: Counter[str] = Counter()
    for seed in range(8):
        turns = {"chat": ConversationSpec(turns=10)}
        schedule = made(LONG, seed=seed, repeat=0.6, routes={"chat": 1.0, "search": 1.0}, turns=turns)
        counts.update(a.route for a in schedule)
    assert counts["chat"] / counts.total() == pytest.approx(0.5, abs=0.03)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.1, 10), st.floats(0.1, 10), st.integers(0, 2**32))
def test_tenants_have_users_by_their_weights(a: float, b: float, seed: int) -> None:
    users = {x.user: x.tenant for x in made(rps=40.0, seed=seed, tenants={"a": a, "b": b})}
    share = sum(tenant == "a" for tenant in users.values()) / len(users)
    expected = a / (a + b)
    assert abs(share - expected) < 5 * (expected * (1 - expected) / len(users)) ** 0.5 + 1 / len(users)


def test_a_user_has_the_same_tenant_in_every_schedule_of_a_seed() -> None:
    tenants = {"a": 1.0, "b": 2.0}
    one, other = made(tenants=tenants), made(rps=3.0, tenants=tenants, turns={"chat": ConversationSpec()})
    theirs = {x.user: x.tenant for x in one}
    both = [x for x in other if x.user in theirs]
    assert len(both) > 50
    assert all(theirs[x.user] == x.tenant for x in both)
    assert any(theirs.get(x.user, x.tenant) != x.tenant for x in made(seed=2, tenants=tenants))
    with pytest.raises(ValueError, match="each tenant has a weight above 0, unlike"):
        made(tenants={"a": 0.0})


def test_a_seed_means_the_same_schedule_in_every_version() -> None:
    """Without tenants and conversations: a journal's seed repeats its load."""
    schedule = made(seed=7, routes={"chat": 3.0, "search": 1.0}, prompt_text=str)
    told = json.dumps([[a.request, a.at, a.phase, a.route, a.prompt, a.text, a.user] for a in schedule])
    assert hashlib.sha256(told.encode()).hexdigest().startswith("aa996dc0ddbc6a871b17484f312caf24")
    assert {(a.tenant, a.conversation, a.turn, a.think) for a in schedule} == {("", "", 1, 0.0)}


def test_written_and_read(tmp_path: Path) -> None:
    schedule = made(tenants={"a": 1.0}, turns={"chat": ConversationSpec()})
    write(tmp_path / "schedule.jsonl", schedule)
    assert read(tmp_path / "schedule.jsonl") == schedule


SAMPLE = Sample(
    request=0,
    prompt=0,
    user="u",
    phase="baseline",
    route="chat",
    intended=0.0,
    sent=None,
    status=0,
    head=None,
    first=None,
    last=None,
    ended=None,
    end="refused",
    error="",
    text="",
    pieces=0,
    max_gap=0.0,
    bytes=0,
    good=False,
    degraded="",
    retry_after=None,
)


@pytest.mark.parametrize(
    ("phase", "intended", "turn", "becomes"),
    [
        ("baseline", 5.0, 2, "baseline"),
        ("baseline", 20.0, 2, "fault"),
        ("baseline", 55.0, 3, "recovery"),
        ("fault", 49.9, 2, "fault"),
        ("recovery", 99.0, 2, "recovery"),
        ("fault", 19.999999, 2, "fault"),  # rounded below its phase
        ("baseline", 20.0, 1, "baseline"),  # a first turn is as it was planned
    ],
)
def test_a_turn_is_of_the_phase_in_which_it_was_asked(phase: str, intended: float, turn: int, becomes: str) -> None:
    sample = replace(SAMPLE, phase=phase, intended=intended, conversation="c", turn=turn)
    assert rephased([sample], reversed(SPANS)) == [replace(sample, phase=becomes)]
