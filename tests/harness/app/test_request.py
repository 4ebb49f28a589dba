"""A user's request: what is filled in where."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.app.request import request_for
from brownout.harness.app.session import Session
from brownout.harness.app.talk import Talk
from brownout.harness.config.answer import TextSpec
from brownout.harness.config.app import AnswerSpec, ConversationSpec, RouteSpec

ANSWER = AnswerSpec(json="$.a")


def test_a_body_of_data_is_sent_as_json() -> None:
    route = RouteSpec("/ask", ANSWER, body={"q": "{prompt}", "by": ["{user}", 3], "n": None})
    made = request_for(route, 'Why "so"?', "u1")
    assert json.loads(made["body"]) == {"q": 'Why "so"?', "by": ["u1", 3], "n": None}
    assert made["headers"] == {"content-type": "application/json"}
    assert (made["method"], made["path"]) == ("POST", "/ask")


def test_a_question_in_the_path_stays_one_value() -> None:
    route = RouteSpec("/ask?q={prompt}&by={user}", ANSWER, method="GET")
    assert request_for(route, "a&b #1? 50%", "ü")["path"] == "/ask?q=a%26b%20%231%3F%2050%25&by=%C3%BC"


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_the_routes_own_content_type_counts(name: str) -> None:
    made = request_for(RouteSpec("/", ANSWER, headers={name: "application/x"}, body={"q": "{prompt}"}), "x", "u")
    assert made["headers"] == {"content-type": "application/x"}


def test_a_text_is_sent_as_it_is() -> None:
    made = request_for(RouteSpec("/", ANSWER, body="q={prompt}", headers={"X-User": "{user}"}), "x y", "u")
    assert made["body"] == b"q=x y"
    assert made["headers"] == {"x-user": "u"}


HISTORY = [{"role": "user", "content": "Hé?"}, {"role": "assistant", "content": 'So "{env.BROWNOUT_SECRET}"\n'}]
NOW = {"role": "user", "content": "{user} {messages}?"}


def talk() -> Talk:
    return Talk("conversation-4", list(HISTORY), {"id": "a/b 1", "stray": "x"})


def conversational(**given: Any) -> RouteSpec:
    return RouteSpec("/", ANSWER, **given, conversation=ConversationSpec(take={"id": "$.id", "other": "$.o"}))


def test_messages_and_history_become_lists() -> None:
    route = conversational(
        body={"m": "{messages}", "in": ["{history}"], "c": "{conversation}", "i": "{conversation.id}"}
    )
    body = json.loads(request_for(route, NOW["content"], "u", talk=talk())["body"])
    assert body == {"m": [*HISTORY, NOW], "in": [HISTORY], "c": "conversation-4", "i": "a/b 1"}
    whole = request_for(conversational(body="{messages}"), "Why?", "u", talk=Talk("c"))
    assert json.loads(whole["body"]) == [{"role": "user", "content": "Why?"}]
    assert whole["headers"] == {"content-type": "application/json"}


def test_messages_within_a_text_are_json() -> None:
    route = conversational(
        body="so far: {history}; now: {messages}", headers={"x": "h={history}"}, method="GET"
    )  # and no content type: it is a text
    made = request_for(replace(route, path="/{messages}"), "Why \ud83d?", "u", talk=talk())
    before, now = made["body"].decode().removeprefix("so far: ").split("; now: ")
    messages = [*HISTORY, {"role": "user", "content": "Why \ud83d?"}]
    assert (json.loads(before), json.loads(now)) == (HISTORY, messages)
    assert made["headers"]["x"].isascii(), "it can stand in a header"
    assert json.loads(made["headers"]["x"].removeprefix("h=")) == HISTORY
    assert json.loads(unquote(made["path"][1:])) == messages
    assert "content-type" not in made["headers"]


def test_what_was_not_taken_yet_is_empty() -> None:
    route = conversational(body=["{prompt}", "{conversation.id}", "{conversation.other}"])
    assert json.loads(request_for(route, "Why?", "u", talk=talk())["body"]) == ["Why?", "a/b 1", ""]
    assert json.loads(request_for(route, "Why?", "u", talk=Talk("c"))["body"]) == ["Why?", "", ""]


def test_values_stay_whole_in_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWNOUT_SECRET", "s&?#/ é%20")
    route = replace(
        conversational(body="{prompt}"),
        path="/{tenant}/{login.t}/{conversation.id}?k={env.BROWNOUT_SECRET}&c={conversation}",
    )
    made = request_for(route, "?", "u", tenant="a b/c", session=Session(values={"t": "1/2"}), talk=talk())
    assert made["path"] == "/a%20b%2Fc/1%2F2/a%2Fb%201?k=s%26%3F%23%2F%20%C3%A9%2520&c=conversation-4"


def test_the_routes_headers_go_before_the_sessions_and_those_before_the_tenants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BROWNOUT_SECRET", "s3cret")
    tenant = {"X-Tenant": "{tenant}", "Authorization": "Bearer {env.BROWNOUT_SECRET}", "Cookie": "t=1", "x-a": "tenant"}
    session = Session({"cookie": "sid=7"}, {"token": "tok"})
    route = RouteSpec("/", ANSWER, headers={"x-A": "{login.token}"}, body="{prompt}")
    made = request_for(route, "?", "u", tenant="acme", headers=tenant, session=session)
    assert made["headers"] == {
        "x-tenant": "acme",
        "authorization": "Bearer s3cret",
        "cookie": "t=1; sid=7",
        "x-a": "tok",
    }


HOSTILE = "{env.BROWNOUT_SECRET} {user} {login.t} {messages} {prompt}"


def test_what_a_value_brings_in_is_never_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes prompts, answers, cookies, tokens or ids must not get at brownout's environment."""
    monkeypatch.setenv("BROWNOUT_SECRET", "s3cret")
    said = Talk(HOSTILE, [{"role": "assistant", "content": HOSTILE}], {"id": HOSTILE})
    names = ("prompt", "user", "tenant", "login.t", "conversation", "conversation.id", "messages", "history")
    text = " | ".join(f"{{{name}}}" for name in names)
    route = replace(
        conversational(body={"a": text, "b": "{messages}", "c": "{history}"}, headers={"x": text}),
        path="/" + "/".join(f"{{{name}}}" for name in names),
    )
    session = Session({"cookie": f"a={HOSTILE}"}, {"t": HOSTILE})
    made = request_for(route, HOSTILE, HOSTILE, tenant=HOSTILE, headers={"y": "{tenant}"}, session=session, talk=said)
    assert "s3cret" not in json.dumps({**made, "body": made["body"].decode()})
    assert made["headers"]["cookie"] == f"a={HOSTILE}"
    assert made["headers"]["y"] == HOSTILE
    body = json.loads(made["body"])
    assert body["a"].split(" | ")[:6] == [HOSTILE] * 6
    assert body["b"] == [*said.history, {"role": "user", "content": HOSTILE}]
    assert made["path"].count("BROWNOUT_SECRET") == 9, "each of eight values once, and messages twice"


@given(st.text(), st.text())
def test_any_prompt_arrives_as_it_is(prompt: str, answer: str) -> None:
    said = Talk("c", [{"role": "assistant", "content": answer}])
    made = request_for(conversational(body={"q": "{prompt}", "m": "{messages}"}), prompt, "u", talk=said)
    assert json.loads(made["body"]) == {"q": prompt, "m": [*said.history, {"role": "user", "content": prompt}]}


def test_a_cookie_of_the_route_does_not_log_its_user_out() -> None:
    route = RouteSpec("/ask", AnswerSpec(text=TextSpec()), body="{prompt}", headers={"Cookie": "lang=de"})
    made = request_for(route, "why?", "u", headers={"cookie": "t=1"}, session=Session({"cookie": "sid=7"}))
    assert made["headers"]["cookie"] == "t=1; sid=7; lang=de"
    assert "cookie" not in request_for(replace(route, headers={}), "why?", "u")["headers"]
