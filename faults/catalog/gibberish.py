"""The model talks nonsense."""

from __future__ import annotations

from dataclasses import replace

from brownout.faults.values.answer import Answer, Usage, tokens
from brownout.faults.values.fault import Call, Fault, fault


@fault("gibberish")
class Gibberish(Fault):
    """Replace the answer by text that looks like language and is none, of about the same length; formally all is well.

    Example: ``gibberish: {}``.
    """

    def on_answer(self, answer: Answer, call: Call) -> Answer:
        sentences = max(1, sum(i.sentences for i in answer.issued) or answer.text.count("."))
        text, issued = call.scribe.nonsense(sentences)
        pieces = tokens(text)
        usage = Usage(answer.usage.prompt, len(pieces))
        return replace(answer, pieces=pieces, usage=usage, issued=(issued,), damage=self.name)
