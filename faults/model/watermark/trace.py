"""Finds watermarked text in what was received: which texts, which sentences of them, and how much of each arrived.

Steps: undo what programs do to text, pick out the code words, group them by sentence, solve each group for its message,
guess groups too small for that from what should stand there, and align letter by letter with the text made again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from brownout.faults.model.watermark.align import (
    SEAM,
    Hit,
    beginning,
    complete,
    first_sentence,
    measure,
    next_beginning,
    opened,
    openings,
    place_of_words,
    stutters,
    whole,
)
from brownout.faults.model.watermark.code import DATA, LENGTH
from brownout.faults.model.watermark.normal import letters, normalise
from brownout.faults.model.watermark.text import Codec, Kind, Message, Text
from brownout.faults.model.watermark.words import Group, Word, code_words, groups, solve

__all__ = ["Arrival", "Hit", "Integrity", "Reading", "integrity", "normalise", "prompts", "read"]

_TAIL = 2  # characters that may be missing at the end: the last letter and its full stop
_AGAIN = 14  # characters; a shorter overlap may be a single word (12 letters at most) that an app says again
_SHARE = 3  # one sentence in so many may have lost a word


@dataclass(frozen=True, slots=True)
class Reading:
    """What a received text holds: pieces of issued texts in order of appearance, and what is not ours.

    `unknown` counts valid sentences that the ledger does not know: a cache filled by an earlier run. `other` counts
    letters and digits outside all pieces. `stuttered` are ids of texts with a piece of 5 … 48 characters twice in a
    row. Offsets of hits are in ``normalise(received)``.
    """

    hits: tuple[Hit, ...] = ()
    unknown: int = 0
    other: int = 0
    stuttered: tuple[int, ...] = ()

    def ids(self) -> tuple[int, ...]:
        """Ids of the texts found, in order of first appearance."""
        return tuple(dict.fromkeys(h.id for h in self.hits))

    def missing(self, id: int, length: int) -> tuple[tuple[int, int], ...]:
        """Spans of issued text `id`, `length` characters long, that did not arrive.

        A few characters where two sentences meet, and up to two at the end, do not count: programs change punctuation.
        """
        spans, at = [], 0
        for lo, hi in sorted((h.lo, h.hi) for h in self.hits if h.id == id):
            if lo > at + SEAM:
                spans.append((at, lo))
            at = max(at, hi)
        if length > at + _TAIL:
            spans.append((at, length))
        return tuple(spans)


class Integrity(StrEnum):
    """Whether and how a text arrived. Where several apply, the later in this list is said."""

    WHOLE = "whole"
    """All its sentences are there. Apps leave greetings out and mask names, so two things may be missing all the same,
    and then less than 1 is delivered: what stands before the first sentence, and single code words (left out, replaced
    or damaged), one a sentence, no two in a row, in a third of the sentences or in one."""
    CUT = "cut"
    """Only its end is missing, or what WHOLE allows besides."""
    GAP = "gap"
    """Words of its sentences are missing at the head or in the middle, more than WHOLE allows."""
    SEVERAL = "several"
    """Several texts, each of them whole, one after the other."""
    SPLICED = "spliced"
    """Pieces of several texts, otherwise."""
    DOUBLED = "doubled"
    """A part of it arrived twice: 14 characters or more, or five or more directly one after the other."""
    NONSENSE = "nonsense"
    ERROR = "error"
    """The text of an injected error body."""
    NONE = "none"
    """Nothing of ours but, perhaps, prompts."""


class Arrival(NamedTuple):
    """How texts arrived, and how much of the first of them: 0 … 1 by characters."""

    integrity: Integrity
    delivered: float


def read(codec: Codec, received: str, ledger: Mapping[int, Text], hints: Iterable[int] = ()) -> Reading:
    """Every piece of issued text in `received`.

    `hints` are the ids of the texts most likely here, those of the request's own calls. They are looked for whole
    first, which is fast, and even a few letters of them are recognised; without hints a piece needs five words. Texts
    without sentences carry no watermark and are not looked for.
    """
    own = [t for i in dict.fromkeys(hints) if (t := ledger.get(i)) is not None and t.sentences]
    for text in own:
        if received == codec.make(text):
            return Reading(complete(codec, text))

    def issued(message: Message) -> bool:
        text = ledger.get(message.id)
        return text is not None and text.kind == message.kind and message.position < text.sentences

    normal = normalise(received)
    hits = [h for t in own for h in whole(codec, t, normal)]
    solved = [solve(codec, g, issued) for g in groups(_words_outside(normal, hits))]
    hits += [measure(codec, ledger[m.id], m.position, words, normal) for s in solved for m, words in s.found]
    for fragment in (f for s in solved for f in s.rest):
        hits.sort(key=_place)
        hits += _fragments(codec, normal, hits, fragment, ledger, own)
    hits.sort(key=_place)
    hits += _openings(codec, normal, hits, ledger)
    hits.sort(key=_place)
    hits += _begun(codec, normal, hits, ledger, own)
    hits.sort(key=_place)
    pieces = _by_text(hits)
    stuttered = tuple(id for id, found in pieces.items() if stutters(codec, ledger[id], found, normal))
    return Reading(tuple(hits), sum(s.foreign for s in solved), _other(normal, hits), stuttered)


def prompts(codec: Codec, received: str, known: Callable[[int], bool] | Container[int]) -> tuple[int, ...]:
    """Ids of the known prompts whose sentences stand in a call's body, in order of first appearance.

    Five of the nine words of a sentence are enough, or more where one is changed.
    """
    is_known = known if callable(known) else known.__contains__

    def asked(message: Message) -> bool:
        return message.kind == Kind.PROMPT and is_known(message.id)

    found = (solve(codec, g, asked).found for g in groups(code_words(normalise(received))) if len(g) >= DATA)
    return tuple(dict.fromkeys(message.id for pieces in found for message, _ in pieces))


def integrity(codec: Codec, reading: Reading, ledger: Mapping[int, Text]) -> Arrival:
    """How the texts of a reading arrived. Prompts do not count: an echo of the question is NONE."""
    hits = [h for h in reading.hits if h.kind != Kind.PROMPT]
    if not hits:
        return Arrival(Integrity.NONE, 0.0)
    pieces = _by_text(hits)
    states = [_state(codec, ledger[id], reading, found) for id, found in pieces.items()]
    kinds = {h.kind for h in hits}
    if Kind.ERROR in kinds:
        how = Integrity.ERROR
    elif Kind.NONSENSE in kinds:
        how = Integrity.NONSENSE
    elif _repeats(hits) or not pieces.keys().isdisjoint(reading.stuttered):
        how = Integrity.DOUBLED
    elif reading.unknown:
        how = Integrity.SPLICED
    elif len(pieces) > 1:
        each_whole = all(state.integrity is Integrity.WHOLE for state in states)
        how = Integrity.SEVERAL if each_whole and _in_turn(hits) else Integrity.SPLICED
    else:
        how = states[0].integrity
    return Arrival(how, states[0].delivered)


def _state(codec: Codec, text: Text, reading: Reading, hits: Sequence[Hit]) -> Arrival:
    """How one text arrived, by `hits`, which are those of the text: WHOLE, CUT or GAP."""
    length, begin = len(codec.make(text)), first_sentence(codec, text)
    missing = reading.missing(text.id, length)
    lost: dict[int, int] = {}  # code words, numbered through the text, and their lengths
    for h in (h for h in hits if h.lost):
        places = place_of_words(codec, text, h.position)
        for slot in h.lost:
            a, b = places[slot]
            if not any(o.lo <= a and b <= o.hi and slot not in o.lost for o in hits if o.position == h.position):
                lost[h.position * LENGTH + slot] = b - a
    delivered = max(0.0, 1.0 - (sum(hi - lo for lo, hi in missing) + sum(lost.values())) / length)
    for lo, hi in missing:
        if hi < length and hi > begin + SEAM:
            if lo == 0 or lo < begin - SEAM:
                return Arrival(Integrity.GAP, delivered)  # the head, with words of the first sentence
            lost |= _words_within(codec, text, lo, hi)
    sentences = [word // LENGTH for word in lost]
    in_a_row = any(word + 1 in lost for word in lost)
    if in_a_row or len(set(sentences)) < len(sentences) or len(sentences) > max(1, text.sentences // _SHARE):
        return Arrival(Integrity.GAP, delivered)
    return Arrival(Integrity.CUT if missing and missing[-1][1] == length else Integrity.WHOLE, delivered)


def _words_within(codec: Codec, text: Text, lo: int, hi: int) -> dict[int, int]:
    """The code words of which something stands in text[lo:hi], numbered through the text, and their lengths."""
    found: dict[int, int] = {}
    at = first_sentence(codec, text)
    for position in range(text.sentences):
        if at > hi:
            break
        size = len(codec.sentence(text.kind, text.id, position))
        if at + size > lo:
            for slot, (a, b) in enumerate(place_of_words(codec, text, position)):
                if a < hi and b > lo:
                    found[position * LENGTH + slot] = b - a
        at += size + 1
    return found


def _in_turn(hits: Sequence[Hit]) -> bool:
    """Whether each text has ended where the next one begins."""
    order = [h.id for h in sorted(hits, key=_place)]
    return sum(one != two for one, two in pairwise(order)) == len(set(order)) - 1


def _by_text(hits: Iterable[Hit]) -> dict[int, list[Hit]]:
    """The hits of each text, in order of first appearance."""
    pieces: dict[int, list[Hit]] = {}
    for h in hits:
        pieces.setdefault(h.id, []).append(h)
    return pieces


def _openings(codec: Codec, received: str, hits: Sequence[Hit], ledger: Mapping[int, Text]) -> list[Hit]:
    """What stands before the first sentences of the texts found, where other text parts the two."""
    found: list[Hit] = []
    for id, pieces in _by_text(hits).items():
        if ledger[id].before and all(h.lo > 0 for h in pieces):
            after = max((h.b for h in hits if h.b <= pieces[0].a), default=0)
            found += opened(codec, ledger[id], received, after, pieces[0].a)
    return found


def _repeats(hits: Iterable[Hit]) -> bool:
    """Whether a part of an issued text is there twice."""
    reached: dict[int, int] = {}
    for h in sorted(hits, key=lambda h: h.lo):
        if min(reached.get(h.id, 0), h.hi) - h.lo >= _AGAIN:
            return True
        reached[h.id] = max(reached.get(h.id, 0), h.hi)
    return False


def _fragments(
    codec: Codec, received: str, hits: Sequence[Hit], words: Group, ledger: Mapping[int, Text], own: Sequence[Text]
) -> list[Hit]:
    """The hits of a group with too few words to be solved, if its words are what should stand there.

    That is the same, the next or the previous sentence of a neighbour among `hits`, or any sentence of an own text.
    """
    if not words or any(h.a <= words[0].a and words[-1].b <= h.b for h in hits):
        return []  # also half a broken word inside a sentence, or a code word in what stands before it
    before = next((h for h in reversed(hits) if h.a < words[0].a), None)
    after = next((h for h in hits if h.b > words[-1].b), None)
    near = [(ledger[h.id], h.position + step) for h, step in ((before, 1), (before, 0), (after, -1), (after, 0)) if h]
    place = _likeliest(codec, words, near + [(t, p) for t in own for p in range(t.sentences)])
    if place is None:
        return []
    hit = measure(codec, *place, words, received)
    if hit.words == 1 and not _adjoins(hit, words[0], before, after, received):
        return []
    known = sorted([*hits, hit], key=_place)
    head, tail = (tuple(w for w in words if w.a < hit.a), tuple(w for w in words if w.b > hit.b))
    return [hit, *(h for rest in (head, tail) for h in _fragments(codec, received, known, rest, ledger, own))]


def _likeliest(codec: Codec, words: Group, places: Iterable[tuple[Text, int]]) -> tuple[Text, int] | None:
    """The sentence among `places` that holds most of the words: all of them, or at least three."""
    best, most = None, 0
    for text, position in places:
        if 0 <= position < text.sentences and words[0].entry.nonsense == (text.kind == Kind.NONSENSE):
            symbols = codec.codeword(Message(text.kind, text.id, position))
            agree = sum(symbols[w.entry.slot] == w.entry.symbol for w in words)
            if agree > most and (agree == len(words) or agree >= 3):
                best, most = (text, position), agree
    return best


def _adjoins(hit: Hit, word: Word, before: Hit | None, after: Hit | None, received: str) -> bool:
    """Whether a piece with one code word is more than chance: next to a neighbour, or the cut beginning of a text."""
    if before is not None and not letters(received[before.b : hit.a]):
        return True
    if after is not None and not letters(received[hit.b : after.a]):
        return True
    return hit.position == 0 and hit.a < word.a and not letters(received[hit.b :])


def _begun(
    codec: Codec, received: str, hits: Sequence[Hit], ledger: Mapping[int, Text], own: Sequence[Text]
) -> tuple[Hit, ...]:
    """A sentence begun that is too short to hold a code word ("The bra"): the next one, or the first of an own text."""
    if hits and (found := next_beginning(codec, ledger[hits[-1].id], hits[-1], received)):
        return found
    begun = [
        hit
        for text in own
        for a in {0, *openings(codec, text, received)}
        if not any(h.a <= a < h.b for h in hits)
        for hit in beginning(codec, text, received[: min((h.a for h in hits if h.a > a), default=None)], a)
    ]
    return (max(begun, key=lambda h: h.hi),) if begun else ()


def _place(hit: Hit) -> int:
    return hit.a


def _outside(received: str, hits: Iterable[Hit]) -> Iterator[tuple[int, int]]:
    """The spans of received text that belong to no hit."""
    at = 0
    for h in sorted(hits, key=_place):
        if h.a > at:
            yield at, h.a
        at = max(at, h.b)
    yield at, len(received)


def _words_outside(received: str, hits: Iterable[Hit]) -> Iterator[Word]:
    for a, b in _outside(received, hits):
        yield from code_words(received, a, b)


def _other(received: str, hits: Iterable[Hit]) -> int:
    """Letters and digits that belong to no hit."""
    return sum(len(letters(received[a:b])) for a, b in _outside(received, hits))
