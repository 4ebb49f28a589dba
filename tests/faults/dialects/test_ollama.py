"""Ollama's own API without a server: what requests ask for, and the bytes of replies."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator

from brownout.faults.values.answer import Answer, Pace, Usage
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, dialects
from brownout.faults.values.reply import Data

from .support import PERSON, STAMP, WEATHER, answer, answers, ask, asked, played, reference, refusal

HI = [{"role": "user", "content": "Why?"}]
OLLAMA = dialects.get("ollama")()
CALL = ("get_weather", '{"city":"Oslo"}')


def lines(body: bytes) -> list[dict[str, Any]]:
    assert body.endswith(b"\n")
    return [json.loads(line) for line in body[:-1].split(b"\n")]


def chat(**body: Any) -> Ask:
    return ask(OLLAMA, "/api/chat", {"model": "llama3.2", "messages": HI, **body})


def schema(name: str) -> dict[str, Any]:
    spec = yaml.load(reference("ollama/openapi.yaml").read_text(), yaml.CSafeLoader)
    return {**spec["components"]["schemas"][name], "components": spec["components"]}


class TestRequests:
    def test_it_is_the_default_to_stream(self) -> None:
        assert chat().stream
        assert chat(stream=True).stream
        assert not chat(stream=False).stream
        assert ask(OLLAMA, "/api/generate", {"model": "m", "prompt": "Why?"}).stream

    def test_what_a_chat_asks_for(self) -> None:
        messages = [
            {"role": "system", "content": "Be brief."},
            *HI,
            {"role": "assistant", "content": "", "tool_calls": []},
            {"role": "tool", "tool_name": "get_weather", "content": "sunny"},
        ]
        options = {"num_predict": 12, "stop": ["END"], "temperature": 0}
        made = chat(messages=messages, tools=[WEATHER], options=options, think="high", format=PERSON, keep_alive="5m")
        assert [m.role for m in made.messages] == ["system", "user", "assistant", "tool"]
        assert made.after_tool
        assert [t.name for t in made.tools] == ["get_weather"]
        assert made.tools[0].schema == WEATHER["function"]["parameters"]
        assert (made.endpoint, made.max_tokens, made.stop) == ("chat", 12, ("END",))
        assert made.reasoning
        assert made.schema == PERSON

    def test_what_a_completion_asks_for(self) -> None:
        made = ask(OLLAMA, "/api/generate", {"model": "m", "system": "Be brief.", "prompt": "Why?", "format": "json"})
        assert made.endpoint == "completions"
        assert made.messages == (Message("system", "Be brief."), Message("user", "Why?"))
        assert made.schema == {}

    @pytest.mark.parametrize(("form", "schema"), [(None, None), ("", None), ("json", {}), ({}, {}), (PERSON, PERSON)])
    def test_the_format(self, form: object, schema: object) -> None:
        assert chat(format=form).schema == schema

    @pytest.mark.parametrize("most", [-1, 0, -2])
    def test_no_limit(self, most: int) -> None:
        assert chat(options={"num_predict": most}).max_tokens is None

    @pytest.mark.parametrize(
        ("path", "body", "said"),
        [
            ("/api/chat", None, "missing request body"),
            ("/api/chat", {"messages": HI}, "model is required"),
            ("/api/chat", {"model": "m", "messages": "Why?"}, "ChatRequest.messages of type []api.Message"),
            ("/api/chat", {"model": "m", "messages": ["Why?"]}, "ChatRequest.messages of type api.Message"),
            ("/api/chat", {"model": "m", "messages": [{"role": "user", "content": [{}]}]}, "of type string"),
            ("/api/chat", {"model": "m", "messages": HI, "tools": "all"}, "ChatRequest.tools of type api.Tools"),
            ("/api/chat", {"model": "m", "messages": HI, "options": {"num_predict": "12"}}, '"num_predict" must be'),
            ("/api/chat", {"model": "m", "messages": HI, "format": "yaml"}, 'invalid format: "yaml"'),
            ("/api/generate", {"model": "m", "prompt": 3}, "GenerateRequest.prompt of type string"),
            ("/api/embed", {"model": "m", "input": [1, 2]}, "invalid input type"),
            ("/api/show", {}, "model is required"),
        ],
    )
    def test_a_bad_request_is_told_what_is_wrong(self, path: str, body: object, said: str) -> None:
        failure = asked(OLLAMA, path, body)
        assert isinstance(failure, Failure)
        reply = refusal(OLLAMA, failure)
        assert reply.head.status == 400
        assert list(reply.json) == ["error"]
        assert said in reply.json["error"]

    def test_no_key_is_asked_for(self) -> None:
        assert isinstance(asked(OLLAMA, "/api/tags", method="GET", authorization=""), Ask)

    def test_the_routes_of_openai_are_not_served_here(self) -> None:
        failure = asked(OLLAMA, "/v1/chat/completions", {"model": "m", "messages": HI})
        assert failure == Failure(404)

    @pytest.mark.parametrize("known", ["llama3.2", "llama3.2:latest"])
    def test_a_name_without_a_tag_means_the_latest(self, known: str) -> None:
        few = dialects.get("ollama")((known, "qwen3:8b"))
        for name in ("llama3.2", "llama3.2:latest", "qwen3:8b"):
            assert isinstance(asked(few, "/api/chat", {"model": name, "messages": HI}), Ask)
        for name in ("qwen3", "llama3"):
            unknown = asked(few, "/api/chat", {"model": name, "messages": HI})
            assert isinstance(unknown, Failure)
            assert refusal(few, unknown).head.status == 404
            assert refusal(few, unknown).json == {"error": f"model '{name}' not found"}
        listed = played(few, ask(few, "/api/tags", method="GET"), answer()).json
        assert [m["name"] for m in listed["models"]] == ["llama3.2:latest", "qwen3:8b"]


class TestReplies:
    def test_a_stream(self) -> None:
        said = answer("Because it is so.")
        reply = played(OLLAMA, chat(), said)
        assert reply.content_type == "application/x-ndjson"
        assert OLLAMA.framing == "ndjson"
        assert reply.parts == ["content", "finish"]
        *content, last = lines(reply.body)
        assert "".join(line["message"]["content"] for line in content) == said.text
        assert len(content) == len(said.pieces) == reply.tokens
        assert not any(line["done"] for line in content)
        assert all("done_reason" not in line and "eval_count" not in line for line in content)
        assert last["message"] == {"role": "assistant", "content": ""}
        assert (last["done"], last["done_reason"]) == (True, "stop")
        assert {line["created_at"] for line in [*content, last]} == {"2025-12-01T00:00:00Z"}

    def test_the_counters_are_those_of_the_pace(self) -> None:
        said = answer("Because it is so.", pace=Pace(0.25, 0.5, 0.125))
        reply = played(OLLAMA, chat(), said)
        last = lines(reply.body)[-1]
        assert (last["prompt_eval_count"], last["eval_count"]) == (7, len(said.pieces))
        assert last["load_duration"] == 250_000_000
        assert last["prompt_eval_duration"] == 500_000_000
        assert last["eval_duration"] == 125_000_000 * (len(said.pieces) - 1)
        assert last["total_duration"] == pytest.approx(reply.seconds * 1e9)
        still = lines(played(OLLAMA, chat(), answer("Yes", pace=Pace())).body)[-1]
        assert min(v for k, v in still.items() if k.endswith("_duration")) == 1

    def test_a_reply_that_is_not_streamed(self) -> None:
        said = answer("Because.", thinking="Hm, why?", finish="length")
        reply = played(OLLAMA, chat(stream=False, think=True), said)
        assert reply.content_type == "application/json; charset=utf-8"
        assert reply.json["message"] == {"role": "assistant", "content": "Because.", "thinking": "Hm, why?"}
        assert reply.json["done_reason"] == "length"
        assert list(reply.json)[:5] == ["model", "created_at", "message", "done", "done_reason"]

    def test_a_completion(self) -> None:
        made = ask(OLLAMA, "/api/generate", {"model": "m", "prompt": "Why?", "think": True})
        said = answer("Because.", thinking="Hm, why?")
        *content, last = lines(played(OLLAMA, made, said).body)
        assert "".join(line["response"] for line in content) == "Because."
        assert "".join(line.get("thinking", "") for line in content) == "Hm, why?"
        assert last["response"] == ""

    def test_a_call_of_a_tool_comes_whole(self) -> None:
        said = answer("", CALL, ("get_weather", '{"city":"Rome"}'))
        reply = played(OLLAMA, chat(tools=[WEATHER]), said)
        first, second, last = lines(reply.body)
        (call,) = first["message"]["tool_calls"]
        assert call["function"] == {"index": 0, "name": "get_weather", "arguments": {"city": "Oslo"}}
        assert second["message"]["tool_calls"][0]["function"]["arguments"] == {"city": "Rome"}
        assert second["message"]["tool_calls"][0]["id"] != call["id"]
        assert last["done_reason"] == "stop", "there is no reason of its own for calls"
        assert reply.tokens == said.tokens
        assert reply.seconds == pytest.approx(said.seconds)
        whole = played(OLLAMA, chat(tools=[WEATHER], stream=False), said).json
        assert [c["function"]["index"] for c in whole["message"]["tool_calls"]] == [0, 1]

    @pytest.mark.parametrize("stream", [True, False])
    def test_a_broken_call_is_text(self, stream: bool) -> None:
        said = answer("", ("get_weather", '{"city": "Os'))
        body = played(OLLAMA, chat(tools=[WEATHER], stream=stream), said).body
        message = lines(body)[0]["message"] if stream else json.loads(body)["message"]
        assert message["content"] == '{"name": "get_weather", "arguments": {"city": "Os}'
        assert "tool_calls" not in message

    @pytest.mark.parametrize(
        ("path", "more"),
        [
            ("/api/chat", {"messages": []}),
            ("/api/generate", {}),
            ("/api/generate", {"prompt": "", "system": "Be brief."}),
        ],
    )
    def test_without_a_prompt_the_model_is_loaded(self, path: str, more: dict[str, Any]) -> None:
        made = ask(OLLAMA, path, {"model": "m", **more})
        assert (made.stream, made.max_tokens) == (False, 0)
        reply = played(OLLAMA, made, answer())
        assert reply.json["done_reason"] == "load"
        assert "eval_count" not in reply.json
        unload = ask(OLLAMA, path, {"model": "m", "keep_alive": 0, **more})
        assert played(OLLAMA, unload, answer()).json["done_reason"] == "unload"

    def test_embeddings(self) -> None:
        for texts, count in (("Why?", 1), (["Why?", "How?"], 2), ([], 0), ("", 0)):
            made = ask(OLLAMA, "/api/embed", {"model": "m", "input": texts, "dimensions": 3})
            assert (made.endpoint, len(made.inputs), made.dimensions) == ("embeddings", count, 3)
        said = Answer((), "m", usage=Usage(4), vectors=((0.5, 0.5, 0.0), (1.0, 0.0, 0.0)))
        reply = played(OLLAMA, made, said).json
        assert reply["embeddings"] == [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
        assert reply["prompt_eval_count"] == 4

    def test_what_the_server_has(self) -> None:
        assert played(OLLAMA, ask(OLLAMA, "/api/version", method="GET"), answer()).json.keys() == {"version"}
        made = ask(OLLAMA, "/api/show", {"model": "qwen3:8b"})
        assert (made.endpoint, made.model) == ("models", "qwen3:8b")
        shown = played(OLLAMA, made, answer()).json
        assert shown["details"]["family"] == "qwen"
        assert "completion" in shown["capabilities"]

    @pytest.mark.parametrize(
        ("failure", "text"),
        [
            (Failure(503, "overloaded"), "server busy, please try again.  maximum pending requests exceeded"),
            (Failure(429, "rate_limit"), "too many concurrent requests"),
            (Failure(418), "invalid request"),
            (Failure(500, mark="A mark."), " A mark."),
            (Failure(500, message="out of memory"), "out of memory"),
        ],
    )
    def test_errors(self, failure: Failure, text: str) -> None:
        reply = refusal(OLLAMA, failure)
        assert reply.head.status == failure.status
        assert reply.json["error"].endswith(text)
        assert list(reply.json) == ["error"]

    def test_who_is_not_known_is_told_where_to_sign_in(self) -> None:
        assert refusal(OLLAMA, Failure(401)).json.keys() == {"error", "signin_url"}

    def test_a_failure_in_a_stream_is_a_line(self) -> None:
        data, _ = OLLAMA.stream_failure(chat(), Failure(500, mark="A mark."), STAMP)
        assert isinstance(data, Data)
        (line,) = lines(data.body)
        assert list(line) == ["error"]
        assert line["error"].startswith("an error was encountered while running the model: ")
        assert line["error"].endswith(" A mark.")

    def test_what_go_escapes(self) -> None:
        text = "a<b> & c\u2028d"
        body = played(OLLAMA, chat(stream=False), answer(text)).body
        assert b"a\\u003cb\\u003e \\u0026 c\\u2028d" in body
        assert json.loads(body)["message"]["content"] == text

    @given(answers)
    def test_nothing_of_an_answer_is_lost(self, said: Answer) -> None:
        reply = played(OLLAMA, chat(tools=[WEATHER]), said)
        messages = [line["message"] for line in lines(reply.body)]
        assert "".join(m["content"] for m in messages) == said.text
        assert "".join(m.get("thinking", "") for m in messages) == "".join(said.reasoning)
        calls = [c["function"]["arguments"] for m in messages for c in m.get("tool_calls", [])]
        assert calls == [json.loads(t.arguments) for t in said.tools]
        assert reply.tokens == said.tokens == played(OLLAMA, chat(stream=False), said).tokens
        assert reply.seconds == pytest.approx(said.seconds)
        assert reply.ended


class TestSpecification:
    """Against the official specification."""

    @pytest.mark.parametrize(
        ("name", "method", "path", "body"),
        [
            ("ChatResponse", "POST", "/api/chat", {"messages": HI, "stream": False}),
            ("GenerateResponse", "POST", "/api/generate", {"prompt": "Why?", "stream": False}),
            ("EmbedResponse", "POST", "/api/embed", {"input": "Why?"}),
            ("ListResponse", "GET", "/api/tags", {}),
            ("VersionResponse", "GET", "/api/version", {}),
            ("ShowResponse", "POST", "/api/show", {}),
        ],
    )
    def test_a_reply(self, name: str, method: str, path: str, body: dict[str, Any]) -> None:
        made = ask(OLLAMA, path, {"model": "m", **body}, method)
        self.fits(name, played(OLLAMA, made, answer("Because.", CALL, thinking="Hm.")).json)

    @pytest.mark.parametrize(
        ("name", "path", "body"),
        [
            ("ChatStreamEvent", "/api/chat", {"messages": HI}),
            ("GenerateStreamEvent", "/api/generate", {"prompt": "Why?"}),
        ],
    )
    def test_a_stream(self, name: str, path: str, body: dict[str, Any]) -> None:
        made = ask(OLLAMA, path, {"model": "m", **body})
        *content, last = lines(played(OLLAMA, made, answer("Because.", CALL, thinking="Hm.")).body)
        for line in content:
            self.fits(name, line)
        self.fits(name.replace("StreamEvent", "Response"), last)

    def test_an_error(self) -> None:
        self.fits("ErrorResponse", refusal(OLLAMA, Failure(500)).json)

    @staticmethod
    def fits(name: str, data: dict[str, Any]) -> None:
        known = schema(name)
        Draft202012Validator(known).validate(data)
        left_out = {"modelfile"} if name == "ShowResponse" else set()
        assert data.keys() - left_out <= known["properties"].keys(), "no field that it does not know"
