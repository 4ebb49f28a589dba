"""Deadlines: each limit holds with the protection, and there is none without it."""

from __future__ import annotations

import pytest
from tests.suites.demo.fake_openai import FAR, MAIN, SMALL, Script, desk, scenario

from brownout.suites.demo.protections import Protections
from brownout.suites.demo.timings import UNLIMITED, Limits, Timings

BOUND = Protections.hardened()
UNBOUND = BOUND.without(["deadline"])
TIMINGS = Timings(first_token=0.2, small_first_token=0.3, token_gap=0.2, whole_answer=0.9)
LATE = {
    "head": Script(head_after=FAR),
    "first token": Script(first_after=FAR),
    # Bytes without words: a timeout between two reads never fires.
    "comments": Script(first_after=FAR, comment_every=0.02),
}


@pytest.mark.parametrize("late", LATE)
def test_first_token(late: str) -> None:
    @scenario
    async def bound() -> None:
        async with desk(BOUND, TIMINGS) as (fake, user):
            fake.standing[MAIN] = LATE[late]
            heard = await user.ask()
        assert heard.mode == "small"
        assert 0.2 <= heard.took < 1.0
        assert [call.ended for call in fake.calls] == ["hung up", "served"]

    @scenario
    async def unbound() -> None:
        async with desk(UNBOUND, TIMINGS) as (fake, user):
            fake.standing[MAIN] = LATE[late]
            with pytest.raises(TimeoutError):
                await user.ask(patience=0.5)

    bound()
    unbound()


@scenario
async def test_first_token_of_the_small_model() -> None:
    async with desk(BOUND, TIMINGS) as (fake, user):
        fake.standing[MAIN] = fake.standing[SMALL] = Script(first_after=FAR)
        heard = await user.ask()
    assert heard.mode == "fallback"
    assert 0.5 <= heard.took < 1.5


@scenario
async def test_gap_between_pieces() -> None:
    stall = Script(stall_after=2)
    async with desk(BOUND, TIMINGS) as (fake, user):
        fake.standing[MAIN] = stall
        heard = await user.ask()
    assert (heard.text, heard.mode) == ("Hello you", None)
    assert "broke off" in (heard.error or "")
    assert 0.2 <= heard.took < 1.0
    async with desk(UNBOUND, TIMINGS) as (fake, user):
        fake.standing[MAIN] = stall
        with pytest.raises(TimeoutError):
            await user.ask(patience=0.5)


@scenario
async def test_whole_answer() -> None:
    endless = Script(("word ",) * 100, between=0.05)
    async with desk(BOUND, TIMINGS) as (fake, user):
        fake.standing[MAIN] = endless
        heard = await user.ask()
    assert heard.mode is None
    assert "broke off" in (heard.error or "")
    assert 0.9 <= heard.took < 1.5
    async with desk(UNBOUND, TIMINGS) as (fake, user):
        fake.standing[MAIN] = endless
        with pytest.raises(TimeoutError):
            await user.ask(patience=1.2)


@scenario
async def test_a_whole_answer_does_not_wait_for_the_figures_behind_it() -> None:
    async with desk(BOUND, Timings(after_finish=0.1)) as (fake, user):
        fake.standing[MAIN] = Script(linger=FAR)
        heard = await user.ask()
    assert (heard.text, heard.mode) == ("Hello you there.", "model")
    assert heard.took < 1.0


def test_limits_of_each_moment() -> None:
    limits = Limits(first_by=11.0, gap=2.0, whole_by=18.0, after_finish=0.5)
    assert limits.next_by(10.0, started=False, finished=False) == 11.0
    assert limits.next_by(12.0, started=True, finished=False) == 14.0
    assert limits.next_by(17.0, started=True, finished=False) == 18.0
    assert limits.next_by(17.0, started=True, finished=True) == 17.5
    assert UNLIMITED.next_by(17.0, started=True, finished=True) is None
    assert not limits.too_late
    assert Limits(first_by=19.0, whole_by=18.0).too_late
    assert not UNLIMITED.too_late
