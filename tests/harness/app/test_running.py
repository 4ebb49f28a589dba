"""Readiness of apps that answer in odd ways, simulated with respx; what an app and its commands are started with."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from brownout.faults.values.errors import SetupError
from brownout.harness.app.running import AppRun
from brownout.harness.config.app import AnswerSpec, AppConfig, AppSpec, Launch, Ready, RouteSpec, SseSpec
from brownout.harness.supervisor.child import Child

URL = "http://127.0.0.1:9"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Any]:
    """Makes an AppRun whose process does nothing: what it answers is respx's."""
    log = tmp_path / "app.log"
    log.write_text("what the app wrote last")
    children: list[Child] = []

    def make(route: RouteSpec | None = None, command: str = "import time; time.sleep(60)") -> AppRun:
        child = Child.start([sys.executable, "-c", command], name="app", stdout=log, stderr=log)
        children.append(child)
        route = route or RouteSpec("/ask", AnswerSpec(json="$.answer"), body={"q": "{prompt}"})
        spec = AppSpec("x {port}", ready=Ready("/ready", 0.4))
        config = AppConfig(spec, {"ask": route}, launch=Launch(patience=0.3))
        return AppRun(config, URL, config.routes, child, log)

    yield make
    for child in children:
        child.stop()


@respx.mock
def test_ready_after_some_time(app: Any) -> None:
    answers: list[Any] = [httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(307), httpx.Response(500)]
    route = respx.get(f"{URL}/ready").mock(side_effect=answers)
    app().wait_ready()
    assert route.call_count == 3, "a redirect is an answer below 400"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.ConnectError("refused"), "nothing listens on http://127.0.0.1:9: does the app use {port}?"),
        (httpx.Response(500), "GET /ready answered 500"),
        (httpx.ReadTimeout("slow"), "GET /ready: ReadTimeout"),
        (httpx.InvalidURL("odd"), "GET /ready: InvalidURL"),
        (ValueError("odd"), "GET /ready: ValueError"),
    ],
)
@respx.mock
def test_never_ready(app: Any, answer: Any, said: str) -> None:
    respx.get(f"{URL}/ready").mock(side_effect=lambda _: _raise_or(answer))
    with pytest.raises(SetupError) as caught:
        app().wait_ready()
    assert said in str(caught.value)
    assert caught.value.output == "what the app wrote last"


def _raise_or(answer: Any) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    return httpx.Response(answer.status_code)


@respx.mock
def test_an_app_that_ended_is_told_apart_from_one_that_is_slow(app: Any) -> None:
    respx.get(f"{URL}/ready").mock(return_value=httpx.Response(503))
    made = app(command="raise SystemExit(9)")
    assert made.child is not None
    made.child.wait(10)
    with pytest.raises(SetupError, match="the app ended: exit code 9"):
        made.wait_ready()


SSE = RouteSpec("/ask", AnswerSpec(sse=SseSpec("$.d", "done", "error")), body={"q": "{prompt}"})


def test_the_app_is_started_with_what_it_needs(tmp_path: Path) -> None:
    text = "import os; print(os.environ['LLM'], os.environ.get('HTTPS_PROXY'), os.getcwd())"
    spec = AppSpec(["{python}", "-c", text, "{port}"], env={"LLM": "{backend.primary.openai}"}, cwd="sub")
    (tmp_path / "sub").mkdir()
    config = AppConfig(spec, {"ask": SSE})
    run = AppRun.start(tmp_path, config, {"primary": "http://127.0.0.1:1234"}, tmp_path, "http://127.0.0.1:9")
    assert run.child is not None
    run.child.wait(10)
    assert (tmp_path / "app.log").read_text().split() == [
        "http://127.0.0.1:1234/v1",
        "http://127.0.0.1:9",
        str(tmp_path / "sub"),
    ]
    with pytest.raises(SetupError, match="folder does not exist"):
        AppRun.start(tmp_path, AppConfig(AppSpec("x {port}", cwd="nowhere"), {"ask": SSE}), {}, tmp_path, None)


def test_commands_are_filled_and_not_started(tmp_path: Path) -> None:
    route = RouteSpec(run=["{python}", "ask.py", "{prompt}", "--url={backend.primary.openai}"])
    config = AppConfig(AppSpec(env={"LLM": "{backend.primary.origin}"}), {"ask": route})
    run = AppRun.start(tmp_path, config, {"primary": "http://127.0.0.1:1234"}, tmp_path, "http://127.0.0.1:9")
    assert run.child is None
    assert run.routes["ask"].run == [sys.executable, "ask.py", "{prompt}", "--url=http://127.0.0.1:1234/v1"]
    assert (run.env["LLM"], run.env["HTTPS_PROXY"]) == ("http://127.0.0.1:1234", "http://127.0.0.1:9")
    assert (run.base_url, run.cwd, run.output) == ("", tmp_path, "")
    run.check()
    run.stop()


@respx.mock
def test_an_app_that_runs_already_is_waited_for_where_it_is() -> None:
    asked = respx.get(f"{URL}/ready").mock(side_effect=[httpx.ConnectError("refused"), httpx.Response(200)])
    config = AppConfig(AppSpec(url=URL + "/", ready=Ready("/ready", 1.0)), {"ask": SSE})
    run = AppRun.attach(config)
    run.wait_ready()
    assert asked.call_count == 2
    assert run.base_url == URL
