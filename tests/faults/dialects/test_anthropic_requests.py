"""What the Anthropic dialect reads from requests, and what it refuses."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from brownout.faults.values.ask import Ask, Message, Tool, WireRequest
from brownout.faults.values.fault import Failure, dialects

ANTHROPIC = dialects.get("anthropic")()
OLD, NEW = "2023-06-01", "2026-10-21"
WEATHER = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


def wire(
    body: object = None,
    *,
    path: str = "/v1/messages",
    method: str = "POST",
    version: str = NEW,
    headers: Mapping[str, str] | None = None,
) -> WireRequest:
    given = {"x-api-key": "any", "anthropic-version": version} if headers is None else headers
    return WireRequest(method, path, given, b"" if body is None else json.dumps(body).encode())


def asked(*, path: str = "/v1/messages", version: str = NEW, **more: Any) -> Ask | Failure:
    """What is read from a request; a field that is `...` is left out."""
    body = {"model": "claude", "max_tokens": 9000, "messages": [{"role": "user", "content": "Why?"}], **more}
    return ANTHROPIC.parse(wire({k: v for k, v in body.items() if v is not ...}, path=path, version=version))


def ask(**more: Any) -> Ask:
    read = asked(**more)
    assert isinstance(read, Ask), read
    return read


def test_a_conversation_with_everything() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    read = ask(
        system=[{"type": "text", "text": "Be brief."}],
        messages=[
            {"role": "user", "content": [{"type": "image", "source": {}}, {"type": "text", "text": "Rain in Paris?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "Wet."}]},
                    {"type": "text", "text": "Well?"},
                ],
            },
        ],
        tools=[WEATHER, {"type": "web_search_20250305", "name": "web_search"}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        stop_sequences=["END"],
        thinking={"type": "adaptive"},
        output_config={"format": {"type": "json_schema", "schema": schema}},
        metadata={"user_id": "u7"},
        stream=True,
    )
    assert (read.endpoint, read.model, read.max_tokens, read.stream, read.stop) == (
        "chat",
        "claude",
        9000,
        True,
        ("END",),
    )
    assert read.messages == (
        Message("system", "Be brief."),
        Message("user", "Rain in Paris?"),
        Message("assistant", 'I look.\n{"city":"Paris"}'),
        Message("tool", "Wet.\nWell?"),
    )
    assert read.after_tool
    assert read.tools == (Tool("weather", WEATHER["input_schema"]),)  # type: ignore[arg-type]
    assert (read.tool_choice, read.parallel, read.schema, read.user) == ("required", False, schema, "u7")
    assert read.reasoning


def test_a_plain_conversation() -> None:
    read = ask()
    assert (read.messages, read.stream, read.tool_choice, read.schema) == (
        (Message("user", "Why?"),),
        False,
        "auto",
        None,
    )
    assert read.parallel
    assert not read.reasoning


@pytest.mark.parametrize(
    ("thinking", "shown"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, True),
        ({"type": "adaptive", "display": "omitted"}, False),
        ({"type": "disabled"}, False),
    ],
)
def test_thinking_is_shown_when_asked_for(thinking: dict[str, Any], shown: bool) -> None:
    assert ask(thinking=thinking).reasoning is shown


@pytest.mark.parametrize(
    ("choice", "neutral"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "none"}, "none"),
        ({"type": "any"}, "required"),
        ({"type": "tool", "name": "weather"}, "weather"),
        ({"type": "tool", "name": "web_search"}, "auto"),
    ],
)
def test_tool_choices(choice: dict[str, Any], neutral: str) -> None:
    tools = [WEATHER, {"type": "web_search_20250305", "name": "web_search"}]
    assert ask(tools=tools, tool_choice=choice).tool_choice == neutral


def test_any_tool_of_none_that_the_caller_runs() -> None:
    assert ask(tools=[{"type": "web_search_20250305", "name": "s"}], tool_choice={"type": "any"}).tool_choice == "auto"


def test_no_tokens_at_all_may_be_asked_for() -> None:
    assert ask(max_tokens=0).max_tokens == 0


def test_the_former_name_of_the_output_format() -> None:
    assert ask(output_format={"type": "json_schema", "schema": {"type": "object"}}).schema == {"type": "object"}


def blocks(role: str, *content: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": "Why?"}, {"role": role, "content": list(content)}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        ({"model": ...}, "model: Field required"),
        ({"messages": ...}, "messages: Field required"),
        ({"messages": "Why?"}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 'messages: Unexpected role "tool"'),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0.type: Field required"),
        ({"tools": {}}, "tools: Input should be a valid list"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.custom.name: Field required"),
        ({"tools": [WEATHER, {"name": "x"}]}, "tools.1.custom.input_schema: Field required"),
        ({"tool_choice": {"type": "any"}}, "tool_choice may only be specified while providing tools"),
        ({"tool_choice": {"type": "required"}}, "tool_choice: Input tag 'required' found"),
        ({"tool_choice": "auto"}, "tool_choice: Input tag '' found"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found in provided tools"),
        ({"stop_sequences": ["END", "\n"]}, "stop_sequences: each stop sequence must contain non-whitespace"),
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, "budget_tokens: Input should be greater"),
        ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, "`max_tokens` must be greater"),
        (
            {
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "tools": [WEATHER],
                "tool_choice": {"type": "any"},
            },
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
    ],
)
def test_what_the_api_refuses(fields: dict[str, Any], message: str) -> None:
    refused = asked(**fields)
    assert isinstance(refused, Failure), refused
    assert (refused.status, refused.kind) == (400, "bad_request")
    assert message in refused.message


CHANGED = [
    ({"temperature": 1.0}, "temperature: Extra inputs are not permitted"),
    ({"top_p": None}, "top_p: Extra inputs are not permitted"),
    ({"top_k": 4}, "top_k: Extra inputs are not permitted"),
    ({"messages": blocks("assistant", {"type": "document", "source": {}})}, "messages.1.content.0.document"),
    (
        {"messages": blocks("user", {"type": "text", "text": "x", "citations": [{}]})},
        "messages.1.content.0.text.citations: Extra inputs are not permitted",
    ),
]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(("fields", "message"), CHANGED)
def test_the_api_version_decides(fields: dict[str, Any], message: str, path: str) -> None:
    assert isinstance(asked(path=path, version=OLD, **fields), Ask)
    refused = asked(path=path, version=NEW, **fields)
    assert isinstance(refused, Failure)
    assert refused.status == 400
    assert message in refused.message


def test_what_the_new_version_still_takes() -> None:
    ask(messages=blocks("user", {"type": "document", "source": {}}))
    ask(messages=blocks("user", {"type": "text", "text": "x", "citations": []}))


@pytest.mark.parametrize("headers", [{"authorization": "Bearer any"}, {"x-api-key": "any"}])
def test_either_key_is_accepted(headers: dict[str, str]) -> None:
    request = wire(method="GET", path="/v1/models", headers={**headers, "anthropic-version": "any"})
    assert isinstance(ANTHROPIC.parse(request), Ask)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"anthropic-version": NEW}, 401, "x-api-key header is required"),
        ({"x-api-key": "any"}, 400, "anthropic-version: header is required"),
    ],
)
def test_headers_that_are_required(headers: dict[str, str], status: int, message: str) -> None:
    refused = ANTHROPIC.parse(wire(method="GET", path="/v1/models", headers=headers))
    assert isinstance(refused, Failure)
    assert (refused.status, refused.message) == (status, message)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (wire({}, path="/v1/complete"), 404),
        (wire(method="GET"), 405),
        (wire([]), 400),
        (WireRequest("POST", "/v1/messages", {"x-api-key": "k", "anthropic-version": NEW}, b"{"), 400),
    ],
)
def test_no_request_of_this_api(request_: WireRequest, status: int) -> None:
    refused = ANTHROPIC.parse(request_)
    assert isinstance(refused, Failure)
    assert refused.status == status


def test_a_prefix_and_a_query_do_not_matter() -> None:
    assert isinstance(asked(path="/gateway/anthropic/v1/messages?beta=true"), Ask)
    read = asked(path="/v1/messages/count_tokens?beta=true", max_tokens=...)
    assert isinstance(read, Ask)
    assert read.endpoint == "count_tokens"


def test_a_model_that_the_backend_has_not() -> None:
    dialect = dialects.get("anthropic")(("claude-a",))
    refused = dialect.parse(wire({"model": "claude-b", "max_tokens": 1, "messages": [{"role": "user", "content": ""}]}))
    assert refused == Failure(404, "model_not_found", model="claude-b")
    assert dialect.parse(wire(method="GET", path="/v1/models/claude-b")) == refused
