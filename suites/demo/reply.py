"""An answer on its way to the user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum

from brownout.suites.demo.model import ModelCall

__all__ = ["Mode", "Reply", "in_pieces"]


class Mode(StrEnum):
    """Where an answer comes from. Users are told, and so is whoever watches the app."""

    MODEL = "model"
    SMALL = "small"
    CACHED = "cached"
    FALLBACK = "fallback"


class Reply:
    """Iterate for the pieces of text; CallError says that there is no more to come. Close it, read or not.

    It begins with `pieces`, which are here already, and goes on with those of `call`. In the end, whatever the end is,
    `remember` is told the text that was passed on and whether it is a good answer: whole, and by a model.
    """

    def __init__(
        self,
        mode: Mode,
        pieces: Sequence[str],
        *,
        call: ModelCall | None = None,
        remember: Callable[[str, bool], None] | None = None,
    ) -> None:
        self.mode = mode
        self._pieces, self._call, self._remember = pieces, call, remember

    async def __aiter__(self) -> AsyncIterator[str]:
        sent: list[str] = []
        try:
            for piece in self._pieces:
                sent.append(piece)
                yield piece
            if self._call:
                async for piece in self._call:
                    sent.append(piece)
                    yield piece
        finally:
            if self._remember and sent:
                self._remember("".join(sent), self._call is not None and self._call.whole)

    async def aclose(self) -> None:
        if self._call:
            await self._call.aclose()


def in_pieces(text: str, count: int = 4) -> list[str]:
    """The text in up to `count` pieces of about the same length."""
    size = -(-len(text) // count) or 1
    return [text[start : start + size] for start in range(0, len(text), size)]
