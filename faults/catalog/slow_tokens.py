"""The model speaks slowly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from brownout.faults.values.answer import Answer
from brownout.faults.values.distribution import Duration
from brownout.faults.values.fault import Call, Fault, fault
from brownout.faults.values.reply import Action, Data, Step, Wait


@fault("slow_tokens")
class SlowTokens(Fault):
    """Wait `seconds` more between two tokens, drawn for each; a reply that is not streamed comes as much later.

    Example: ``slow_tokens: {seconds: {lognormal: {median: 200ms, sigma: 0.8, max: 5s}}}``.
    """

    seconds: Duration

    def on_answer(self, answer: Answer, call: Call) -> Answer:
        gaps = answer.tokens - 1
        if call.ask.stream or gaps < 1:
            return answer
        more = sum(self.seconds.draw(call.rng) for _ in range(gaps)) / gaps
        return replace(answer, pace=replace(answer.pace, per_token=answer.pace.per_token + more))

    def on_reply(self, call: Call) -> Step | None:
        if not call.ask.stream:
            return None
        begun = False

        def step(action: Action) -> Iterable[Action]:
            nonlocal begun
            if not isinstance(action, Data) or action.part != "content":
                return (action,)
            gaps = action.tokens - (not begun)
            begun = begun or action.tokens > 0
            if gaps < 1:
                return (action,)
            return (Wait(sum(self.seconds.draw(call.rng) for _ in range(gaps)), self.name), action)

        return step
