"""Conversations: what is said so far, and what replies give."""

from __future__ import annotations

import json

import pytest

from brownout.harness.app.talk import Talk, taken

ID = {"id": "$.id"}


def sse(*data: str) -> str:
    return "".join(f"data: {text}\n\n" for text in data)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"id": "c1", "text": "id"}', {"id": "c1"}),
        ('{\n "id": 7\n}', {"id": "7"}),
        ('{"id": {"a": "ü"}}', {"id": '{"a": "ü"}'}),
        ('{"id": null}', {}),
        ('{"other": 1}', {}),
        ("no JSON at all", {}),
        ("", {}),
        (sse('{"id": "first"}', '{"id": "last"}', '{"t": "word"}', "[DONE]"), {"id": "last"}),
        (sse('{"id": "first"}', '{"id": null}'), {"id": "first"}),
        ('event: meta\r\ndata: {"id":\r\ndata: "lines"}\r\n\r\n' + sse("text, not JSON"), {"id": "lines"}),
        (sse('{"id": "first"}') + 'data: {"id": "without an empty line"}', {"id": "without an empty line"}),
        ('{"id": "a"}\n{"id": "b\u2028c"}\r\n{"t": "word"}\n{"cut": ', {"id": "b\u2028c"}),
        ('f:{"id":"msg-1"}\n0:"word"\nd:{"finishReason":"stop"}\n', {"id": "msg-1"}),
    ],
)
def test_values_are_taken_from_replies_of_every_format(body: str, found: dict[str, str]) -> None:
    assert taken(ID, body) == found
    assert taken({}, body) == {}


def test_each_value_is_the_last_that_came() -> None:
    body = sse('{"id": 1, "mode": "a"}', '{"id": 2}', '{"mode": null}')
    assert taken({"id": "$.id", "mode": "$.mode", "none": "$.none"}, body) == {"id": "2", "mode": "a"}
    assert taken({"id": "$.ids[*]"}, json.dumps({"ids": ["x", "y"]})) == {"id": "x"}


def test_a_turn_becomes_part_of_the_conversation() -> None:
    talk = Talk("c", values={"id": "1", "mode": "a"})
    talk.heard("Why?", "So.", {"id": "2"})
    talk.heard("And?", "Then.", {})
    assert [(m["role"], m["content"]) for m in talk.history] == [
        ("user", "Why?"),
        ("assistant", "So."),
        ("user", "And?"),
        ("assistant", "Then."),
    ]
    assert talk.values == {"id": "2", "mode": "a"}
