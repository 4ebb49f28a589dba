"""The whole desk: what a user hears when all is well, and from which rung the answer comes when it is not."""

from __future__ import annotations

import pytest
from tests.suites.demo.fake_openai import FAR, MAIN, SMALL, Script, desk, scenario

from brownout.suites.demo.protections import Protections
from brownout.suites.demo.rules import OPENING, help_for
from brownout.suites.demo.timings import Timings

DOWN = Script(status=400)  # which nobody retries
LADDER = Protections.hardened()


@scenario
async def test_the_answer_is_the_models_text_word_for_word() -> None:
    pieces = ("Grüße, ", 'a "quoted"\n', "\n data: line ", "", "and 漢字 🙂.")
    async with desk() as (fake, user):
        fake.standing[MAIN] = Script(pieces)
        heard = await user.ask("  Where IS my order?\n")
        plain = await user.post({"message": "Another one", "stream": False})
    assert (heard.status, heard.text, heard.mode, heard.error) == (200, "".join(pieces), "model", None)
    assert plain.json() == {"answer": "".join(pieces), "mode": "model"}
    request = fake.calls[0].body
    assert [m["role"] for m in request["messages"]] == ["system", "user"]
    assert request["messages"][-1]["content"] == "  Where IS my order?\n"
    assert request["stream"] is True
    assert request["stream_options"] == {"include_usage": True}


@scenario
async def test_health_does_not_ask_the_model() -> None:
    async with desk() as (fake, user):
        health = await user.get("/healthz")
    assert (health.status_code, health.json(), fake.calls) == (200, {"status": "ok"}, [])


@pytest.mark.parametrize(
    ("body", "word"),
    [([], "object"), ({}, "message"), ({"message": " "}, "message"), ({"message": "x", "stream": 1}, "stream")],
)
def test_a_bad_request_is_told_what_is_wrong(body: object, word: str) -> None:
    @scenario
    async def ask() -> None:
        async with desk() as (fake, user):
            response = await user.post(body)
        assert response.status_code == 400
        assert word in response.json()["error"]
        assert fake.calls == []

    ask()


@scenario
async def test_first_pieces_arrive_while_the_model_still_writes() -> None:
    slow = Script(("One", " two", " three."), between=0.25)
    async with desk() as (fake, user):
        fake.standing[MAIN] = slow
        streamed = await user.ask()
    async with desk(Protections.hardened().without(["streaming"])) as (fake, user):
        fake.standing[MAIN] = slow
        collected = await user.ask()
    assert streamed.deltas == ["One", " two", " three."]
    assert streamed.times[0] < 0.25
    assert streamed.times[-1] >= 0.5
    assert collected.deltas == ["One two three."]
    assert collected.times[0] >= 0.5
    assert collected.mode == "model"


@scenario
async def test_the_small_model_steps_in() -> None:
    async with desk(LADDER) as (fake, user):
        fake.standing[MAIN] = DOWN
        heard = await user.ask()
    assert (heard.text, heard.mode, heard.error) == ("Hello you there.", "small", None)
    async with desk(LADDER.without(["small_model"])) as (fake, user):
        fake.standing[MAIN] = DOWN
        heard = await user.ask()
    assert (heard.mode, fake.count(SMALL)) == ("fallback", 0)


@scenario
async def test_the_rules_answer_when_no_model_does() -> None:
    async with desk(LADDER) as (fake, user):
        fake.standing[MAIN] = fake.standing[SMALL] = DOWN
        heard = await user.ask("I forgot my password")
        plain = await user.post({"message": "I forgot my password", "stream": False})
    assert (heard.status, heard.mode, heard.text) == (200, "fallback", help_for("I forgot my password"))
    assert plain.json() == {"answer": help_for("I forgot my password"), "mode": "fallback"}
    async with desk(LADDER.without(["fallback"])) as (fake, user):
        fake.standing[MAIN] = fake.standing[SMALL] = DOWN
        heard = await user.ask("I forgot my password")
    assert (heard.status, heard.headers["retry-after"], heard.deltas) == (503, "1", [])


@scenario
async def test_an_answer_that_nobody_has_seen_yet_may_still_come_from_another_rung() -> None:
    """Without streaming to the user, a call that breaks off half-way is no different from one that never began."""
    async with desk(LADDER) as (fake, user):
        fake.standing[MAIN] = Script(cut_after=2)
        plain = await user.post({"message": "Where is it?", "stream": False})
    assert plain.json() == {"answer": "Hello you there.", "mode": "small"}


@scenario
async def test_the_small_model_is_not_started_when_the_time_for_an_answer_is_over() -> None:
    timings = Timings(first_token=0.1, small_first_token=0.1, token_gap=FAR, whole_answer=0.3)
    async with desk(LADDER, timings) as (fake, user):
        fake.standing[MAIN] = Script(stall_after=1)
        plain = await user.post({"message": "Where is it?", "stream": False})
    assert plain.json()["mode"] == "fallback"
    assert fake.count(SMALL) == 0


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("I can't LOG IN!", "Forgot password"),
        ("why was my card charged twice", "Billing"),
        ("I want a refund", "Return"),
        ("where is my parcel?", "tracking"),
        ("Please cancel order 17", "cancelled"),
        ("how do I upgrade my plan", "Plan"),
        ("", "help pages"),
        ("What a classy logo", "help pages"),  # words, not parts of words
    ],
)
def test_rules_choose_help_by_keyword_and_say_what_they_are(message: str, word: str) -> None:
    assert help_for(message).startswith(OPENING)
    assert word in help_for(message)
