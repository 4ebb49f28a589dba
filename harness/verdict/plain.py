"""Text that an app, a model or the network wrote, made harmless for people to read."""

from __future__ import annotations

import re

__all__ = ["clean", "clip", "one_line"]

# ECMA-48: control sequences (with parameters and a final byte), strings (OSC, DCS, SOS, PM, APC) up to their end
# or that of the line, and the two-byte escapes; each also in its 8-bit form.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# What no file format or reader needs and what hides or reorders text: control characters other than tab and newline,
# marks and overrides of writing direction (UAX 9), invisible format characters and tags, surrogates, noncharacters.
# The joiners U+200C and U+200D stay: Persian, Indic scripts and emoji are written with them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufdd0-\ufdef\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f"
    + "".join(chr(plane * 0x10000 + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
_NEWLINES = re.compile("\r\n?|[\x85\u2028\u2029]")


def clean(text: str) -> str:
    """The text without terminal escapes, control characters, direction overrides and what cannot be written as UTF-8.

    Line ends become ``\\n``. What is left is legal in XML 1.0, but not escaped for any format.
    """
    return _UNWANTED.sub("", _NEWLINES.sub("\n", _ESCAPES.sub("", text)))


def one_line(text: str, most: int = 500) -> str:
    """The text cleaned, on one line, of at most `most` characters."""
    # Of a text of megabytes only the beginning is looked at.
    looked_at = text[: 8 * most]
    line = " ".join(clean(looked_at).split())
    return clip(line if looked_at == text else f"{line}…", most)


def clip(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis where it has more than `most` characters."""
    return text if len(text) <= most else text[: max(0, most - 1)].rstrip() + "…"
