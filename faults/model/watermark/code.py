"""The numbers under the words: a keyed permutation of messages and the Reed-Solomon code RS(9,5) over GF(127).

A message is an integer of 34 bits. Five symbols of 0 … 126 hold it (2^34 < 127^5, so the fifth is 66 at most); they are
the values of a polynomial of degree at most 4 at 0 … 4, and the code adds its values at 5 … 8 (Reed & Solomon, 1960,
systematic form). Two polynomials of that degree agree in at most 4 points, so two codewords differ in at least 5 of 9
symbols: 4 lost or 2 wrong ones are repaired.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from itertools import combinations
from math import prod
from typing import NamedTuple, TypeAlias

__all__ = ["BITS", "DATA", "FIELD", "LENGTH", "Permutation", "Solution", "Symbols", "decode", "encode"]

FIELD = 127
"""Size of the field, a prime: symbols are 0 … 126."""
DATA = 5
"""Symbols that hold the message."""
LENGTH = 9
"""Symbols of a codeword."""
BITS = 34
"""Bits of a message."""

Symbols: TypeAlias = tuple[int | None, ...]
"""Nine received symbols by position; None where one was lost."""

_HALF = BITS // 2
_HALF_MASK = (1 << _HALF) - 1
_WORD_MASK = (1 << 64) - 1


class Solution(NamedTuple):
    """The best reading of received symbols: the message, and how many of the symbols its codeword agrees with."""

    message: int
    agree: int


class Permutation:
    """A bijection of 0 … 2^34 - 1 that depends on a key: a Feistel network of four rounds (Luby & Rackoff, 1988).

    It scatters messages, so that neighbours share no symbols and what was made under one key is noise under another.
    It hides nothing from an attacker.
    """

    def __init__(self, key: str) -> None:
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32, person=b"watermark").digest()
        self._keys = tuple(int.from_bytes(digest[i : i + 8], "big") for i in range(0, 32, 8))

    def scatter(self, message: int) -> int:
        """The image of `message`."""
        left, right = message >> _HALF, message & _HALF_MASK
        for key in self._keys:
            left, right = right, left ^ _mixed(right, key)
        return left << _HALF | right

    def gather(self, image: int) -> int:
        """The message whose image this is."""
        left, right = image >> _HALF, image & _HALF_MASK
        for key in reversed(self._keys):
            left, right = right ^ _mixed(left, key), left
        return left << _HALF | right


def _mixed(half: int, key: int) -> int:
    """17 bits that depend on all bits of `half` and `key`: multiply, fold, multiply (the finaliser of SplitMix64)."""
    x = (half + key) * 0xBF58476D1CE4E5B9 & _WORD_MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & _WORD_MASK
    return x >> (64 - _HALF)


def encode(message: int) -> tuple[int, ...]:
    """The codeword of `message`: its five digits in base 127, lowest first, and four check symbols."""
    digits = []
    for _ in range(DATA):
        message, digit = divmod(message, FIELD)
        digits.append(digit)
    return _through(tuple(range(DATA)), tuple(digits))


@lru_cache(maxsize=1 << 14)
def decode(symbols: Symbols) -> Solution | None:
    """The message whose codeword agrees with most of `symbols`, or None with fewer than five of them or no message.

    Every choice of five symbols gives one polynomial. The search ends at one that seven symbols agree with, or all if
    there are fewer: another codeword could share at most four of those seven, so none agrees with more.
    """
    seen = [(x, y) for x, y in enumerate(symbols) if y is not None]
    best: Solution | None = None
    for points in combinations(seen, DATA):
        xs, ys = zip(*points, strict=True)
        codeword = _through(xs, ys)
        agree = sum(codeword[x] == y for x, y in seen)
        if best is None or agree > best.agree:
            message = sum(digit * FIELD**i for i, digit in enumerate(codeword[:DATA]))
            if message >> BITS == 0:  # half of all codewords stand for no message
                best = Solution(message, agree)
                if agree >= min(7, len(seen)):
                    break
    return best


def _through(xs: tuple[int, ...], ys: tuple[int, ...]) -> tuple[int, ...]:
    """The nine values of the polynomial through five points (xs, ys)."""
    y0, y1, y2, y3, y4 = ys
    return tuple((a * y0 + b * y1 + c * y2 + d * y3 + e * y4) % FIELD for a, b, c, d, e in _lagrange(xs))


@cache
def _lagrange(xs: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """For each of 0 … 8 the weights of the values at `xs` (Lagrange's formula). There are 126 choices of xs."""

    def weight(x: int, a: int) -> int:
        return prod((x - b) * pow(a - b, -1, FIELD) for b in xs if b != a) % FIELD

    return tuple(tuple(weight(x, a) for a in xs) for x in range(LENGTH))
