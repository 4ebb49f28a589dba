"""Text of others is cleaned of what hides, reorders or commands, and of nothing else."""

from __future__ import annotations

import re
import unicodedata
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from brownout.harness.verdict.plain import clean, clip, one_line


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;without end\nnext line", "\nnext line"),
        ("\x1b(Bplain\x1bc", "plain"),
        ("\x1b", ""),
        ("a\x00b\x08c\x7fd\x85e", "abcd\ne"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("\u202egnp.exe\u2066x\u2069\u200f", "gnp.exex"),
        ("zero\u200bwidth\ufeff \U000e0041tag", "zerowidth tag"),
        ("\ud800half \ufffe\uffff\U0001ffff", "half "),
        ("tab\tstays", "tab\tstays"),
        ("نمی\u200cخواهم 👩\u200d💻 naïve ∞ –", "نمی\u200cخواهم 👩\u200d💻 naïve ∞ –"),
    ],
)
def test_what_is_left_out(text: str, left: str) -> None:
    assert clean(text) == left


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_what_is_left_is_harmless_and_stays_as_it_is(text: str) -> None:
    left = clean(text)
    assert clean(left) == left
    assert {c for c in left if unicodedata.category(c) in ("Cc", "Cs")} <= {"\t", "\n"}
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", left)
    assert (ET.fromstring(f"<a>{escape(left)}</a>").text or "") == left
    left.encode("utf-8")


@settings(deadline=None)
@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_short_line(text: str, most: int) -> None:
    line = one_line(text, most)
    assert len(line) <= most
    assert line == " ".join(line.split())


def test_what_is_cut_ends_in_an_ellipsis() -> None:
    assert clip("abcdef", 6) == "abcdef"
    assert clip("abcdefg", 6) == "abcde…"
    assert one_line("\x1b" * 10_000 + "a", 10) == "…", "nothing is left silently out"
