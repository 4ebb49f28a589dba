"""The cache by itself, and the rule about what may enter it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.suites.demo.fake_openai import MAIN, Script, desk, scenario

from brownout.suites.demo.cache import AnswerCache, normalise
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.reply import in_pieces

CACHING = Protections.hardened()
UNRULED = CACHING.without(["cache_rule"])


@scenario
async def test_the_same_question_is_paid_for_once() -> None:
    async with desk(CACHING) as (fake, user):
        first = await user.ask("Where is  my order?")
        again = await user.ask(" where is my ORDER?\n")
        plain = await user.post({"message": "Where is my order?", "stream": False})
        other = await user.ask("Where is my parcel?")
    assert [first.mode, again.mode, other.mode] == ["model", "cached", "model"]
    assert first.text == again.text == "Hello you there."
    assert len(again.deltas) > 1
    assert plain.json() == {"answer": first.text, "mode": "cached"}
    assert fake.count(MAIN) == 2
    async with desk(CACHING.without(["cache"])) as (fake, user):
        assert [(await user.ask()).mode for _ in range(2)] == ["model"] * 2


@scenario
async def test_answers_of_the_small_model_are_good_too() -> None:
    async with desk(CACHING) as (fake, user):
        fake.standing[MAIN] = Script(status=400)
        assert [(await user.ask()).mode for _ in range(2)] == ["small", "cached"]


BAD = {
    "fallback": Script(status=400),
    "cut": Script(cut_after=2),
    "no reason": Script(finish=None),
    "length": Script(finish="length"),
    "filtered": Script(finish="content_filter"),
}


@pytest.mark.parametrize("bad", BAD)
def test_only_good_answers_enter_it(bad: str) -> None:
    @scenario
    async def ask(protections: Protections, second: str) -> None:
        async with desk(protections.without(["small_model"])) as (fake, user):
            fake.queue[MAIN].append(BAD[bad])
            before, after = await user.ask(), await user.ask()
        assert before.text
        assert after.mode == second
        assert after.text == ("Hello you there." if second == "model" else before.text)

    ask(CACHING, "model")
    ask(UNRULED, "cached")


@scenario
async def test_the_rule_does_not_rely_on_errors_being_told() -> None:
    async with desk(CACHING.without(["honest_errors"])) as (fake, user):
        fake.queue[MAIN].append(Script(("Half an",), finish=None))
        first, second = await user.ask(), await user.ask()
    assert (first.text, first.mode) == ("Half an", "model")
    assert (second.text, second.mode) == ("Hello you there.", "model")


def test_an_answer_does_not_stay_longer_for_being_asked_for() -> None:
    now = 0.0
    cache = AnswerCache(ttl=10.0, clock=lambda: now)
    cache.put("a", "x")
    now = 5.0
    assert cache.get("a") == "x"
    now = 9.9
    assert cache.get("a") == "x"
    now = 10.0
    assert cache.get("a") is None


def test_the_answer_used_longest_ago_makes_room() -> None:
    cache = AnswerCache(size=2)
    cache.put("a", "1")
    cache.put("b", "2")
    assert cache.get("a") == "1"
    cache.put("c", "3")
    assert [cache.get(key) for key in "abc"] == ["1", None, "3"]


@given(st.text())
def test_normalising_twice_changes_nothing_more(message: str) -> None:
    once = normalise(f"  {message}\n")
    assert once == normalise(message)
    assert normalise(message.upper()) == normalise(message.upper().lower())


@given(st.text(), st.integers(1, 9))
def test_pieces_make_the_text(text: str, count: int) -> None:
    pieces = in_pieces(text, count)
    assert "".join(pieces) == text
    assert len(pieces) <= count
    assert all(pieces)
