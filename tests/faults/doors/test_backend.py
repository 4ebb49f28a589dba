"""A backend without its socket: whose calls they are, and that a seed repeats its decisions whatever the words of the run."""

import json

import pytest

from brownout.faults.doors.backend import Backend, Exchange, Shared
from brownout.faults.model.scribe import text_of
from brownout.faults.model.spec import BackendSpec
from brownout.faults.model.watermark.text import Codec, Kind
from brownout.faults.values.ask import WireRequest
from brownout.faults.values.reply import TERMINAL

from .conftest import plan_of

USERS = {i: f"user-{i}" for i in range(200)}


class Chat:
    """A backend under a plan, asked in the words of one run."""

    def __init__(self, plan: str = "[]", *, run: str = "run", seed: int = 1) -> None:
        self.codec = Codec(run)
        self.backend = Backend("primary", BackendSpec(), plan_of(plan), Shared(seed, self.codec, USERS))

    def prompt(self, number: int) -> str:
        return f"{self.codec.sentence(Kind.PROMPT, number, 0)} Why? {self.codec.sentence(Kind.PROMPT, number, 1)}"

    def call(self, *texts: str, model: str = "m", at: float = 1.0, headers: dict[str, str] | None = None) -> Exchange:
        messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": t} for i, t in enumerate(texts)]
        body = json.dumps({"model": model, "messages": messages}).encode()
        exchange = self.backend.receive(WireRequest("POST", "/v1/chat/completions", headers or {}, body), at, 0)
        for action in exchange.watched():
            if isinstance(action, TERMINAL):
                break
        return exchange

    def said(self, exchange: Exchange) -> str:
        return self.codec.make(text_of(exchange.issued[0]))


@pytest.mark.parametrize("selector", ["probability", "per_request", "per_conversation", "per_user"])
def test_a_seed_repeats_its_faults_whatever_the_words_of_the_run(selector: str) -> None:
    def pattern(run: str, seed: int) -> list[bool]:
        chat = Chat(f"- {{http_error: {{status: 503}}, {selector}: 50%}}", run=run, seed=seed)
        return [any(i.injected for i in chat.call(chat.prompt(n)).injections) for n in range(100)]

    assert pattern("monday", 1) == pattern("tuesday", 1)
    assert pattern("monday", 1) != pattern("monday", 2)


def request(exchange: Exchange) -> str:
    assert exchange.key
    return exchange.key.request


class TestOwner:
    def test_the_prompt_names_the_request(self) -> None:
        chat = Chat()
        assert request(chat.call(chat.prompt(3))) == "prompt-3"

    def test_the_last_prompt_is_the_current_turns_also_when_it_was_asked_before(self) -> None:
        chat = Chat()
        assert request(chat.call(chat.prompt(1), "An answer.", chat.prompt(7))) == "prompt-7"
        assert request(chat.call(chat.prompt(1), "x", chat.prompt(7), "y", chat.prompt(1))) == "prompt-1"

    def test_a_call_that_holds_an_earlier_answer_belongs_to_its_request(self) -> None:
        """Agents, checks and summaries pass on what the model said, without the user's words."""
        chat = Chat()
        first = chat.call(chat.prompt(5))
        second = chat.call(f"Is this polite? {chat.said(first)}")
        third = chat.call(f"Translate: {chat.said(second)}")
        assert (request(second), request(third)) == ("prompt-5", "prompt-5")

    def test_a_trace_id_is_the_last_resort(self) -> None:
        chat = Chat()
        headers = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
        assert request(chat.call("Hello.", headers=headers)) == f"trace-{'ab' * 16}"
        assert request(chat.call("Hello.")) == ""
        assert request(chat.call(chat.prompt(2), headers=headers)) == "prompt-2"


def test_attempts_of_one_call_and_different_calls_of_one_request() -> None:
    chat = Chat()
    prompt = chat.prompt(1)
    exchanges = [
        chat.call(prompt),
        chat.call(prompt),
        chat.call(f"Title for: {prompt}"),
        chat.call(prompt, model="small"),
    ]
    assert [(e.attempt, e.key.site) for e in exchanges if e.key] == [(1, 0), (2, 0), (1, 1), (1, 0)]


@pytest.mark.parametrize(("tokens", "finish"), [(5, "length"), (None, "stop")])
def test_what_was_not_sent_was_not_finished(tokens: int | None, finish: str) -> None:
    chat = Chat("- {stream_cut: {after_tokens: 3, end: abrupt}}")
    body = json.dumps(
        {"model": "m", "stream": True, "max_tokens": tokens, "messages": [{"role": "user", "content": "x"}]}
    )
    exchange = chat.backend.receive(WireRequest("POST", "/v1/chat/completions", {}, body.encode()), 1.0, 0)
    list(exchange.watched())
    exchange.said = 3
    record = exchange.record(chat.backend.spec)
    assert record["finish"] == ""
    assert exchange.answer is not None
    exchange.said = len(exchange.answer.pieces)
    assert exchange.record(chat.backend.spec)["finish"] == finish
    assert [t["length"] for t in json.loads(json.dumps(record["texts"]))] == [len(exchange.answer.text)]
