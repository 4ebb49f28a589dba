"""Picks the code words out of normalised text and groups them by the sentence they may be of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from brownout.faults.model.watermark.code import DATA, LENGTH
from brownout.faults.model.watermark.text import Codec, Entry, Kind, Message, lexicon

__all__ = ["Group", "Solved", "Word", "code_words", "groups", "solve"]

_APART = 60  # characters; two code words further apart than this are not of one sentence
_SURE = 6  # words that must agree in a damaged sentence
_CERTAIN = 7  # words that never agree by damage: a codeword, whoever issued it

_LETTERS = re.compile("[a-z]+")


class Word(NamedTuple):
    """A code word, seen at text[a:b]."""

    entry: Entry
    a: int
    b: int


Group: TypeAlias = tuple[Word, ...]
"""Words that may be of one sentence: of one alphabet, their slots rising."""


class Solved(NamedTuple):
    """What a group says: messages with their words, and groups of words left over.

    `foreign` says that the group is a codeword which is not accepted.
    """

    found: tuple[tuple[Message, Group], ...] = ()
    rest: tuple[Group, ...] = ()
    foreign: bool = False


def code_words(text: str, begin: int = 0, end: int | None = None) -> Iterator[Word]:
    """The code words of text[begin:end] in reading order. One that a hard line wrap broke in two is put together."""
    known, held = lexicon(), None
    before, before_a, before_b = "", -1, -1
    for match in _LETTERS.finditer(text, begin, len(text) if end is None else end):
        word, (a, b) = match[0], match.span()
        # No two words of the format make a third, so what can be joined was broken, even if a half is a word itself.
        if a == before_b + 1 and text[before_b] == " " and (entry := known.get(before + word)):
            held, a = None, before_a
        else:
            entry = known.get(word)
        if held:
            yield held
        held = Word(entry, a, b) if entry else None
        before, before_a, before_b = word, a, b
    if held:
        yield held


def groups(words: Iterable[Word]) -> Iterator[Group]:
    """`words` cut wherever a new sentence must begin: the slot does not rise, the alphabet changes, the way is long."""
    group: list[Word] = []
    for word in words:
        if group and not _continues(group[-1], word):
            yield tuple(group)
            group = []
        group.append(word)
    if group:
        yield tuple(group)


def _continues(last: Word, word: Word) -> bool:
    rising = last.entry.nonsense == word.entry.nonsense and last.entry.slot < word.entry.slot
    return rising and word.a - last.b <= _APART


def solve(codec: Codec, group: Group, accept: Callable[[Message], bool]) -> Solved:
    """The message of a group, if `accept` takes it. A group of fewer than five words is left over.

    Where the group as a whole says nothing, the longest head or tail of it that is free of damage is taken: words of
    other text, or of a second sentence spliced to the first, may stand beside it.
    """
    size = len(group)
    if size < DATA:
        return Solved(rest=(group,))
    message, agree = _decipher(codec, group)
    if message is not None and agree >= min(_SURE, size) and accept(message):
        return _without_strangers(codec, message, group)
    if agree >= _CERTAIN:
        return Solved(foreign=True)
    for length in range(size - 1, DATA - 1, -1):
        for begin in (0, size - length):
            part = group[begin : begin + length]
            message, agree = _decipher(codec, part)
            if message is not None and agree == length and accept(message):
                return Solved(((message, part),), tuple(filter(None, (group[:begin], group[begin + length :]))))
    return Solved(rest=(group,))


def _without_strangers(codec: Codec, message: Message, group: Group) -> Solved:
    """A solved group without the words before and after its sentence, which are left over."""
    symbols = codec.codeword(message)
    good = [n for n, word in enumerate(group) if symbols[word.entry.slot] == word.entry.symbol]
    begin, end = good[0], good[-1] + 1
    return Solved(((message, group[begin:end]),), tuple(filter(None, (group[:begin], group[end:]))))


def _decipher(codec: Codec, group: Group) -> tuple[Message | None, int]:
    """The message of a group, None where it is of the other alphabet, and how many words agree with it."""
    symbols: list[int | None] = [None] * LENGTH
    for word in group:
        symbols[word.entry.slot] = word.entry.symbol
    message, agree = codec.decipher(tuple(symbols)) or (None, 0)
    if message is not None and (message.kind == Kind.NONSENSE) != group[0].entry.nonsense:
        message = None
    return message, agree
