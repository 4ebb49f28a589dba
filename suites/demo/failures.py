"""What can go wrong with a model call, in the terms that the protections need."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import openai

__all__ = ["CallError", "call_error", "retry_after"]


class CallError(Exception):
    """A model call that gave no answer, or half of one. The text is for the log, not for users.

    `retryable`: the same call may succeed in a moment. `unhealthy`: it speaks against the health of the model, and
    not against this one request. `retry_after`: seconds that the provider asked us to stay away.
    """

    def __init__(
        self, reason: str, *, retryable: bool = False, unhealthy: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.retryable, self.unhealthy, self.retry_after = retryable, unhealthy, retry_after


def call_error(error: Exception) -> CallError:
    """What an exception from the SDK, or from our timeout around it, means."""
    match error:
        case TimeoutError() | openai.APITimeoutError():
            return CallError("no answer in time", retryable=True, unhealthy=True)
        case openai.APIConnectionError():
            return CallError(str(error), retryable=True, unhealthy=True)
        case openai.APIStatusError(status_code=status):
            # An exhausted quota is a 429 too, but one that waiting does not cure.
            out_of_quota = "insufficient_quota" in (error.code, error.type)
            return CallError(
                str(error),
                retryable=(status in (408, 409, 429) or status >= 500) and not out_of_quota,
                unhealthy=status == 408 or status >= 500,
                retry_after=retry_after(error.response.headers) if status in (429, 503) else None,
            )
        case _:
            # An error in the middle of a stream, or a reply so garbled that the SDK fell over it: the SDK lets
            # JSONDecodeError, UnicodeDecodeError, TypeError and AttributeError through as they are.
            return CallError(str(error) or type(error).__name__, unhealthy=True)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After (RFC 9110, section 10.2.3: a number of seconds or a date).

    None when there is no such header, or nothing sensible in it.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return seconds if seconds > 0 and math.isfinite(seconds) else None
