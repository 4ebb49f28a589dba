"""Text that UTF-8 cannot hold, on its way through the values and the OpenAI dialect."""

import json

import pytest

from brownout.faults.values.answer import Answer, Pace, Usage
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.fault import Stamp, dialects
from brownout.faults.values.reply import Data

HALF = "\ud83d"


@pytest.mark.parametrize("stream", [True, False])
def test_half_a_surrogate_pair_is_sent_as_its_escape(stream: bool) -> None:
    ask = Ask("chat", HALF, (Message("user", "Why?"),), stream)
    answer = Answer(("a", HALF), HALF, "stop", Usage(1, 2), Pace(0, 0, 0), ())
    reply = dialects.get("openai")().reply(ask, answer, Stamp("0" * 32, 1))
    sent = b"".join(a.body for a in reply if isinstance(a, Data)).decode()
    events = [json.loads(e.removeprefix("data: ")) for e in sent.split("\n\n") if e and "[DONE]" not in e]
    if stream:
        assert "".join(e["choices"][0]["delta"].get("content", "") for e in events) == "a" + HALF
    else:
        assert events[0]["choices"][0]["message"]["content"] == "a" + HALF
    assert events[0]["model"] == HALF


def test_every_message_has_a_digest() -> None:
    made = {Ask("chat", "m", (Message(role, text),)).digest() for role in (HALF, "user") for text in (HALF, "Why?")}
    assert len(made) == 4
