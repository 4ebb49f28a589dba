"""What an OpenAPI document says about how an app is asked."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from brownout.harness.discover.openapi import Described, described

TEXT = {"type": "string"}


def document(path: str = "/chat", body: Any = None, said: Any = None, **more: Any) -> dict[str, Any]:
    """An OpenAPI document with one POST operation, and what else is given."""
    content = {"application/json": {"schema": body or {"properties": {"message": TEXT}}}}
    operation = {"requestBody": {"content": content}, "responses": {"200": {"content": said or {}}}}
    return {"openapi": "3.1.0", "paths": {path: {"post": operation}}, **more}


def fastapi() -> dict[str, Any]:
    """What FastAPI says of an app."""
    app = FastAPI(openapi_url="/openapi.json")

    class Options(BaseModel):
        top_k: int
        lang: str | None = None

    class Ask(BaseModel):
        tenant: str = Field(examples=["acme"])
        question: str | None
        options: Options
        tags: list[str] = []

    class Source(BaseModel):
        text: str

    class Reply(BaseModel):
        sources: list[Source]
        answer: str

    @app.post("/upload")
    def ask_upload(body: Options) -> Reply: ...  # type: ignore[empty-body]

    @app.post("/items/{item}/ask")
    def one(item: int, body: Ask) -> Reply: ...  # type: ignore[empty-body]

    @app.post("/v1/answers")
    def ask(body: Ask) -> Reply: ...  # type: ignore[empty-body]

    @app.get("/internal/healthz")
    def healthz() -> dict[str, str]: ...  # type: ignore[empty-body]

    @app.post("/plain", response_class=PlainTextResponse)
    def plain(body: Ask) -> str: ...  # type: ignore[empty-body]

    return app.openapi()


def test_what_fastapi_says() -> None:
    found = described(fastapi())
    assert found == Described(
        "/v1/answers",
        {"question": "{prompt}", "tenant": "acme", "options": {"top_k": 1}},
        {"json": "$.answer"},
        "/internal/healthz",
    )


SWAGGER = {
    "swagger": "2.0",
    "basePath": "/api",
    "paths": {
        "/complete": {
            "post": {
                "parameters": [{"in": "body", "schema": {"$ref": "#/definitions/Ask"}}],
                "responses": {"200": {"schema": {"type": "array", "items": {"$ref": "#/definitions/Reply"}}}},
            }
        },
        "/health": {"get": {}},
    },
    "definitions": {
        "Ask": {"allOf": [{"$ref": "#/definitions/Base"}, {"properties": {"prompt": TEXT}, "required": ["prompt"]}]},
        "Base": {"properties": {"n": {"type": "integer", "default": 3}}, "required": ["n"]},
        "Reply": {"properties": {"id": {"type": "integer"}, "output": {"properties": {"text": TEXT}}}},
    },
}


def test_swagger_2() -> None:
    expected = Described("/api/complete", {"prompt": "{prompt}", "n": 3}, {"json": "$[0].output.text"}, "/api/health")
    assert described(SWAGGER) == expected


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"text/event-stream": {}}, {"sse": {"text": "$.delta"}}),
        ({"text/event-stream; charset=utf-8": {}}, {"sse": {"text": "$.delta"}}),
        ({"application/x-ndjson": {}}, {"ndjson": {"text": "$.delta"}}),
        ({"text/plain": {"schema": TEXT}}, {"text": True}),
        ({"application/json": {"schema": TEXT}}, {"json": "$"}),
        ({"application/json": {"schema": {}}}, None),
        ({}, None),
        (
            {"application/json": {"schema": {"properties": {"choices": {"type": "array", "items": {"properties": {
                "message": {"properties": {"role": TEXT, "content": TEXT}}}}}}}}},
            {"json": "$.choices[0].message.content"},
        ),
    ],
)  # fmt: skip
def test_answers(said: dict[str, Any], answer: dict[str, Any] | None) -> None:
    found = described(document(said=said))
    assert found
    assert found.answer == answer


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"properties": {"messages": {"type": "array"}}}, {"messages": [{"role": "user", "content": "{prompt}"}]}),
        ({"properties": {"a": TEXT, "user_message": TEXT}}, {"user_message": "{prompt}"}),
        ({"properties": {"a": TEXT}}, {"a": "{prompt}"}),
        ({"properties": {"q": {"type": ["null", "string"]}}}, {"q": "{prompt}"}),
        (
            {
                "properties": {
                    "q": TEXT, "kind": {"enum": ["x", "y"]}, "b": {"type": "boolean"}, "who": {"example": "{env.X}"}, "s": TEXT,
                },
                "required": ["kind", "b", "who", "s"],
            },
            {"q": "{prompt}", "kind": "x", "b": True, "who": "text", "s": "text"},
        ),
    ],
)  # fmt: skip
def test_bodies(body: dict[str, Any], sent: dict[str, Any]) -> None:
    found = described(document(body=body))
    assert found
    assert found.body == sent


@pytest.mark.parametrize(
    ("servers", "path"),
    [
        ([{"url": "/api/v2/"}], "/api/v2/chat"),
        ([{"url": "http://x:80/y"}], "/y/chat"),
        ([{"url": "http://x"}], "/chat"),
    ],
)
def test_the_path_of_the_server_comes_first(servers: list[dict[str, str]], path: str) -> None:
    found = described(document(servers=servers))
    assert found
    assert found.path == path


@pytest.mark.parametrize(
    "nothing",
    [
        None, [], {}, {"paths": []}, {"paths": {"/chat": {"post": {}}}}, document("/chat/{id}"),
        document(body={"properties": {"n": {"type": "integer"}}}), document(body={"$ref": "#/nowhere"}),
        document(body={"$ref": "#/paths"}), {"paths": {"/chat": {"get": document()["paths"]["/chat"]["post"]}}},
    ],
)  # fmt: skip
def test_documents_without_such_a_route(nothing: object) -> None:
    assert described(nothing) is None


def test_a_document_that_refers_to_itself_ends() -> None:
    loop = {"properties": {"message": TEXT, "next": {"$ref": "#/components/schemas/A"}}, "required": ["next"]}
    one, two, many = ({"$ref": f"#/components/schemas/{name}"} for name in ("A", "B", "C"))
    schemas = {"A": loop, "B": {"allOf": [two, two]}, "C": {"properties": {f"x{i}": many for i in range(30)}}}
    for said in (two, many):
        found = described(
            document("/chat", one, {"application/json": {"schema": said}}, components={"schemas": schemas})
        )
        assert found
        assert found.path == "/chat"
        assert found.answer is None


KEYS = st.sampled_from(
    ["$ref", "allOf", "anyOf", "type", "properties", "required", "items", "enum", "content", "schema", "application/json",
     "post", "requestBody", "responses", "200", "parameters", "in", "/chat", "message"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["#/paths", "#", "string", "array", "body", "x"])
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))


@given(body=JSON, said=JSON, item=JSON)
@example(body={"anyOf": True, "allOf": 7}, said={"application/json": {"schema": {"required": 1}}}, item={"post": []})
@example(body={"properties": {"message": {"type": "string"}}, "required": True}, said=None, item=[None])
def test_no_document_breaks_it(body: Any, said: Any, item: Any) -> None:
    made = document(body=body, said=said)
    made["paths"]["/other"] = item
    made["servers"] = item
    described(made)
