"""The Anthropic dialect beside bytes recorded from api.anthropic.com."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.values.answer import Answer, ToolCall, Usage
from brownout.faults.values.ask import Ask
from brownout.faults.values.fault import Failure, Stamp, dialects
from brownout.faults.values.reply import Data

SPECS = Path(os.environ.get("BROWNOUT_SPECS", Path(__file__).parents[4] / "shared" / "specs"))
STAMP = Stamp("0123456789abcdef" * 2, 1_700_000_000)
ANTHROPIC = dialects.get("anthropic")()
FRAME = re.compile(r'event: (\w+)\ndata: (\{"type": "ping"\}|\{"type":"\1".*?( {0,15})\})\n\n')
"""One event as it is framed."""

CALL = ToolCall("get_rate", ('{"from":', ' "USD"}'))
THOUGHT = Answer(("Two", "."), "claude", "stop", Usage(9, 4), reasoning=("Hm", "."))
CALLED = Answer(("I", " look."), "claude", "tool_calls", Usage(9, 4), tools=(CALL,))
BOTH = Answer(("I", " look."), "claude", "tool_calls", Usage(9, 6), tools=(CALL, CALL), reasoning=("Hm", "."))


def recorded(name: str) -> str:
    file = SPECS / name
    if not file.exists():
        pytest.skip(f"the recorded bytes are not here ({file}); set BROWNOUT_SPECS to their folder")
    return file.read_bytes().decode()


def recorded_lines(name: str) -> list[Any]:
    return [json.loads(line) for line in recorded(f"recorded-vercel/anthropic/{name}").splitlines() if line]


def recorded_message(name: str) -> Any:
    return json.loads(recorded(f"recorded-vercel/anthropic/{name}"))


def sent(answer: Answer, *, stream: bool = True) -> str:
    reply = ANTHROPIC.reply(Ask("chat", answer.model, stream=stream), answer, STAMP)
    return b"".join(a.body for a in reply if isinstance(a, Data)).decode()


def framed(text: str) -> list[Any]:
    """The events of a stream, all of which must be framed as `FRAME` says."""
    found = list(FRAME.finditer(text))
    assert "".join(m[0] for m in found) == text.lstrip("\n")
    return [json.loads(m[2]) for m in found]


def shape(value: Any) -> Any:
    """Keys in their order and types, without what only Anthropic's own tools add."""
    if isinstance(value, dict):
        return [(k, shape(v)) for k, v in value.items() if k not in ("server_tool_use", "container", "input")]
    return [shape(v) for v in value] if isinstance(value, list) else type(value).__name__


def kinds(events: list[Any]) -> dict[tuple[str, str], list[Any]]:
    """The shapes of events by their type and that of the block or delta in them."""
    made: dict[tuple[str, str], list[Any]] = {}
    for event in events:
        inner = event.get("content_block") or event.get("delta") or {}
        made.setdefault((event["type"], inner.get("type", "")), []).append(shape(event))
    return made


def order(events: list[Any]) -> list[str]:
    """The types of events, those of deltas in a row once."""
    types = [event["type"] for event in events]
    return [t for i, t in enumerate(types) if not i or t != types[i - 1]]


@pytest.mark.parametrize(
    ("name", "answer"),
    [("thinking", THOUGHT), ("tool", CALLED)],
)
def test_every_event_has_the_recorded_form(name: str, answer: Answer) -> None:
    theirs, ours = framed(recorded(f"recorded/anthropic-messages-{name}.sse")), framed(sent(answer))
    assert (
        order(ours)[:4] == order(theirs)[:4] == ["message_start", "content_block_start", "ping", "content_block_delta"]
    )
    assert order(ours)[-3:] == order(theirs)[-3:]
    known = kinds(theirs)
    for kind, shapes in kinds(ours).items():
        assert all(s in known[kind] for s in shapes), kind


def test_the_order_of_a_text() -> None:
    theirs, ours = (
        framed(recorded("recorded/anthropic-messages-text.sse")),
        framed(sent(Answer(("Two", "."), "claude"))),
    )
    assert order(ours) == order(theirs)


def test_recorded_streams_are_padded_as_ours() -> None:
    def padding(text: str) -> set[int]:
        return {len(m[3]) for m in FRAME.finditer(text) if m[3] is not None}

    theirs = padding(recorded("recorded/anthropic-messages-pause-turn.sse"))
    assert theirs == padding(sent(Answer(tuple("abcdefghijklmnopqrstuvwxyz"), "claude"))) == set(range(16))


def test_thinking_ends_with_its_signature_and_tools_begin_empty() -> None:
    for name, block, at in (("thinking", "thinking", -1), ("tool", "tool_use", 0)):
        for events in (framed(recorded(f"recorded/anthropic-messages-{name}.sse")), framed(sent(BOTH))):
            start = next(e for e in events if e.get("content_block", {}).get("type") == block)
            own = [e for e in events if e["type"] == "content_block_delta" and e["index"] == start["index"]]
            if block == "thinking":
                assert own[at]["delta"]["type"] == "signature_delta"
            else:
                assert own[at]["delta"] == {"type": "input_json_delta", "partial_json": ""}


def test_a_refusal() -> None:
    answer = Answer(("No", "."), "claude", "refusal")
    theirs, ours = recorded_lines("anthropic-refusal.chunks.txt"), framed(sent(answer))
    assert order(ours) == order(theirs)
    want, have = recorded_message("anthropic-refusal.json"), json.loads(sent(answer, stream=False))
    assert have["content"] == want["content"] == []
    assert have["stop_reason"] == want["stop_reason"]
    assert have["stop_details"].keys() <= want["stop_details"].keys()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("anthropic-text.json", Answer(("Hello",), "claude")),
        ("anthropic-clear-thinking.1.json", THOUGHT),
        ("anthropic-tool-no-args.json", CALLED),
        (
            "anthropic-claude-opus-5-reasoning-high.1.json",
            Answer(("x",), "claude", usage=Usage(9, 9, reasoning=3), reasoning=("y",)),
        ),
    ],
)
def test_whole_messages_have_the_recorded_fields(name: str, answer: Answer) -> None:
    """Newer fields, which not all recordings have, may be more."""

    def compare(want: Any, have: Any, at: str) -> None:
        if isinstance(want, dict):
            for key in want.keys() - {"context_management"}:
                assert key in have, f"{at}.{key}"
                if key != "input":
                    compare(want[key], have[key], f"{at}.{key}")
        elif isinstance(want, list):
            assert len(want) == len(have)
            for i, (a, b) in enumerate(zip(want, have, strict=True)):
                compare(a, b, f"{at}.{i}")
        else:
            assert type(want) is type(have), at

    want, have = recorded_message(name), json.loads(sent(answer, stream=False))
    compare(want, have, "message")
    assert [b["type"] for b in have["content"]] == [b["type"] for b in want["content"]]


def test_an_unknown_model() -> None:
    errors = json.loads(recorded("recorded/errors.json"))
    theirs = next(e for e in errors if e["host"] == "api.anthropic.com" and "sonet" in str(e["body"]))
    _, data, _ = ANTHROPIC.failure(Failure(404, "model_not_found", model="claude-sonet-4-5"), STAMP)
    assert isinstance(data, Data)
    ours = json.loads(data.body)
    assert len(data.body) == int(theirs["headers"]["content-length"])
    assert ours["error"] == theirs["body"]["error"]
    assert ours.keys() == theirs["body"].keys()


def test_ids_look_like_the_recorded_ones() -> None:
    def form(text: str) -> tuple[str, int]:
        return text[: text.index("_") + 3], len(text)

    want, have = recorded_message("anthropic-json-tool.1.json"), json.loads(sent(CALLED, stream=False))
    assert form(have["id"]) == form(want["id"])
    assert form(have["content"][-1]["id"]) == form(want["content"][-1]["id"])
