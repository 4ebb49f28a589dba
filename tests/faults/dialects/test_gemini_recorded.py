"""The Gemini dialect beside bytes recorded from generativelanguage.googleapis.com."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.values.answer import Answer, ToolCall, Usage, tokens
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Data

SPECS = Path(os.environ.get("BROWNOUT_SPECS", Path(__file__).parents[4] / "shared" / "specs"))
STAMP = Stamp("0123456789abcdef" * 2, 1_700_000_000)
GEMINI = dialects.get("gemini")()
CALL = ToolCall("weather", ('{"location":', ' "San Francisco"}'))


def recorded(name: str) -> bytes:
    file = SPECS / name
    if not file.exists():
        pytest.skip(f"the recorded bytes are not here ({file}); set BROWNOUT_SPECS to their folder")
    return file.read_bytes()


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in recorded(name).decode().splitlines() if line]


def sent(answer: Answer, *, stream: bool = True) -> bytes:
    reply = GEMINI.reply(Ask("chat", answer.model, stream=stream, body={"alt": "sse"}), answer, STAMP)
    return b"".join(a.body for a in reply if isinstance(a, Data))


def events(data: bytes) -> list[Any]:
    return [json.loads(e.removeprefix(b"data: ")) for e in data.split(b"\r\n\r\n") if e]


def shape(value: Any) -> Any:
    """Keys and types, without what only real models make."""
    if isinstance(value, dict):
        left_out = ("thoughtSignature", "serviceTier", "finishMessage")
        return {k: shape(v) for k, v in sorted(value.items()) if k not in left_out}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return type(value).__name__


def said(text: str, **more: Any) -> Answer:
    return Answer(tokens(text), "gemini-3-pro-preview", **{"usage": Usage(9, 30, reasoning=20), **more})


@pytest.mark.parametrize("name", ["gemini-text.sse", "gemini-function-call.sse", "gemini-thought.sse"])
def test_the_framing_is_the_recorded_one(name: str) -> None:
    """The real events, said again in our framing, are the real bytes."""
    real = recorded(f"recorded/{name}")
    ours = sent(said("One"))
    event, rest = ours.split(b"\r\n\r\n")[:2]
    assert event.startswith(b"data: {")
    assert rest.startswith(b"data: {")

    def again(event: bytes) -> bytes:
        return json.dumps(json.loads(event[6:]), ensure_ascii=False, separators=(",", ": ")).encode()

    for data in (real, ours):
        assert b"".join(b"data: " + again(e) + b"\r\n\r\n" for e in data.split(b"\r\n\r\n") if e) == data


def test_a_text_stream_has_the_recorded_shape() -> None:
    real, ours = lines("recorded-vercel/google/google-text.chunks.txt"), events(sent(said("One two")))
    assert shape(ours[0]) == shape(real[0])
    assert shape(ours[-1]) == shape(real[-1])
    assert list(ours[0]) == list(real[0])
    assert list(ours[0]["usageMetadata"]) == list(real[0]["usageMetadata"])


def test_a_thought_has_the_recorded_shape() -> None:
    real = events(recorded("recorded/gemini-thought.sse"))
    ours = events(sent(said("One", reasoning=("Hm", "m."))))
    assert shape(ours[0]) == shape(real[0])
    text = next(e for e in real if "thought" not in e["candidates"][0]["content"]["parts"][0])
    assert shape(ours[2]) == shape(text)


def test_a_function_call_has_the_recorded_shape() -> None:
    real = lines("recorded-vercel/google/google-tool-call.chunks.txt")
    ours = events(sent(said("", tools=(CALL,), finish="tool_calls")))
    assert len(ours) == len(real) == 2
    call = ours[0]["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert len(call.pop("id")) == 8, "what was recorded is older than ids of calls"
    assert [shape(o) for o in ours] == [shape(r) for r in real]
    assert call == real[0]["candidates"][0]["content"]["parts"][0]["functionCall"]


@pytest.mark.parametrize("name", ["google-text.json", "google-tool-call.json"])
def test_a_whole_response_has_the_recorded_shape(name: str) -> None:
    real = json.loads(recorded(f"recorded-vercel/google/{name}"))
    answer = said("", tools=(CALL,)) if "tool" in name else said("One two")
    ours = json.loads(sent(answer, stream=False))
    for part in ours["candidates"][0]["content"]["parts"]:
        part.get("functionCall", {}).pop("id", None)
    assert shape(ours) == shape(real)


def test_a_model_that_is_not_there_is_refused_in_the_recorded_words() -> None:
    """Of two recorded wordings the later."""
    kept = [e for e in json.loads(recorded("recorded/errors.json")) if e["host"] == "generativelanguage.googleapis.com"]
    (real,) = [e for e in kept if "ModelService" in e["body"]["error"]["message"]]
    body = json.dumps({"contents": [{"parts": [{"text": "Why?"}]}]}).encode()
    request = WireRequest("POST", real["path"], {"x-goog-api-key": "k"}, body)
    failure = dialects.get("gemini")(("gemini-2.5-flash",)).parse(request)
    assert isinstance(failure, Failure)
    (data,) = [a for a in GEMINI.failure(failure, STAMP) if isinstance(a, Data)]
    assert failure.status == real["status"]
    assert json.loads(data.body) == real["body"]


def test_too_many_requests_have_the_recorded_details() -> None:
    real = json.loads(recorded("recorded-vercel/google/google-429-retry-info.json"))["error"]
    failure = Failure(429, "rate_limit", model="gemini-2.5-flash", headers=(("retry-after", "34.4"),))
    (data,) = [a for a in GEMINI.failure(failure, STAMP) if isinstance(a, Data)]
    ours = json.loads(data.body)["error"]
    assert (ours["code"], ours["status"]) == (real["code"], real["status"])
    assert ours["message"].startswith(real["message"].rstrip("."))
    found = {d["@type"]: d for d in ours["details"]}
    quota, retry = real["details"]
    assert found[retry["@type"]] == retry
    (violation,) = found[quota["@type"]]["violations"]
    assert quota["violations"][0].items() <= violation.items()
