"""What the simulated model says, in provider-neutral terms."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Answer", "Issued", "Pace", "ToolCall", "Usage", "tokens"]

_TOKEN = re.compile(r"\s?\S{1,6}|\s")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call. Estimated from the text: the simulated model has no tokenizer.

    `cached` of the prompt's tokens came from the provider's prompt cache; `reasoning` of the completion's are not shown.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.completion


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
class ToolCall:
    """A tool that the model wants called. `pieces` are the tokens of its arguments, a JSON object as text."""

    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulated model says to one ask: reasoning, then text, then tools that it wants called.

    `pieces` are the tokens of the text as they are sent in a stream; joined they are the text. `finish` is the neutral
    reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``, ``refusal``. `issued` are the entries of the ledger
    for the text, in its order. `vectors` answer an embeddings call, one for each input, in their order. `others` are the
    further choices where the caller asked for several. `damage` names the content fault that changed the answer, else ''.
    """

    pieces: tuple[str, ...]
    model: str
    finish: str = "stop"
    usage: Usage = Usage()
    pace: Pace = Pace()
    issued: tuple[Issued, ...] = ()
    damage: str = ""
    tools: tuple[ToolCall, ...] = ()
    reasoning: tuple[str, ...] = ()
    vectors: tuple[tuple[float, ...], ...] = ()
    others: tuple[Answer, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tokens(self) -> int:
        """How many tokens are said in all. What a reply hands over of them is counted by its `Data.tokens`."""
        own = len(self.reasoning) + len(self.pieces) + sum(len(t.pieces) for t in self.tools)
        return own + sum(other.tokens for other in self.others)

    @property
    def seconds(self) -> float:
        """How long a reply that is not streamed takes until it is ready."""
        said = max(self.tokens, 1)
        return self.pace.head + self.pace.first_token + self.pace.per_token * (said - 1)


def tokens(text: str) -> tuple[str, ...]:
    """`text` cut into pieces of about five characters, the usual size of a token in English prose; joined, the text."""
    return tuple(_TOKEN.findall(text))
