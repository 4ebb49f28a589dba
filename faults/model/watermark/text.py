"""Makes watermarked text: every sentence is nine ordinary words that form a codeword for (kind, text, sentence).

The words stand in ``words.txt``: nine lists of 127, one a line, no word in two of them, so that a word by itself tells
its place in the codeword and its symbol. Origin: wonderwords and Faker, both MIT. The lists, the templates and the
syllables of nonsense are part of the format: changing one makes texts of earlier runs unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from brownout.faults.model.watermark.code import FIELD, LENGTH, Permutation, Symbols, decode, encode

__all__ = ["IDS", "POSITIONS", "Codec", "Entry", "Kind", "Message", "Text", "lexicon"]

IDS = 1 << 23
"""Texts of a run: ids are 0 … 8,388,607."""
POSITIONS = 1 << 9
"""Sentences of a text, at most."""
_KINDS = 1 << 2

_TEMPLATES = (
    "The {} {} {} the {} {}, and the {} {} {} the {}.",
    "This {} {} {} our {} {}, while the {} {} {} each {}.",
    "Our {} {} {} that {} {}, but this {} {} {} the {}.",
    "Each {} {} {} the {} {}; then our {} {} {} this {}.",
)
_PARAGRAPH = 4  # sentences

_ONSETS = ("vr", "zl", "kj", "gz", "shv", "tk", "pf", "mr", "dz", "xr", "bn", "qw", "vl", "zn", "kth")
_CODAS = ("x", "q", "zk", "mpf", "vv", "rg", "xt", "lb", "gd", "nz", "kk", "zzt", "bv", "wq", "dj", "jm")


class Kind(IntEnum):
    """What a text is: an answer, an answer without meaning, the text of an injected error body, a user's prompt."""

    PROSE = 0
    NONSENSE = 1
    ERROR = 2
    PROMPT = 3


@dataclass(frozen=True, slots=True)
class Text:
    """What the ledger keeps of one issued text: enough to make it again from the key.

    `before` is literal text in front (an opening, say). It belongs to the text; one space joins it to the sentences.
    Raises ValueError for an id or a number of sentences that the code has no room for.
    """

    id: int
    sentences: int
    kind: Kind = Kind.PROSE
    before: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.id < IDS:
            raise ValueError(f"text id {self.id} is outside 0 … {IDS - 1}")
        if not 0 <= self.sentences <= POSITIONS:
            raise ValueError(f"text {self.id} has {self.sentences} sentences; a text may have 0 … {POSITIONS}")


class Message(NamedTuple):
    """What one sentence says: the kind and id of its text, and its position there, from 0."""

    kind: Kind
    id: int
    position: int


class Entry(NamedTuple):
    """What a code word stands for: which alphabet, its place in the codeword (0 … 8), its symbol (0 … 126)."""

    nonsense: bool
    slot: int
    symbol: int


class Codec:
    """Makes and recognises the sentences of one run. `key` is the run's seed text; another key reads them as noise."""

    def __init__(self, key: str) -> None:
        self._permutation = Permutation(key)
        # Caches of this codec alone: a decorated method would keep every codec alive for good.
        self._codeword = lru_cache(maxsize=1 << 14)(self._encode)
        self._made = lru_cache(maxsize=1 << 11)(self._compose)

    def codeword(self, message: Message) -> tuple[int, ...]:
        """The nine symbols of a sentence. Raises ValueError for an id or position out of range."""
        return self._codeword(message)

    def decipher(self, symbols: Symbols) -> tuple[Message, int] | None:
        """The message that most of the received symbols agree with, and how many do; None if fewer than five."""
        solution = decode(symbols)
        if solution is None:
            return None
        rest, kind = divmod(self._permutation.gather(solution.message), _KINDS)
        return Message(Kind(kind), *divmod(rest, POSITIONS)), solution.agree

    def sentence(self, kind: Kind, id: int, position: int) -> str:
        """Sentence `position` of text `id`. Raises ValueError for an id or position out of range."""
        symbols = self.codeword(Message(kind, id, position))
        words = [words[symbol] for words, symbol in zip(_alphabets()[kind == Kind.NONSENSE], symbols, strict=True)]
        if kind == Kind.NONSENSE:
            return " ".join(words).capitalize() + "."
        return _TEMPLATES[sum(symbols) % len(_TEMPLATES)].format(*words)

    def make(self, text: Text) -> str:
        """The whole text: `before`, then the sentences in paragraphs of four."""
        return self._made(text)

    def _encode(self, message: Message) -> tuple[int, ...]:
        kind, id, position = message
        if not 0 <= id < IDS:
            raise ValueError(f"text id {id} is outside 0 … {IDS - 1}")
        if not 0 <= position < POSITIONS:
            raise ValueError(f"sentence {position} of text {id} is outside 0 … {POSITIONS - 1}")
        return encode(self._permutation.scatter((id * POSITIONS + position) * _KINDS + kind))

    def _compose(self, text: Text) -> str:
        sentences = [self.sentence(text.kind, text.id, p) for p in range(text.sentences)]
        paragraphs = [" ".join(sentences[p : p + _PARAGRAPH]) for p in range(0, len(sentences), _PARAGRAPH)]
        return " ".join(filter(None, (text.before, "\n\n".join(paragraphs))))


@lru_cache(maxsize=1)
def lexicon() -> dict[str, Entry]:
    """Every code word in lower case with what it stands for. Shared: not to be changed."""
    return {
        word: Entry(bool(nonsense), slot, symbol)
        for nonsense, slots in enumerate(_alphabets())
        for slot, words in enumerate(slots)
        for symbol, word in enumerate(words)
    }


@lru_cache(maxsize=1)
def _alphabets() -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """The nine word lists of sense, and the nine of nonsense, which are syllables that no language has."""
    lines = files(__package__).joinpath("words.txt").read_text(encoding="ascii").splitlines()
    syllables = [onset + vowel + coda for vowel in "aeiou" for onset in _ONSETS for coda in _CODAS]
    nonsense = tuple(tuple(syllables[slot : FIELD * LENGTH : LENGTH]) for slot in range(LENGTH))
    return tuple(tuple(line.split()) for line in lines), nonsense
