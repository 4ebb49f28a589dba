"""An HTTP error: the provider's own, or that of an edge or a proxy in front of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from brownout.faults.catalog._fields import Headers, Kind, RetryAfter, RetryAfterAs
from brownout.faults.catalog._pages import edge_page, empty, plain_text
from brownout.faults.catalog._replies import changed, hints
from brownout.faults.values.distribution import Duration
from brownout.faults.values.fault import Call, Failure, Fault, fault
from brownout.faults.values.reply import Acquire, Action, Head, Step, Wait
from brownout.faults.values.units import Between


@fault("http_error")
class HttpError(Fault):
    """Answer with a status from 400 to 599 in place of the model.

    `body` is the provider's own error, an ``html`` page as Cloudflare's, a line of ``text`` as proxies answer, or
    ``empty``. The provider's words are those for the `status`, or for a `kind` of failure such as ``context_length`` or
    ``quota``. An empty `message` means the usual text. The error comes at once, or `after` a time for which the model's
    slot is taken.

    `retry_after` adds a Retry-After header, which is 0 or negative where you say so; `retry_after_as` writes it in
    whole ``seconds``, as a ``decimal``, as a ``date``, or as the header ``retry-after-ms``. `should_retry` adds
    ``x-should-retry``. `headers` are further headers, or others for those that the reply has.
    Example: ``http_error: {status: 503, retry_after: 2s}`` or ``http_error: {status: 524, body: html, after: 100s}``.
    """

    status: Annotated[int, Between(400, 599)]
    retry_after: RetryAfter | None = None
    message: str = ""
    kind: Kind | None = None
    body: Literal["provider", "html", "text", "empty"] = "provider"
    after: Duration | None = None
    retry_after_as: RetryAfterAs = "seconds"
    should_retry: bool | None = None
    headers: Headers | None = None

    def __post_init__(self) -> None:
        if self.kind and self.body != "provider":
            raise ValueError(f"kind picks words of the provider, and a body that is {self.body} has none")
        if self.message and self.body == "empty":
            raise ValueError("an empty body has no message")

    def on_reply(self, call: Call) -> Step:
        said = hints(self.retry_after, self.retry_after_as, self.should_retry, call.stamp.created)
        headers = {**dict(said), **(self.headers or {})}
        reply = [changed(a, headers) if isinstance(a, Head) else a for a in self._reply(call, said)]
        late = () if self.after is None else (Wait(self.after.draw(call.rng), self.name),)

        def step(action: Action) -> Iterable[Action]:
            return (action, *late, *reply) if late and isinstance(action, Acquire) else (*late, *reply)

        return step

    def _reply(self, call: Call, said: tuple[tuple[str, str], ...]) -> Iterable[Action]:
        match self.body:
            case "html":
                return edge_page(call, self.status, self.message)
            case "text":
                return plain_text(call, self.status, self.message)
            case "empty":
                return empty(call, self.status)
        return call.fail(Failure(self.status, self.kind or "", self.message, call.ask.model, headers=said))
