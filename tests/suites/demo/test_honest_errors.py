"""Honest errors: no half answer passes for a whole one, and no user reads what the provider wrote to us."""

from __future__ import annotations

import pytest
from tests.suites.demo.fake_openai import MAIN, SMALL, Script, desk, scenario

from brownout.suites.demo.protections import Protections

HONEST = Protections.hardened()
ERROR = b'data: {"error":{"message":"the provider\'s own words","type":"x"}}\n\n'
BROKEN = {
    "connection cut": Script(cut_after=2),
    "error in the stream": Script(insert=ERROR),
    "broken JSON": Script(insert=b'data: {"choices": [{"del\n\n'),
    "broken UTF-8": Script(insert=b"data: \xff\xfe\n\n"),
    "a number for a text": Script(insert=b'data: {"choices": [{"index": 0, "delta": {"content": 7}}]}\n\n'),
    "no delta": Script(insert=b'data: {"choices": [{"index": 0, "delta": null}]}\n\n'),
}
UNFINISHED = {
    "no reason": Script(finish=None),
    "length": Script(finish="length"),
    "filtered": Script(finish="content_filter"),
}


@pytest.mark.parametrize("broken", BROKEN | UNFINISHED)
def test_half_an_answer_is_called_that(broken: str) -> None:
    @scenario
    async def honest() -> None:
        async with desk(HONEST) as (fake, user):
            fake.standing[MAIN] = (BROKEN | UNFINISHED)[broken]
            heard = await user.ask()
        assert heard.text
        assert "Hello you there.".startswith(heard.text)
        assert (heard.mode, heard.error) == (None, "The answer broke off. Please ask again.")

    @scenario
    async def naive() -> None:
        async with desk(Protections.naive()) as (fake, user):
            fake.standing[MAIN] = (BROKEN | UNFINISHED)[broken]
            heard = await user.ask()
        assert "Hello you there.".startswith(heard.text)
        assert (heard.mode, heard.error) == ("model", None)

    honest()
    naive()


@pytest.mark.parametrize("early", ["error at the start", "empty", "only a reason"])
def test_nothing_said_yet_is_no_half_answer(early: str) -> None:
    scripts = {
        "error at the start": Script(("", ""), insert=ERROR),
        "empty": Script(()),
        "only a reason": Script((), finish="content_filter"),
    }

    @scenario
    async def ask() -> None:
        async with desk(HONEST) as (fake, user):
            fake.standing[MAIN] = scripts[early]
            heard = await user.ask()
        assert (heard.text, heard.mode) == ("Hello you there.", "small")

    ask()


@scenario
async def test_users_do_not_read_the_providers_words() -> None:
    down = Script(status=400)
    async with desk(HONEST.without(["fallback"])) as (fake, user):
        fake.standing[MAIN] = fake.standing[SMALL] = down
        heard = await user.ask()
        plain = await user.post({"message": "x", "stream": False})
    assert (heard.status, plain.status_code) == (503, 503)
    assert heard.error == plain.json()["error"] == "We can't answer right now. Please try again in a moment."
    assert int(heard.headers["retry-after"]) >= 1
    async with desk(Protections.naive()) as (fake, user):
        fake.standing[MAIN] = down
        heard = await user.ask()
    assert heard.status == 500
    assert "the provider's own words" in (heard.error or "")
    assert "retry-after" not in heard.headers


@scenario
async def test_naive_is_the_sdk_with_its_defaults() -> None:
    async with desk(Protections.naive()) as (fake, user):
        fake.queue[MAIN].append(Script(status=500))
        heard = [await user.ask(), await user.ask()]
    assert [(h.mode, h.deltas) for h in heard] == [("model", ["Hello", " you", " there."])] * 2
    assert (fake.count(MAIN), fake.count(SMALL)) == (3, 0)
    assert fake.calls[1].at - fake.calls[0].at > 0.3  # the SDK's backoff


@scenario
async def test_naive_obeys_retry_after_as_the_sdk_does() -> None:
    async with desk(Protections.naive()) as (fake, user):
        fake.queue[MAIN].append(Script(status=429, headers={"retry-after": "0.2"}))
        heard = await user.ask()
    assert heard.mode == "model"
    assert 0.2 <= fake.calls[1].at - fake.calls[0].at < 0.37  # and not the backoff
