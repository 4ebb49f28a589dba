"""Retry-After: the whole process leaves the model alone until then; without the protection nobody does."""

from __future__ import annotations

import asyncio
import itertools
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.suites.demo.fake_openai import MAIN, SMALL, Script, desk, scenario

from brownout.suites.demo.cooldown import Cooldown
from brownout.suites.demo.failures import retry_after
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.timings import Timings

HEEDING = Protections.hardened().without(["cache"])


def limited(after: str, status: int = 429) -> Script:
    return Script(status=status, headers={"Retry-After": after})


@pytest.mark.parametrize("status", [429, 503])
def test_the_model_is_left_alone_until_then(status: int) -> None:
    @scenario
    async def ask() -> None:
        async with desk(HEEDING) as (fake, user):
            fake.queue[MAIN].append(limited("0.4", status))
            modes = [(await user.ask()).mode for _ in range(3)]
            assert (modes, fake.count(MAIN), fake.count(SMALL)) == (["small"] * 3, 1, 3)
            await asyncio.sleep(0.4)
            assert (await user.ask()).mode == "model"

    ask()


@scenario
async def test_without_it_each_request_knocks_three_times() -> None:
    async with desk(HEEDING.without(["retry_after", "breaker"])) as (fake, user):
        fake.standing[MAIN] = limited("30")
        heard = await asyncio.gather(*(user.ask() for _ in range(10)))
    assert [h.mode for h in heard] == ["small"] * 10
    assert fake.count(MAIN) == 30  # the budget would allow 13
    async with desk(HEEDING.without(["retry_after"])) as (fake, user):
        fake.standing[MAIN] = limited("30")
        await user.ask()
    waits = [later.at - sooner.at for sooner, later in itertools.pairwise(fake.calls[:3])]
    assert all(0.05 <= wait < 0.5 for wait in waits)


@scenario
async def test_users_are_told_when_to_come_back() -> None:
    async with desk(HEEDING.without(["small_model", "fallback"])) as (fake, user):
        fake.standing[MAIN] = limited("7")
        heard = [await user.ask(), await user.ask()]
    assert [(h.status, h.headers["retry-after"]) for h in heard] == [(503, "7")] * 2
    assert fake.count(MAIN) == 1


@scenario
async def test_rate_limits_do_not_open_the_breaker() -> None:
    async with desk(HEEDING, Timings(backoff=9.0)) as (fake, user):
        fake.standing[MAIN] = Script(status=429)
        for _ in range(8):
            await user.ask()
        assert fake.count(MAIN) == 8


def test_cooldown_keeps_the_longer_rest_and_has_an_upper_limit() -> None:
    now = 100.0
    cooldown = Cooldown(lambda: now)
    assert cooldown.remaining() == 0.0
    cooldown.start(5.0)
    cooldown.start(2.0)
    assert cooldown.remaining() == 5.0
    now = 105.0
    assert cooldown.remaining() == 0.0
    cooldown.start(1e9)
    assert cooldown.remaining() == 600.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), (" 1.5 ", 1.5), ("0", None), ("-2", None), ("inf", None), ("nan", None), ("soon", None), ("", None)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_as_a_date() -> None:
    assert retry_after({}) is None
    assert retry_after({"retry-after": formatdate(time.time() - 60, usegmt=True)}) is None
    ahead = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert ahead is not None
    assert 57 < ahead <= 60


@given(st.text())
def test_no_header_breaks_it(value: str) -> None:
    seconds = retry_after({"retry-after": value})
    assert seconds is None or 0 < seconds < float("inf")
