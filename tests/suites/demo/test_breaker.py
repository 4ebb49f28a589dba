"""The breaker by itself, with a clock that stands still, and in the desk."""

from __future__ import annotations

import asyncio

import pytest
from tests.suites.demo.fake_openai import FAR, MAIN, SMALL, Script, desk, scenario

from brownout.suites.demo.breaker import Breaker, Permit
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.timings import Timings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, open_for=2.0, clock=clock)


def enter(breaker: Breaker) -> Permit:
    permit = breaker.enter()
    assert permit is not None
    return permit


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        enter(breaker).failed()


def test_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    fail(breaker, 2)
    enter(breaker).succeeded()
    fail(breaker, 2)
    enter(breaker).release()  # nothing learnt: neither a failure nor the end of the row
    assert breaker.closed
    fail(breaker, 1)
    assert not breaker.closed
    assert breaker.enter() is None
    assert breaker.remaining() == 2.0


def test_one_probe_at_a_time_and_success_closes(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 1.9
    assert breaker.enter() is None
    clock.now = 2.0
    probe = enter(breaker)
    assert breaker.enter() is None
    probe.succeeded()
    assert breaker.closed
    fail(breaker, 2)
    assert breaker.closed


def test_a_failed_probe_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 2.0
    enter(breaker).failed()
    assert breaker.enter() is None
    clock.now = 3.9
    assert breaker.enter() is None
    clock.now = 4.0
    enter(breaker).succeeded()
    assert breaker.closed


def test_a_released_probe_makes_room_for_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now = 2.0
    enter(breaker).release()
    assert not breaker.closed
    enter(breaker).succeeded()
    assert breaker.closed


def test_calls_from_before_it_opened_change_nothing(breaker: Breaker, clock: Clock) -> None:
    lucky, unlucky = enter(breaker), enter(breaker)
    fail(breaker, 3)
    lucky.succeeded()
    assert not breaker.closed
    clock.now = 1.0
    unlucky.failed()
    assert breaker.remaining() == 1.0


def test_only_the_first_verdict_counts(breaker: Breaker) -> None:
    permit = enter(breaker)
    for _ in range(5):
        permit.failed()
    assert breaker.closed


@scenario
async def test_a_dead_model_is_not_asked_again_and_again() -> None:
    timings = Timings(breaker_open=0.4)
    protections = Protections.hardened().without(["retries", "cache"])
    # The retries of the SDK are not seen by the breaker, so keep them from happening.
    down = Script(status=500, headers={"x-should-retry": "false"})
    async with desk(protections, timings) as (fake, user):
        fake.standing[MAIN] = down
        assert [(await user.ask()).mode for _ in range(10)] == ["small"] * 10
        assert (fake.count(MAIN), fake.count(SMALL)) == (5, 10)
        await asyncio.sleep(0.4)
        await asyncio.gather(*(user.ask() for _ in range(10)))
        assert fake.count(MAIN) == 6  # the probe
        fake.standing[MAIN] = Script()
        await asyncio.sleep(0.4)
        assert (await user.ask()).mode == "model"
        heard = await asyncio.gather(*(user.ask() for _ in range(5)))
        assert [h.mode for h in heard] == ["model"] * 5
    async with desk(protections.without(["breaker"]), timings) as (fake, user):
        fake.standing[MAIN] = down
        for _ in range(10):
            await user.ask()
        assert fake.count(MAIN) == 10


@pytest.mark.parametrize(
    "failure",
    [Script(first_after=FAR), Script(cut_after=0), Script(cut_after=1), Script(finish=None), Script(())],
    ids=["timeout", "connection closed", "cut", "no reason", "empty"],
)
def test_what_counts_as_a_failure(failure: Script) -> None:
    @scenario
    async def ask() -> None:
        async with desk(Protections.hardened().without(["cache"]), Timings(first_token=0.15, backoff=9.0)) as (
            fake,
            user,
        ):
            fake.standing[MAIN] = failure
            for _ in range(4):
                await user.ask()
            after_four = fake.count(MAIN)
            await user.ask()
            after_five = fake.count(MAIN)
            for _ in range(3):
                await user.ask()
        assert after_four < after_five == fake.count(MAIN)

    ask()


@scenario
async def test_a_probe_whose_user_left_does_not_keep_the_breaker_open() -> None:
    async with desk(Protections.hardened().without(["cache"]), Timings(breaker_open=0.1, backoff=9.0)) as (fake, user):
        fake.standing[MAIN] = Script(status=500)
        for _ in range(5):
            await user.ask()
        await asyncio.sleep(0.1)
        fake.standing[MAIN] = Script(stall_after=1)
        with pytest.raises(TimeoutError):
            await user.ask(patience=0.2)
        fake.standing[MAIN] = Script()
        await asyncio.sleep(0.05)
        assert (await user.ask()).mode == "model"
