"""The content of an Anthropic message, whole or as the events of a stream.

Framing as recorded from api.anthropic.com: each event is ``event: NAME``, ``data: `` + compact JSON, an empty line; the JSON
is padded with a run of 0 to 15 spaces before its last brace. A stream is message_start, blocks, message_delta,
message_stop; a block is content_block_start, deltas, content_block_stop. A ping, which is not compact, follows the first
content_block_start, or message_start where there is no content. The arguments of a tool begin with an empty delta; thinking
ends with the delta of its signature. The usage of message_start counts one token of output, that of message_delta all.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from brownout.faults.dialects._api import Headers, base62, compact, encoded, paced
from brownout.faults.values.answer import Answer
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["message", "stream"]

_PING = Data(b'event: ping\ndata: {"type": "ping"}\n\n', "idle")
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",  # Anthropic ends what its classifiers stop as a refusal
}


@dataclass(frozen=True, slots=True)
class Block:
    """A content block: `start` as it is opened, `field` of it that `pieces` fill by deltas of the type `delta`."""

    start: dict[str, Any]
    field: str
    delta: str
    pieces: tuple[str, ...]
    signature: str = ""


def _blocks(answer: Answer, stamp: Stamp) -> list[Block]:
    """Thinking, text, tools, as far as there is any. The text of a refusal is in its stop details instead."""
    made = []
    if answer.reasoning:
        signature = b64encode(hashlib.shake_256(stamp.id.encode()).digest(192)).decode()
        start: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
        made.append(Block(start, "thinking", "thinking_delta", answer.reasoning, signature))
    if answer.pieces and answer.finish != "refusal":
        made.append(Block({"type": "text", "text": ""}, "text", "text_delta", answer.pieces))
    for i, tool in enumerate(answer.tools):
        name = "toolu_01" + base62(f"{stamp.id}{i:02x}", 22)
        start = {"type": "tool_use", "id": name, "name": tool.name, "input": {}, "caller": {"type": "direct"}}
        made.append(Block(start, "input", "input_json_delta", tool.pieces))
    return made


def _whole(block: Block, *, broken_off: bool) -> dict[str, Any]:
    """A block when all is said.

    Arguments that the token limit broke off are an empty object; what a fault made of them may be no JSON, and stays a text.
    """
    text = "".join(block.pieces)
    said: object = text
    if block.field == "input":
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = {} if broken_off else text
    made = {**block.start, block.field: said}
    return {**made, "signature": block.signature} if block.signature else made


def _message(answer: Answer, stamp: Stamp, **more: Any) -> dict[str, Any]:
    return {
        "model": answer.model,
        "id": "msg_01" + base62(stamp.id, 22),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        **more,
    }


def _stop(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Why the message ended."""
    reason = _REASONS.get(answer.finish, answer.finish)
    why = answer.text or None if answer.finish == "refusal" else None
    stopped = _stopped(ask, answer)
    return {
        "stop_reason": "stop_sequence" if stopped else reason,
        "stop_sequence": _sequence(ask, answer) if stopped else None,
        "stop_details": {"type": "refusal", "category": None, "explanation": why} if reason == "refusal" else None,
    }


def _stopped(ask: Ask, answer: Answer) -> bool:
    """Whether a stop sequence ended the text.

    An answer does not say so, but its ledger entries tell that a text was shortened, or that none of it is left, and a token
    limit has a finish reason of its own. Not seen is a cut in what a script adds after its watermark. To JSON and tools,
    whose texts may be short for other reasons, stop sequences are not applied.
    """
    free = bool(ask.stop) and ask.schema is None and not answer.tools and not answer.damage
    return free and answer.finish == "stop" and (not answer.issued or any(i.length for i in answer.issued))


def _sequence(ask: Ask, answer: Answer) -> str | None:
    """Which stop sequence ended the text: the only one, or the one with which a scripted text goes on; else not known."""
    if len(ask.stop) == 1:
        return ask.stop[0]
    rest = answer.issued[0].literal[len(answer.text) :] if answer.issued else ""
    return min((s for s in ask.stop if rest.startswith(s)), default=None)  # of several, the shortest


def _input(answer: Answer) -> dict[str, Any]:
    """The tokens read. Those that came from the cache are counted apart from the others."""
    return {
        "input_tokens": answer.usage.prompt - answer.usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.usage.cached,
    }


def _output(answer: Answer) -> dict[str, Any]:
    details = {"output_tokens_details": {"thinking_tokens": answer.usage.reasoning}} if answer.usage.reasoning else {}
    return {"output_tokens": answer.usage.completion, **details}


def _usage(answer: Answer, output: dict[str, Any]) -> dict[str, Any]:
    """The usage in a message object; that of a message_delta is only what was read and said."""
    cache = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    tier = {"service_tier": "standard", "inference_geo": "not_available"}
    return {**_input(answer), "cache_creation": cache, **output, **tier}


def message(ask: Ask, answer: Answer, stamp: Stamp) -> dict[str, Any]:
    """The message object of a reply that is not streamed."""
    content = [_whole(block, broken_off=answer.finish == "length") for block in _blocks(answer, stamp)]
    return _message(answer, stamp, content=content, **_stop(ask, answer), usage=_usage(answer, _output(answer)))


def stream(ask: Ask, answer: Answer, stamp: Stamp, headers: Headers) -> Iterator[Action]:
    """The streamed reply."""
    padding = int(stamp.id[:8], 16)

    def event(name: str, members: str = "") -> bytes:
        nonlocal padding
        padding = (padding * 5 + 3) % 16  # walks through all of 0..15
        return encoded(f'event: {name}\ndata: {{"type":"{name}"{members}{" " * padding}}}\n\n')

    def delta(at: int, kind: str, field: str, text: str) -> bytes:
        return event("content_block_delta", f',"index":{at},"delta":{{"type":"{kind}","{field}":{compact(text)}}}')

    def begun() -> Iterator[Action]:
        yield _PING
        yield Wait(answer.pace.first_token, "first token")

    blocks = _blocks(answer, stamp)
    yield Wait(answer.pace.head, "head")
    yield Head(200, (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), *headers))
    start = _message(answer, stamp, usage=_usage(answer, {"output_tokens": 1}))
    yield Data(event("message_start", f',"message":{compact(start)}'), "open")
    for at, block in enumerate(blocks):
        kind, field = block.delta, "partial_json" if block.field == "input" else block.field
        yield Data(event("content_block_start", f',"index":{at},"content_block":{compact(block.start)}'), "open")
        if not at:
            yield from begun()
        if block.field == "input":
            yield Data(delta(at, kind, field, ""), "open")
        yield from paced(block.pieces, answer.pace, partial(delta, at, kind, field), begun=at > 0)
        if block.signature:
            yield Data(delta(at, "signature_delta", "signature", block.signature), "open")
        yield Data(event("content_block_stop", f',"index":{at}'), "open")
    if not blocks:
        yield from begun()
    # What a refusal says is handed over here: a stream has no other place for it.
    late = len(answer.pieces) if answer.finish == "refusal" else 0
    usage = {**_input(answer), **_output(answer)}
    end = f',"delta":{compact(_stop(ask, answer))},"usage":{compact(usage)}'
    yield Data(event("message_delta", end), "finish", late)
    yield Data(event("message_stop"), "done")
    yield End()
