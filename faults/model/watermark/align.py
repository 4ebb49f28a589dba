"""Compares received text with an issued text made again: which part of it arrived, to the character.

Received text is normalised, and offsets in it are offsets in ``normalise(received)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from brownout.faults.model.watermark.code import LENGTH
from brownout.faults.model.watermark.normal import letters, normalise
from brownout.faults.model.watermark.text import Codec, Kind, Message, Text
from brownout.faults.model.watermark.words import Group, Word, code_words

__all__ = [
    "SEAM",
    "Hit",
    "beginning",
    "complete",
    "first_sentence",
    "measure",
    "next_beginning",
    "opened",
    "openings",
    "place_of_words",
    "stutters",
    "whole",
]

SEAM = 8
"""Characters of issued text that may be missing where two sentences meet: a full stop, a paragraph break, "Each "."""
_OPENING = 10  # characters that tell the beginning of a text from other text before it
_AMID = 24  # letters that do if other text follows: an app's own words may begin as politely as an answer
_ENTIRE = 12  # letters that do if they are all of what stands before the first sentence
_STUTTER = re.compile(r"(?=(.{5,48}?)\1)")  # a longer repetition holds whole code words and is seen by them
_NEAR = 96  # characters beside a hit in which a piece of it may stand twice
_AROUND = 6  # characters on either side of a repeated piece
_STAND_IN = 60  # characters in which a replaced word is looked for
_LETTER = re.compile(r"[^\W_]")
_MASK = r"(?:\[[^\[\]]{1,40}\]|<[^<>]{1,40}>|\{+[^{}]{1,40}\}+|[*#_x\u2022\u2588\u25a0-]{3,})"
_MASK_LAST = re.compile(rf"\W{{0,3}}?{_MASK}\s*\.(?!\.)")
_WORD_BEFORE = re.compile(rf"(?:{_MASK}|\S+)\s*\Z")


@dataclass(frozen=True, slots=True)
class Hit:
    """One piece of an issued sentence: received[a:b] is issued[lo:hi].

    `words` code words of it were seen; 0 for an end too short to hold one. `lost` are the slots of those within it that
    are missing or changed. What stands before a text's first sentence counts as part of that sentence; where other text
    parts the two, it is a hit by itself.
    """

    id: int
    kind: Kind
    position: int
    words: int
    a: int
    b: int
    lo: int
    hi: int
    lost: tuple[int, ...] = ()

    @property
    def hole(self) -> bool:
        """Whether a code word within the piece is missing or changed."""
        return bool(self.lost)


@dataclass(frozen=True, slots=True)
class _Issued:
    """An issued text, normalised. `normal_begins` of its sentences are in `normal`, `begins` in the text itself.

    A sentence is as long in both.
    """

    text: Text
    normal: str
    normal_begins: tuple[int, ...]
    begins: tuple[int, ...]
    lengths: tuple[int, ...]

    def span(self, position: int) -> tuple[int, int]:
        """The sentence in `normal`, with what stands before the first one."""
        begin = self.normal_begins[position]
        return begin if position else 0, begin + self.lengths[position]

    def place(self, position: int, at: int) -> int:
        """Offset in the text itself of `at` in `normal`, within that sentence."""
        return max(0, self.begins[position] + at - self.normal_begins[position]) if at else 0

    def words(self, position: int) -> tuple[Word, ...]:
        """The nine code words of the sentence, placed in `normal`."""
        return tuple(code_words(self.normal, self.normal_begins[position], self.span(position)[1]))


@lru_cache(maxsize=1 << 10)
def _issued(codec: Codec, text: Text) -> _Issued:
    made = codec.make(text)
    normal = normalise(made)
    lengths = tuple(len(codec.sentence(text.kind, text.id, p)) for p in range(text.sentences))
    # From the end, since `before` may change its length when it is normalised.
    begins, normal_begins = [len(made) - lengths[-1]], [len(normal) - lengths[-1]]
    for length in lengths[-2::-1]:
        begins.append(begins[-1] - length - (2 if made[begins[-1] - 1] == "\n" else 1))
        normal_begins.append(normal_begins[-1] - length - 1)
    return _Issued(text, normal, tuple(normal_begins[::-1]), tuple(begins[::-1]), lengths)


def whole(codec: Codec, text: Text, received: str) -> tuple[Hit, ...]:
    """The hits of a text that stands in `received` just as it was issued: of the first time, if more than once."""
    at = received.find(_issued(codec, text).normal)
    return complete(codec, text, at) if at >= 0 else ()


def complete(codec: Codec, text: Text, at: int = 0) -> tuple[Hit, ...]:
    """The hits of a text that stands whole at offset `at`, one per sentence."""
    issued = _issued(codec, text)
    spans = [(p, *issued.span(p)) for p in range(text.sentences)]
    return tuple(
        Hit(text.id, text.kind, p, LENGTH, at + lo, at + hi, issued.place(p, lo), issued.place(p, hi))
        for p, lo, hi in spans
    )


def measure(codec: Codec, text: Text, position: int, words: Group, received: str) -> Hit:
    """How much of a sentence arrived, from the words that were seen; at least one of them is of that sentence."""
    issued = _issued(codec, text)
    begin, end = issued.span(position)
    symbols = codec.codeword(Message(text.kind, text.id, position))
    good = [w for w in words if symbols[w.entry.slot] == w.entry.symbol]
    first, last = good[0], good[-1]
    places = issued.words(position)
    lo, a = _back(issued.normal, begin, places[first.entry.slot].a, received, first.a)
    hi, b = _forth(issued.normal, places[last.entry.slot].a, end, received, last.a)
    seen = {w.entry.slot for w in good}
    lost = tuple(slot for slot in range(first.entry.slot, last.entry.slot) if slot not in seen)
    if lost:
        # All letters may be there in a row all the same: a line wrap broke a word, or the end is the stump of one.
        reach, until = _forth(issued.normal, places[first.entry.slot].a, end, received, first.a)
        if until >= last.b:
            hi, b, lost = reach, until, ()
    if first.entry.slot == 1:
        begun = _past_first(issued, position, places[0], received, first.a)
        if begun is not None:
            (lo, a), lost = begun, (0, *lost)
    if last.entry.slot == LENGTH - 2:
        ended = _past_last(issued, places[-2:], received, last.a)
        if ended is not None:
            hi, b, lost = end, ended, (*lost, LENGTH - 1)
    lo, hi = issued.place(position, lo), issued.place(position, hi)
    return Hit(text.id, text.kind, position, len(good), a, b, lo, hi, lost)


def next_beginning(codec: Codec, text: Text, last: Hit, received: str) -> tuple[Hit, ...]:
    """The beginning of the sentence after `last`, if `received` ends with it, too short to hold a code word."""
    issued, position = _issued(codec, text), last.position + 1
    if position >= text.sentences or last.hi < issued.begins[position] - SEAM:
        return ()
    begin, end = issued.span(position)
    hi, b = _forth(issued.normal, begin, end, received, last.b)
    if hi == begin or _any_letter(received, b):
        return ()
    return (Hit(text.id, text.kind, position, 0, last.b, b, issued.begins[position], issued.place(position, hi)),)


def beginning(codec: Codec, text: Text, received: str, a: int) -> tuple[Hit, ...]:
    """The beginning of `text` at `a`, too short to hold a code word.

    Amid other text it takes 24 letters of it to tell, or 12 if they are all that stands before the first sentence. Worth a look at 0, where a single letter is enough if it is all that was received, and where `openings` are.
    """
    issued = _issued(codec, text)
    hi, b = _forth(issued.normal, 0, issued.span(0)[1], received, a)
    entire = len(letters(issued.normal[: issued.normal_begins[0]]))
    enough = entire if _ENTIRE <= entire < _AMID else _AMID
    if len(letters(issued.normal[:hi])) < (enough if _any_letter(received, b) else 1):
        return ()
    return (Hit(text.id, text.kind, 0, 0, a, b, 0, issued.place(0, hi)),)


def opened(codec: Codec, text: Text, received: str, a: int, b: int) -> tuple[Hit, ...]:
    """What stands before the first sentence of `text`, or its beginning, in received[a:b]: the last time, if several.

    Its first ten letters tell, or all if there are fewer. For a text that is known to be here.
    """
    issued = _issued(codec, text)
    head = letters(issued.normal[: issued.normal_begins[0]])[:_OPENING]
    if not head:
        return ()
    at = None
    for found in re.compile(r"(?<![^\W_])" + r"[\W_]*+".join(head)).finditer(received, a, b):
        at = found.start()
    if at is None:
        return ()
    hi, until = _forth(issued.normal, 0, issued.normal_begins[0], received[:b], at)
    return (Hit(text.id, text.kind, 0, 0, at, until, 0, issued.place(0, hi)),)


def first_sentence(codec: Codec, text: Text) -> int:
    """Where the first sentence of `text` begins."""
    return _issued(codec, text).begins[0]


def place_of_words(codec: Codec, text: Text, position: int) -> list[tuple[int, int]]:
    """Where the nine code words of a sentence stand in `text`."""
    issued = _issued(codec, text)
    return [(issued.place(position, w.a), issued.place(position, w.b)) for w in issued.words(position)[-LENGTH:]]


def stutters(codec: Codec, text: Text, hits: Iterable[Hit], received: str) -> bool:
    """Whether a piece of `text` of 5 … 48 characters stands twice in a row within or beside one of its hits.

    It must be there to the character, as it is when a chunk of a stream is sent twice; a word that an app says again in
    brackets or in a link is not. A shorter piece is not looked for: "the the" may be anybody's.
    """
    normal = _issued(codec, text).normal
    hits = sorted(hits, key=lambda h: h.a)
    for h, following in zip(hits, [*hits[1:], None], strict=True):
        begin, end = max(0, h.a - _NEAR), h.b + _NEAR
        if received[h.a : h.b] in normal:
            if following is not None and received[h.a : following.b] in normal:
                continue
            begin = max(begin, h.b - _NEAR)
        for found in _STUTTER.finditer(received, begin, end):
            piece, at, until = found[1], found.start(), found.start() + 2 * len(found[1])
            if at <= h.b + 2 and until >= h.a - 2 and piece in normal and 2 * piece not in normal:
                # Where a gap joins two like endings ("ed the"), what is around it does not stand around one.
                head, tail = received[max(0, at - _AROUND) : at] + piece, piece + received[until : until + _AROUND]
                if head + tail[len(piece) :] in normal or normal.startswith(tail) or normal.endswith(head):
                    return True
    return False


def _past_first(issued: _Issued, position: int, word: Word, received: str, a: int) -> tuple[int, int] | None:
    """Where a sentence begins whose first code word was left out before `a` or replaced, if the word before it is there."""
    begin = issued.normal_begins[position]
    stand_in = _WORD_BEFORE.search(received, max(0, a - _STAND_IN), a)
    if word.a > begin:
        for j in (a, stand_in.start() if stand_in else a):
            i, reached = _back(issued.normal, issued.span(position)[0], word.a, received, j)
            if i <= begin and not received[max(0, reached - 1) : reached].isalnum():  # "flour" is no "our"
                return i, reached
    return None


def _past_last(issued: _Issued, words: tuple[Word, ...], received: str, a: int) -> int | None:
    """Where a sentence ends whose last code word was masked. The word before it stands at `a`.

    Only a mask and a full stop tell that from a sentence cut before its last word.
    """
    before, last = words
    i, j = _forth(issued.normal, before.a, last.a, received, a)
    ended = _MASK_LAST.match(received, j, j + _STAND_IN)
    return ended.end() if ended and not letters(issued.normal[i : last.a]) else None


def _any_letter(received: str, at: int) -> bool:
    """Whether a letter or digit stands in received[at:]."""
    return _LETTER.search(received, at) is not None


def openings(codec: Codec, text: Text, received: str) -> list[int]:
    """Where the first characters of `text` stand, by letters and digits."""
    head = letters(_issued(codec, text).normal[:_OPENING])
    return [found.start() for found in re.finditer(r"[\W_]*+".join(head), received)] if head else []


def _forth(issued: str, i: int, end: int, received: str, j: int) -> tuple[int, int]:
    """Where issued[i:end] and received[j:] part, by letters and digits; other characters are passed over."""
    reached = i, j
    while True:
        while i < end and not issued[i].isalnum():
            i += 1
        while j < len(received) and not received[j].isalnum():
            j += 1
        if i == end or j == len(received) or issued[i] != received[j]:
            break
        i, j = i + 1, j + 1
        reached = i, j
    i, j = reached
    return (i + 1, j + 1) if i < end and issued[i] == "." == received[j : j + 1] else reached


def _back(issued: str, begin: int, i: int, received: str, j: int) -> tuple[int, int]:
    """Where issued[begin:i] and received[:j] begin to agree, read backwards by letters and digits."""
    reached = i, j
    while True:
        while i > begin and not issued[i - 1].isalnum():
            i -= 1
        while j > 0 and not received[j - 1].isalnum():
            j -= 1
        if i == begin or j == 0 or issued[i - 1] != received[j - 1]:
            return reached
        i, j = i - 1, j - 1
        reached = i, j
