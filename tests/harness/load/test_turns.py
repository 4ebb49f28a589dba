"""Turns that wait for each other, with threads."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

from brownout.faults.values.clock import NS
from brownout.harness.app.talk import Talk
from brownout.harness.load.schedule import Arrival
from brownout.harness.load.turns import Turn, Turns

MS = NS // 1000


def asked(request: int, conversation: str = "c", turn: int = 1, think: float = 0.0) -> Arrival:
    return Arrival(request, 0.0, "fault", "chat", request, "Why?", "u", "", conversation, turn, think)


def after(planned: int, think: float, ended: int) -> int:
    """When the turn after one that ended at `ended` is intended, when it is planned at `planned`."""
    first = Turn(Talk("c"), 0.0, None)
    with first:
        assert first.wait(5) == 5, "the first turn is as planned"
        first.ended_ns = ended
    return Turn(first.talk, think, first).wait(planned)


def test_a_user_thinks_after_the_end_of_the_answer() -> None:
    ended = time.monotonic_ns() - 100 * MS
    assert after(ended + 900 * MS, 0.5, ended) == ended + 900 * MS, "the answer came in time"
    assert after(ended + 100 * MS, 0.5, ended) == ended + 500 * MS


def test_a_connection_that_stays_open_keeps_the_next_turn_back() -> None:
    before = time.monotonic_ns()
    assert before <= after(0, 0.0, before - 1000 * MS) <= time.monotonic_ns()


def test_a_turn_that_nobody_could_ask_ends_where_it_ends() -> None:
    first = Turn(Talk("c"), 0.0, None)
    before = time.monotonic_ns()
    with pytest.raises(OSError, match="gone"), first:
        raise OSError("gone")
    assert Turn(first.talk, 2.0, first).wait(0) == pytest.approx(before + 2 * NS, abs=NS)


def test_turns_wait_in_their_order() -> None:
    arrivals = [asked(i, turn=i + 1) for i in range(20)]
    turns = Turns(arrivals)
    order: list[int] = []
    open_now = 0

    def take(turn: Turn, number: int) -> None:
        nonlocal open_now
        with turn:
            turn.wait(0)
            open_now += 1
            assert open_now == 1
            time.sleep(0.001)
            order.append(number)
            open_now -= 1

    made = [(turns.next(a), a.request) for a in arrivals]
    threads = [threading.Thread(target=take, args=one) for one in reversed(made)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert order == list(range(20))


def test_turns_of_a_conversation_share_it_and_others_have_their_own() -> None:
    arrivals = [asked(0, "a"), asked(1, "b"), asked(2, ""), asked(3, "a", 2), asked(4, "b", 2)]
    turns = Turns(arrivals)
    a1, b1, alone, a2, b2 = map(turns.next, arrivals)
    assert a1
    assert a2
    assert b1
    assert b2
    assert alone is None
    assert a1.talk is a2.talk
    assert b1.talk is b2.talk
    assert (a1.talk.id, b1.talk.id) == ("a", "b")


def test_nothing_is_kept_of_a_conversation_that_has_ended() -> None:
    arrivals = [asked(i, f"c{i % 50}", i // 50 + 1) for i in range(150)]
    turns = Turns(arrivals)
    talks, kept = [], []
    for arrival in arrivals:
        turn = turns.next(arrival)
        assert turn is not None
        with turn:
            turn.wait(0)
        talks.append(weakref.ref(turn.talk))
        kept.append(weakref.ref(turn))
    del turn
    gc.collect()
    assert not any(ref() for ref in talks)
    assert not any(ref() for ref in kept)


def test_an_earlier_turn_is_not_kept_by_later_ones() -> None:
    arrivals = [asked(i, turn=i + 1) for i in range(10)]
    turns = Turns(arrivals)
    kept = []
    for arrival in arrivals[:5]:
        turn = turns.next(arrival)
        assert turn is not None
        with turn:
            turn.wait(0)
        kept.append(weakref.ref(turn))
    del turn
    gc.collect()
    assert [ref() is not None for ref in kept] == [False] * 4 + [True]
