"""The lists of models of the Anthropic dialect."""

import json

import pytest

from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Data


def asked(query: str, models: tuple[str, ...] = ()) -> Ask | Failure:
    headers = {"x-api-key": "any", "anthropic-version": "2026-10-21"}
    return dialects.get("anthropic")(models).parse(WireRequest("GET", f"/v1/models{query}", headers, b""))


def page(query: str, models: tuple[str, ...] = ("a", "b", "c", "d", "e")) -> tuple[list[str], bool]:
    read = asked(query, models)
    assert isinstance(read, Ask), read
    reply = dialects.get("anthropic")(models).reply(read, Answer((), ""), Stamp("0" * 32, 1))
    (data,) = [a for a in reply if isinstance(a, Data)]
    made = json.loads(data.body)
    names = [m["id"] for m in made["data"]]
    assert (made["first_id"], made["last_id"]) == ((names[0], names[-1]) if names else (None, None))
    return names, made["has_more"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", (["a", "b", "c", "d", "e"], False)),
        ("?limit=2", (["a", "b"], True)),
        ("?limit=2&after_id=b", (["c", "d"], True)),
        ("?limit=2&after_id=c", (["d", "e"], False)),
        ("?after_id=e", ([], False)),
        ("?limit=2&before_id=e", (["c", "d"], True)),
        ("?limit=2&before_id=c", (["a", "b"], False)),
        ("?limit=2&before_id=a", ([], False)),
    ],
)
def test_pages_of_models(query: str, shown: tuple[list[str], bool]) -> None:
    assert page(query) == shown


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "99999999999"])
def test_a_limit_that_is_none(limit: str) -> None:
    assert isinstance(asked(f"?limit={limit}"), Failure)


def test_a_backend_for_any_model_lists_some() -> None:
    assert page("", ())[0]
