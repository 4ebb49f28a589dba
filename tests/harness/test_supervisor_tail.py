"""The end of a log, made safe to print."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.harness.supervisor.child import tail


def test_tail_shows_the_last_lines_as_plain_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(
        b"dropped\n\x1b[1;31mred\x1b[0m\r\n10%\r50%\r100%\n\x1b]0;title\x07a\tb\x00\x08\n"
        b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n\xe2\x80\xaebidi \xff \xc2\x9b5mnew\n\n\n"
    )
    assert tail(log, lines=5) == "red\n100%\na\tb\nlink\nbidi \ufffd new"
    assert tail(tmp_path / "none") == ""


def test_tail_reads_only_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(5000)))
    assert tail(log, lines=2) == "line 4998\nline 4999"
    assert tail(log, lines=99, limit_bytes=24) == "line 4998\nline 4999"
    log.write_text("x" * 9000)
    assert tail(log, limit_bytes=100) == "x" * 100


@given(data=st.binary() | st.text(alphabet="\x1b[];m\x07\\\r\n\t\x9b\x9dx1ä").map(str.encode), lines=st.integers(1, 5))
def test_tail_is_always_safe_to_print(tmp_path_factory: pytest.TempPathFactory, data: bytes, lines: int) -> None:
    log = tmp_path_factory.getbasetemp() / "any.log"
    log.write_bytes(data)
    shown = tail(log, lines=lines)
    assert len(shown.split("\n")) <= lines
    assert all(c in "\n\t" or c.isprintable() or ord(c) > 0xA0 or c == "\xa0" for c in shown)
