"""What the Gemini dialect reads in a request, and what it refuses."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.values.ask import Ask, Message, WireRequest
from brownout.faults.values.fault import Dialect, Failure, dialects

KEY = {"x-goog-api-key": "any"}
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
USER = {"role": "user", "parts": [{"text": "Why?"}]}
TOOLS = [{"functionDeclarations": [{"name": "weather"}, {"name": "time"}]}]


def gemini(*models: str) -> Dialect:
    return dialects.get("gemini")(models)


def parsed(
    body: object = None, *, path: str = GENERATE, method: str = "POST", headers: dict[str, str] = KEY, models: Any = ()
) -> Ask | Failure:
    data = b"" if body is None else json.dumps(body).encode()
    return gemini(*models).parse(WireRequest(method, path, headers, data))


def asked(body: object = None, **more: Any) -> Ask:
    ask = parsed(body, **more)
    assert isinstance(ask, Ask), ask
    return ask


def generated(**body: Any) -> Ask:
    return asked({"contents": [USER], **body})


def refused(body: object = None, **more: Any) -> Failure:
    failure = parsed(body, **more)
    assert isinstance(failure, Failure), failure
    return failure


@pytest.mark.parametrize(
    "prefix", ["", "/v1", "/v1beta", "/v1alpha", "/gateway/google/v1beta", "/v1/publishers/google"]
)
@pytest.mark.parametrize(("method", "stream"), [("generateContent", False), ("streamGenerateContent", True)])
def test_the_method_in_the_path_decides_on_streaming(prefix: str, method: str, stream: bool) -> None:
    ask = asked({"contents": [USER]}, path=f"{prefix}/models/gemini-2.5-flash:{method}?alt=sse")
    assert (ask.endpoint, ask.model, ask.stream) == ("chat", "gemini-2.5-flash", stream)
    assert ask.messages == (Message("user", "Why?"),)


def test_clients_put_the_version_behind_the_base_url() -> None:
    assert gemini().base_url("http://127.0.0.1:8000") == "http://127.0.0.1:8000"


def test_turns_become_messages() -> None:
    ask = asked(
        {
            "systemInstruction": {"parts": {"text": "Be brief."}},
            "contents": [
                {
                    "parts": [
                        {"text": "one"},
                        {"inlineData": {"mimeType": "image/png", "data": "eA=="}},
                        {"text": "two"},
                    ]
                },
                {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "m"}, {"text": "a"}]},
                {"role": "model", "parts": [{"text": "rk"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "weather", "response": {"sky": 'a "blue"\none', "c": 21}}}],
                },
            ],
        }
    )
    assert ask.messages == (
        Message("system", "Be brief."),
        Message("user", "one\ntwo"),
        Message("assistant", "mark"),
        Message("tool", 'a "blue"\none\n21'),
    )
    assert ask.after_tool


def test_a_single_turn_may_stand_without_its_list() -> None:
    assert asked({"contents": USER}).messages == (Message("user", "Why?"),)


def test_the_configuration_is_read() -> None:
    ask = generated(
        generationConfig={
            "maxOutputTokens": 5,
            "stopSequences": ["END"],
            "candidateCount": 2,
            "thinkingConfig": {"includeThoughts": True},
            "responseMimeType": "application/json",
        },
        aFieldOfTomorrow=1,
    )
    assert (ask.max_tokens, ask.stop, ask.choices, ask.reasoning, ask.schema) == (5, ("END",), 2, True, {})


def test_snake_case_is_camel_case() -> None:
    camel = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {
            "maxOutputTokens": 5,
            "responseMimeType": "application/json",
            "responseSchema": {"type": "ARRAY", "minItems": "1", "items": {"anyOf": [{"type": "STRING"}]}},
            "thinkingConfig": {"includeThoughts": True},
        },
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    }
    snake = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "generation_config": {
            "max_output_tokens": 5,
            "response_mime_type": "application/json",
            "response_schema": {"type": "ARRAY", "min_items": "1", "items": {"any_of": [{"type": "STRING"}]}},
            "thinking_config": {"include_thoughts": True},
        },
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
    }
    one, other = generated(**camel), generated(**snake)
    for name in ("messages", "max_tokens", "schema", "reasoning", "tools", "tool_choice"):
        assert getattr(one, name) == getattr(other, name)
        assert getattr(one, name) not in ((), None, False, "auto")


def test_googles_schema_becomes_json_schema() -> None:
    given_schema = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "enum": ["A", "B"]},
            "age": {"type": "INTEGER", "nullable": True, "minimum": 0},
            "tags": {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}]}, "maxItems": "3"},
        },
        "required": ["type"],
        "propertyOrdering": ["type", "age"],
    }
    expected = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["A", "B"]},
            "age": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"anyOf": [{"type": "string"}]}, "maxItems": 3},
        },
        "required": ["type"],
    }
    config = {"responseMimeType": "application/json", "responseSchema": given_schema}
    assert generated(generationConfig=config).schema == expected
    (tool,) = generated(tools=[{"functionDeclarations": [{"name": "f", "parameters": given_schema}]}]).tools
    assert tool.schema == expected


@pytest.mark.parametrize("key", ["responseJsonSchema", "response_json_schema"])
def test_json_schema_stays_as_it_is(key: str) -> None:
    schema = {"type": "object", "properties": {"nullable": {"type": ["string", "null"]}}, "additionalProperties": False}
    config = {"responseMimeType": "application/json", key: schema}
    assert generated(generationConfig=config).schema == schema


def test_text_is_free_without_the_mime_type() -> None:
    assert generated(generationConfig={"responseSchema": {"type": "OBJECT"}}).schema is None


@pytest.mark.parametrize(
    ("calling", "choice", "names"),
    [
        (None, "auto", ["weather", "time"]),
        ({"mode": "AUTO"}, "auto", ["weather", "time"]),
        ({"mode": "NONE"}, "none", ["weather", "time"]),
        ({"mode": "ANY"}, "required", ["weather", "time"]),
        ({"mode": "any", "allowedFunctionNames": ["time"]}, "time", ["time"]),
        ({"mode": "ANY", "allowedFunctionNames": ["weather", "time"]}, "required", ["weather", "time"]),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["time"]}, "auto", ["time"]),
    ],
)
def test_the_tool_choice(calling: Any, choice: str, names: list[str]) -> None:
    ask = generated(
        tools=[*TOOLS, {"googleSearch": {}}], **({"toolConfig": {"functionCallingConfig": calling}} if calling else {})
    )
    assert (ask.tool_choice, [t.name for t in ask.tools]) == (choice, names)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "contents is not specified"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": ["Why?"]}, "contents[0]"),
        ({"contents": [{"role": "assistant", "parts": []}]}, "valid role: user, model"),
        ({"contents": [USER], "systemInstruction": "Be brief."}, "system_instruction"),
        ({"contents": [USER], "generationConfig": {"maxOutputTokens": 0}}, "max_output_tokens"),
        ({"contents": [USER], "generationConfig": {"candidateCount": 9}}, "candidate_count"),
        ({"contents": [USER], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].function_declarations[0].name"),
        (
            {"contents": [USER], "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
            "without function_declarations",
        ),
        (
            {
                "contents": [USER],
                "tools": TOOLS,
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["tim"]}},
            },
            "tim is not in",
        ),
    ],
)
def test_a_bad_request_is_refused(body: object, message: str) -> None:
    failure = refused(body)
    assert failure.status == 400
    assert message in failure.message


@pytest.mark.parametrize(
    "given_key", [{"headers": KEY}, {"path": GENERATE + "?key=any"}, {"headers": {"authorization": "Bearer t"}}]
)
def test_any_key_is_accepted(given_key: dict[str, Any]) -> None:
    asked({"contents": [USER]}, **{"headers": {}, **given_key})


@pytest.mark.parametrize("path", [GENERATE, GENERATE + "?key=", "/v1/models"])
def test_no_key_is_refused(path: str) -> None:
    failure = refused({"contents": [USER]}, path=path, headers={})
    assert failure.status == 403
    assert "unregistered callers" in failure.message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", GENERATE, 405),
        ("POST", "/v1beta/models/imagen:predict", 404),
        ("POST", "/v1beta/tunedModels/mine:generateContent", 404),
        ("POST", "/v1/chat/completions", 404),
    ],
)
def test_what_is_not_served(method: str, path: str, status: int) -> None:
    assert refused({"contents": [USER]}, method=method, path=path).status == status


@pytest.mark.parametrize("method", ["generateContent", "countTokens"])
def test_an_unknown_model_is_named_with_version_and_method(method: str) -> None:
    failure = refused({"contents": [USER]}, path=f"/v1alpha/models/gemini-9:{method}", models=("gemini-2.5-flash",))
    assert failure.status == 404
    assert f"models/gemini-9 is not found for API version v1alpha, or is not supported for {method}." in failure.message


def test_embeddings() -> None:
    content = {"parts": [{"text": "one"}]}
    ask = asked({"content": content, "outputDimensionality": 8}, path="/v1/models/e:embedContent")
    assert (ask.endpoint, ask.model, ask.inputs, ask.dimensions) == ("embeddings", "e", ("one",), 8)
    several = {"requests": [{"content": content}, {"content": {"parts": [{"text": "two"}]}}]}
    assert asked(several, path="/v1/models/e:batchEmbedContents").inputs == ("one", "two")
    assert refused({"requests": []}, path="/v1/models/e:batchEmbedContents").status == 400
    assert refused({}, path="/v1/models/e:embedContent").status == 400


@pytest.mark.parametrize("body", [{"contents": [USER]}, {"generateContentRequest": {"contents": [USER]}}])
def test_token_counts(body: object) -> None:
    ask = asked(body, path="/v1/models/m:countTokens")
    assert (ask.endpoint, ask.model, ask.text) == ("count_tokens", "m", "Why?")


def test_models() -> None:
    assert asked(method="GET", path="/v1beta/models?pageSize=5").endpoint == "models"
    assert asked(method="GET", path="/v1beta/models/gemini-2.5-pro").model == "gemini-2.5-pro"
    assert refused(method="GET", path="/v1/models/other", models=("gemini-2.5-pro",)).status == 404


_NAMES = """systemInstruction generationConfig tools toolConfig functionCallingConfig functionDeclarations parameters properties
items anyOf type name mode allowedFunctionNames responseMimeType responseSchema maxOutputTokens stopSequences thinkingConfig
requests content contents generateContentRequest parts role text functionResponse response outputDimensionality"""
_LEAVES = st.sampled_from([None, True, 0, 1.5, "", "user", "ANY", "OBJECT", "application/json", "\ud83d"])
_ANYTHING = st.recursive(
    _LEAVES,
    lambda s: st.dictionaries(st.sampled_from(_NAMES.split()), s, max_size=4) | st.lists(s, max_size=3),
    max_leaves=12,
)
_BODIES = st.dictionaries(st.sampled_from(_NAMES.split()), _ANYTHING, max_size=4)


@given(_BODIES, st.sampled_from(["generateContent", "embedContent", "batchEmbedContents", "countTokens"]))
def test_whatever_is_sent_is_read_or_refused(body: dict[str, Any], method: str) -> None:
    result = parsed({"contents": [USER], "content": USER, **body}, path=f"/v1/models/m:{method}")
    assert isinstance(result, Ask) or 400 <= result.status < 500
