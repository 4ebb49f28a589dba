"""The first faults: what they make of a healthy reply, streamed and not."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from brownout.faults.catalog.gibberish import Gibberish
from brownout.faults.catalog.hang import Hang
from brownout.faults.catalog.http_error import HttpError
from brownout.faults.catalog.latency import Latency
from brownout.faults.catalog.rate_limited import RateLimited
from brownout.faults.catalog.reset import Reset
from brownout.faults.catalog.slow_first_token import SlowFirstToken
from brownout.faults.catalog.stall import Stall
from brownout.faults.catalog.stream_cut import StreamCut
from brownout.faults.values import reply
from brownout.faults.values.distribution import Fixed, Uniform
from brownout.faults.values.fault import Accept, Fault
from brownout.faults.values.reply import Acquire, Cut, Data, End, Head, Wait

Play = Callable[..., list[reply.Action]]


def said(actions: list[reply.Action]) -> str:
    """The text in the content events of a stream."""
    text = ""
    for a in actions:
        if isinstance(a, Data) and a.part == "content":
            text += json.loads(a.body.removeprefix(b"data: "))["choices"][0]["delta"]["content"]
    return text


def waits(actions: list[reply.Action], why: str) -> list[float]:
    return [a.seconds for a in actions if isinstance(a, Wait) and a.why == why]


def test_latency_waits_before_the_head(played: Play) -> None:
    actions = played(Latency(Fixed(3.0)))
    head = next(i for i, a in enumerate(actions) if isinstance(a, Head))
    assert actions[head - 1] == Wait(3.0, "latency")
    assert isinstance(actions[0], Acquire), "the slot is taken while the model is slow"


def test_latency_is_drawn_within_its_distribution(played: Play) -> None:
    (wait,) = waits(played(Latency(Uniform(1.0, 2.0))), "latency")
    assert 1.0 <= wait <= 2.0


def test_slow_first_token_waits_once_before_the_first_content(played: Play) -> None:
    actions = played(SlowFirstToken(Fixed(2.0)))
    at = actions.index(Wait(2.0, "slow_first_token"))
    following = actions[at + 1]
    assert isinstance(following, Data)
    assert following.part == "content"
    assert any(isinstance(a, Head) for a in actions[:at])
    assert waits(actions, "slow_first_token") == [2.0]


def test_hang_sends_nothing(played: Play) -> None:
    assert played(Hang()) == [reply.Hang()]


def test_an_http_error_is_the_providers_own_and_takes_no_slot(played: Play) -> None:
    actions = played(HttpError(503, 2.0))
    head, body, end = actions
    assert isinstance(head, Head)
    assert isinstance(body, Data)
    assert head.status == 503
    assert dict(head.headers)["retry-after"] == "2"
    error = json.loads(body.body)["error"]
    assert error["type"] == "server_error"
    assert error["message"].startswith("The engine is currently overloaded")
    assert error["message"].endswith("The marked sentence."), "a leaked error body is recognised by its watermark"
    assert isinstance(end, End)


@pytest.mark.parametrize(("seconds", "written"), [(0.0, "0"), (1.0, "1"), (1.2, "2"), (600.0, "600")])
def test_retry_after_is_in_whole_seconds(seconds: float, written: str, played: Play) -> None:
    head = played(RateLimited(seconds))[0]
    assert isinstance(head, Head)
    assert dict(head.headers)["retry-after"] == written


def test_rate_limit_and_quota_differ(played: Play) -> None:
    codes: dict[str, Any] = {}
    for kind in ("rate_limit", "quota"):
        head, body, _ = played(RateLimited(2.0, kind))
        assert isinstance(head, Head)
        assert isinstance(body, Data)
        codes[kind] = json.loads(body.body)["error"]["code"], "retry-after" in dict(head.headers)
    assert codes == {"rate_limit": ("rate_limit_exceeded", True), "quota": ("insufficient_quota", False)}


def test_reset_at_a_connection_leaves_replies_alone(played: Play) -> None:
    assert Reset("connection").on_connection(Random(1)) is Accept.RESET
    assert Reset("request").on_connection(Random(1)) is Accept.SERVE
    assert played(Reset("connection")) == played(Fault())


def test_reset_in_the_body_comes_after_as_many_tokens(played: Play) -> None:
    actions = played(Reset("body", 3))
    assert sum(isinstance(a, Data) and a.part == "content" for a in actions) == 3
    assert isinstance(actions[-1], reply.Reset)


@pytest.mark.parametrize(("end", "last"), [("clean", End), ("abrupt", Cut)])
def test_a_cut_stream_has_no_finish_reason(end: Any, last: type, played: Play) -> None:
    actions = played(StreamCut(3, end))
    assert isinstance(actions[-1], last)
    assert "One two three".startswith(said(actions).strip())
    assert not any(isinstance(a, Data) and a.closing for a in actions)


def test_a_clean_cut_has_no_meaning_for_an_unstreamed_reply(played: Play) -> None:
    fired: list[bool] = []
    assert played(StreamCut(3, "clean"), stream=False, fired=fired) == played(Fault(), stream=False)
    assert not fired


def test_an_abrupt_cut_sends_half_of_an_unstreamed_body(played: Play) -> None:
    whole = next(a for a in played(Fault(), stream=False) if isinstance(a, Data))
    *_, half, cut = played(StreamCut(3, "abrupt"), stream=False)
    assert isinstance(half, Data)
    assert whole.body.startswith(half.body)
    assert 0 < len(half.body) < len(whole.body)
    assert isinstance(cut, Cut)


def test_a_stall_pauses_once_and_goes_on(played: Play) -> None:
    actions = played(Stall(3, Fixed(4.0)))
    at = actions.index(Wait(4.0, "stall"))
    assert sum(isinstance(a, Data) and a.part == "content" for a in actions[:at]) == 3
    assert said(actions) == said(played(Fault()))
    assert isinstance(actions[-1], End)


def test_a_stall_for_ever_never_ends_the_stream(played: Play) -> None:
    assert isinstance(played(Stall(3))[-1], reply.Hang)


def test_a_stall_longer_than_the_answer_still_stalls_before_its_end(played: Play) -> None:
    assert isinstance(played(Stall(10_000))[-1], reply.Hang)


def test_gibberish_replaces_the_text_and_keeps_the_form(played: Play) -> None:
    actions = played(Gibberish())
    assert "Zxq vlk shv." in said(actions)
    assert "One two" not in said(actions)
    assert any(isinstance(a, Data) and b'"finish_reason":"stop"' in a.body for a in actions)
