"""An HTTP error with the provider's own body."""

from __future__ import annotations

from typing import Annotated

from brownout.faults.values.fault import Call, Failure, Fault, fault, replace_with
from brownout.faults.values.reply import Step
from brownout.faults.values.units import Between, Seconds, retry_after


@fault("http_error")
class HttpError(Fault):
    """Answer with a status from 400 to 599, in the provider's words, before the model is reached.

    `retry_after` adds a Retry-After header. An empty `message` means the provider's usual text.
    Example: ``http_error: {status: 503, retry_after: 2s}``.
    """

    status: Annotated[int, Between(400, 599)]
    retry_after: Seconds | None = None
    message: str = ""

    def on_reply(self, call: Call) -> Step:
        failure = Failure(self.status, "", self.message, call.ask.model, headers=retry_after(self.retry_after))
        return replace_with(call.fail(failure))
