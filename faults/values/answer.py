"""What the simulated model says, in provider-neutral terms."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Answer", "Issued", "Pace", "Usage", "tokens"]

_TOKEN = re.compile(r"\s?\S{1,6}|\s")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call. Estimated from the text: the simulated model has no tokenizer."""

    prompt: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True)
class Issued:
    """One watermarked text that a call said, as the journal keeps it: enough to make it again from the run's key.

    `kind` is the name of a watermark kind (``prose``, ``nonsense``, ``error``). `before` is literal text in front.
    `literal` is the whole text of a scripted answer that holds no watermark; `sentences` is then 0. `length` is how many
    characters of it the model meant to say, 0 for all: a token limit or a stop sequence shortens an answer.
    """

    id: int
    kind: str
    sentences: int
    before: str = ""
    literal: str = ""
    length: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an answer is said, in seconds: until the response head, from there to the first token, between tokens."""

    head: float = 0.0
    first_token: float = 0.0
    per_token: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulated model says to one ask.

    `pieces` are the tokens as they are sent in a stream; joined they are the text. `finish` is the neutral reason
    (``stop``, ``length``, ``content_filter``). `damage` names the content fault that changed the answer, else ''.
    """

    pieces: tuple[str, ...]
    model: str
    finish: str = "stop"
    usage: Usage = Usage()
    pace: Pace = Pace()
    issued: tuple[Issued, ...] = ()
    damage: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def tokens(text: str) -> tuple[str, ...]:
    """`text` cut into pieces of about five characters, the usual size of a token in English prose; joined, the text."""
    return tuple(_TOKEN.findall(text))
