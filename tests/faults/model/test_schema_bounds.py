"""Schemas that would keep a backend busy: what one call asks for must not hold up the others."""

import time
from random import Random

import pytest

from brownout.faults.model.schema import SchemaError, example


def made(schema: dict[str, object]) -> object:
    return example(schema, Random(1), lambda most: "word " * 12 if most is None else ("word " * 12)[:most])


@pytest.mark.parametrize(
    "pattern", [r"^([0-9a-f-]+)+Z$", r"^(([a-z:/.0-9])+)+\$$", r"^(a|a)*b$", r"^(\w+\s?)*$"]
)  # each takes exponential time to not match a text
@pytest.mark.parametrize("form", ["uuid", "uri", None])
def test_a_pattern_is_never_matched_against_a_text(pattern: str, form: str | None) -> None:
    started = time.monotonic()
    text = made({"type": "string", "pattern": pattern, **({"format": form} if form else {})})
    assert isinstance(text, str)
    assert time.monotonic() - started < 1.0


def test_what_must_be_very_long_is_refused() -> None:
    long = {"type": "array", "minItems": 1000, "items": {"type": "string", "minLength": 9999}}
    started = time.monotonic()
    with pytest.raises(SchemaError, match="100,000 characters"):
        made(long)
    assert time.monotonic() - started < 1.0
    assert len(str(made({**long, "minItems": 5}))) > 5 * 9999
