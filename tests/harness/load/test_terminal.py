"""What people see of a command's output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.load.terminal import Escapes, Line, settled

ESCAPED = [
    (b"\x1b[1;31mred\x1b[0m", b"red"),
    (b"bold\x1b(B\x1b[m", b"bold"),  # what `tput sgr0` says
    (b"\x1b7\x1b[?25lx\x1b8\x1b=", b"x"),
    (b"\x1b]0;a title\x07x", b"x"),
    (b"\x1b]8;;http://a.example/\x1b\\link\x1b]8;;\x1b\\", b"link"),
    (b"\x1bP1$r\x1b\\x", b"x"),
    (b"\x1b]0;never ended\nnext", b"\nnext"),
    ("\u00dcber \u26a1\x1b[K".encode(), "\u00dcber \u26a1".encode()),
    (b"\x1b[12\nx", b"\nx"),
    (b"x\x1b\ny", b"x\ny"),
]


@pytest.mark.parametrize(("written", "text"), ESCAPED)
def test_escapes_are_no_text_however_they_come(written: bytes, text: bytes) -> None:
    for size in range(1, len(written) + 1):
        escapes = Escapes()
        parts = [written[i : i + size] for i in range(0, len(written), size)]
        assert b"".join(map(escapes.strip, parts)) == text, size


@given(st.lists(st.binary()).map(lambda parts: [p.replace(b"\x1b", b"") for p in parts]))
def test_without_escapes_nothing_is_lost_or_held_back(parts: list[bytes]) -> None:
    escapes = Escapes()
    assert [escapes.strip(p) for p in parts] == parts


def test_an_escape_that_does_not_end_does_not_hold_everything_back() -> None:
    escapes = Escapes()
    sent = [b"\x1b]", *[b"x" * 1000] * 10]
    assert len(b"".join(map(escapes.strip, sent))) >= 5000


def shows(*pieces: str) -> list[bool]:
    line = Line()
    return [line.shows(p) for p in pieces]


@pytest.mark.parametrize(
    ("pieces", "new"),
    [
        (["one ", "two", " ", "\n", "three"], [True, True, False, False, True]),
        (["\r| wait", "\r/ wait", "\r- wait", "\n"], [True, False, False, False]),
        (["|", "\b/", "\b-", "\bdone"], [True, False, False, True]),
        (["wait", "\r" + " " * 80 + "\r", "The", " answer"], [True, False, False, True]),
        (["10 %\r", "20 %\r", "100 %\r"], [True, False, True]),
        (["one\r\n", "two\r\n", "\r\n"], [True, True, False]),
        (["wait\r", "\n", "x"], [True, False, True]),
        (["long line\nx", "y\nz\n", " \n \n"], [True, True, False]),
        (["wait\ra\nmuch\nmore\rb", "\nx"], [True, True]),
        (["", "\u200b", "\t"], [False, False, False]),
    ],
)
def test_only_what_is_new_is_shown(pieces: list[str], new: list[bool]) -> None:
    assert shows(*pieces) == new


@given(st.lists(st.text("ab \n")))
def test_where_nothing_is_written_over_all_but_blanks_is_new(pieces: list[str]) -> None:
    assert shows(*pieces) == [bool(p.strip()) for p in pieces]


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("a\r\nb\r\n", "a\nb\n"),
        ("| wait\r/ wait\rDone.\nx", "Done.\nx"),
        ("100 %\r", "100 %"),
        ("|\b/\b-\bDone", "Done"),
        ("\b\bx", "x"),
        ("plain", "plain"),
    ],
)
def test_what_was_written_over_is_no_text(text: str, stays: str) -> None:
    assert settled(text) == stays
