"""Slow replies: tokens, lines, pieces, keep-alives."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.faults.conftest import make_answer

from brownout.faults.catalog.bandwidth import Bandwidth
from brownout.faults.catalog.idle_pings import IdlePings
from brownout.faults.catalog.slicer import Slicer
from brownout.faults.catalog.slow_tokens import SlowTokens
from brownout.faults.values.answer import Pace
from brownout.faults.values.distribution import Fixed, Uniform
from brownout.faults.values.reply import Data, End, Hang, Wait

from .wires import CHAT, chat, everywhere

STREAM, WHOLE = chat("openai", stream=True), chat("openai", stream=False)
ANSWER = make_answer()


@pytest.mark.parametrize("dialect", list(CHAT))
@pytest.mark.parametrize("stream", [True, False])
def test_slow_tokens_take_as_much_longer_streamed_or_not(dialect: str, stream: bool) -> None:
    on = chat(dialect, stream=stream)
    slow = on.play(SlowTokens(Fixed(2.0)))
    assert slow.seconds - on.play().seconds == pytest.approx(2.0 * (ANSWER.tokens - 1))
    assert slow.body.count(b"Why") == on.play().body.count(b"Why")


def test_each_token_is_drawn_for_itself_and_the_first_is_not_late() -> None:
    played = STREAM.play(SlowTokens(Uniform(1.0, 2.0)))
    waits = played.waits("slow_tokens")
    assert len(waits) == len(set(waits)) == ANSWER.tokens - 1
    assert all(1.0 <= w <= 2.0 for w in waits)
    first = next(i for i, a in enumerate(played.actions) if isinstance(a, Data) and a.part == "content")
    assert not any(isinstance(a, Wait) and a.why == "slow_tokens" for a in played.actions[:first])


@settings(deadline=None, max_examples=50)
@given(rate=st.integers(1, 20_000), per_token=st.floats(0, 0.5), stream=st.booleans())
def test_a_narrow_line_sends_each_piece_when_it_is_said_and_the_line_is_free(
    rate: int, per_token: float, stream: bool
) -> None:
    on, answer = chat("openai", stream=stream), make_answer(pace=Pace(0.2, 0.1, per_token))
    due, free, now = 0.0, 0.0, 0.0
    expected, found = list[tuple[bytes, float]](), list[tuple[bytes, float]]()
    healthy, slow = on.play(answer=answer), on.play(Bandwidth(rate), answer=answer)
    for action in healthy.actions:
        if isinstance(action, Wait):
            due += action.seconds
        elif isinstance(action, Data):
            free = max(free, due) + len(action.body) / rate
            expected.append((action.body, free))
    pending = b""
    for action in slow.actions:
        if isinstance(action, Wait):
            now += action.seconds
        elif isinstance(action, Data):
            pending += action.body
            assert len(action.body) <= max(1, rate // 10)
            if pending == expected[len(found)][0]:
                found.append((pending, now))
                pending = b""
    assert [body for body, _ in found] == [body for body, _ in expected]
    assert [at for _, at in found] == pytest.approx([at for _, at in expected])


@settings(deadline=None, max_examples=50)
@given(size=st.integers(1, 60), text=st.text(min_size=1, max_size=80))
def test_slices_are_of_every_size_and_all_there(size: int, text: str) -> None:
    answer = make_answer(text)
    healthy, sliced = WHOLE.play(answer=answer), WHOLE.play(Slicer(size, 0.25), answer=answer)
    assert sliced.body == healthy.body
    sizes = [len(a.body) for a in sliced.data]
    assert max(sizes) <= 2 * size - 1
    assert min(sizes) >= 1
    assert sliced.waits("slicer") == [0.25] * (len(sizes) - 1)
    assert [a.tokens for a in sliced.data] == [0] * (len(sizes) - 1) + [answer.tokens]


def test_slices_cut_events_and_characters() -> None:
    answer = make_answer("héllo wörld ✓✓✓ " * 5)
    pieces = [a.body for a in STREAM.play(Slicer(2), answer=answer).data]

    def whole(piece: bytes) -> bool:
        try:
            return bool(piece.decode())
        except UnicodeDecodeError:
            return False

    assert not all(map(whole, pieces))
    assert len({len(p) for p in pieces}) == 3
    assert len(STREAM.play(Slicer(1)).data) == len(STREAM.play().body)


PINGS = {
    ("comment", None): b": keep-alive\n\n",
    ("comment", "OPENROUTER PROCESSING"): b": OPENROUTER PROCESSING\n\n",
    ("data", None): b"data: \n\n",
    ("data", ": keepalive"): b"data: : keepalive\n\n",
    ("event", None): b'event: ping\ndata: {"type": "ping"}\n\n',
    ("event", "beat"): b'event: beat\ndata: {"type": "beat"}\n\n',
}


@pytest.mark.parametrize(("form", "text"), PINGS)
def test_pings_of_each_form_come_before_the_first_token_and_the_answer_after(form: str, text: str | None) -> None:
    fault = IdlePings(form, text, 2.0, Fixed(7.0))  # type: ignore[arg-type]
    for dialect in CHAT:
        on = chat(dialect, stream=True)
        played, healthy = on.play(fault), on.play()
        if on.call().dialect.framing == "ndjson":
            assert played.stepped == (form == "comment")
            continue
        first = next(i for i, a in enumerate(played.actions) if isinstance(a, Data))
        pings = played.actions[first - 1 : first + 6]
        assert pings == (Wait(2.0, "idle_pings"), Data(PINGS[form, text], "idle")) * 3 + (Wait(1.0, "idle_pings"),)
        assert played.seconds - healthy.seconds == pytest.approx(7.0)
        assert played.body == PINGS[form, text] * 3 + healthy.body


def test_pings_in_the_middle() -> None:
    played = STREAM.play(IdlePings(every=1.0, seconds=Fixed(1.0), after_tokens=3))
    at = next(i for i, a in enumerate(played.actions) if isinstance(a, Data) and a.part == "idle")
    assert sum(isinstance(a, Data) and a.part == "content" for a in played.actions[:at]) == 3


@pytest.mark.parametrize("name", ["ollama-stream", "ollama-generate", "openai-whole", "gemini-array", "ollama-whole"])
def test_where_there_are_no_events_a_comment_is_an_empty_line(name: str) -> None:
    on = next(o for o in everywhere() if o.name == name)
    played = on.play(IdlePings(every=1.0, seconds=Fixed(3.0)))
    assert played.body == b"\n\n\n" + on.play().body
    assert played.head.length is None, "what comes before the body was not counted"
    assert not on.play(IdlePings("event", every=1.0, seconds=Fixed(3.0))).injected
    if name == "openai-whole":
        assert json.loads(played.body) == json.loads(on.play().body)


def test_pings_for_ever_outlast_every_client() -> None:
    played = STREAM.play(IdlePings(every=5.0))
    assert isinstance(played.end, Hang)
    assert sum(played.waits("idle_pings")) >= 3600
    pings = [i for i, a in enumerate(played.actions) if isinstance(a, Data)]
    assert {b - a for a, b in pairwise(pings)} == {2}, "a wait between any two"
    assert not isinstance(STREAM.play(IdlePings(seconds=Fixed(0.0))).end, Hang)


@settings(deadline=None, max_examples=50)
@given(every=st.integers(1, 50), count=st.integers(0, 30))
def test_there_are_as_many_pings_as_there_is_time_for(every: int, count: int) -> None:
    seconds = every * count / 10
    played = STREAM.play(IdlePings(every=every / 10, seconds=Fixed(seconds)))
    assert len(played.parts("idle")) == count
    assert sum(played.waits("idle_pings")) == pytest.approx(seconds)
    assert min(played.waits("idle_pings")) >= 0


def test_a_ping_longer_than_the_silence_is_only_a_wait() -> None:
    played = STREAM.play(IdlePings(every=5.0, seconds=Fixed(3.0)))
    assert played.waits("idle_pings") == [3.0]
    assert not played.parts("idle")
    assert isinstance(played.end, End)
