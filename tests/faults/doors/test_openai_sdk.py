"""The official openai SDK against the TCP door: it reads what the model said, and sees faults as it sees the provider's."""

import itertools
import json
from typing import Any

import openai
import pytest

from brownout.faults.model.scribe import text_of
from brownout.faults.model.watermark.text import Codec
from brownout.faults.values.answer import Issued

from .conftest import Serve, Served

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}


def client(served: Served, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=served.base_url, api_key="sk-secret-of-the-user", **{"max_retries": 0, **options})


def streamed(served: Served, **options: Any) -> tuple[str, str | None]:
    """The text of a stream and its finish reason."""
    text, finish = "", None
    with client(served, **options).chat.completions.create(stream=True, **ASK) as events:
        for event in events:
            if event.choices:
                text += event.choices[0].delta.content or ""
                finish = event.choices[0].finish_reason or finish
    return text, finish


def issued(served: Served, call: int) -> str:
    """The text of a call, made again from the ledger in the journal."""
    (entry,) = served.calls(call)[-1]["texts"]
    return Codec("test").make(text_of(Issued(**entry)))


def test_an_answer_is_read_back_as_it_was_said(serve: Serve) -> None:
    served = serve()
    completion = client(served).chat.completions.create(**ASK)
    assert completion.choices[0].message.content == issued(served, 1)
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == served.calls(1)[0]["completion_tokens"]


def test_a_stream_is_read_back_as_it_was_said(serve: Serve) -> None:
    served = serve()
    assert streamed(served) == (issued(served, 1), "stop")


def test_the_stream_helper_accepts_it(serve: Serve) -> None:
    served = serve()
    with client(served).chat.completions.stream(stream_options={"include_usage": True}, **ASK) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == issued(served, 1)
    assert final.usage is not None


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("http_error: {status: 503}", openai.InternalServerError, "currently overloaded"),
        ("http_error: {status: 401}", openai.AuthenticationError, "Incorrect API key"),
        ("rate_limited: {retry_after: 2s}", openai.RateLimitError, "Rate limit reached for gpt-4o"),
        ("rate_limited: {kind: quota}", openai.RateLimitError, "exceeded your current quota"),
        ("reset: {at: request}", openai.APIConnectionError, None),
        ("reset: {at: connection}", openai.APIConnectionError, None),
        ("hang: {}", openai.APITimeoutError, None),
        ("latency: {seconds: 20s}", openai.APITimeoutError, None),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_failure_before_the_answer(
    serve: Serve, fault: str, error: type[Exception], said: str | None, stream: bool
) -> None:
    served = serve(f"- {fault}")
    with pytest.raises(error, match=said):
        client(served, timeout=0.7).chat.completions.create(stream=stream, **ASK)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("stream_cut: {after_tokens: 4, end: abrupt}", openai.APIConnectionError),
        ("reset: {at: body, after_tokens: 4}", openai.APIConnectionError),
        ("stall: {after_tokens: 4}", openai.APITimeoutError),
        ("slow_first_token: {seconds: 20s}", openai.APITimeoutError),
    ],
)
def test_a_stream_that_breaks(serve: Serve, fault: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        streamed(serve(f"- {fault}"), timeout=0.7)


def test_a_clean_cut_is_silent(serve: Serve) -> None:
    """The defect that no SDK reports: the stream ends, there is no error, and no finish reason either."""
    served = serve("- stream_cut: {after_tokens: 6, end: clean}")
    text, finish = streamed(served)
    assert finish is None
    assert text
    assert issued(served, 1).startswith(text)


def test_the_sdks_own_retries_are_attempts_of_one_call(serve: Serve) -> None:
    served = serve("- {rate_limited: {retry_after: 1s}, first_attempts: 2}")
    assert client(served, max_retries=2).chat.completions.create(**ASK).choices
    calls = served.calls(3)
    assert [c["attempt"] for c in calls] == [1, 2, 3]
    assert [c["status"] for c in calls] == [429, 429, 200]
    assert [c["headers"]["x-stainless-retry-count"] for c in calls] == ["0", "1", "2"]
    for call, following in itertools.pairwise(calls):
        assert following["arrived"] - call["ended"] >= 0.99, "Retry-After is obeyed, and the journal shows it"


def test_the_key_is_nowhere_in_the_journal(serve: Serve) -> None:
    served = serve()
    client(served, default_headers={"cookie": "session=secret"}).chat.completions.create(**ASK)
    assert "secret" not in json.dumps(served.calls(1))
