"""Undoes what programs do to text, so that its words can be compared with those that were issued."""

from __future__ import annotations

import html
import re
import unicodedata

__all__ = ["letters", "normalise"]

_NESTED = 3  # a page that quotes JSON that quotes HTML
_ALNUM = re.compile(r"[^\W_]+")
_ESCAPE = re.compile(r"""(?<!\\)\\++(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf/"']))""")
_TERMINAL = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # ECMA-48: CSI and OSC
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
# An element that HTML knows, or a custom one ("x-y"). No part runs past the next "<", so a search takes linear time.
# Attributes need a value: "a<b and c>d" is arithmetic. After the name "<" of "a < b" has nothing to match.
_TAG = re.compile(
    r"</?([a-z][a-z0-9]*+(?:-[a-z0-9-]++)?+)"
    r"""(?:\s++[a-z_:@][\w:.@-]*+\s*+=\s*+(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>=`]++))*+\s*+/?>|<!--[^<>]*+(?<=--)>""",
    re.IGNORECASE,
)
_INLINE = re.compile(
    "a|abbr|b|bd[io]|big|cite|code|data|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|su[bp]|time|tt"
    "|u|var|wbr"
)
_BLOCK = re.compile(
    "article|aside|blockquote|body|br|button|caption|center|col|colgroup|d[dlt]|details|div|fieldset|figcaption|figure"
    "|footer|form|h[1-6]|head|header|hr|html|img|input|label|legend|li|link|main|meta|nav|[ou]l|option|p|pre|script"
    "|section|select|style|summary|table|tbody|t[dhr]|textarea|tfoot|thead|title|video|.*-.*|"
)
_PROSE = re.compile(r"(?:[a-z]+[,;]? ){7}", re.IGNORECASE)  # an attribute may carry an answer as well
_HYPHENATED = re.compile("(?<=[a-z])[-\u2010][^\\S\n]*\n\\s*(?=[a-z])")


def normalise(text: str) -> str:
    """`text` without letter case, JSON and HTML escapes, terminal codes, HTML tags, hyphenation and line wrapping.

    A tag that sets words in another type leaves no trace, any other a space. What only looks like a tag stays ("a < b",
    "<name>"), and so does a tag with a sentence inside its quotes.
    """
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
    if "<" in text:
        text = _TAG.sub(_untagged, text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    text = text.casefold()
    if "\n" in text:
        text = _HYPHENATED.sub("", text)
    return " ".join(text.split())


def letters(text: str) -> str:
    """The letters and digits of `text` alone."""
    return "".join(_ALNUM.findall(text))


def _untagged(tag: re.Match[str]) -> str:
    name = (tag[1] or "").lower()  # a comment has none
    inline = _INLINE.fullmatch(name) is not None
    if _PROSE.search(tag[0]) or not (inline or _BLOCK.fullmatch(name)):
        return tag[0]
    return "" if inline else " "


def _unescaped(escape: re.Match[str]) -> str:
    digits: str | None = escape[1] or escape[2]
    if digits:
        return chr(int(digits, 16))
    return escape[3] if escape[3] in "/\"'" else "\n" if escape[3] in "nr" else " "
