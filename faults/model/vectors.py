"""Vectors for texts, so that search over embeddings finds what shares words with the question.

Each word stands for a direction: as many signs as the vector has numbers, drawn from a hash of the word. A text is the sum of
its words' directions, brought to length 1. Two words' directions are almost at right angles, so the cosine of two texts is
about that of their word counts. Nothing but the text and the number of dimensions matters: an index that was stored by
another run still fits.
"""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from collections import Counter
from functools import lru_cache
from hashlib import shake_128

__all__ = ["dimensions_of", "embedding"]

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 8_191
"""What lies beyond is not looked at; the providers' models take about as many tokens."""
_LANE = 2  # bytes for the count of one dimension: enough for that many words

_DIMENSIONS = {
    "all-minilm": 384,
    "bge-m3": 1024,
    "embed-english-light-v3.0": 384,
    "embed-english-v3.0": 1024,
    "embed-multilingual-light-v3.0": 384,
    "embed-multilingual-v3.0": 1024,
    "gemini-embedding-001": 3072,
    "mistral-embed": 1024,
    "mxbai-embed-large": 1024,
    "nomic-embed-text": 768,
    "text-embedding-004": 768,
    "text-embedding-3-large": 3072,
}
"""Published sizes that differ from the usual one."""
_USUAL = 1536


def dimensions_of(model: str) -> int:
    """How long a model's vectors are where the caller does not say: 1536 for a model that is not known."""
    return _DIMENSIONS.get(model.rpartition("/")[2].partition(":")[0], _USUAL)


def embedding(text: str, dimensions: int) -> tuple[float, ...]:
    """The vector of a text: of length 1, equal for equal texts, near for texts that share most of their words.

    Case, punctuation and the order of words do not matter. A text without a word has a vector of its own.
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())[:_MOST_WORDS] or [""]
    total = sum(times * _ones(word, dimensions) for word, times in Counter(words).items())
    counts: tuple[int, ...] = struct.unpack(f"<{dimensions}H", total.to_bytes(dimensions * _LANE, "little"))
    sums = [2 * count - len(words) for count in counts]
    length = math.sqrt(sum(s * s for s in sums))
    if not length:  # in very few dimensions words may cancel each other out
        return (1 / math.sqrt(dimensions),) * dimensions
    scaled = {s: s / length for s in set(sums)}
    return tuple(scaled[s] for s in sums)


@lru_cache(maxsize=4_096)
def _ones(word: str, dimensions: int) -> int:
    """The signs of a word as one large number with a lane for each dimension: 1 for plus, 0 for minus.

    Lanes are added all at once, which makes pure Python fast enough.
    """
    drawn = int.from_bytes(shake_128(word.encode("utf-8", "surrogatepass")).digest(dimensions * _LANE), "little")
    return drawn & _lanes(dimensions)


@lru_cache(maxsize=16)
def _lanes(dimensions: int) -> int:
    return int.from_bytes((b"\1" + b"\0" * (_LANE - 1)) * dimensions, "little")
