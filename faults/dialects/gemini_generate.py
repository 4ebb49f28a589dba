"""Gemini generation: ``POST /models/{model}:generateContent`` and ``:streamGenerateContent``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import ClassVar

from brownout.faults.dialects._api import Received, encoded, limit, stops, whole
from brownout.faults.dialects._gemini_chunks import Chunks, response
from brownout.faults.dialects._gemini_request import bad, conversation, declared, field, member, schema, tool_choice
from brownout.faults.dialects.gemini import JSON, Gemini
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["Generate"]


@Gemini.operation
class Generate:
    """Text, function calls, structured output, thoughts, several candidates. The method in the path decides on streaming.

    A stream is Server-Sent Events with ``alt=sse`` and one JSON array without; `Ask.body` holds ``alt`` for that.
    """

    name: ClassVar[str] = "chat"
    method: ClassVar[str] = "POST"
    path: ClassVar[re.Pattern[str]] = re.compile(
        r"/models/(?P<model>[^/:]+):(?P<method>generateContent|streamGenerateContent)$"
    )
    shown: ClassVar[str] = "/models/{model}:generateContent, :streamGenerateContent"

    def __init__(self, api: Gemini) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        config = member(body, "generationConfig")
        messages = conversation(body)
        if isinstance(messages, Failure):
            return messages
        most = limit(field(config, "maxOutputTokens"), "max_output_tokens")
        if isinstance(most, Failure):
            return most
        count = field(config, "candidateCount")
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 8):
            return bad("* GenerateContentRequest.generation_config.candidate_count: must be in the range [1, 8].\n")
        tools = declared(body)
        if isinstance(tools, Failure):
            return tools
        chosen = tool_choice(body, tools)
        if isinstance(chosen, Failure):
            return chosen
        choice, callable_tools = chosen
        stream = received.named["method"] == "streamGenerateContent"
        return Ask(
            self.name,
            received.named["model"],
            messages,
            stream,
            most,
            stops(field(config, "stopSequences")),
            body={**body, "alt": received.query.get("alt", "json")},
            tools=callable_tools,
            tool_choice=choice,
            schema=schema(config),
            choices=count or 1,
            reasoning=field(member(config, "thinkingConfig"), "includeThoughts") is True,
        )

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if not ask.stream:
            body = encoded(json.dumps(response(answer, stamp), indent=2, ensure_ascii=False) + "\n")
            return whole(answer, body, self._api.headers(stamp), JSON)
        return self._stream(ask, answer, stamp)

    def _stream(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        sse = ask.body.get("alt") == "sse"
        yield Wait(answer.pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream" if sse else JSON), *self._api.headers(stamp)))
        yield Wait(answer.pace.first_token, "first token")
        if not sse:
            yield Data(b"[", "open")
        yield from Chunks(answer, stamp, sse=sse).all()
        if not sse:
            yield Data(b"]\n", "done")
        yield End()
