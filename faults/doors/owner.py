"""Whose call is it? The request behind a call, from the watermarks in its messages."""

from __future__ import annotations

import re
from collections.abc import Mapping

from brownout.faults.model.watermark.code import DATA
from brownout.faults.model.watermark.normal import normalise
from brownout.faults.model.watermark.text import Codec, Kind, Message
from brownout.faults.model.watermark.words import code_words, groups, solve

__all__ = ["owner"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def owner(
    codec: Codec, text: str, prompts: Mapping[int, str], answers: Mapping[int, str], headers: Mapping[str, str]
) -> tuple[str, tuple[int, ...]]:
    """The key of the request behind a call ('' when unknown), and the ids of all prompts in its messages.

    The last prompt in the messages is the current turn's. Where there is none, the call belongs to the request of the last
    earlier answer that it holds (`answers`: text id → request key): agents, checks and summaries pass on what the model said.
    Then a trace id of W3C Trace Context names the request.
    """

    def known(message: Message) -> bool:
        return message.id in prompts if message.kind == Kind.PROMPT else message.id in answers

    found = [
        message
        for group in groups(code_words(normalise(text)))
        if len(group) >= DATA
        for message, _ in solve(codec, group, known).found
    ]
    asked = [m.id for m in found if m.kind == Kind.PROMPT]
    said = [answers[m.id] for m in found if m.kind != Kind.PROMPT]
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if asked:
        request = f"prompt-{asked[-1]}"
    elif said:
        request = said[-1]
    else:
        request = f"trace-{match[1]}" if match else ""
    return request, tuple(dict.fromkeys(asked))
