"""Texts for regular expressions."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.pattern import SchemaError, matching

PATTERNS = [
    "",
    "abc",
    r"^\d{4}-\d{2}-\d{2}$",
    r"^[A-Z]{3}$",
    r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
    r"^(?:EUR|USD|GBP)$",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    r"^#(?:[0-9a-fA-F]{3}){1,2}$",
    r"^\+?[1-9]\d{1,14}$",
    r"^[\w.+-]*\S$",
    r"^(a|b)\1$",
    r"^(?P<quote>['\"]).*?(?P=quote)$",
    r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$",
    r"^(?=.*\d)(?=.*[a-z])\w{8,}$",
    r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$",
    r"^(?:(?:\d\d[2468][048])-02-29|\d{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01]))T\d{2}:\d{2}Z$",
    r"^[α-ω]+$",
    r"^[^\W\d_]+\D\W$",
    r"\bword\b",
    r"^(?i:yes|no)$",
    r"^\/api\/v[1-9]\d*\/",
    r"^a++$",
]


@settings(deadline=None)
@given(st.sampled_from(PATTERNS), st.integers())
def test_a_text_matches_its_pattern(pattern: str, seed: int) -> None:
    made = matching(pattern, Random(seed))
    assert re.search(pattern, made)
    assert made.isprintable()
    assert made == matching(pattern, Random(seed))


@pytest.mark.parametrize(("shortest", "longest"), [(0, 3), (5, 5), (20, 25), (120, 120), (2000, None)])
def test_a_text_has_the_length_asked_for(shortest: int, longest: int | None) -> None:
    made = matching("^[a-z]+$", Random(1), shortest, longest)
    assert shortest <= len(made) <= (longest or 10_000)
    assert made.isalpha()


def test_names_of_groups_as_javascript_writes_them() -> None:
    assert re.fullmatch(r"(\d\d)-\1", matching(r"^(?<day>\d\d)-\k<day>$".replace(r"\k<day>", r"\1"), Random(1)))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "cannot be read"),
        (r"^\p{L}+$", "cannot be read"),
        ("^a{1000000}$", "more than 10,000"),
        ("^(?:a{500}){500}$", "more than 10,000"),
        ("^(?=b)a$", "no text was found"),
        (r"^(a)?(?(1)b|c)$", "groupref_exists"),
        (r"^[^\x00-\U0010ffff]$", "without a usual character"),
    ],
)
def test_it_gives_up_clearly(pattern: str, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        matching(pattern, Random(1))


def test_a_length_that_no_match_has() -> None:
    with pytest.raises(SchemaError, match="the length asked for"):
        matching("^ab$", Random(1), 5)
