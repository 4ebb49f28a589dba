"""What the JSON Schemas of durations, shares and numbers take is what is read."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter

from brownout.faults.values.units import Number, Seconds, Share, parse_number, parse_seconds, parse_share

KINDS: dict[str, tuple[Any, Callable[[object], float]]] = {
    "seconds": (Seconds, parse_seconds),
    "share": (Share, parse_share),
    "number": (Number, parse_number),
}
TEXTS = st.text("0123456789.+-eE% msuinhcMSUINHCx", max_size=8) | st.sampled_from(
    ["2 parsecs", "1.5 MIN", "95 %", "1e3"]
)
VALUES = (
    TEXTS
    | st.integers(-2, 10**9)
    | st.floats(-2, 1e9)
    | st.booleans()
    | st.none()
    | st.lists(st.integers(), max_size=1)
)


def above_one(written: str) -> bool:
    number, percent, rest = written.replace(" ", "").partition("%")
    return (
        bool(number) and not rest and number.replace(".", "", 1).isdigit() and float(number) > (100 if percent else 1)
    )


@pytest.mark.parametrize("kind", KINDS)
@given(value=VALUES)
@example(value="2 parsecs")
@example(value=True)
@example(value="250mS")
@example(value=" .5 H ")
@example(value="5x")
@example(value="1.e2")
@example(value="100.1%")
@example(value=10**9)
@example(value="9000h")
def test_the_schema_takes_what_is_read(kind: str, value: object) -> None:
    model, parse = KINDS[kind]
    taken = Draft202012Validator(TypeAdapter(model).json_schema()).is_valid(value)
    try:
        parse(value)
        refused = ""
    except ValueError as e:
        refused = str(e)
    # How large the number in a text is no pattern can say.
    too_large = isinstance(value, str) and ("longer than a year" in refused or (kind == "share" and above_one(value)))
    assert taken == (not refused or too_large), refused
