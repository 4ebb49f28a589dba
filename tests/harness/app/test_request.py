"""A user's request: what is filled in where."""

import json

import pytest

from brownout.harness.app.request import request_for
from brownout.harness.config.app import AnswerSpec, RouteSpec

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
