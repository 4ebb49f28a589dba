"""A conversation as its user has it: an id, what was said so far, and what the app's replies gave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """What JSONPaths find in a reply: in its JSON, or in the last of its events or lines that has it."""
    found: dict[str, str] = {}
    for document in _documents(body):
        for name, path in paths.items():
            if seen := values(path, document):
                found[name] = shown(seen[-1])
    return found


def _documents(body: str) -> Iterator[Any]:
    """The JSON values of a body: itself, or those of its lines, as server-sent events and NDJSON have them."""
    if (whole := parsed(body)) is not ABSENT:
        yield whole
        return
    for line in body.splitlines():
        if (document := parsed(line.removeprefix("data:"))) is not ABSENT:
            yield document


def as_text(messages: list[dict[str, str]]) -> str:
    """Messages inside a longer text."""
    return json.dumps(messages, ensure_ascii=False)
