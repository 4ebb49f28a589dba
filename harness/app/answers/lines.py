"""Dividing bytes into lines that end in a line feed, as newline-delimited formats do."""

from __future__ import annotations

from collections.abc import Iterator

from brownout.harness.app.answers.form import LIMIT

__all__ = ["Lines"]


class Lines:
    """Gives each line once its line feed has come: without it, without a carriage return before it, 256 kB at most.

    A byte order mark at the beginning is left out. Dividing bytes, not text: UTF-8 never holds a line feed within a
    character, so only whole lines are decoded; what is not UTF-8 becomes U+FFFD.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._first = True

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that end within `data`."""
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._add(part)
            yield self.rest()
        self._add(rest)

    def rest(self) -> str:
        """The line that has begun and not ended, which is taken as ended thereby."""
        line = bytes(self._line).removesuffix(b"\r")
        self._line.clear()
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        return line.decode("utf-8", "replace")

    def _add(self, part: bytes) -> None:
        self._line += part[: LIMIT - len(self._line)]
