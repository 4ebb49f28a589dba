"""Streams whose events fail, are lost, doubled, late, merged, broken or odd."""

import json
import re
from typing import Any

import pytest

from brownout.faults.catalog.drop_events import DropEvents
from brownout.faults.catalog.duplicate_events import DuplicateEvents
from brownout.faults.catalog.http_error import HttpError
from brownout.faults.catalog.invalid_utf8 import InvalidUtf8
from brownout.faults.catalog.malformed_event import MalformedEvent
from brownout.faults.catalog.merge_events import MergeEvents
from brownout.faults.catalog.odd_lines import OddLines
from brownout.faults.catalog.reorder_events import ReorderEvents
from brownout.faults.catalog.reset import Reset
from brownout.faults.catalog.stream_cut import StreamCut
from brownout.faults.catalog.stream_error import StreamError
from brownout.faults.catalog.usage_missing import UsageMissing
from brownout.faults.values.fault import Fault
from brownout.faults.values.reply import Cut, Data, End, apply, whole_tokens
from brownout.faults.values.reply import Reset as Abort

from .samples import ODD
from .wires import CHAT, On, Played, chat, everywhere

STREAM = chat("openai", stream=True)
WIRES = {on.name: on for on in everywhere()}
STREAMS = [on for name, on in WIRES.items() if on.call().ask.stream]
EVENTS = [on for on in STREAMS if on.name != "gemini-array"]
STREAM_FAULTS: list[Fault] = [
    StreamError(headers={"x": "y"}),
    DropEvents(),
    DuplicateEvents(),
    ReorderEvents(),
    MergeEvents(),
    MalformedEvent(),
    *map(OddLines, ODD),
]


def events(stream: bytes) -> list[tuple[str, str]]:
    """Name and data of the events of a stream, as the standard says that they are read (HTML, section 9.2.6)."""
    found: list[tuple[str, str]] = []
    name, data = "", list[str]()
    for line in re.split(r"\r\n|\n|\r", stream.decode("utf-8-sig")):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((name or "message", "\n".join(data)))
            name, data = "", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        else:
            assert field in ("", "id", "retry"), line
    return found


def bodies(played: Played, *parts: str) -> list[bytes]:
    return [a.body for a in played.data if a.part in (parts or ("open", "content", "finish", "usage", "done"))]


@pytest.mark.parametrize("on", STREAMS, ids=lambda o: o.name)
@pytest.mark.parametrize("after", [0, 4, 1_000])
def test_a_stream_fails_in_the_providers_words_after_as_many_tokens(on: On, after: int) -> None:
    played, healthy = on.play(StreamError("overloaded", after)), on.play()
    assert played.head == healthy.head
    count = sum(map(whole_tokens, played.actions))
    assert count == min(after, sum(map(whole_tokens, healthy.actions)))
    assert len(played.parts("content")) == count, "what was said before is whole"
    assert b"The marked sentence." in played.body
    assert isinstance(played.end, End | Cut)
    assert not played.parts("finish")


@pytest.mark.parametrize("dialect", list(CHAT))
def test_what_is_not_streamed_has_no_stream_faults(dialect: str) -> None:
    assert not [f for f in STREAM_FAULTS if chat(dialect, stream=False).play(f).stepped]


def test_a_rate_limit_in_a_stream_with_headers_and_a_message() -> None:
    fault = StreamError("rate_limit", 0, "Slow down.", {"retry-after": "4", "Content-Type": "text/event-stream"})
    played = STREAM.play(fault)
    assert played.head.status == 200
    assert played.headers["retry-after"] == "4"
    assert [v for n, v in played.head.headers if n.lower() == "content-type"] == ["text/event-stream"]
    error = json.loads(events(played.body)[-1][1])["error"]
    assert (error["code"], error["message"]) == ("rate_limit_exceeded", "Slow down. The marked sentence.")


@pytest.mark.parametrize("on", EVENTS, ids=lambda o: o.name)
@pytest.mark.parametrize("part", ["content", "finish", "usage", "done"])
def test_lost_events(on: On, part: Any) -> None:
    """The marked ones are gone, the others are as they were; a part that the dialect does not have cannot be lost."""
    played, healthy = on.play(DropEvents(part, 3, None)), on.play()
    lost = [a for a in healthy.data if a.part == part][3 if part == "content" else 0 :]
    assert [a for a in healthy.data if a not in lost] == played.data
    assert played.injected == bool(lost)
    assert isinstance(played.end, End)


def test_as_many_content_events_are_lost_as_asked() -> None:
    whole, left = bodies(STREAM.play()), bodies(STREAM.play(DropEvents("content", 2, 3)))
    assert left == whole[:3] + whole[6:]  # the first event says the role


@pytest.mark.parametrize("on", EVENTS, ids=lambda o: o.name)
def test_doubled_events(on: On) -> None:
    healthy = on.play()
    twice = on.play(DuplicateEvents())
    assert bodies(twice) == [body for body in bodies(healthy) for _ in range(2)]
    assert sum(map(whole_tokens, twice.actions)) == sum(map(whole_tokens, healthy.actions)), "it was said once"
    once = bodies(on.play(DuplicateEvents(3, 1)), "content")
    whole = bodies(healthy, "content")
    assert once == [*whole[:3], whole[3], *whole[3:]]


@pytest.mark.parametrize("on", EVENTS, ids=lambda o: o.name)
def test_an_event_that_is_overtaken(on: On) -> None:
    whole = bodies(on.play())
    at = whole.index(bodies(on.play(), "content")[2])
    for by in (1, 3):
        late = [*whole[:at], *whole[at + 1 : at + 1 + by], whole[at], *whole[at + 1 + by :]]
        assert bodies(on.play(ReorderEvents(2, by))) == late
    assert bodies(on.play(ReorderEvents(2, 1_000))) == [*whole[:at], *whole[at + 1 :], whole[at]]


@pytest.mark.parametrize("on", STREAMS, ids=lambda o: o.name)
@pytest.mark.parametrize("count", [2, 5, None])
def test_merged_events(on: On, count: int | None) -> None:
    healthy, played = on.play(), on.play(MergeEvents(count))
    assert played.body == healthy.body
    writes = len(healthy.data)
    assert len(played.data) == (1 if count is None else -(-writes // count))
    assert played.seconds == healthy.seconds
    assert sum(map(whole_tokens, played.actions)) == sum(map(whole_tokens, healthy.actions))
    assert isinstance(played.end, End)


def test_a_buffering_proxy_sends_nothing_before_the_model_is_done() -> None:
    *before, data, end = STREAM.play(MergeEvents()).actions
    assert not any(isinstance(a, Data) for a in before)
    assert isinstance(data, Data)
    assert isinstance(end, End)


@pytest.mark.parametrize("on", EVENTS, ids=lambda o: o.name)
def test_a_broken_event_is_still_one_event(on: On) -> None:
    healthy, played = on.play(), on.play(MalformedEvent(3))
    changed = [(a, b) for a, b in zip(healthy.data, played.data, strict=True) if a != b]
    ((good, bad),) = changed
    assert good == [a for a in healthy.data if a.part == "content"][3]
    assert good.tokens == bad.tokens
    if on.call().dialect.framing == "sse":
        ((name, data),) = events(bad.body)
        assert name == events(good.body)[0][0]
    else:
        data = bad.body.decode()
        assert data.count("\n") == 1
        assert data.endswith("\n")
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
        json.loads(data)


@pytest.mark.parametrize("on", EVENTS, ids=lambda o: o.name)
def test_in_a_stream_that_is_too_short_the_event_that_ends_it_is_broken(on: On) -> None:
    changed = [a.part for a, b in zip(on.play().data, on.play(MalformedEvent(1_000)).data, strict=True) if a != b]
    assert changed == ["finish"]


def test_all_events_may_be_broken_but_not_the_end_marker() -> None:
    found = [data for _, data in events(STREAM.play(MalformedEvent(0, None)).body)]
    assert found[-1] == "[DONE]"
    assert found[0].endswith("}"), "the event with the role says nothing"
    assert not [data for data in found[1:-1] if data.endswith("}")]


SAME = ("bom", "crlf", "cr", "blank", "comment", "id", "retry", "no_space")


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("on", EVENTS, ids=lambda o: o.name)
def test_odd_lines_mean_the_same(on: On, kind: Any) -> None:
    healthy, played = on.play(), on.play(OddLines(kind))
    if on.call().dialect.framing == "ndjson":
        assert played.injected == (kind in ("bom", "crlf", "blank"))
        lines = [line for line in played.body.decode("utf-8-sig").splitlines() if line]
        assert [json.loads(line) for line in lines] == [json.loads(line) for line in healthy.body.splitlines()]
        return
    read = events(played.body)
    if kind == "unknown_event":
        assert read[::2] == [("heartbeat", '{"type":"heartbeat"}')] * len(healthy.data)
        read = read[1::2]
    if kind == "two_lines":
        read = [(name, data.replace("\n", "")) for name, data in read]
    assert read == events(healthy.body)
    # Gemini's lines end with CR LF anyway.
    assert played.injected == (kind != "crlf" or on.dialect != "gemini")


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("bom", b"\xef\xbb\xbfdata: {"),
        ("retry", b"retry: 3000\n\ndata: {"),
        ("comment", b": comment\ndata: {"),
        ("id", b"id: 1\ndata: {"),
        ("id_ping", b"id: 1\n: ping\n\ndata: {"),
        ("no_space", b"data:{"),
        ("two_lines", b"data: {\ndata: "),
    ],
)
def test_odd_lines_are_there(kind: Any, begins: bytes) -> None:
    body = STREAM.play(OddLines(kind)).body
    assert body.startswith(begins)
    once = kind in ("bom", "retry")
    assert body.count(begins.split(b"data")[0] or begins) == (1 if once else body.count(b"\n\ndata") + 1) or not once


@pytest.mark.parametrize(("kind", "end"), [("crlf", b"\r\n\r\n"), ("cr", b"\r\r"), ("blank", b"\n\n\n")])
def test_odd_ends_of_lines(kind: Any, end: bytes) -> None:
    body = STREAM.play(OddLines(kind)).body
    assert body.endswith(b"data: [DONE]" + end)
    assert body.count(end) == len(STREAM.play().data)


@pytest.mark.parametrize("on", WIRES.values(), ids=lambda o: o.name)
def test_a_byte_that_is_no_utf8_stands_in_a_text_of_the_answer(on: On) -> None:
    healthy, played = on.play(), on.play(InvalidUtf8(3))
    if on.name == "openai-embeddings":
        assert not played.injected, "it says nothing"
        return
    assert len(played.body) == len(healthy.body)
    (at,) = [i for i, (a, b) in enumerate(zip(healthy.body, played.body, strict=True)) if a != b]
    with pytest.raises(UnicodeDecodeError):
        played.body.decode()
    replaced = played.body.decode(errors="replace")
    assert replaced.count("\ufffd") == 1
    if not on.call().ask.stream:
        assert "\ufffd" in json.dumps(json.loads(replaced), ensure_ascii=False), "apart from that, it is JSON"
    assert re.search(rb'"[a-z_]+": ?"$', healthy.body[:at]), "the first byte of a text"
    if on.call().ask.stream:
        before = healthy.body[:at]
        assert sum(a.body in before for a in healthy.data if a.part == "content") == 3


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {*value, *(k for v in value.values() for k in keys(v))}
    return {k for v in value for k in keys(v)} if isinstance(value, list) else set()


@pytest.mark.parametrize("on", WIRES.values(), ids=lambda o: o.name)
def test_a_reply_without_usage(on: On) -> None:
    healthy, played = on.play(), on.play(UsageMissing())
    assert played.head == healthy.head
    for a in played.data:
        if (found := re.search(rb"\{.*\}", a.body, re.DOTALL)) is not None:
            value = json.loads(found[0])
            assert not {"usageMetadata", "eval_count", "prompt_eval_count"} & keys(value)
            assert not re.search(r'"usage": ?\{', json.dumps(value))
    if not on.call().ask.stream:
        assert len(played.body) == len(healthy.body)
        assert json.loads(played.body).keys() <= json.loads(healthy.body).keys()
    saying = b"sage" in healthy.body.replace(b"essage", b"") or b"eval_count" in healthy.body
    assert played.injected == saying


def test_the_event_with_the_usage_alone_is_gone() -> None:
    on = WIRES["openai-usage"]
    assert len(on.play(UsageMissing()).data) == len(on.play().data) - 1
    assert b'"usage":null' in on.play(UsageMissing()).body, "what was never there is not taken away"


def test_a_reset_after_more_tokens_than_there_are_comes_before_the_finish_reason() -> None:
    played = STREAM.play(Reset("body", 1_000_000))
    assert isinstance(played.end, Abort)
    assert len(played.parts("content")) == len(STREAM.play().parts("content"))
    assert not played.parts("finish")


@pytest.mark.parametrize("fault", [f for f in STREAM_FAULTS if not isinstance(f, StreamError | MergeEvents)], ids=repr)
def test_a_stream_that_is_one_array_has_no_events(fault: Fault) -> None:
    array = WIRES["gemini-array"]
    assert array.play(fault).actions == array.play().actions


@pytest.mark.parametrize("fault", STREAM_FAULTS, ids=repr)
def test_an_error_in_place_of_a_stream_is_left_alone(fault: Fault) -> None:
    """The steps of two rules of a plan: the call is refused, then its stream would go wrong."""
    error = STREAM.play(HttpError(503)).actions
    step, fired = fault.on_reply(STREAM.call()), list[bool]()
    assert step is not None
    assert tuple(apply(iter(error), step, lambda: fired.append(True))) == error
    assert not fired


@pytest.mark.parametrize("fault", [MergeEvents(3), ReorderEvents(2, 50)])
@pytest.mark.parametrize(("end", "last"), [("clean", End), ("abrupt", Cut)])
def test_what_is_held_back_is_not_lost_at_an_early_end(fault: Fault, end: Any, last: type) -> None:
    """Steps after one another, as two rules of a plan: the stream is cut after 7 tokens, then its events are held back."""
    cut = STREAM.play(StreamCut(7, end))
    step = fault.on_reply(STREAM.call())
    assert step is not None
    actions = list(apply(iter(cut.actions), step))
    held = [a for a in actions if isinstance(a, Data)]
    assert sorted(b"".join(a.body for a in held)) == sorted(cut.body)
    assert isinstance(actions[-1], last)
