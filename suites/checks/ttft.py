"""Time to first token, as the user sees it."""

from __future__ import annotations

from brownout.harness.check import checks
from brownout.harness.trace import Trace
from brownout.suites.checks._latency import LatencyPercentile


class TimeToFirstToken(LatencyPercentile):
    """From the intended start of the request to the first visible text; for answers that are not streamed, to their end."""

    name = "ttft"
    title = "Time until users see the first words"
    meaning = "Users leave after two or three seconds of nothing."
    fix = "Stream true tokens, put a deadline on the first token, and answer from a fallback when it passes."
    source = "What I Learned Shipping LLMs to Production; MLPerf inference: time to first token"

    def duration(self, trace: Trace) -> float:
        return trace.ttft


checks.add("ttft", TimeToFirstToken())
