"""The scribe: makes watermarked text and keeps the ledger of what a backend issued."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from brownout.faults.model.watermark.text import Codec, Kind, Text
from brownout.faults.values.answer import Issued

__all__ = ["FIRST_ID", "LedgerScribe", "text_of"]

FIRST_ID = 1 << 22
"""Ids below are those of prompts, ids from here those of what backends say: one space for one ledger."""


class LedgerScribe:
    """Issues texts with ids of their own. `note` is told of every text, so that the journal can name it."""

    def __init__(self, codec: Codec, ids: Iterator[int], note: Callable[[Issued], None]) -> None:
        self._codec, self._ids, self._note = codec, ids, note

    def issue(self, kind: Kind, sentences: int, before: str = "", longest: int | None = None) -> tuple[str, Issued]:
        """A new text of `sentences` sentences with `before` in front of it, and its entry in the ledger.

        `longest` is how many characters there is room for; the text is cut there.
        """
        issued = Issued(next(self._ids), kind.name.lower(), sentences, before)
        text = self._codec.make(text_of(issued))
        if longest is not None and len(text) > longest:
            text, issued = text[:longest], replace(issued, length=longest)
        self._note(issued)
        return text, issued

    def literal(self, text: str) -> Issued:
        """An entry of the ledger for a text that holds no watermark."""
        issued = Issued(next(self._ids), Kind.PROSE.name.lower(), 0, literal=text)
        self._note(issued)
        return issued

    def nonsense(self, sentences: int) -> tuple[str, Issued]:
        return self.issue(Kind.NONSENSE, sentences)

    def error(self) -> tuple[str, Issued]:
        return self.issue(Kind.ERROR, 1)


def text_of(issued: Issued) -> Text:
    """The watermark codec's text for an entry of the ledger."""
    return Text(issued.id, issued.sentences, Kind[issued.kind.upper()], issued.before)
