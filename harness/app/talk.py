"""A conversation as its user has it: an id, what was said so far, and what the app's replies gave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from brownout.harness.app.answers.event_stream import EventParser
from brownout.harness.app.answers.values import ABSENT, parsed, shown, values

__all__ = ["Talk", "taken"]


@dataclass
class Talk:
    """`history` is a list of ``{role, content}``; `values` stand for ``{conversation.NAME}``."""

    id: str
    history: list[dict[str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    def heard(self, question: str, answer: str, found: Mapping[str, str]) -> None:
        """A turn that went well becomes part of the conversation."""
        self.history += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        self.values |= found


def taken(paths: Mapping[str, str], body: str) -> dict[str, str]:
    """What JSONPaths find in a reply: in its JSON, or in the last of its events or lines that has it. Null is nothing."""
    found: dict[str, str] = {}
    for text in _documents(body) if paths else ():
        missing = paths.keys() - found.keys()
        if not missing:
            break
        if (document := parsed(text)) is not ABSENT:
            seen = {name: values(paths[name], document) for name in missing}
            found |= {name: shown(some[0]) for name, some in seen.items() if some and some[0] is not None}
    return found


def _documents(body: str) -> Iterator[str]:
    """The texts of a reply that may be JSON, the last first: itself, or the data of its events, or its lines."""
    if parsed(body) is not ABSENT:
        yield body
        return
    events = [data for _, data in EventParser().feed(body.encode() + b"\n\n")]
    for text in reversed(events or body.split("\n")):
        yield text
        if not events:  # a line of the AI SDK's data stream has a code and a colon before its JSON
            yield text.partition(":")[2]
