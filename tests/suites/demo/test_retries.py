"""Retries: they help against single failures, stay within a budget, and never come too late."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.suites.demo.fake_openai import MAIN, SMALL, Script, desk, scenario

from brownout.suites.demo.budget import RetryBudget
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.timings import Timings

# The main model and its retries, with nothing else that would end them early.
RETRYING = Protections.hardened().without(["breaker", "small_model", "cache", "deadline"])
QUICK = Timings(backoff=0.02)


@pytest.mark.parametrize(
    "failure",
    [Script(status=500), Script(status=429), Script(status=408), Script(cut_after=0), Script((), finish=None)],
)
def test_a_single_failure_is_not_seen_by_the_user(failure: Script) -> None:
    @scenario
    async def ask() -> None:
        async with desk(RETRYING, QUICK) as (fake, user):
            fake.queue[MAIN].append(failure)
            heard = await user.ask()
        assert (heard.mode, fake.count(MAIN)) == ("model", 2)

    ask()


@pytest.mark.parametrize(
    "failure",
    [Script(status=400), Script(status=401), Script(status=429, error={"message": "x", "type": "insufficient_quota"})],
)
def test_what_no_retry_can_cure_is_not_retried(failure: Script) -> None:
    @scenario
    async def ask() -> None:
        async with desk(RETRYING, QUICK) as (fake, user):
            fake.standing[MAIN] = failure
            heard = await user.ask()
        assert (heard.mode, fake.count(MAIN)) == ("fallback", 1)

    ask()


@scenario
async def test_an_outage_is_not_multiplied() -> None:
    async with desk(RETRYING, QUICK) as (fake, user):
        fake.standing[MAIN] = Script(status=500)
        await asyncio.gather(*(user.ask() for _ in range(40)))
    assert fake.count(MAIN) == 40 + 4  # one in ten
    async with desk(RETRYING.without(["retries"]), QUICK) as (fake, user):
        fake.standing[MAIN] = Script(status=500)
        await asyncio.gather(*(user.ask() for _ in range(40)))
    assert fake.count(MAIN) == 40 * 3  # the SDK's own


@scenario
async def test_a_retry_must_fit_what_is_left_of_the_deadline() -> None:
    protections = Protections.hardened().without(["small_model"])
    async with desk(protections, Timings(first_token=0.2, backoff=5.0)) as (fake, user):
        fake.standing[MAIN] = Script(status=500)
        heard = await user.ask()
    assert (heard.mode, fake.count(MAIN)) == ("fallback", 1)
    assert heard.took < 2.0


@scenario
async def test_no_retry_after_a_piece_was_passed_on() -> None:
    async with desk(Protections.hardened(), QUICK) as (fake, user):
        fake.queue[MAIN].append(Script(cut_after=1))
        heard = await user.ask()
    assert (heard.deltas, heard.mode) == (["Hello"], None)
    assert "broke off" in (heard.error or "")
    assert (fake.count(MAIN), fake.count(SMALL)) == (1, 0)


def test_budget_is_a_share_of_the_requests_in_the_window() -> None:
    now = 0.0
    budget = RetryBudget(ratio=0.1, floor=3, window=10.0, clock=lambda: now)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    for _ in range(50):
        budget.record_request()
    assert [budget.take() for _ in range(3)] == [True, True, False]  # 5 of 50
    now = 10.0  # all of it is forgotten
    assert [budget.take() for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200))
def test_budget_holds_in_every_window(steps: list[tuple[float, bool]]) -> None:
    now = 0.0
    budget = RetryBudget(ratio=0.2, floor=2, window=5.0, clock=lambda: now)
    requests: list[float] = []
    retries: list[float] = []
    for wait, is_request in steps:
        now += wait
        if is_request:
            budget.record_request()
            requests.append(now)
        elif budget.take():
            retries.append(now)
            spent = sum(now - 5.0 < at for at in retries)
            earned = sum(now - 5.0 < at for at in requests)
            assert spent <= max(2, 0.2 * earned)


@scenario
async def test_waits_grow() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("random.uniform", lambda low, high: low)
        async with desk(RETRYING, Timings(backoff=0.1)) as (fake, user):
            fake.standing[MAIN] = Script(status=500)
            await user.ask()
    first, second = (later.at - sooner.at for sooner, later in itertools.pairwise(fake.calls))
    assert first >= 0.05
    assert second >= 0.1
