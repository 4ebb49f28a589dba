"""Compares received text with an issued text made again: which part of it arrived, to the character.

Received text is normalised, and offsets in it are offsets in ``normalise(received)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from brownout.faults.model.watermark.code import LENGTH
from brownout.faults.model.watermark.normal import letters, normalise
from brownout.faults.model.watermark.text import Codec, Kind, Message, Text
from brownout.faults.model.watermark.words import Group, Word, code_words

__all__ = ["SEAM", "Hit", "beginning", "complete", "measure", "next_beginning", "opening", "whole"]

SEAM = 8
"""Characters of issued text that may be missing where two sentences meet: a full stop, a paragraph break, "Each "."""
_OPENING = 10  # characters that tell the beginning of a text from other text before it
_AMID = 24  # letters that do if other text follows: an app's own words may begin as politely as an answer


@dataclass(frozen=True, slots=True)
class Hit:
    """One piece of an issued sentence: received[a:b] is issued[lo:hi].

    `words` code words of it were seen; 0 for an end too short to hold one. `hole` says that something between its first
    and its last word is missing or changed. What stands before a text's first sentence counts as part of that sentence.
    """

    id: int
    kind: Kind
    position: int
    words: int
    a: int
    b: int
    lo: int
    hi: int
    hole: bool = False


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
    hole = len(good) <= last.entry.slot - first.entry.slot
    if hole:
        # All letters may be there in a row all the same: a line wrap broke a word, or the end is the stump of one.
        reach, until = _forth(issued.normal, places[first.entry.slot].a, end, received, first.a)
        if until >= last.b:
            hi, b, hole = reach, until, False
    lo, hi = issued.place(position, lo), issued.place(position, hi)
    return Hit(text.id, text.kind, position, len(good), a, b, lo, hi, hole)


def next_beginning(codec: Codec, text: Text, last: Hit, received: str) -> tuple[Hit, ...]:
    """The beginning of the sentence after `last`, if `received` ends with it, too short to hold a code word."""
    issued, position = _issued(codec, text), last.position + 1
    if position >= text.sentences or last.hi < issued.begins[position] - SEAM:
        return ()
    begin, end = issued.span(position)
    hi, b = _forth(issued.normal, begin, end, received, last.b)
    if hi == begin or letters(received[b:]):
        return ()
    return (Hit(text.id, text.kind, position, 0, last.b, b, issued.begins[position], issued.place(position, hi)),)


def beginning(codec: Codec, text: Text, received: str, a: int) -> tuple[Hit, ...]:
    """The beginning of `text` at `a`, too short to hold a code word. Amid other text it takes 24 letters of it to tell.

    Worth a look at 0, where a single letter is enough if it is all that was received, and where `opening` stands.
    """
    issued = _issued(codec, text)
    hi, b = _forth(issued.normal, 0, issued.span(0)[1], received, a)
    if len(letters(issued.normal[:hi])) < (_AMID if letters(received[b:]) else 1):
        return ()
    return (Hit(text.id, text.kind, 0, 0, a, b, 0, issued.place(0, hi)),)


def opening(codec: Codec, text: Text) -> str:
    """The first characters of `text`, normalised."""
    return _issued(codec, text).normal[:_OPENING]


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
