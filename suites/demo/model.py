"""One language model, with what the process knows about its health, and one call to it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from brownout.suites.demo.breaker import Breaker
from brownout.suites.demo.cooldown import Cooldown
from brownout.suites.demo.failures import CallError, call_error
from brownout.suites.demo.timings import Limits

__all__ = ["SYSTEM_PROMPT", "Model", "ModelCall"]

log = logging.getLogger(__name__)

SYSTEM_PROMPT = "You are the support desk of an online shop. Answer briefly, in plain words, and only what you know."


class Model:
    """A model by its name. Without a breaker or a cool-down it is always asked.

    `whole_only`: an answer counts only when the model said that it is whole.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        name: str,
        *,
        whole_only: bool,
        breaker: Breaker | None = None,
        cooldown: Cooldown | None = None,
    ) -> None:
        self.client, self.name, self.whole_only = client, name, whole_only
        self._breaker, self._cooldown = breaker, cooldown

    def resting_for(self) -> float:
        """Seconds until it may be asked again; 0.0 for now."""
        return max((guard.remaining() for guard in (self._breaker, self._cooldown) if guard), default=0.0)

    def call(self, message: str, limits: Limits) -> ModelCall:
        return ModelCall(self, message, limits)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Around one call: raises CallError at once if the model is to be left alone, and learns from the outcome."""
        if self._cooldown and self._cooldown.remaining() > 0:
            raise CallError(f"{self.name} asked to be left alone")
        permit = self._breaker.enter() if self._breaker else None
        if self._breaker and permit is None:
            raise CallError(f"the breaker of {self.name} is open")
        try:
            yield
        except CallError as failure:
            log.warning("%s: %s", self.name, failure)
            if self._cooldown and failure.retry_after is not None:
                self._cooldown.start(failure.retry_after)
            if permit and failure.unhealthy:
                permit.failed()
            raise
        else:
            if permit:
                permit.succeeded()
        finally:
            if permit:
                permit.release()


class ModelCall:
    """One call. Iterate for the pieces of text as they come; CallError says that there is no more to come.

    `finish_reason` is what the model gave as the reason for the end, None until then. `aclose` ends the call early.
    """

    def __init__(self, model: Model, message: str, limits: Limits) -> None:
        self._model, self._message, self._limits = model, message, limits
        self._started = False
        self.finish_reason: str | None = None
        self._pieces = self._read()

    @property
    def whole(self) -> bool:
        """True once all of the answer was read, and the model has said that it is all."""
        return self._started and self.finish_reason == "stop"

    def __aiter__(self) -> AsyncIterator[str]:
        return self._pieces

    async def aclose(self) -> None:
        """Hang up. Closes the connection, which is how a provider learns that nobody is reading any more."""
        await self._pieces.aclose()

    async def _read(self) -> AsyncGenerator[str, None]:
        with self._model.guard():
            stream = await self._open()
            try:
                while (piece := await self._next_piece(stream)) is not None:
                    if piece:
                        yield piece
            finally:
                await stream.close()
            if self._model.whole_only:
                self._check_whole()

    async def _open(self) -> AsyncStream[ChatCompletionChunk]:
        try:
            async with asyncio.timeout_at(self._next_by()):
                return await self._model.client.chat.completions.create(
                    model=self._model.name,
                    messages=[
                        {"role": "system", "content": SYSTEM_PROMPT},
                        {"role": "user", "content": self._message},
                    ],
                    stream=True,
                    stream_options={"include_usage": True},
                )
        except Exception as error:
            raise call_error(error) from error

    async def _next_piece(self, stream: AsyncStream[ChatCompletionChunk]) -> str | None:
        """The text of the next chunk, often empty at the edges of an answer; None at the end of the stream."""
        try:
            # Around each wait, because the SDK's own timeout starts anew with every byte: a comment is enough.
            async with asyncio.timeout_at(self._next_by()):
                chunk = await anext(stream, None)
            return None if chunk is None else self._text_of(chunk)
        except Exception as error:
            if self.finish_reason is not None:
                return None  # The answer is whole; what did not come is book-keeping.
            raise call_error(error) from error

    def _text_of(self, chunk: ChatCompletionChunk) -> str:
        if chunk.usage:
            log.info("%s: %d tokens", self._model.name, chunk.usage.total_tokens)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        text = choice.delta.content or ""
        if not isinstance(text, str):  # The SDK does not check what it was sent.
            raise TypeError(f"the content of a chunk is {text!r}")
        self.finish_reason = choice.finish_reason or self.finish_reason
        self._started = self._started or bool(text)
        return text

    def _next_by(self) -> float | None:
        now = asyncio.get_running_loop().time()
        return self._limits.next_by(now, started=self._started, finished=self.finish_reason is not None)

    def _check_whole(self) -> None:
        """A stream that just ends is no error to the SDK, and neither is one without a word in it."""
        if self.finish_reason is None:
            raise CallError("the answer broke off", retryable=True, unhealthy=True)
        if self.finish_reason != "stop":
            raise CallError(f"the answer was cut: {self.finish_reason}")
        if not self._started:
            raise CallError("the answer is empty", unhealthy=True)
