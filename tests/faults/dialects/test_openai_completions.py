"""OpenAI's completions, the endpoint before chat, beside recorded ones and through the official client."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from openai import BadRequestError, InternalServerError, OpenAI

from brownout.faults.dialects.openai_completions import Completions
from brownout.faults.values.answer import Answer
from brownout.faults.values.fault import Failure, dialects

from .support import PACE, Played, Served, answer, answers, ask, asked, played, providers, reference, shape, sse

DIALECT = dialects.get("openai")()
PATH = "/v1/completions"
ASK: dict[str, Any] = {"model": "gpt-3.5-turbo-instruct", "prompt": "Why?"}


def said(made: Answer, **body: Any) -> Played:
    return played(DIALECT, ask(DIALECT, PATH, {**ASK, **body}), made)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with providers("openai", ("gpt-4o",)) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with OpenAI(api_key="k", base_url=served.origins["healthy"] + "/v1", max_retries=0, timeout=5) as client:
        yield client


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("Why?", ["Why?"]),
        (["Why?", "How?"], ["Why?", "How?"]),
        ([5, 7], ["5 7"]),
        ([[5, 7], [9]], ["5 7", "9"]),
    ],
)
def test_every_prompt_gets_its_choices(prompt: Any, texts: list[str]) -> None:
    made = ask(DIALECT, PATH, {**ASK, "prompt": prompt, "n": 2})
    assert [m.text for m in made.messages] == texts
    assert made.choices == 2 * len(texts)


def test_a_text_is_short_unless_more_is_asked_for() -> None:
    assert ask(DIALECT, PATH, ASK).max_tokens == 16
    assert ask(DIALECT, PATH, {**ASK, "max_tokens": 40}).max_tokens == 40


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"prompt": None}, 400, "'prompt'"),
        ({"prompt": [True]}, 400, "'prompt'"),
        ({"prompt": ["a", 1]}, 400, "'prompt'"),
        ({"model": ""}, 400, "model"),
        ({"n": 0}, 400, "'n'"),
        ({"max_tokens": 0}, 400, "'max_tokens'"),
        ({"echo": True}, 501, "'echo'"),
    ],
)
def test_what_is_refused(change: dict[str, Any], status: int, word: str) -> None:
    refused = asked(DIALECT, PATH, {**ASK, **change})
    assert isinstance(refused, Failure)
    assert refused.status == status
    assert word in refused.message


def test_the_path_of_chat_completions_is_another() -> None:
    chat = ask(DIALECT, "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]})
    assert (chat.endpoint, ask(DIALECT, PATH, ASK).endpoint) == ("chat", "completions")
    assert not Completions.path.search("/v1/chat/completions")


def test_a_completion_has_the_recorded_form() -> None:
    theirs = json.loads(reference("recorded-vercel/openai/openai-completion-text.json").read_text())
    assert shape(said(answer("Hi.")).json) == shape(theirs)


def test_a_stream_has_the_recorded_form() -> None:
    lines = reference("recorded-vercel/openai/openai-completion-text.chunks.txt").read_text().splitlines()
    theirs = [json.loads(line) for line in lines if line]
    events = sse(said(answer("Hi there.", finish="length"), stream=True, stream_options={"include_usage": True}).body)
    assert events[-1] == ("", "[DONE]")
    ours = [json.loads(data) for _, data in events[:-1]]
    assert [shape(ours[0]), shape(ours[-2]), shape(ours[-1])] == [
        shape(theirs[0]),
        shape(theirs[-2]),
        shape(theirs[-1]),
    ]
    assert ours[-2]["choices"][0]["finish_reason"] == "length"
    assert ours[-1]["usage"]["total_tokens"] == sum(ours[-1]["usage"].values()) / 2


def test_usage_is_left_out_of_a_stream_unless_asked_for() -> None:
    for more in ({}, {"stream_options": {"include_usage": False}}):
        assert b"usage" not in said(answer("Hi."), stream=True, **more).body


@given(answers, answers)
def test_a_stream_says_what_the_whole_says(first: Answer, second: Answer) -> None:
    first, second = (replace(a, tools=(), reasoning=()) for a in (first, second))
    both = replace(first, others=(second,))
    streamed, whole = said(both, stream=True), said(both)
    texts = ["", ""]
    for _, data in sse(streamed.body)[:-1]:
        (choice,) = json.loads(data)["choices"]
        texts[choice["index"]] += choice["text"]
    assert texts == [c["text"] for c in whole.json["choices"]] == [first.text, second.text]
    assert streamed.tokens == whole.tokens == both.tokens
    assert streamed.seconds == whole.seconds == PACE.head + PACE.first_token + PACE.per_token * max(both.tokens - 1, 0)


def test_the_client_reads_it(client: OpenAI) -> None:
    whole = client.completions.create(**ASK, n=2)
    assert [c.index for c in whole.choices] == [0, 1]
    assert {c.finish_reason for c in whole.choices} == {"length"}
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 32
    chunks = list(client.completions.create(**ASK, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks if c.choices)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 16
    with pytest.raises(BadRequestError, match="'prompt'"):
        client.completions.create(model="m", prompt={})
    with pytest.raises(InternalServerError, match="'echo' is not served"):
        client.completions.create(**ASK, echo=True)
