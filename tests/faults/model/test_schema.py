"""Examples of JSON Schemas, held against an independent validator."""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from ipaddress import ip_address
from itertools import count
from random import Random
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, HttpUrl, TypeAdapter

from brownout.faults.model.schema import SchemaError, example

SENTENCE = "This rather long sentence number {} stands for one of the sentences of watermark."
FORMATS = ("date", "date-time", "time", "duration", "email", "uri", "uuid", "hostname", "ipv4", "ipv6")


def writer() -> Callable[[int | None], str]:
    numbers = count(1)
    return lambda longest: SENTENCE.format(next(numbers))[:longest]


def made(schema: Any, seed: int = 1) -> Any:
    """An example, which is checked."""
    value = example(schema, Random(seed), writer())
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    return value


def _between(low: str, high: str, numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Two limits, one or none."""
    pair = st.tuples(numbers, numbers).map(sorted)
    both = pair.map(lambda p: {low: p[0], high: p[1]})
    return st.one_of(st.just({}), both, numbers.map(lambda n: {low: n}), numbers.map(lambda n: {high: n}))


SIZES = st.integers(0, 200)
WHOLE = st.integers(-(10**6), 10**6)
REAL = st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: round(x, 3))
TEXTS = _between("minLength", "maxLength", SIZES)
SCALARS = st.one_of(
    st.just({}),
    st.sampled_from([{"type": t} for t in ("string", "boolean", "null", "integer", "number", ["string", "null"])]),
    TEXTS.map(lambda limits: {"type": "string", **limits}),
    st.sampled_from([{"type": "string", "format": f} for f in FORMATS]),
    _between("minimum", "maximum", WHOLE).map(lambda limits: {"type": "integer", **limits}),
    _between("minimum", "maximum", REAL).map(lambda limits: {"type": "number", **limits}),
    REAL.map(lambda x: {"type": "number", "exclusiveMinimum": x}),
    REAL.map(lambda x: {"type": "number", "exclusiveMaximum": x}),
    st.tuples(WHOLE, st.integers(2, 50)).map(
        lambda t: {"type": "integer", "exclusiveMinimum": t[0], "exclusiveMaximum": t[0] + t[1]}
    ),
    st.tuples(WHOLE, st.integers(1, 99)).map(lambda t: {"type": "integer", "minimum": t[0], "multipleOf": t[1]}),
    st.tuples(st.integers(0, 50), st.sampled_from([0.01, 0.1, 0.25, 0.5, 2, 7.5])).map(
        lambda t: {"type": "number", "minimum": t[0], "multipleOf": t[1]}
    ),
    st.lists(st.one_of(st.text(max_size=5), WHOLE, st.none()), min_size=1, max_size=5).map(lambda v: {"enum": v}),
    st.text(max_size=5).map(lambda v: {"const": v}),
)
KEYWORDS = [
    "type",
    "properties",
    "items",
    "required",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "enum",
    "const",
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "pattern",
    "format",
    "prefixItems",
    "additionalProperties",
]
NAMES = st.sampled_from(["id", "name", "note", "tags", "score", "kind"])


def _nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def complete(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": [r for r in required if r in properties],
            "additionalProperties": False,
        }

    lists = _between("minItems", "maxItems", st.integers(0, 5))
    return st.one_of(
        st.builds(complete, st.dictionaries(NAMES, inner, max_size=4), st.lists(NAMES, unique=True)),
        st.builds(lambda items, limits: {"type": "array", "items": items, **limits}, inner, lists),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda p: {"type": "array", "prefixItems": p, "items": False, "minItems": len(p)}
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
        inner.map(lambda s: {"anyOf": [{"type": "null"}, s]}),
        inner.map(lambda s: {"allOf": [s]}),
        inner.map(lambda s: {"allOf": [s, {"description": "what it is"}]}),
    )


SCHEMAS = st.recursive(SCALARS, _nested, max_leaves=12)


@settings(deadline=None)
@given(SCHEMAS, st.integers(0, 1000))
def test_an_example_satisfies_its_schema(schema: dict[str, Any], seed: int) -> None:
    made(schema, seed)


@settings(deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_references_are_followed(one: dict[str, Any], other: dict[str, Any]) -> None:
    made(
        {
            "$defs": {"One": one, "b/c": other},
            "definitions": {"Other": other},
            "type": "object",
            "properties": {
                "one": {"$ref": "#/$defs/One", "description": "with a sibling"},
                "other": {"$ref": "#/definitions/Other"},
                "escaped": {"$ref": "#/$defs/b~1c"},
            },
            "required": ["one", "other", "escaped"],
        }
    )


@settings(deadline=None)
@given(SCHEMAS, st.integers())
def test_the_generator_decides(schema: dict[str, Any], seed: int) -> None:
    assert example(schema, Random(seed), writer()) == example(schema, Random(seed), writer())


@settings(deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["string", "#", "#/type", "null"])
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(KEYWORDS),
                inner,
                max_size=5,
            ),
        ),
        max_leaves=20,
    )
)
def test_what_is_no_schema_is_refused_or_read_somehow(schema: Any) -> None:
    """No other error, whatever the caller sends, and always an end."""
    with suppress(SchemaError):
        json.dumps(example(schema, Random(1), writer()))


class Colour(BaseModel):
    name: Literal["red", "green"]
    share: float = Field(ge=0, le=1)


class Kind(BaseModel):
    kind: Literal["kind"]
    weight: int | None = None


class Node(BaseModel):
    """Refers to itself."""

    label: str
    score: int = Field(gt=0, lt=10, multiple_of=3)
    day: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    colours: set[Literal["a", "b", "c"]] = Field(min_length=3)
    pair: tuple[int, str]
    either: Colour | Kind = Field(discriminator=None)
    left: "Node | None"
    right: "Node | None"
    children: list["Node"]


def test_a_recursive_model_of_pydantic() -> None:
    value = made(Node.model_json_schema())
    Node.model_validate(value)
    assert len(json.dumps(value)) < 100_000
    assert set(value) == set(Node.model_fields)
    assert value["left"] is not None


def test_optional_properties_are_there_until_it_is_deep() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "id": {"type": "integer"}},
        "required": ["id"],
    }
    value, levels = made(schema), 1
    while "next" in value:
        value, levels = value["next"], levels + 1
    assert 5 <= levels <= 9


def deep(key: str, schema: Any, levels: int = 300) -> Any:
    for _ in range(levels):
        schema = {"type": "object", "properties": {"x": schema}, key: ["x"]}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"anyOf": [{"$ref": "#"}]},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 2},
        {"type": "array", "items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "minItems": 3, "maxItems": 2},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "string", "format": "uuid", "maxLength": 5},
        {"type": "integer", "minimum": 1.2, "maximum": 1.8},
        {"type": "number", "minimum": 1, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 10**400},
        {"type": "number", "minimum": 1, "maximum": 2, "multipleOf": 5},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"allOf": [{"const": 1}, {"const": 2}]},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/$defs/missing"},
        {"type": "text"},
        {"enum": []},
        {"anyOf": []},
        {"type": "object", "properties": {"a": False}, "required": ["a"]},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        deep("required", {"type": "string"}),
    ],
    ids=lambda s: json.dumps(s)[:60],
)
def test_what_nothing_satisfies_is_said_soon(schema: Any) -> None:
    began = time.monotonic()
    with pytest.raises(SchemaError):
        example(schema, Random(1), writer())
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"anyOf": [{"type": "null"}, {"const": 2}]}, 2),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 1),
        ({"anyOf": [{"type": "string", "minLength": 2, "maxLength": 1}, {"const": 2}]}, 2),
        ({"type": ["null", "boolean"], "enum": [None, True]}, True),
        ({"type": "null"}, None),
        ({"type": "object"}, {}),
        ({"type": "object", "properties": {"a": False, "b": {"const": 1}}}, {"b": 1}),
        ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}]}, 3),
        ({"allOf": [{"minimum": 3}, {"maximum": 9}, {"type": "integer", "minimum": 9}]}, 9),
        ({"allOf": [{"maximum": 9}, {"type": "integer", "maximum": 3, "minimum": 3}]}, 3),
        (
            {
                "type": "array",
                "maxItems": 1,
                "allOf": [{"items": {"minimum": 2}}, {"items": {"maximum": 2, "type": "integer"}}],
            },
            [2],
        ),
        ({"anyOf": [{"oneOf": [{"const": 2}]}], "oneOf": [{"type": "integer"}]}, 2),
        ({"$ref": "#/$defs/a", "anyOf": [{"type": "integer"}], "$defs": {"a": {"anyOf": [{"const": 2}]}}}, 2),
        ({"anyOf": [{"const": 1}], "allOf": [{"anyOf": [{"type": "integer"}]}]}, 1),
        (
            {
                "allOf": [
                    {"properties": {"a": {"minimum": 2}}},
                    {"properties": {"a": {"maximum": 2, "type": "integer"}}, "required": ["a"]},
                ]
            },
            {"a": 2},
        ),
        ({"type": "integer", "exclusiveMinimum": 4, "maximum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 4, "minimum": 4, "exclusiveMaximum": 6, "maximum": 6}, 5),
        ({"type": "number", "minimum": 0.5, "maximum": 0.5}, 0.5),
        ({"type": "number", "exclusiveMinimum": 1, "maximum": 1 + 2**-52}, 1 + 2**-52),
        ({"type": "number", "minimum": 1 - 2**-53, "exclusiveMaximum": 1}, 1 - 2**-53),
        ({"type": "string", "maxLength": 0}, ""),
        ({"type": "string", "minLength": 90, "maxLength": 90}, f"{SENTENCE.format(1)} {SENTENCE}"[:90]),
        ({"type": "string", "maxLength": 12}, "This rather "),
        ({}, SENTENCE.format(1)),
        ({"type": "object", "required": ["x"], "additionalProperties": {"type": "null"}}, {"x": None}),
    ],
    ids=lambda s: json.dumps(s)[:60],
)
def test_what_can_only_be_this(schema: Any, value: Any) -> None:
    assert made(schema) == value


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("date", date.fromisoformat),
        ("time", lambda s: time_of_day.fromisoformat(s).tzinfo is not None),
        ("date-time", lambda s: datetime.fromisoformat(s).tzinfo is not None),
        ("duration", TypeAdapter(timedelta).validate_python),
        ("uri", TypeAdapter(HttpUrl).validate_python),
        ("hostname", lambda s: re.fullmatch(r"[a-z\d]+(\.[a-z]+)+", s)),
        ("uuid", lambda s: UUID(s).version == 4),
        ("ipv6", lambda s: ip_address(s).version == 6),
        ("ipv4", lambda s: ip_address(s).version == 4),
        ("email", lambda s: re.fullmatch(r"\w+@[a-z.]+", s)),
    ],
)
def test_formats(form: str, read: Callable[[str], object]) -> None:
    for seed in range(50):
        assert read(made({"type": "string", "format": form}, seed))


def test_a_pattern_rules_over_the_format_beside_it() -> None:
    schema = {"type": "string", "format": "email", "pattern": "^[a-z0-9]+@[a-z.]+$"}
    assert re.search(schema["pattern"], str(made(schema)))


def test_what_older_schemas_and_gemini_write() -> None:
    written = {
        "type": "OBJECT",
        "properties": {
            "name": {"type": "STRING", "maxLength": "10"},
            "count": {"type": "INTEGER", "format": "int32", "minimum": 5, "exclusiveMinimum": True, "maximum": 6},
            "tags": {"type": "ARRAY", "items": {"type": "STRING", "format": "enum", "enum": ["a"]}, "minItems": "2"},
            "pair": {"type": "array", "items": [{"const": 1}, {"const": 2}]},
        },
        "propertyOrdering": ["name", "count", "tags", "pair"],
    }
    value = example(written, Random(1), writer())
    assert isinstance(value, dict)
    assert (value["name"], value["count"], value["pair"]) == ("This rathe", 6, [1, 2])
    assert value["tags"][:2] == ["a", "a"]


@pytest.mark.parametrize(
    "items",
    [
        {"enum": list(range(40))},
        {"$ref": "#/$defs/Colour"},
        {"type": "integer", "minimum": 1, "maximum": 60},
        {"type": "string"},
        {"type": "string", "maxLength": 9},
        {"type": "object", "properties": {"name": {"type": "string"}}},
    ],
    ids=str,
)
def test_unique_items(items: dict[str, Any]) -> None:
    colours = {"anyOf": [{"type": "string", "enum": [f"colour {i}" for i in range(40)]}]}
    schema = {"type": "array", "items": items, "uniqueItems": True, "minItems": 40, "$defs": {"Colour": colours}}
    assert len(made(schema)) == 40


def test_free_strings_are_written_in_the_order_of_the_text() -> None:
    texts: list[str] = []

    def write(longest: int | None) -> str:
        texts.append(f"text {len(texts)}"[:longest])
        return texts[-1]

    schema = {
        "type": "object",
        "properties": {
            "tried": {"anyOf": [{"type": "object", "properties": {"a": {}, "b": False}, "required": ["a", "b"]}, {}]},
            "list": {"type": "array", "items": {"type": "string"}, "minItems": 3},
            "day": {"type": "string", "format": "date"},
            "last": {"type": "string"},
        },
    }
    value = example(schema, Random(1), write)
    assert isinstance(value, dict)
    assert [value["tried"], *value["list"], value["last"]] == texts, "nothing is written for what is given up"
