"""The form of OpenAI's chat completions, beside recorded ones."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from brownout.faults.values.answer import Answer
from brownout.faults.values.fault import dialects

from .support import PACE, Played, answer, answers, ask, played, reference, shape, sse

DIALECT = dialects.get("openai")()
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Why?"}]}


def said(made: Answer, *, stream: bool = True) -> Played:
    options = {"stream_options": {"include_usage": True}} if stream else {}
    return played(DIALECT, ask(DIALECT, "/v1/chat/completions", {**ASK, "stream": stream, **options}), made)


def chunks(body: bytes) -> list[Any]:
    events = sse(body)
    assert {name for name, _ in events} == {""}
    assert events[-1][1] == "[DONE]"
    return [json.loads(data) for _, data in events[:-1]]


def forms(made: list[Any]) -> list[Any]:
    """The forms of chunks in their order, one for a run of the same."""
    found = [shape(chunk) for chunk in made]
    return [form for i, form in enumerate(found) if not i or form != found[i - 1]]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("text", answer("The capital of Mexico is Mexico City.")),
        ("tool", answer("", ("get_country", "{}"))),
        ("parallel-tools", answer("", ("get_country", "{}"), ("get_product_name", "{}"))),
    ],
)
def test_a_stream_has_the_recorded_form(name: str, made: Answer) -> None:
    theirs, ours = chunks(reference(f"recorded/openai-chat-{name}.sse").read_bytes()), chunks(said(made).body)
    assert forms(ours) == forms(theirs)


def test_recorded_texts_are_padded_as_ours() -> None:
    theirs = chunks(reference("recorded/openai-chat-text.sse").read_bytes())
    for made in (theirs, chunks(said(answer("Two words of a rather interminable sort.")).body)):
        texts = [(c["choices"][0]["delta"].get("content"), c["obfuscation"]) for c in made if c["choices"]]
        lengths = [len(text) + len(noise) for text, noise in texts if text]
        assert lengths
        assert not [n for n in lengths if n % 16]


def test_a_completion_has_the_recorded_form() -> None:
    theirs = json.loads(reference("recorded-vercel/openai/openai-text.json").read_text())
    assert shape(said(answer("Hi."), stream=False).json) == shape(theirs)


@given(answers, answers)
def test_a_stream_says_all_choices_in_the_time_of_the_whole(first: Answer, second: Answer) -> None:
    other = replace(second, reasoning=())
    both = replace(first, reasoning=(), others=(other,))
    streamed, whole = said(both), said(both, stream=False)
    assert streamed.tokens == whole.tokens == both.tokens
    if first.pieces or first.tools:
        assert streamed.seconds == whole.seconds == PACE.head + PACE.first_token + PACE.per_token * (both.tokens - 1)


def test_what_an_assistant_called_is_part_of_what_was_sent() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"what": "a marked text"}'}}
    messages = [*ASK["messages"], {"role": "assistant", "content": None, "tool_calls": [call]}]
    made = ask(DIALECT, "/v1/chat/completions", {**ASK, "messages": messages})
    assert made.messages[-1].role == "assistant"
    assert made.messages[-1].text == '{"what": "a marked text"}'
    assert made.prompt == "Why?"
