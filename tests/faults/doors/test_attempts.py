"""Attempts are counted for each rule within its time; the journal's count runs through."""

import json

from brownout.faults.doors.backend import Backend, Shared
from brownout.faults.model.spec import BackendSpec
from brownout.faults.model.watermark.text import Codec
from brownout.faults.values.ask import WireRequest

from .conftest import plan_of

PLAN = """\
- {http_error: {status: 503}, first_attempts: 1, window: {from: 10s, to: 20s}}
- {http_error: {status: 500}, first_attempts: 2, window: {from: 30s}, scope: {streaming: true}}
"""


def test_attempts_from_before_a_rule_are_not_attempts_under_it() -> None:
    backend = Backend("primary", BackendSpec(), plan_of(PLAN), Shared(1, Codec("test")))

    def ask(text: str, at: float, *, stream: bool = False) -> tuple[int, list[str]]:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}
        made = backend.receive(WireRequest("POST", "/v1/chat/completions", {}, json.dumps(body).encode()), at, 1)
        return made.attempt, [i.rule.id for i in made.injections]

    first, second = (rule.id for rule in backend.plan.rules)
    assert [ask("a", at) for at in (1.0, 2.0)] == [(1, []), (2, [])]
    assert [ask("a", at) for at in (11.0, 12.0)] == [(3, [first]), (4, [])]
    assert ask("b", 13.0) == (1, [first])
    assert ask("a", 31.0) == (5, [])
    assert [ask("a", 32.0, stream=True) for _ in range(3)] == [(6, [second]), (7, [second]), (8, [])]
