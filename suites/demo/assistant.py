"""The ladder: the cache, the main model, the small model, the rules. The first rung that has an answer gives it."""

from __future__ import annotations

import asyncio
import math
import random
from functools import partial

from openai import DEFAULT_MAX_RETRIES, AsyncOpenAI

from brownout.suites.demo.breaker import Breaker
from brownout.suites.demo.budget import RetryBudget
from brownout.suites.demo.cache import AnswerCache
from brownout.suites.demo.cooldown import Cooldown
from brownout.suites.demo.failures import CallError
from brownout.suites.demo.model import Model, ModelCall
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.reply import Mode, Reply, in_pieces
from brownout.suites.demo.rules import help_for
from brownout.suites.demo.timings import UNLIMITED, Limits, Timings

__all__ = ["Assistant", "UnavailableError"]

MAX_RETRIES = 2


class UnavailableError(Exception):
    """No rung of the ladder has an answer. The text is the last failure, `retry_after` is in whole seconds."""

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Assistant:
    """Answers messages. One for the whole process: the guards learn from all requests."""

    def __init__(
        self, client: AsyncOpenAI, main: str, small: str, protections: Protections, timings: Timings | None = None
    ) -> None:
        self.protections, self.timings = protections, timings or Timings()
        # One place retries, or two multiply: with our own loop the SDK must not have one.
        self._client = client.with_options(max_retries=0 if protections.retries else DEFAULT_MAX_RETRIES)
        self._rungs = [(Mode.MODEL, self._model(main))]
        if protections.small_model:
            self._rungs.append((Mode.SMALL, self._model(small)))
        self._budget = RetryBudget(window=self.timings.budget_window)
        self._cache = AnswerCache(ttl=self.timings.cache_ttl)

    async def reply(self, message: str, *, whole: bool = False) -> Reply:
        """The answer to a message, as soon as its first piece is here, or with `whole` as soon as all of it is.

        Until then a failure leads to the next rung, and at the end of the ladder to UnavailableError. Later it cannot, as
        half of an answer has been shown by then: the reply raises CallError while it is read.
        """
        whole = whole or not self.protections.streaming
        if self.protections.cache and (cached := self._cache.get(message)) is not None:
            return Reply(Mode.CACHED, in_pieces(cached, 1 if whole else 4))
        remember = partial(self._remember, message)
        self._budget.record_request()
        arrived = _now()
        reason = ""
        for mode, model in self._rungs:
            limits = self._limits(mode, arrived)
            if limits.too_late:
                break  # A model must not be blamed for the time that another one took.
            try:
                pieces, call = await self._ask(model, message, limits, whole)
            except CallError as failure:
                reason = str(failure)
            else:
                return Reply(mode, pieces, call=call, remember=remember)
        if self.protections.fallback:
            return Reply(Mode.FALLBACK, [help_for(message)], remember=remember)
        raise UnavailableError(reason, self._retry_after())

    def _model(self, name: str) -> Model:
        return Model(
            self._client,
            name,
            whole_only=self.protections.honest_errors,
            breaker=Breaker(open_for=self.timings.breaker_open) if self.protections.breaker else None,
            cooldown=Cooldown() if self.protections.retry_after else None,
        )

    def _limits(self, mode: Mode, arrived: float) -> Limits:
        if not self.protections.deadline:
            return UNLIMITED
        timings = self.timings
        first_by = arrived + timings.first_token
        if mode is Mode.SMALL:
            first_by = max(first_by, _now()) + timings.small_first_token
        return Limits(first_by, timings.token_gap, arrived + timings.whole_answer, timings.after_finish)

    async def _ask(self, model: Model, message: str, limits: Limits, whole: bool) -> tuple[list[str], ModelCall]:
        """A call that has delivered its first piece (all pieces if `whole`), after retries if they are worth it."""
        retries = 0
        while True:
            call = model.call(message, limits)
            try:
                if whole:
                    return ["".join([piece async for piece in call])], call
                return [await anext(aiter(call), "")], call
            except CallError as failure:
                wait = self._wait_before_retry(retries, failure, limits)
                if wait is None:
                    raise
            await asyncio.sleep(wait)
            retries += 1

    def _wait_before_retry(self, retries: int, failure: CallError, limits: Limits) -> float | None:
        """Seconds, or None if there is to be no (further) retry."""
        if not self.protections.retries or retries >= MAX_RETRIES:
            return None
        if failure.retry_after is not None:
            return None if self.protections.retry_after else self.timings.stubborn_retry
        # Half of the wait is drawn, so that the requests that failed together do not come back together.
        wait = self.timings.backoff * 2**retries * random.uniform(0.5, 1.0)
        in_time = limits.first_by is None or _now() + wait < limits.first_by
        return wait if failure.retryable and in_time and self._budget.take() else None

    def _remember(self, message: str, answer: str, good: bool) -> None:
        if self.protections.cache and (good or not self.protections.cache_rule):
            self._cache.put(message, answer)

    def _retry_after(self) -> int:
        """When the first of the models can be asked again, in whole seconds from now, at least one."""
        return max(1, math.ceil(min(model.resting_for() for _, model in self._rungs)))


def _now() -> float:
    return asyncio.get_running_loop().time()
