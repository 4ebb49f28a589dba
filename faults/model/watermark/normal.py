"""Undoes what programs do to text, so that its words can be compared with those that were issued."""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["letters", "normalise"]

_NESTED = 3  # a page that quotes JSON that quotes HTML
_ALNUM = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"""\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf/"']))""")
_TERMINAL = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # ECMA-48: CSI and OSC
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_HYPHENATED = re.compile("(?<=[a-z])[-\u2010][^\\S\n]*\n\\s*(?=[a-z])")


def normalise(text: str) -> str:
    """`text` without letter case, JSON and HTML escapes, terminal codes, hyphenation and line wrapping."""
    for _ in range(_NESTED):
        before = text
        if "\\" in text:
            text = _ESCAPE.sub(_unescaped, text)
        if "\x1b" in text:
            text = _TERMINAL.sub("", text)
        if "&" in text:
            text = html.unescape(text)
        if text == before:
            break
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    text = text.casefold()
    if "\n" in text:
        text = _HYPHENATED.sub("", text)
    return " ".join(text.split())


def letters(text: str) -> str:
    """The letters and digits of `text` alone."""
    return "".join(_ALNUM.findall(text))


def _unescaped(escape: re.Match[str]) -> str:
    digits: str | None = escape[1] or escape[2]
    if digits:
        return chr(int(digits, 16))
    return escape[3] if escape[3] in "/\"'" else "\n" if escape[3] in "nr" else " "
