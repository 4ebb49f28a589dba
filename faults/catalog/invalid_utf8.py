"""Text that is no UTF-8."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from brownout.faults.catalog._fields import Tokens
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Step

_TEXT = re.compile(
    rb'"(?:content|text|delta|response|thinking|tool_plan|arguments|partial_json|refusal)": ?"(?P<first>[^"\\])',
)
"""The first character of a text that the model says, in any dialect. It is no quote and no escape."""


@fault("invalid_utf8")
class InvalidUtf8(Fault):
    """Put a byte that is no UTF-8, FF, in place of one of the answer's text.

    It stands in the first event after `after_tokens` tokens that has text, or in the body where the reply is not
    streamed.

    Example: ``invalid_utf8: {after_tokens: 5}``.
    """

    after_tokens: Tokens = 5

    def on_reply(self, call: Call) -> Step:
        said, done = 0, False

        def step(action: Action) -> Iterable[Action]:
            nonlocal said, done
            if done or not isinstance(action, Data) or action.part not in ("content", "body"):
                return (action,)
            due, said = said >= self.after_tokens or action.part == "body", said + action.tokens
            found = _TEXT.search(action.body) if due else None
            if found is None:
                return (action,)
            done, at = True, found.start("first")
            return (replace(action, body=action.body[:at] + b"\xff" + action.body[at + 1 :]),)

        return step
