"""From what a user received to what it was: outcome, source, integrity."""

from dataclasses import replace
from typing import Any

import pytest

from brownout.faults.model.scribe import text_of
from brownout.faults.model.watermark.text import Codec, Kind, Text
from brownout.faults.values.answer import Issued
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import PhaseSpan
from brownout.harness.outcome import Reader
from brownout.harness.trace import Call, Outcome, Source, Trace, join

CODEC = Codec("this run")
OWN = Issued(5_000_001, "prose", 4, "Good news.")
OTHER = Issued(5_000_002, "prose", 4)
SAME = Issued(5_000_003, "prose", 3)
NONSENSE = Issued(5_000_004, "nonsense", 3)
ERROR = Issued(5_000_005, "error", 1)
SCRIPTED = Issued(5_000_006, "prose", 0, "", "Our shop opens at nine.")
SPANS = {"baseline": PhaseSpan("baseline", 0, 100)}


def said(issued: Issued) -> str:
    return CODEC.make(text_of(issued))


def sample(text: str = "", *, request: int = 1, prompt: int = 1, **more: Any) -> Sample:
    given: dict[str, Any] = {
        "request": request, "prompt": prompt, "user": "u", "phase": "baseline", "route": "chat", "intended": 1.0,
        "sent": 1.0, "status": 200, "head": 1.2, "first": 1.3, "last": 1.9, "ended": 2.0, "end": "complete", "error": "",
        "text": text, "pieces": 5, "max_gap": 0.1, "bytes": 100, "good": True, "degraded": "", "retry_after": None,
    }  # fmt: skip
    return Sample(**{**given, **more})


def call(number: int, *texts: Issued, prompt: int = 1, arrived: float = 1.1, **more: Any) -> Call:
    given: dict[str, Any] = {
        "number": number, "backend": "primary", "endpoint": "chat", "model": "m", "request": f"prompt-{prompt}",
        "messages": "h", "attempt": 1, "arrived": arrived, "ended": 1.9, "status": 200, "end": "complete",
        "retry_after": None, "injected": (), "decided": (), "texts": texts, "finish": "stop", "tokens": 9,
        "cost_usd": 0.0, "lag": 0.0,
    }  # fmt: skip
    return Call(**{**given, **more})


SHORT = Issued(5_000_007, "prose", 4, "Good news.", length=150)
MORE = Issued(5_000_009, "prose", 3)
NOBODYS = Issued(5_000_008, "prose", 4)
OTHERS = (
    call(90, OTHER, prompt=7),
    call(91, SAME, prompt=1, arrived=0.1),
    call(92, NOBODYS, request=""),
    call(93, SCRIPTED, prompt=1, arrived=0.1),
)


def classify(s: Sample, *calls: Call) -> Trace:
    # Prompts 7 and 8 ask one question in the same words.
    reader = Reader(
        CODEC,
        [*OTHERS, *calls],
        {1, 7, 8},
        same=lambda a, b: a == b or {a, b} == {7, 8},
        ruled={"ruled"},
        commands={"cli"},
    )
    return reader.classify(Trace(s, calls))


CASES: list[tuple[str, Sample, tuple[Call, ...], Outcome, Source]] = [
    ("whole", sample(said(OWN)), (call(1, OWN),), Outcome.ANSWERED, Source.FRESH),
    ("declared", sample(said(OWN), degraded="mode small"), (call(1, OWN),), Outcome.DEGRADED, Source.FRESH),
    ("cached", sample(said(SAME)), (), Outcome.ANSWERED, Source.CACHED),
    ("foreign", sample(said(OTHER)), (), Outcome.WRONG, Source.FOREIGN),
    ("stale", sample(Codec("another run").make(Text(5, 6))), (), Outcome.WRONG, Source.STALE),
    ("cut, presented as whole", sample(said(OWN)[:150]), (call(1, OWN),), Outcome.TRUNCATED, Source.FRESH),
    ("cut by the token limit", sample(said(SHORT)[:150]), (call(1, SHORT, finish="length"),), Outcome.ANSWERED, Source.FRESH),
    ("cut before the token limit", sample(said(SHORT)[:80]), (call(1, SHORT),), Outcome.TRUNCATED, Source.FRESH),
    ("broken off", sample(said(OWN)[:150], end="truncated"), (call(1, OWN),), Outcome.TRUNCATED, Source.FRESH),
    ("doubled", sample(said(OWN) + "\n" + said(OWN)), (call(1, OWN),), Outcome.WRONG, Source.FRESH),
    ("spliced", sample(said(OWN)[:150] + " " + said(SAME)), (call(1, OWN),), Outcome.WRONG, Source.MIXED),
    ("two answers, one after the other", sample(f"1. {said(OWN)}\n2. {said(MORE)}"), (call(1, OWN), call(2, MORE)), Outcome.ANSWERED, Source.FRESH),
    ("headings and citations", sample(f"<h1>Hi</h1> {said(OWN)} [1]"), (call(1, OWN),), Outcome.ANSWERED, Source.FRESH),
    ("nonsense", sample(said(NONSENSE)), (call(1, NONSENSE),), Outcome.WRONG, Source.FRESH),
    ("error text", sample(f"Sorry: {said(ERROR)}"), (call(1, ERROR, status=503),), Outcome.WRONG, Source.FRESH),
    ("echo", sample(CODEC.make(Text(1, 2, Kind.PROMPT))), (), Outcome.WRONG, Source.ECHO),
    ("empty", sample(""), (), Outcome.WRONG, Source.NONE),
    ("fallback, declared", sample("Please call us.", degraded="mode"), (), Outcome.DEGRADED, Source.FALLBACK),
    ("stopgap, undeclared", sample("Please call us."), (call(1, status=503),), Outcome.UNPROVEN, Source.FALLBACK),
    ("stopgap after a stall", sample("Please call us.", degraded="mode"), (call(1, OWN, end="client_left"),), Outcome.DEGRADED, Source.FALLBACK),
    ("error text in a 200", sample("Oops, internal server error."), (call(1, status=503),), Outcome.ERROR, Source.FALLBACK),
    ("a command's error with exit 0", sample("Error: could not reach the model."), (call(1, status=503),), Outcome.ERROR, Source.FALLBACK),
    ("try again later in a 200", sample("Please try again later."), (call(1, status=503),), Outcome.ERROR, Source.FALLBACK),
    ("null", sample("null"), (), Outcome.ERROR, Source.FALLBACK),
    ("declared but empty", sample(" ", degraded="mode"), (), Outcome.WRONG, Source.NONE),
    ("declared but the question", sample(CODEC.make(Text(1, 2, Kind.PROMPT)), degraded="mode"), (), Outcome.WRONG, Source.ECHO),
    ("same question, other words of ours", sample(said(OTHER), prompt=8), (), Outcome.ANSWERED, Source.CACHED),
    ("a call of nobody", sample(said(NOBODYS)), (), Outcome.UNPROVEN, Source.UNKNOWN),
    ("scripted, from a cache", sample("Our shop opens at nine.", request=2), (), Outcome.ANSWERED, Source.CACHED),
    ("verdict by the route's rules", sample("No", route="ruled"), (call(1, OWN),), Outcome.ANSWERED, Source.FALLBACK),
    ("scripted", sample("Our shop opens at nine."), (call(1, SCRIPTED),), Outcome.ANSWERED, Source.FRESH),
    ("another text than the model's", sample("42"), (call(1, OWN),), Outcome.UNPROVEN, Source.FALLBACK),
    ("left", sample("", end="left"), (), Outcome.ABANDONED, Source.NONE),
    ("timeout", sample("", end="timeout"), (), Outcome.TIMEOUT, Source.NONE),
    ("refused", sample("", end="refused", status=0, good=False), (), Outcome.ERROR, Source.NONE),
    ("500", sample("", end="error", status=500, good=False), (), Outcome.ERROR, Source.NONE),
    ("clean 503", sample("", end="error", status=503, good=False, retry_after=2.0), (), Outcome.SHED, Source.NONE),
    ("503 without a word", sample("", end="error", status=503, good=False), (), Outcome.ERROR, Source.NONE),
    ("error event in a 200", sample(said(OWN)[:90], end="error", good=True), (call(1, OWN),), Outcome.ERROR, Source.NONE),
    ("not good by the rules", sample(said(OWN), good=False), (call(1, OWN),), Outcome.ERROR, Source.NONE),
    ("stopped", sample("", end="unfinished"), (), Outcome.UNPROVEN, Source.NONE),
    ("a command's answer", sample(said(OWN), status=0, route="cli"), (call(1, OWN),), Outcome.ANSWERED, Source.FRESH),
    ("exit status 75", sample("", end="error", status=75, good=False, route="cli"), (), Outcome.SHED, Source.NONE),
    ("exit status 1", sample(said(OWN), end="error", status=1, good=False, route="cli"), (call(1, OWN),), Outcome.ERROR, Source.NONE),
    ("exit status 173", sample("", end="error", status=429 % 256, good=False, route="cli", retry_after=1.0), (), Outcome.ERROR, Source.NONE),
    ("status 75 of a request", sample("", end="error", status=75, good=False), (), Outcome.ERROR, Source.NONE),
    ("a command, not good by the rules", sample("No", status=0, good=False, route="cli"), (), Outcome.ERROR, Source.NONE),
    ("a command that cannot be run", sample("", end="refused", status=127, good=False, route="cli"), (), Outcome.ERROR, Source.NONE),
]  # fmt: skip


@pytest.mark.parametrize(("name", "got", "calls", "outcome", "source"), CASES, ids=[c[0] for c in CASES])
def test_what_the_user_got(name: str, got: Sample, calls: tuple[Call, ...], outcome: Outcome, source: Source) -> None:
    trace = classify(got, *calls)
    assert (trace.outcome, trace.source) == (outcome, source), trace.why
    assert trace.why


def test_how_much_of_a_cut_answer_arrived() -> None:
    whole = said(OWN)
    for share in (0.25, 0.5, 0.75):
        trace = classify(sample(whole[: int(len(whole) * share)]), call(1, OWN))
        assert trace.delivered == pytest.approx(share, abs=0.03)


def test_failures_are_infinitely_slow_and_answers_are_not() -> None:
    assert classify(sample("", end="left")).ttft == float("inf")
    assert classify(sample("", end="error", status=503, retry_after=1.0)).total == float("inf")
    answered = classify(sample(said(OWN)), call(1, OWN))
    assert answered.ttft == pytest.approx(0.3)
    assert answered.total == pytest.approx(1.0)


class TestJoin:
    def test_a_call_belongs_to_the_request_whose_prompt_it_holds(self) -> None:
        traces = join([sample(request=1, prompt=1), sample(request=2, prompt=2)], [call(1, prompt=2)], SPANS)
        assert [len(t.calls) for t in traces] == [0, 1]

    def test_of_two_that_ask_the_same_it_belongs_to_the_open_one_sent_last(self) -> None:
        first = sample(request=1, intended=1.0, sent=1.0, ended=1.5)
        second = sample(request=2, intended=2.0, sent=2.0, ended=4.0)
        third = sample(request=3, intended=2.5, sent=2.5, ended=4.0)
        calls = [call(1, arrived=1.2), call(2, arrived=2.2), call(3, arrived=2.6), call(4, arrived=9.0)]
        owned = {t.sample.request: [c.number for c in t.calls] for t in join([third, first, second], calls, SPANS)}
        assert owned == {1: [1], 2: [2], 3: [3, 4]}, "what comes after the user left is the last one's"

    def test_a_call_is_unsure_when_another_request_may_have_made_it(self) -> None:
        first = sample(request=1, intended=1.0, sent=1.0, ended=3.0)
        second = sample(request=2, intended=2.0, sent=2.0, ended=4.0)
        gave_up = sample(request=3, intended=0.0, sent=0.0, ended=0.9, end="left")
        calls = [call(1, arrived=1.2), call(2, arrived=2.2), call(3, arrived=3.5)]

        def unsure(*samples: Sample) -> set[int]:
            return {n for t in join(samples, calls, SPANS) for n in t.unsure}

        assert unsure(first) == set()
        assert unsure(first, second) == {2}, "two are open at the second call; the third is the second request's alone"
        assert unsure(first, gave_up) == {1, 2, 3}, "what a request that gave up left behind may still call"

    def test_a_call_of_no_request_is_nobodys(self) -> None:
        traces = join([sample()], [call(1, prompt=5), call(2, prompt=1, arrived=0.2)], SPANS)
        assert [t.calls for t in traces] == [()]

    def test_the_border_of_the_baseline_is_left_out_whatever_came_of_it(self) -> None:
        """To leave out only what overlapped the change would leave out the slow ones, and pass an app that hangs."""
        spans = {"baseline": PhaseSpan("baseline", 0, 10), "recovery": PhaseSpan("recovery", 10, 30)}
        hung = sample(request=1, intended=5.0, ended=13.0, end="left")
        slow, quick = sample(request=2, intended=8.5, ended=13.0), sample(request=3, intended=8.6, ended=8.9)
        last = sample(request=4, phase="recovery", intended=29.9, ended=35.0)
        found = [t.transitional for t in join([hung, slow, quick, last], [], spans, border=2.0)]
        assert found == [False, True, True, False]


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (sample("", end="error", status=2, good=False, error="exit status 2: no model"), "exit status 2: no model"),
        (sample("", end="error", status=0, error="model gone"), "model gone"),
        (sample("No", status=0, good=False), "exit status 0, not good by the rules of its route"),
        (sample("", end="refused", status=127, error="cli: cannot run 'x'"), "cli: cannot run 'x'"),
    ],
)
def test_what_is_said_of_a_command(got: Sample, why: str) -> None:
    assert classify(replace(got, route="cli")).why == why
