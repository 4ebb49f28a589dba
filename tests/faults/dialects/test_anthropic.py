"""What the Anthropic dialect says: messages, whole and streamed, and errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.values.answer import Answer, Issued, Pace, ToolCall, Usage, tokens
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Cut, Data, End, Head, Wait

STAMP = Stamp("0123456789abcdef" * 2, 1_700_000_000)
ANTHROPIC = dialects.get("anthropic")()


def said(answer: Answer, *, stream: bool, stop: tuple[str, ...] = ()) -> list[Data]:
    reply = ANTHROPIC.reply(Ask("chat", answer.model, stream=stream, stop=stop), answer, STAMP)
    return [a for a in reply if isinstance(a, Data)]


def whole(answer: Answer, stop: tuple[str, ...] = ()) -> dict[str, Any]:
    (only,) = said(answer, stream=False, stop=stop)
    made: dict[str, Any] = json.loads(only.body)
    return made


def events(answer: Answer, stop: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    read = []
    for piece in said(answer, stream=True, stop=stop):
        name, data, *rest = piece.body.decode().split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert (name, rest) == (f"event: {event['type']}", ["", ""])
        read.append(event)
    return read


def folded(stream: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a client makes of a stream."""
    message: dict[str, Any] = {}
    written = ""
    for event in stream:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
                written = ""
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                if delta["type"] == "input_json_delta":
                    written += delta["partial_json"]
                else:
                    field = delta["type"].removesuffix("_delta")
                    block[field] += delta[field]
            case "content_block_stop":
                if message["content"][event["index"]]["type"] == "tool_use":
                    message["content"][event["index"]]["input"] = json.loads(written)
            case "message_delta":
                message.update(event["delta"])
                message["usage"].update(event["usage"])
    return message


def some(finish: str = "stop", **more: Any) -> Answer:
    return Answer(("One", " two"), "claude", finish, Usage(9, 2), Pace(0.25, 0.5, 0.125), **more)


pieces = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), max_size=4).map(tuple)
calls = st.builds(
    ToolCall,
    st.text("abc_", min_size=1, max_size=9),
    st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=9), max_size=3).map(
        lambda made: tokens(json.dumps(made))
    ),
)
answers = st.builds(
    Answer,
    pieces,
    st.just("claude"),
    st.sampled_from(["stop", "length", "tool_calls", "refusal", "content_filter"]),
    st.builds(Usage, st.integers(5, 99), st.integers(0, 99), st.integers(0, 5), st.integers(0, 9)),
    tools=st.lists(calls, max_size=3).map(tuple),
    reasoning=pieces,
)


@given(answers)
def test_a_stream_adds_up_to_the_whole_message(answer: Answer) -> None:
    assert folded(events(answer)) == whole(answer)


@given(answers, st.booleans())
def test_every_token_is_handed_over_once(answer: Answer, stream: bool) -> None:
    assert sum(piece.tokens for piece in said(answer, stream=stream)) == answer.tokens


@given(answers)
def test_the_order_of_a_stream(answer: Answer) -> None:
    kinds = [event["type"] for event in events(answer)]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.index("ping") == (2 if "content_block_start" in kinds else 1)
    parts = [piece.part for piece in said(answer, stream=True)]
    assert parts[-2:] == ["finish", "done"]
    assert set(parts[:-2]) <= {"open", "content", "idle"}
    assert [k == "ping" for k in kinds] == [p == "idle" for p in parts]


def test_the_rhythm_of_a_stream() -> None:
    answer = some("tool_calls", tools=(ToolCall("f", ('{"a":', "1}")),))
    played = list(ANTHROPIC.reply(Ask("chat", "claude", stream=True), answer, STAMP))
    waits = [a.seconds for a in played if isinstance(a, Wait)]
    assert waits == [0.25, 0.5, 0.125, 0.125, 0.125]
    assert sum(waits) == answer.seconds
    assert [type(a) for a in played[:2]] == [Wait, Head]
    assert isinstance(played[-1], End)
    first = next(i for i, a in enumerate(played) if isinstance(a, Data) and a.part == "content")
    assert played[first - 1] == Wait(0.5, "first token")


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("as_a_fault_says", "as_a_fault_says"),
    ],
)
def test_stop_reasons(finish: str, reason: str) -> None:
    assert whole(some(finish))["stop_reason"] == reason


def test_the_text_of_a_refusal_is_its_explanation() -> None:
    made = whole(some("refusal"))
    assert made["content"] == []
    assert made["stop_details"] == {"type": "refusal", "category": None, "explanation": "One two"}
    assert whole(some("content_filter"))["content"] == [{"type": "text", "text": "One two"}]


SCRIPTED = "One two three"


@pytest.mark.parametrize(
    ("issued", "stop", "reason", "sequence"),
    [
        ((Issued(1, "prose", 2, length=7),), ("END",), "stop_sequence", "END"),
        ((Issued(1, "prose", 2, length=7),), ("END", "three"), "stop_sequence", None),
        ((Issued(1, "prose", 0, literal=SCRIPTED, length=7),), ("END", " three", " th"), "stop_sequence", " th"),
        ((), ("END",), "stop_sequence", "END"),
        ((Issued(1, "prose", 2),), ("END",), "end_turn", None),
        ((Issued(1, "prose", 2, length=7),), (), "end_turn", None),
    ],
)
def test_stop_sequences(issued: tuple[Issued, ...], stop: tuple[str, ...], reason: str, sequence: str | None) -> None:
    made = whole(some(issued=issued), stop)
    assert (made["stop_reason"], made["stop_sequence"]) == (reason, sequence)
    assert folded(events(some(issued=issued), stop)) == made


@pytest.mark.parametrize("schema", [None, {}])
@pytest.mark.parametrize("damage", ["", "cut_answer"])
def test_a_text_that_is_short_for_another_reason(schema: dict[str, object] | None, damage: str) -> None:
    ask = Ask("chat", "claude", stop=("END",), schema=schema)
    answer = some(issued=(Issued(1, "prose", 2, length=7),), damage=damage)
    (data,) = [a for a in ANTHROPIC.reply(ask, answer, STAMP) if isinstance(a, Data)]
    stopped = schema is None and not damage
    assert json.loads(data.body)["stop_reason"] == ("stop_sequence" if stopped else "end_turn")


@pytest.mark.parametrize(
    ("finish", "made"), [("tool_calls", '{"city": "Par'), ("length", {})], ids=["by a fault", "by the token limit"]
)
def test_arguments_that_are_no_json(finish: str, made: object) -> None:
    (block,) = whole(Answer((), "claude", finish, tools=(ToolCall("f", ('{"city":', ' "Par')),)))["content"]
    assert block["input"] == made


def test_cached_tokens_are_not_input_tokens() -> None:
    usage = whole(Answer(("x",), "claude", usage=Usage(100, 1, cached=64)))["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (36, 64)


def test_a_stream_begins_with_one_token_of_output() -> None:
    start, *_, end, _ = events(Answer(tuple("abc"), "claude", usage=Usage(5, 3)))
    assert (start["message"]["usage"]["output_tokens"], end["usage"]["output_tokens"]) == (1, 3)


def test_the_padding_varies() -> None:
    answer = Answer(tuple("abcdefghijklmnop"), "claude")
    deltas = [p.body.decode().removesuffix("}\n\n") for p in said(answer, stream=True) if p.part == "content"]
    assert {len(d) - len(d.rstrip(" ")) for d in deltas} == set(range(16))


def test_tokens_are_counted() -> None:
    reply = ANTHROPIC.reply(Ask("count_tokens", "claude"), Answer((), "claude", usage=Usage(17)), STAMP)
    assert [a.body for a in reply if isinstance(a, Data)] == [b'{"input_tokens":17}']


def error(failure: Failure) -> tuple[Head, dict[str, Any]]:
    head, data, end = ANTHROPIC.failure(failure, STAMP)
    assert isinstance(head, Head)
    assert isinstance(data, Data)
    assert end == End()
    assert head.length == len(data.body)
    return head, json.loads(data.body)


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (Failure(529, "overloaded"), "overloaded_error", "Overloaded"),
        (Failure(503, "overloaded"), "overloaded_error", "Overloaded"),
        (Failure(529), "overloaded_error", "Overloaded"),
        (Failure(400, "quota"), "invalid_request_error", "Your credit balance is too low"),
        (Failure(402, "quota"), "billing_error", "Your credit balance is too low"),
        (Failure(429, "quota"), "rate_limit_error", "Your credit balance is too low"),
        (Failure(429, "rate_limit"), "rate_limit_error", "This request would exceed the rate limit"),
        (Failure(404, "model_not_found", model="m{}"), "not_found_error", "model: m{}"),
        (Failure(400, "context_length"), "invalid_request_error", "prompt is too long"),
        (Failure(401), "authentication_error", "invalid x-api-key"),
        (Failure(403), "permission_error", ""),
        (Failure(404), "not_found_error", ""),
        (Failure(413), "request_too_large", ""),
        (Failure(422), "invalid_request_error", ""),
        (Failure(500), "api_error", "Internal server error"),
        (Failure(503), "api_error", "Internal server error"),
        (Failure(504), "timeout_error", ""),
        (Failure(500, message="Own {words}.", mark="Mark."), "api_error", "Own {words}. Mark."),
    ],
)
def test_errors(failure: Failure, kind: str, message: str) -> None:
    head, body = error(failure)
    assert head.status == failure.status
    assert body["type"] == "error"
    assert body["error"]["type"] == kind
    assert body["error"]["message"].startswith(message)
    assert dict(head.headers)["request-id"] == body["request_id"]


def test_headers_of_a_failure_are_sent() -> None:
    head, _ = error(Failure(429, "rate_limit", headers=(("retry-after", "3"),)))
    assert ("retry-after", "3") in head.headers
    assert ("content-type", "application/json") in head.headers


def test_an_error_in_a_stream_is_the_last_of_it() -> None:
    data, end = ANTHROPIC.stream_failure(Ask("chat"), Failure(529, "overloaded", mark="Mark."), STAMP)
    assert isinstance(data, Data)
    name, line, *_ = data.body.decode().split("\n")
    assert name == "event: error"
    assert json.loads(line.removeprefix("data: "))["error"] == {
        "details": None,
        "type": "overloaded_error",
        "message": "Overloaded Mark.",
    }
    assert end == Cut()
