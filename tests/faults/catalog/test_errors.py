"""Errors: statuses in the provider's words and in an edge's, what says when to come back, and errors under status 200."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from brownout.faults.catalog.http_error import HttpError
from brownout.faults.catalog.ok_with_error import OkWithError
from brownout.faults.catalog.rate_limited import RateLimited
from brownout.faults.catalog.wrong_content_type import WrongContentType
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_rules
from brownout.faults.values.distribution import Fixed
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import Fault
from brownout.faults.values.reply import Acquire, End, Head, Wait

from .wires import CHAT, chat

WORDS = {
    "openai": "error.message",
    "anthropic": "error.message",
    "gemini": "error.message",
    "ollama": "error",
    "mistral": "message",
    "cohere": "message",
}
"""Where each dialect has the text of an error."""


def text(dialect: str, body: bytes) -> str:
    value: Any = json.loads(body)
    for key in WORDS[dialect].split("."):
        value = value[key]
    return str(value)


def rule(written: str) -> Fault:
    document = Document.parse(f"- {written}")
    return parse_rules(document, document.data, ()).rules[0].fault


@pytest.mark.parametrize("dialect", list(CHAT))
@pytest.mark.parametrize("stream", [True, False])
def test_a_status_comes_in_the_providers_words_with_a_mark(dialect: str, stream: bool) -> None:
    played = chat(dialect, stream=stream).play(HttpError(503))
    assert played.head.status == 503
    assert text(dialect, played.body).endswith("The marked sentence.")
    assert not any(isinstance(a, Acquire) for a in played.actions), "the model is not reached"


def test_a_kind_picks_the_words_and_a_message_replaces_them() -> None:
    on = chat("openai", stream=False)
    assert json.loads(on.play(HttpError(400, kind="context_length")).body)["error"]["code"] == "context_length_exceeded"
    assert "credit balance" in text(
        "anthropic", chat("anthropic", stream=False).play(HttpError(400, kind="quota")).body
    )
    assert text("openai", on.play(HttpError(418, message="Short and stout.")).body).startswith("Short and stout. The ")


@pytest.mark.parametrize(
    ("status", "title"), [(502, "Bad gateway"), (522, "Connection timed out"), (529, "Server Error")]
)
def test_an_edges_page(status: int, title: str) -> None:
    played = chat("openai", stream=True).play(HttpError(status, body="html"))
    page = played.body.decode()
    assert played.head.status == status
    assert played.headers["content-type"] == "text/html; charset=UTF-8"
    assert played.headers["server"] == "cloudflare"
    assert f"<title>api.example.com | {status}: {title}</title>" in page
    assert played.headers["cf-ray"].removesuffix("-FRA") in page
    assert "Your IP: 203.0.113.7" in page
    assert "The marked sentence." in page
    assert "x-request-id" not in played.headers, "the provider did not see the call"


def test_a_message_on_a_page_is_text() -> None:
    page = chat("openai", stream=True).play(HttpError(502, message="<b>&", body="html")).body.decode()
    assert "&lt;b&gt;&amp; The marked sentence." in page


def test_a_line_of_text_and_no_body() -> None:
    on = chat("anthropic", stream=False)
    line = on.play(HttpError(503, body="text"))
    assert (line.headers["content-type"], line.body) == ("text/plain", b"Service Unavailable The marked sentence.")
    nothing = on.play(HttpError(520, 3.0, body="empty"))
    assert (nothing.head.status, nothing.head.length, nothing.data) == (520, 0, [])
    assert nothing.headers["retry-after"] == "3"
    assert "content-type" not in nothing.headers


def test_an_error_that_comes_late_takes_a_slot_meanwhile() -> None:
    played = chat("openai", stream=True).play(HttpError(524, body="html", after=Fixed(100.0)))
    slot, wait, head, *_, end = played.actions
    assert isinstance(slot, Acquire)
    assert wait == Wait(100.0, "http_error")
    assert isinstance(head, Head)
    assert isinstance(end, End)


@pytest.mark.parametrize(
    ("written", "headers"),
    [
        ("{retry_after: 1.2s}", {"retry-after": "2"}),
        ("{retry_after: 0}", {"retry-after": "0"}),
        ("{retry_after: -5s}", {"retry-after": "-5"}),
        ("{retry_after: -0.25}", {"retry-after": "0"}),
        ("{retry_after: 10m}", {"retry-after": "600"}),
        ("{retry_after: 1.5s, retry_after_as: decimal}", {"retry-after": "1.5"}),
        ("{retry_after: 250ms, retry_after_as: ms}", {"retry-after-ms": "250"}),
        ("{retry_after: null, should_retry: false}", {"x-should-retry": "false"}),
        ("{retry_after: 1, should_retry: true}", {"retry-after": "1", "x-should-retry": "true"}),
        ("{retry_after: 1, headers: {Retry-After: soon, x-more: 1}}", {"retry-after": "soon", "x-more": "1"}),
        ("{headers: {retry-after: ''}}", {}),
    ],
)
@pytest.mark.parametrize("fault", ["rate_limited", "http_error"])
def test_what_says_when_to_come_back(fault: str, written: str, headers: dict[str, str]) -> None:
    if fault == "http_error":
        written = written.replace("{", "{status: 429, ", 1)
    found = chat("openai", stream=False).play(rule(f"{fault}: {written}")).head.headers
    relevant = {n: v for n, v in found if n.lower().startswith(("retry-after", "x-should", "x-more"))}
    assert relevant == headers


@pytest.mark.parametrize(("after", "seconds"), [(10.0, 10), (0.5, 1), (-30.0, -30)])
def test_retry_after_as_a_date_counts_from_the_call(after: float, seconds: int) -> None:
    on = chat("openai", stream=False)
    date = on.play(RateLimited(after, retry_after_as="date")).headers["retry-after"]
    assert date.endswith(" GMT")
    assert parsedate_to_datetime(date).timestamp() - on.call().stamp.created == seconds


@pytest.mark.parametrize("fault", [RateLimited(7.0), HttpError(429, 7.0)])
def test_gemini_says_in_its_body_too_when_to_come_back(fault: Fault) -> None:
    details = json.loads(chat("gemini", stream=False).play(fault).body)["error"]["details"]
    assert details[-1]["retryDelay"] == "7s"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "http_error: {status: 502, body: htm}",
            "'htm' is not one of provider, html, text, empty (did you mean html?)",
        ),
        ("http_error: {status: 502, body: html, kind: quota}", "kind picks words of the provider"),
        ("http_error: {status: 502, body: empty, message: Sorry}", "an empty body has no message"),
        ("http_error: {status: 502, retry_after: -1 parsec}", "http_error.retry_after: '1 parsec' is not a duration"),
        ("http_error: {status: 502, headers: {a b: c}}", "http_error.headers: 'a b' is not the name of a header"),
        ("http_error: {status: 502, headers: {a: [c]}}", "['c'] is not one line of text"),
        ('http_error: {status: 502, headers: {a: "b\\nc: d"}}', "is not one line of text"),
        ("http_error: {status: 502, headers: {Content-Length: 1}}", "see the faults wrong_length and broken_chunking"),
        ("http_error: {status: 502, headers: [a]}", "headers are a mapping of names to values"),
        ("ok_with_error: {body: html, kind: quota}", "kind picks words of the provider"),
        ("rate_limited: {retry_after_as: days}", "'days' is not one of seconds, decimal, date, ms"),
        ("idle_pings: {every: 10ms}", "idle_pings.every: '10ms' is too often; write 100ms or more"),
        ("stream_error: {kind: overload}", "(did you mean overloaded?)"),
    ],
)
def test_mistakes_are_named(written: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rule(written)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"retry_after": -5}, {"retry_after": "-5s"}, {"retry_after": "- 1.5 MIN"}, {"retry_after": "soon"}, {"retry_after": True},
        {"headers": {"a": 1}}, {"headers": {"a b": "c"}}, {"headers": {"a": None}}, {"headers": {"a": True}}, {"headers": []},
    ],
)  # fmt: skip
def test_the_schema_takes_what_is_read(given: dict[str, Any]) -> None:
    adapter = TypeAdapter(RateLimited)
    taken = Draft202012Validator(adapter.json_schema()).is_valid(given)
    try:
        adapter.validate_python(given)
        read = True
    except ValueError:
        read = False
    assert taken == read


@pytest.mark.parametrize("dialect", list(CHAT))
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_object_under_status_200(dialect: str, stream: bool) -> None:
    played = chat(dialect, stream=stream).play(OkWithError("error", "rate_limit"))
    assert played.head.status == 200
    assert played.headers["content-type"].startswith("application/json")
    assert text(dialect, played.body).endswith("The marked sentence.")
    assert any(isinstance(a, Acquire) for a in played.actions), "it is the model's server that answers so"


def test_no_answer_under_status_200() -> None:
    for stream in (True, False):
        on = chat("openai", stream=stream)
        page = on.play(OkWithError("html"))
        assert (page.head.status, page.headers["content-type"]) == (200, "text/html; charset=UTF-8")
        assert b"The marked sentence." in page.body
        null = on.play(OkWithError("json_null"))
        assert (null.headers["content-type"], json.loads(null.body)) == ("application/json", None)
        nothing = on.play(OkWithError("empty"))
        assert nothing.head.headers == on.play().head.headers
        assert nothing.head.length == (None if stream else 0)
        assert nothing.body == b""
        assert isinstance(nothing.end, End)


def test_a_body_under_another_content_type() -> None:
    on = chat("mistral", stream=True)
    plain, bare, same = (on.play(WrongContentType(t)) for t in ("text/plain", "", on.play().headers["content-type"]))
    assert plain.headers["content-type"] == "text/plain"
    assert "content-type" not in bare.headers
    assert plain.body == bare.body == on.play().body
    assert not same.injected
