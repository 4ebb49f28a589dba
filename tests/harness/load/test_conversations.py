"""Conversations as an app sees them that remembers what it was sent, and as their users have them."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.values.clock import NS
from brownout.faults.values.distribution import Uniform
from brownout.harness.app.session import Session
from brownout.harness.app.talk import Talk
from brownout.harness.config.access import TenantSpec
from brownout.harness.config.answer import AnswerSpec, SseSpec
from brownout.harness.config.route import ConversationSpec, RouteSpec
from brownout.harness.config.rule import ReplyRule
from brownout.harness.load import schedule
from brownout.harness.load.client import Exchange, Target, Terms
from brownout.harness.load.run import LoadConfig, LoadRun
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival

PATIENCE, LONGEST, THINK = 2.0, 4.0, 0.3
ROUTE = RouteSpec(
    "/chat/{tenant}",
    AnswerSpec(json="$.answer"),
    headers={"authorization": "Bearer {login.token}"},
    body={"mine": "{conversation}", "yours": "{conversation.id}", "messages": "{messages}", "before": "{history}"},
    degraded=[ReplyRule(header={"x-fallback": ""})],
    conversation=ConversationSpec(turns=5, think=Uniform(THINK, THINK), take={"id": "$.id"}),
)


class App:
    """Answers ``re: <question>``; the first word of the question says what else becomes of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, str, dict[str, str], dict[str, Any]]] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                now = time.monotonic()
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                app.asked.append((now, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                question = body["messages"][-1]["content"]
                act = question.split()[0]
                if act == "slow":
                    time.sleep(1.0)
                reply = json.dumps({"answer": "" if act == "mute" else f"re: {question}", "id": f"id of {question}"})
                if act == "stream":
                    words = "".join(f"data: {json.dumps({'t': word + ' '})}\n\n" for word in ("re:", question))
                    reply = f'data: {{"id": "id of {question}"}}\n\n{words}data: [DONE]\n\n'
                self.send_response({"fail": 500, "fallback": 203}.get(act, 200))
                if act == "fallback":
                    self.send_header("x-fallback", "rules")
                self.send_header("content-length", str(len(reply) + (act == "cut")))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the user has left
                    self.wfile.write(reply.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    yield made
    made.close()


def asked(text: str, turn: int, at: float = 0.0, request: int = 0, name: str = "conversation-0") -> Arrival:
    think = THINK if turn > 1 else 0.0
    return Arrival(request, at, "fault", "chat", request, text, f"user-{name[-1]}", "acme", name, turn, think)


def said(*turns: str) -> list[dict[str, str]]:
    """The history after these questions, each answered."""
    pairs = (({"role": "user", "content": t}, {"role": "assistant", "content": f"re: {t}"}) for t in turns)
    return [message for pair in pairs for message in pair]


def question(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def converse(app: App, route: RouteSpec, *turns: str) -> tuple[list[Sample], list[dict[str, Any]], Talk]:
    """One turn after the other, without thinking; the samples, and what the app was sent."""
    terms = Terms(Target.resolve(app.url), {"chat": route}, time.monotonic_ns(), 0.5, LONGEST)
    talk = Talk("conversation-0")
    exchanges = (Exchange(terms, asked(t, i), time.monotonic_ns(), talk) for i, t in enumerate(turns, 1))
    return [e.run() for e in exchanges], [body for _, _, _, body in app.asked], talk


class TestExchange:
    def test_each_turn_has_the_history_and_what_the_app_gave(self, app: App) -> None:
        samples, sent, _ = converse(app, ROUTE, "one {env.HOME}", "two", "three")
        assert [s.text for s in samples] == ["re: one {env.HOME}", "re: two", "re: three"]
        assert [(s.conversation, s.turn, s.tenant) for s in samples] == [
            ("conversation-0", i, "acme") for i in (1, 2, 3)
        ]
        one, two = "one {env.HOME}", "two"
        assert sent == [
            {"mine": "conversation-0", "yours": "", "messages": [question(one)], "before": []},
            {
                "mine": "conversation-0",
                "yours": f"id of {one}",
                "messages": [*said(one), question(two)],
                "before": said(one),
            },
            {
                "mine": "conversation-0",
                "yours": "id of two",
                "messages": [*said(one, two), question("three")],
                "before": said(one, two),
            },
        ]

    @pytest.mark.parametrize("act", ["fail", "cut", "slow", "mute"])
    def test_a_turn_that_failed_is_left_out(self, app: App, act: str) -> None:
        samples, sent, _ = converse(app, ROUTE, "one", f"{act} two", "three")
        assert [s.end == "complete" and bool(s.text) for s in samples] == [True, False, True]
        assert sent[2]["messages"] == [*said("one"), question("three")]
        assert sent[2]["yours"] == "id of one"

    def test_a_reply_that_is_not_good_is_left_out_and_a_degraded_one_is_not(self, app: App) -> None:
        rule = ReplyRule(status=200, matches="^(?!.*bad)")
        samples, sent, _ = converse(app, replace(ROUTE, good=[rule]), "bad one", "fallback two", "three")
        assert [(s.good, bool(s.degraded)) for s in samples] == [(False, False), (False, True), (True, False)]
        assert sent[2]["messages"] == [*said("fallback two"), question("three")]

    def test_a_stream_is_heard_as_its_user_saw_it(self, app: App) -> None:
        route = replace(ROUTE, answer=AnswerSpec(sse=SseSpec(text="$.t", done="[DONE]")))
        _, sent, talk = converse(app, route, "stream one", "stream two")
        assert sent[1]["messages"][1] == {"role": "assistant", "content": "re: stream one "}
        assert talk.values == {"id": "id of stream two"}

    def test_without_a_conversation_given_it_is_the_first_turn_of_one(self, app: App) -> None:
        terms = Terms(Target.resolve(app.url), {"chat": ROUTE}, time.monotonic_ns(), PATIENCE, LONGEST)
        sample = Exchange(terms, asked("one", 1, name="warm-up"), time.monotonic_ns()).run()
        assert (sample.end, sample.text) == ("complete", "re: one")
        assert app.asked[0][3]["mine"] == "warm-up"


@pytest.mark.load
class TestLocust:
    def test_conversations_under_load(self, tmp_path: Path, app: App) -> None:
        """Turns in their order, slow and failed ones among them, and two conversations at a time."""
        name = "conversation-1"
        arrivals = [
            asked("one", 1, 0.0, 0),
            asked("a", 1, 0.05, 1, name),
            asked("slow two", 2, 0.5, 2),
            asked("b", 2, 0.6, 3, name),
            asked("three", 3, 1.0, 4),  # while the second answer is still to come
            asked("fail four", 4, 1.1, 5),
            asked("five", 5, 1.2, 6),
            asked("c", 3, 1.3, 7, name),
        ]
        config = LoadConfig(
            time.monotonic_ns(),
            app.url,
            tmp_path / "schedule.jsonl",
            tmp_path / "requests.jsonl",
            PATIENCE,
            LONGEST,
            {"chat": ROUTE},
            {"acme": TenantSpec({"x-tenant": "acme-{tenant}"})},
            {"user-0": Session({"cookie": "sid=0"}, {"token": "t0"}), "acme": Session({}, {"token": "ta"})},
        )
        schedule.write(config.schedule, arrivals)
        run = LoadRun.start(tmp_path, config)
        try:
            run.wait_ready()
            start_ns = time.monotonic_ns() + NS // 10
            run.begin(start_ns)
            deadline = time.monotonic() + 10
            while not run.finished:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            run.stop()
        records = [json.loads(line) for line in config.samples.read_text().splitlines()]
        samples = {r["request"]: Sample.from_record(r) for r in records}
        assert sorted(samples) == list(range(8))
        sent = {body["messages"][-1]["content"]: (path, headers, body) for _, path, headers, body in app.asked}

        # Each conversation has its own history, in order; the turn that failed is in none.
        assert sent["slow two"][2]["messages"] == [*said("one"), question("slow two")]
        assert sent["three"][2]["messages"] == [*said("one", "slow two"), question("three")]
        assert sent["fail four"][2]["messages"] == [*said("one", "slow two", "three"), question("fail four")]
        assert sent["five"][2]["messages"] == [*said("one", "slow two", "three"), question("five")]
        assert sent["five"][2]["yours"] == "id of three"
        assert sent["c"][2]["messages"] == [*said("a", "b"), question("c")]
        assert {body["mine"] for _, _, body in sent.values()} == {"conversation-0", name}

        # A user's session goes before that of the tenant, whose headers all its users send.
        for path, headers, body in sent.values():
            mine = body["mine"] == "conversation-0"
            assert headers["authorization"] == ("Bearer t0" if mine else "Bearer ta")
            assert headers.get("cookie") == ("sid=0" if mine else None)
            assert (path, headers["x-tenant"]) == ("/chat/acme", "acme-acme")

        # Turns are intended as planned, or as soon as their users could ask.
        start = (start_ns - config.origin_ns) / NS
        for request in (0, 1, 2, 3, 7):
            assert samples[request].intended == pytest.approx(start + arrivals[request].at, abs=1e-5)
        for before, after in ((2, 4), (4, 5), (5, 6)):
            ended = samples[before].ended
            assert ended is not None
            assert samples[after].intended == pytest.approx(ended + THINK, abs=1e-5)
            assert samples[after].intended > start + arrivals[after].at
        for sample in samples.values():
            assert sample.sent is not None
            assert 0 <= sample.sent - sample.intended < 0.1
            arrival = arrivals[sample.request]
            told = (sample.user, sample.tenant, sample.conversation, sample.turn)
            assert told == (arrival.user, arrival.tenant, arrival.conversation, arrival.turn)
        assert [samples[i].end for i in range(8)] == ["complete"] * 5 + ["error"] + ["complete"] * 2
        assert "Traceback" not in (tmp_path / "load.log").read_text()

    def test_turns_that_still_wait_when_the_load_is_stopped(self, tmp_path: Path, app: App) -> None:
        arrivals = [asked("slow one", 1), asked("two", 2, 0.1, 1), asked("three", 3, 0.1, 2)]
        config = LoadConfig(
            time.monotonic_ns(), app.url, tmp_path / "s", tmp_path / "r", PATIENCE, LONGEST, {"chat": ROUTE}
        )
        schedule.write(config.schedule, arrivals)
        run = LoadRun.start(tmp_path, config)
        try:
            run.wait_ready()
            run.begin(time.monotonic_ns())
            time.sleep(0.5)
        finally:
            run.stop()
        records = [json.loads(line) for line in config.samples.read_text().splitlines()]
        assert [(r["request"], r["end"]) for r in records] == [(0, "unfinished")]
        assert len(app.asked) == 1
