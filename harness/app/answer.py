"""Reading an app's reply: the answer's text as it becomes visible, its end and its errors, whatever its format.

Sans-I/O: whoever has the bytes feeds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brownout.harness.app.answers.event_stream import EventStream
from brownout.harness.app.answers.form import AnswerForm, Body, ReadAnswer
from brownout.harness.app.answers.json_body import JsonBody
from brownout.harness.app.answers.ndjson import Ndjson
from brownout.harness.app.answers.plain_text import PlainText
from brownout.harness.app.answers.vercel import Vercel
from brownout.harness.app.rules import judge_reply
from brownout.harness.config.answer import AnswerSpec

__all__ = ["AnswerReader", "ReadAnswer", "judge_reply"]

_FORMS: Mapping[str, Any] = {
    "json": JsonBody,
    "sse": EventStream,
    "ndjson": Ndjson,
    "text": PlainText,
    "vercel": Vercel,
}


class AnswerReader:
    """Reads one reply in the format that its route says."""

    def __init__(self, spec: AnswerSpec) -> None:
        name, said = spec.format
        self._form: AnswerForm = _FORMS[name](said)
        self._body = Body()

    @property
    def accept(self) -> str:
        """The ``accept`` header of a request that expects this format."""
        return self._form.accept

    @property
    def over(self) -> bool:
        """Whether the reply has announced its end or an error: users expect no more."""
        return self._form.over

    @property
    def body_text(self) -> str:
        """The body as far as it came, 256 kB at most; what is not UTF-8 becomes U+FFFD."""
        return self._body.text

    def feed(self, data: bytes) -> list[str]:
        """Take in bytes of the body. Returns the pieces of answer text that became visible: none before the end of JSON."""
        self._body.add(data)
        return self._form.feed(data)

    def finish(self, complete_body: bool) -> ReadAnswer:
        """The reply as a whole, when no more bytes come. `complete_body`: the body ended as its framing says."""
        return self._form.finish(self._body, complete_body)
