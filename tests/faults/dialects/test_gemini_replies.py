"""What the Gemini dialect sends: whole, as events and as a JSON array; and errors."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.values.answer import Answer, Pace, ToolCall, Usage, tokens
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Action, Data, End, Head, Wait

STAMP = Stamp("0123456789abcdef" * 2, 1_700_000_000)
GEMINI = dialects.get("gemini")()


def replied(answer: Answer, how: str) -> list[Action]:
    """The reply in one of three forms: ``whole``, ``sse``, ``array``."""
    ask = Ask("chat", answer.model, stream=how != "whole", body={"alt": "sse" if how == "sse" else "json"})
    return list(GEMINI.reply(ask, answer, STAMP))


def body(actions: Iterable[Action]) -> bytes:
    return b"".join(a.body for a in actions if isinstance(a, Data))


def chunks(answer: Answer, how: str) -> list[dict[str, Any]]:
    sent = body(replied(answer, how)).decode()
    if how == "sse":
        return [json.loads(e.removeprefix("data: ")) for e in sent.split("\r\n\r\n")[:-1]]
    read: Any = json.loads(sent)
    return read if how == "array" else [read]


def parts(answer: Answer, how: str, index: int = 0) -> list[dict[str, Any]]:
    """The parts of a candidate, without the empty text of a stream's end."""
    found = [c for chunk in chunks(answer, how) for c in chunk["candidates"] if c["index"] == index]
    all_parts: list[dict[str, Any]] = [p for c in found for p in c.get("content", {}).get("parts", [])]
    return [p for p in all_parts if p != {"text": ""}]


def made(text: str = "One two three four.", **more: Any) -> Answer:
    pieces = tokens(text)
    return Answer(pieces, "gemini-2.5-flash", **{"usage": Usage(9, len(pieces)), "pace": Pace(0.2, 0.1, 0.01), **more})


def tool(arguments: str, name: str = "weather") -> ToolCall:
    return ToolCall(name, tokens(arguments))


FORMS = pytest.mark.parametrize("how", ["whole", "sse", "array"])
STREAMS = pytest.mark.parametrize("how", ["sse", "array"])


@FORMS
def test_an_answer_is_read_back(how: str) -> None:
    answer = made(
        "Grüße 🌍 — one two.", reasoning=tokens("Let me think."), tools=(tool('{"city": "Paris"}'), tool("", "now"))
    )
    read = parts(answer, how)
    assert "".join(p["text"] for p in read if p.get("thought")) == "Let me think."
    assert "".join(p["text"] for p in read if "text" in p and not p.get("thought")) == "Grüße 🌍 — one two."
    calls = [p["functionCall"] for p in read if "functionCall" in p]
    assert [(c["name"], c["args"]) for c in calls] == [("weather", {"city": "Paris"}), ("now", {})]
    assert len({c["id"] for c in calls}) == 2
    kinds = ["thought" if p.get("thought") else next(iter(p)) for p in read]
    assert sorted(kinds, key=["thought", "text", "functionCall"].index) == kinds, "thoughts first, calls last"


@FORMS
@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("refusal", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
    ],
)
def test_the_finish_reason_is_on_the_last_chunk_alone(how: str, finish: str, reason: str) -> None:
    *before, last = chunks(made(finish=finish), how)
    assert all("finishReason" not in c["candidates"][0] for c in before)
    assert last["candidates"][0]["finishReason"] == reason
    assert ("content" in last["candidates"][0]) == (reason != "SAFETY")


def test_what_the_filter_stops_has_no_content() -> None:
    assert parts(made(finish="content_filter"), "whole") == []
    assert parts(made(finish="content_filter"), "sse"), "what was said before cannot be taken back"


@FORMS
def test_arguments_that_are_no_object_are_a_malformed_call(how: str) -> None:
    answer = made("", tools=(tool('{"city": "Par'),), finish="tool_calls")
    (only,) = chunks(answer, how)
    (candidate,) = only["candidates"]
    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert candidate["finishMessage"] == 'Malformed function call: weather({"city": "Par'
    assert "content" not in candidate


@FORMS
def test_arguments_that_the_limit_cut_are_left_out(how: str) -> None:
    answer = made("", tools=(tool('{"city": "Par'),), finish="length")
    assert chunks(answer, how)[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert parts(answer, how) == []


@FORMS
def test_usage(how: str) -> None:
    usage = Usage(prompt=20, completion=12, cached=8, reasoning=3)
    meta = chunks(made(reasoning=("a", "b", "c"), usage=usage), how)[-1]["usageMetadata"]
    assert meta == {
        "promptTokenCount": 20,
        "candidatesTokenCount": 9,
        "totalTokenCount": 32,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        "cachedContentTokenCount": 8,
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 8}],
        "thoughtsTokenCount": 3,
    }


@STREAMS
def test_usage_grows_with_every_chunk(how: str) -> None:
    answer = made("One two", reasoning=("a", "b"), usage=Usage(9, 4, reasoning=2))
    counts = [c["usageMetadata"] for c in chunks(answer, how)]
    assert [c["totalTokenCount"] for c in counts] == [10, 11, 12, 13, 13]
    assert [c["thoughtsTokenCount"] for c in counts] == [1, 2, 2, 2, 2]
    assert [c.get("candidatesTokenCount") for c in counts] == [None, None, 1, 2, 2]


@STREAMS
def test_the_usage_of_all_candidates_is_known_at_the_end(how: str) -> None:
    answer = made("One two", others=(made("Three"),), usage=Usage(9, 30, reasoning=20))
    counts = [c["usageMetadata"]["candidatesTokenCount"] for c in chunks(answer, how)]
    assert counts == [1, 2, 2, 3, 10]


def test_an_answer_of_nothing() -> None:
    assert chunks(made(""), "whole")[0]["candidates"] == [
        {"content": {"role": "model"}, "finishReason": "STOP", "index": 0}
    ]
    (only,) = chunks(made(""), "sse")
    assert only["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}


def test_content_types() -> None:
    for how, kind in {"whole": "application/json; charset=UTF-8", "sse": "text/event-stream"}.items():
        (head,) = [a for a in replied(made(), how) if isinstance(a, Head)]
        assert dict(head.headers)["content-type"] == kind
        assert (head.length is None) == (how == "sse")


def test_the_framing_of_events() -> None:
    sent = body(replied(made("One two"), "sse"))
    assert re.fullmatch(rb'(data: \{"candidates": \[\{"content": \{.*\}\r\n\r\n){3}', sent)
    assert b", " not in sent.replace(b'"One", "two"', b"")


_PIECES = st.lists(st.text(min_size=1, max_size=3), max_size=4).map(tuple)
_TOOLS = st.lists(
    st.builds(ToolCall, st.just("f"), st.sampled_from([(), ("{", "}"), ('{"a"', ":", "1}"), ("{",)])), max_size=2
)
_FINISHES = st.sampled_from(["stop", "length", "content_filter", "tool_calls"])
_ANSWERS = st.builds(
    lambda pieces, reasoning, tools, finish: Answer(
        pieces, "m", finish, Usage(3, 9), Pace(0.2, 0.1, 0.01), tools=tuple(tools), reasoning=reasoning
    ),
    _PIECES,
    _PIECES,
    _TOOLS,
    _FINISHES,
)


@given(_ANSWERS, st.lists(_ANSWERS, max_size=2), st.sampled_from(["whole", "sse", "array"]))
def test_all_tokens_are_handed_over_in_their_time(answer: Answer, others: list[Answer], how: str) -> None:
    answer = replace(answer, others=tuple(others))
    actions = replied(answer, how)
    assert sum(a.tokens for a in actions if isinstance(a, Data)) == answer.tokens
    assert sum(a.seconds for a in actions if isinstance(a, Wait)) == pytest.approx(answer.seconds)
    assert isinstance(actions[-1], End)
    reasons = [c["index"] for chunk in chunks(answer, how) for c in chunk["candidates"] if "finishReason" in c]
    assert reasons == list(range(1 + len(others)))


@STREAMS
def test_the_parts_of_a_reply(how: str) -> None:
    named = [a.part for a in replied(made("One two"), how) if isinstance(a, Data)]
    array = how == "array"
    assert named == ["open"] * array + ["content", "content", "finish"] + ["done"] * array


def test_vectors_counts_and_models() -> None:
    def sent(ask: Ask, **more: Any) -> Any:
        return json.loads(body(GEMINI.reply(ask, made(**more), STAMP)))

    vectors = ((0.5, -0.25), (1.0, 0.0))
    batch: dict[str, object] = {"requests": [{}, {}]}
    assert sent(Ask("embeddings", "e", body=batch), vectors=vectors) == {
        "embeddings": [{"values": list(v)} for v in vectors]
    }
    assert sent(Ask("embeddings", "e"), vectors=vectors[:1]) == {"embedding": {"values": [0.5, -0.25]}}
    assert sent(Ask("count_tokens", "m"), usage=Usage(7))["totalTokens"] == 7
    assert {"models/gemini-2.5-flash"} < {m["name"] for m in sent(Ask("models"))["models"]}
    assert sent(Ask("models", "x"))["name"] == "models/x"
    mine = dialects.get("gemini")(("one", "two"))
    assert [m["name"] for m in json.loads(body(mine.reply(Ask("models"), made(), STAMP)))["models"]] == [
        "models/one",
        "models/two",
    ]


def failed(failure: Failure) -> Any:
    head, data, end = GEMINI.failure(failure, STAMP)
    assert isinstance(head, Head)
    assert isinstance(data, Data)
    assert isinstance(end, End)
    assert (head.status, head.length) == (failure.status, len(data.body))
    assert dict(head.headers)["content-type"] == "application/json; charset=UTF-8"
    assert data.body.startswith(b'{\n  "error": {\n    "code": ')
    return json.loads(data.body)["error"]


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (418, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_an_error_by_its_status(status: int, word: str) -> None:
    error = failed(Failure(status, mark="The marked sentence."))
    assert (error["code"], error["status"]) == (status, word)
    assert re.fullmatch(r"\S.* The marked sentence\.", error["message"], re.DOTALL)
    assert failed(Failure(status, message="Mine."))["message"] == "Mine."


@pytest.mark.parametrize(("kind", "per"), [("rate_limit", "PerMinute"), ("quota", "PerDay"), ("", "PerMinute")])
@pytest.mark.parametrize("wait", [None, "2"])
def test_too_many_requests(kind: str, per: str, wait: str | None) -> None:
    headers = (("retry-after", wait),) if wait else ()
    error = failed(Failure(429, kind, model="gemini-2.5-flash", headers=headers))
    details = {d["@type"].removeprefix("type.googleapis.com/google.rpc."): d for d in error["details"]}
    (violation,) = details["QuotaFailure"]["violations"]
    assert violation["quotaId"] == f"GenerateRequests{per}PerProjectPerModel-FreeTier"
    assert violation["quotaDimensions"]["model"] == "gemini-2.5-flash"
    assert f"limit: {violation['quotaValue']}, model: gemini-2.5-flash" in error["message"]
    assert ("Please retry in 2s." in error["message"]) == (wait is not None)
    assert details.get("RetryInfo", {}).get("retryDelay") == ("2s" if wait else None)


def test_a_key_that_is_not_valid() -> None:
    error = failed(Failure(400, "auth"))
    assert error["message"].startswith("API key not valid")
    assert [d.get("reason") for d in error["details"]] == ["API_KEY_INVALID", None]


@pytest.mark.parametrize("said", [0, 3])
@STREAMS
def test_a_failure_in_a_stream(how: str, said: int) -> None:
    ask = Ask("chat", "m", stream=True, body={"alt": "sse" if how == "sse" else "json"})
    before = [a for a in replied(made(), how) if isinstance(a, Data) and a.part in ("open", "content")]
    before = before[: said + (how == "array")]
    *failing, end = GEMINI.stream_failure(ask, Failure(503, mark="The marked sentence."), STAMP)
    assert isinstance(end, End)
    sent = body([*before, *failing]).decode()
    last = sent.split("data: ")[-1] if how == "sse" else json.dumps(json.loads(sent)[-1])
    assert json.loads(last)["error"]["code"] == 503
    assert (
        json.loads(last)["error"]["message"] == "The model is overloaded. Please try again later. The marked sentence."
    )
