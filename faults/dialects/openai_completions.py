"""OpenAI completions: ``POST /completions``, the endpoint before chat completions, streaming and not.

Framing as recorded: as of chat completions, without obfuscation; a usage has no details. The API sends the finish reason with
the last token where the limit ends the text; here it always has an event of its own, with an empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from brownout.faults.dialects._api import Received, base62, compact, encoded, limit, paced, stops, whole
from brownout.faults.dialects._openai_chunks import finish_reason
from brownout.faults.dialects._openai_inputs import read_inputs
from brownout.faults.dialects.openai import OpenAI
from brownout.faults.values.answer import Answer, Usage
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Failure, Stamp
from brownout.faults.values.reply import Action, Data, End, Head, Wait

__all__ = ["Completions"]

USUAL_LIMIT = 16
"""How many tokens are said where the caller sets no limit: the API's default."""


@OpenAI.operation
class Completions:
    """`n` texts for each prompt, in the order of the prompts.

    `best_of`, `logprobs` and `suffix` are accepted and not used; `echo` is not served.
    """

    name: ClassVar[str] = "completions"
    method: ClassVar[str] = "POST"
    # Not the end of chat completions' path.
    path: ClassVar[re.Pattern[str]] = re.compile(r"(?<!/chat)/completions$")
    shown: ClassVar[str] = "/completions"

    def __init__(self, api: OpenAI) -> None:
        self._api = api

    def parse(self, received: Received) -> Ask | Failure:
        body = received.body
        model, prompts = body.get("model"), read_inputs(body.get("prompt"))
        if not isinstance(model, str) or not model:
            return _bad("you must provide a model parameter")
        if not prompts:
            return _bad("'prompt' must be a text, or a list of texts or of token numbers.")
        if body.get("echo") is True:
            return Failure(501, "not_served", "This simulated backend does not repeat prompts: 'echo' is not served.")
        most = limit(body.get("max_tokens"), "max_tokens")
        if isinstance(most, Failure):
            return most
        n = body.get("n")
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 128):
            return _bad("Invalid value for 'n': expected an integer from 1 to 128.")
        return Ask(
            self.name,
            model,
            tuple(Message("user", prompt) for prompt in prompts),
            body.get("stream") is True,
            most or USUAL_LIMIT,
            stops(body.get("stop")),
            str(body.get("user") or ""),
            body,
            choices=len(prompts) * (n or 1),
        )

    def reply(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        if ask.stream:
            return self._stream(ask, answer, stamp)
        said = enumerate((answer, *answer.others))
        choices = [_choice(i, choice.text, finish_reason(choice)) for i, choice in said]
        body = {**_head(stamp), "model": answer.model, "choices": choices, "usage": _usage(answer.usage)}
        text = json.dumps(body, indent=2, ensure_ascii=False)
        return whole(answer, encoded(text), self._api.headers(stamp))

    def _stream(self, ask: Ask, answer: Answer, stamp: Stamp) -> Iterator[Action]:
        options = ask.body.get("stream_options")
        with_usage = isinstance(options, dict) and options.get("include_usage") is True
        head = {**_head(stamp), "model": answer.model, **({"usage": None} if with_usage else {})}

        def event(index: int, text: str, finish: str | None = None) -> bytes:
            return _event({**head, "choices": [_choice(index, text, finish)]})

        yield Wait(answer.pace.head, "head")
        yield Head(200, (("content-type", "text/event-stream; charset=utf-8"), *self._api.headers(stamp)))
        yield Wait(answer.pace.first_token, "first token")
        begun = False
        for index, choice in enumerate((answer, *answer.others)):
            yield from paced(choice.pieces, answer.pace, partial(event, index), begun=begun)
            yield Data(event(index, "", finish_reason(choice)), "finish")
            begun = begun or bool(choice.pieces)
        if with_usage:
            yield Data(_event({**head, "usage": _usage(answer.usage), "choices": []}), "usage")
        yield Data(b"data: [DONE]\n\n", "done")
        yield End()


def _bad(message: str) -> Failure:
    return Failure(400, "bad_request", message)


def _head(stamp: Stamp) -> dict[str, Any]:
    return {"id": f"cmpl-{base62(stamp.id, 29)}", "object": "text_completion", "created": stamp.created}


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _usage(said: Usage) -> dict[str, int]:
    return {"prompt_tokens": said.prompt, "completion_tokens": said.completion, "total_tokens": said.total}


def _event(data: dict[str, Any]) -> bytes:
    return encoded(f"data: {compact(data)}\n\n")
