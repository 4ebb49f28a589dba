"""What a terminal would show of a command's output: text without escapes, and without what was written over."""

from __future__ import annotations

import re

__all__ = ["Escapes", "Line", "settled"]

# ECMA-48: control sequences with parameters and a final byte; strings (OSC, DCS, SOS, PM, APC) up to their end or that of
# the line; escapes of two or three bytes. Only the 7-bit forms: the others are parts of characters in UTF-8.
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
_BEGUN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]*\x1b?|[ -/]*)\Z")
_LONGEST = 4096
_MOVES = re.compile(r"(\n(?:[^\r\x08]*\n)?|[\r\x08])")  # lines on which nothing is written over are one of them
_BLANK = " \t\n\u00a0\u200b\u200c\u200d\u2060\ufeff"


class Escapes:
    """Takes terminal escapes out of bytes that come in pieces."""

    def __init__(self) -> None:
        self._begun = b""

    def strip(self, data: bytes) -> bytes:
        """The next bytes without escapes. An escape that has only begun is held back, 4096 bytes of it at most."""
        if b"\x1b" not in data and not self._begun:
            return data
        data, self._begun = self._begun + data, b""
        if (begun := _BEGUN.search(data)) and len(begun[0]) <= _LONGEST:
            data, self._begun = data[: begun.start()], begun[0]
        return _ESCAPE.sub(b"", data)


class Line:
    """The line on which a terminal's cursor stands, and how far it has been written."""

    def __init__(self) -> None:
        self._column = self._reach = 0

    def shows(self, piece: str) -> bool:
        """Whether a piece shows its reader anything new: what is no longer than what it is written over does not.

        So a spinner that is drawn over and over, by carriage returns or backspaces, is new only once.
        """
        new = False
        for part in _MOVES.split(piece):
            if part[:1] == "\n":
                self._column = self._reach = 0
                new = new or bool(part.strip(_BLANK))
            elif part == "\r":
                self._column = 0
            elif part == "\b":
                self._column = max(0, self._column - 1)
            else:
                seen = part.rstrip(_BLANK)
                if seen and self._column + len(seen) > self._reach:
                    self._reach, new = self._column + len(seen), True
                self._column += len(part)
        return new


def settled(text: str) -> str:
    """The text as it stands in the end: of a line that was written over, what came after the last carriage return."""
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_erased(line.rstrip("\r").rpartition("\r")[2]) for line in text.split("\n"))


def _erased(line: str) -> str:
    """A line without what backspaces took back."""
    kept: list[str] = []
    for character in line:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)
