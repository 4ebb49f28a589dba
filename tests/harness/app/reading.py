"""Feeding bodies to readers, whole and in pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from brownout.harness.app.answer import AnswerReader, ReadAnswer
from brownout.harness.config.answer import AnswerSpec

CUTS = st.lists(st.integers(0, 1000))


def read(spec: AnswerSpec, *chunks: bytes, whole: bool = True) -> tuple[list[str], ReadAnswer]:
    """The pieces that became visible while `chunks` came, and the reply."""
    reader = AnswerReader(spec)
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    return pieces, reader.finish(whole)


def divided(body: bytes, cuts: list[int]) -> list[bytes]:
    """`body` cut at places that follow from `cuts`."""
    at = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    return [body[a:b] for a, b in pairwise(at)]
