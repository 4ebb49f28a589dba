"""An answer that is the body itself: visible as its bytes come."""

from __future__ import annotations

import codecs

from brownout.harness.app.answers.form import Body, Kept, ReadAnswer
from brownout.harness.config.answer import TextSpec

__all__ = ["PlainText"]


class PlainText:
    """Decodes the body as UTF-8 as it comes; what is not UTF-8 becomes U+FFFD. The body's clean end is the answer's."""

    accept = "text/plain, */*;q=0.8"

    def __init__(self, spec: TextSpec) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = Kept()
        self._first = True
        self.over = False

    def feed(self, data: bytes) -> list[str]:
        """The characters that are complete."""
        piece = self._decode(data)
        return [piece] if piece else []

    def finish(self, body: Body, complete: bool) -> ReadAnswer:
        """The whole text. A character that broke off with the connection was never seen; in a whole body it is an error."""
        if complete:
            self._decode(b"", last=True)
        problem = "" if self._text else "the body is empty"
        return ReadAnswer(str(self._text), complete, problem=problem, cut=not complete)

    def _decode(self, data: bytes, last: bool = False) -> str:
        text = self._decoder.decode(data, last)
        if text and self._first:
            # Not by Python's "utf-8-sig", whose incremental decoder loses a body that is only half a byte order mark.
            text, self._first = text.removeprefix("\ufeff"), False
        return self._text.add(text)
