"""A call for faults to act on, without a server."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from brownout.faults.values.answer import Answer, Issued, Pace, Usage, tokens
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Call, Fault, Stamp, dialects
from brownout.faults.values.keys import CallKey
from brownout.faults.values.reply import TERMINAL, Acquire, Action, Reply, apply

STAMP = Stamp("0123456789abcdef" * 2, 1_700_000_000)


class PlainScribe:
    """Issues recognisable texts without a codec."""

    def nonsense(self, sentences: int) -> tuple[str, Issued]:
        return "Zxq vlk shv. " * sentences, Issued(7, "nonsense", sentences)

    def error(self) -> tuple[str, Issued]:
        return "The marked sentence.", Issued(8, "error", 1)


def make_answer(text: str = "One two three four five six seven eight nine ten.", pace: Pace | None = None) -> Answer:
    pieces = tokens(text)
    return Answer(
        pieces, "gpt-4o", "stop", Usage(9, len(pieces)), pace or Pace(0.2, 0.1, 0.01), (Issued(1, "prose", 2),)
    )


def make_call(*, stream: bool = True, attempt: int = 1) -> Call:
    ask = Ask("chat", "gpt-4o", (Message("user", "Why?"),), stream)
    key = CallKey("prompt-1", "primary", "chat", "gpt-4o", ask.digest())
    return Call(ask, key, attempt, Random(1), dialects.get("openai")(), PlainScribe(), STAMP)


def healthy(call: Call, answer: Answer | None = None) -> Iterator[Action]:
    yield Acquire()
    yield from call.dialect.reply(call.ask, answer or make_answer(), call.stamp)


@pytest.fixture
def played() -> Callable[..., list[Action]]:
    """The actions of a healthy reply under a fault, up to its terminal one."""

    def play(fault: Fault, *, stream: bool = True, fired: list[bool] | None = None) -> list[Action]:
        call = make_call(stream=stream)
        answer = fault.on_answer(make_answer(), call)
        if fired is not None and answer is not make_answer() and answer.damage:
            fired.append(True)
        reply: Reply = healthy(call, answer)
        step = fault.on_reply(call)
        if step is not None:
            reply = apply(reply, step, lambda: fired.append(True) if fired is not None else None)
        actions = []
        for action in reply:
            actions.append(action)
            if isinstance(action, TERMINAL):
                break
        return actions

    return play
