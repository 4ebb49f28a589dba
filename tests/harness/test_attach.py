"""A run with backends and an app that run already, and load that goes to no other machine unasked."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.model.spec import BackendSpec
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import parse_plan
from brownout.faults.plans.plan import Window
from brownout.faults.values.errors import ConfigError, SetupError
from brownout.harness.app.running import free_port
from brownout.harness.hosts import check_confirmed, is_loopback
from brownout.harness.remote import TOKEN, RemoteBackends

TINY = Path(__file__).parent / "apps" / "tiny.py"
SECRET = "the-token-of-this-test"
APP = """\
app: {url: "http://127.0.0.1:PORT", ready: {path: /ready, within: 5s}}
backends:
  primary: {speed: {head: 20ms, first_token: 0, per_token: 0}}
routes:
  ask: {path: /ask, body: {q: "{prompt}"}, answer: {json: $.answer}}
launch: {peak_rps: 20, patience: 1s, total_p95: 1s}
"""
EXPERIMENT = """\
experiment: short
phases:
  fault: {faults: [{http_error: {status: 500}}]}
expect:
  baseline: [answered >= 60%]
  fault: [no_endless_wait]
"""


def started(words: list[str], folder: Path, until: str, **env: str) -> tuple[subprocess.Popen[str], str]:
    """A process, and its output as far as the first line in which `until` is found."""
    process = subprocess.Popen(
        [sys.executable, *words], cwd=folder, env={**os.environ, "NO_COLOR": "1", **env}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while not re.search(until, said):
        line = process.stdout.readline()
        assert line, said
        said += line
    return process, said


def stopped(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "brownout.yaml").write_text(APP.replace("PORT", str(free_port())))
    (tmp_path / "short.experiment.yaml").write_text(EXPERIMENT)
    return tmp_path


@pytest.fixture
def serving(project: Path) -> Iterator[str]:
    """The address of a brownout serve with the project's backends."""
    words = ["-u", "-m", "brownout.harness.cli", "serve", "--app", "brownout.yaml", "--port", "0"]
    process, said = started(words, project, "admin API", **{TOKEN: SECRET})
    assert SECRET not in said
    assert re.search(r"OPENAI_BASE_URL=http://127\.0\.0\.1:\d+/v1", said)
    try:
        yield re.findall(r"--backend (\S+),", said)[0]
    finally:
        stopped(process)


def brownout_in(folder: Path, *words: str, token: str = SECRET) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", *words], cwd=folder, capture_output=True, text=True, timeout=60,
        check=False, env={**{k: v for k, v in os.environ.items() if k != TOKEN}, "NO_COLOR": "1", **({TOKEN: token} if token else {})},
    )  # fmt: skip
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.load
def test_a_run_against_what_runs_already(project: Path, serving: str) -> None:
    port = re.findall(r"127\.0\.0\.1:(\d+)", (project / "brownout.yaml").read_text())[0]
    app = subprocess.Popen([sys.executable, str(TINY), port, "ok"], env={**os.environ, "LLM_URL": serving + "/v1"})
    try:
        code, said = brownout_in(project, "doctor", "--backend", serving)
        assert code == 0, said
        assert "clocks compared to within" in said
        code, said = brownout_in(project, "run", "short.experiment.yaml", "--backend", serving, "--out", "out")
        assert app.poll() is None, "an app that brownout did not start is not stopped"
    finally:
        app.kill()
        app.wait()
    result = json.loads((project / "out" / "result.json").read_text())
    (found,) = result["experiments"]
    assert found["valid"], found["why_invalid"]
    assert {f["check"]: f["status"] for f in found["findings"]} == {"answered": "pass", "no_endless_wait": "pass"}
    calls = [json.loads(line) for line in (project / "out" / "short" / "calls.jsonl").read_text().splitlines()]
    hit = [c for c in calls if any(f["injected"] for f in c["faults"])]
    assert {c["status"] for c in hit} == {500}
    assert len(hit) == found["phases"][1]["faults"]
    assert SECRET not in "".join(p.read_text("utf-8", "replace") for p in (project / "out").rglob("*") if p.is_file())


def config_of(folder: Path, **backends: BackendSpec) -> ProcessConfig:
    plan = parse_plan(Document.parse("faults: [{http_error: {status: 503}}]", "x"), None).within(Window(0.0, 0.5))
    return ProcessConfig(
        1, "key", time.monotonic_ns(), folder / "calls.jsonl", backends or {"primary": BackendSpec()}, plan
    )


def test_times_and_plans_of_backends_elsewhere(tmp_path: Path, serving: str) -> None:
    config = config_of(tmp_path)
    remote = RemoteBackends.start(tmp_path, config, serving, SECRET)
    body = {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}
    with httpx.Client(trust_env=False) as client:

        def ask() -> int:
            return client.post(remote.origins["primary"] + "/v1/chat/completions", json=body).status_code

        assert ask() == 200
        remote.begin(time.monotonic_ns())
        before = (time.monotonic_ns() - config.origin_ns) / 1e9
        assert ask() == 503
        after = (time.monotonic_ns() - config.origin_ns) / 1e9
        time.sleep(0.5)
        assert ask() == 200
        time.sleep(0.25)
        remote.check()
        records = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
        assert [r["status"] for r in records] == [200, 503, 200]
        # The client may have read the end before the server notes it.
        times = [records[1]["arrived"], records[1]["ended"], *(at for a in records[1]["actions"] for at in a[1:3])]
        assert all(before <= at <= after + 0.02 for at in times), "one machine, one clock"
        assert 0 < remote.uncertainty < 0.1
        remote.stop()
        assert (
            client.get(serving + "/_brownout/status", headers={"authorization": f"Bearer {SECRET}"}).json()["run"] == ""
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": "wrong"}, "does not take the token"),
        ({"url": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"backends": {"primary": BackendSpec(), "small": BackendSpec()}}, "brownout.yaml has a backend small"),
        ({"backends": {"primary": BackendSpec("anthropic")}}, "speaks openai, in brownout.yaml anthropic"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, serving: str, change: dict[str, Any], said: str) -> None:
    config = config_of(tmp_path, **change.get("backends", {}))
    with pytest.raises(SetupError, match=said):
        RemoteBackends.start(tmp_path, config, change.get("url", serving), change.get("token", SECRET))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)
    shown = f"[{host}]" if host == "::1" else host
    check_confirmed(f"http://{shown}:8000", ())


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "10.0.0.1", "192.168.1.1", "no-such-host.invalid", "::", "127.0.0.1.example.invalid"]
)
def test_another_machine_must_be_confirmed_by_its_name(host: str) -> None:
    assert not is_loopback(host)
    url = f"http://[{host}]:8000" if ":" in host else f"http://{host}:8000"
    with pytest.raises(ConfigError, match=f"--confirm-host {re.escape(host)}"):
        check_confirmed(url, ["other"])
    check_confirmed(url, [host])


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_no_load_on_another_machine_unasked(project: Path, command: str) -> None:
    (project / "brownout.yaml").write_text(APP.replace("127.0.0.1:PORT", "staging.example.invalid"))
    code, said = brownout_in(project, command)
    assert code == 2
    assert "--confirm-host staging.example.invalid" in said
    assert not (project / "brownout-runs").exists()


def test_what_an_attached_app_needs(project: Path) -> None:
    code, said = brownout_in(project, "run", "short.experiment.yaml")
    assert code == 2
    assert "brownout serve --app" in said
    code, said = brownout_in(project, "run", "short.experiment.yaml", "--backend", "http://127.0.0.1:1", token="")
    assert code == 2
    assert TOKEN in said


def free_ports(count: int) -> int:
    """The first of some free ports in a row, below those that the system gives to outgoing connections."""
    while True:
        first = random.randrange(20_000, 30_000)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
        return first


def test_serve_tells_where_each_backend_is(project: Path) -> None:
    """Those with a prefix share a port; the others have the next one each, in their order."""
    backends = "backends:\n  main: {}\n  a: {prefix: /a}\n  b: {dialect: ollama, prefix: /x/b}\n  claude: {dialect: anthropic}\n"
    (project / "brownout.yaml").write_text(re.sub(r"backends:\n.*\n", backends, APP.replace("PORT", "1")))
    first = free_ports(3)
    words = ["-u", "-m", "brownout.harness.cli", "serve", "--app", "brownout.yaml", "--port", str(first)]
    process, said = started(words, project, "admin API", **{TOKEN: SECRET})
    try:
        main, shared, third = (f"http://127.0.0.1:{first + n}" for n in range(3))
        for line in (
            f"main: simulated openai backend at {main}/v1",
            f"a: simulated openai backend at {shared}/a/v1",
            f"OPENAI_BASE_URL={shared}/a/v1",
            f"claude: simulated anthropic backend at {third}",
            f"ANTHROPIC_BASE_URL={third}",
            f"b: simulated ollama backend at {shared}/x/b",
            f"OLLAMA_HOST={shared}/x/b",
        ):
            assert re.search(rf"^ *{re.escape(line)}$", said, re.MULTILINE), said
        for port in (main, shared, third):
            reply = httpx.get(f"{port}/_brownout/status", headers={"x-brownout-token": SECRET}, trust_env=False)
            assert list(reply.json()["backends"]) == ["main", "a", "b", "claude"]
    finally:
        stopped(process)


def test_serve_makes_a_token_where_there_is_none(project: Path) -> None:
    words = ["-u", "-m", "brownout.harness.cli", "serve", "--port", "0", "--journal", "calls.jsonl"]
    process, said = started(words, project, "admin API", **{TOKEN: ""})
    try:
        ((token, url),) = re.findall(rf"{TOKEN}=(\S+) brownout run --backend (\S+)", said)
        reply = httpx.get(f"{url}/_brownout/status", headers={"authorization": f"Bearer {token}"}, trust_env=False)
        assert reply.status_code == 200
        httpx.post(f"{url}/v1/chat/completions", headers={"authorization": f"Bearer {token}"}, trust_env=False)
    finally:
        stopped(process)
    journal = (project / "calls.jsonl").read_text()
    assert journal.count("\n") == 1
    assert token not in journal


def test_serve_takes_no_token_that_nobody_could_send(project: Path) -> None:
    code, said = brownout_in(project, "serve", "--port", "0", token="secret\n")
    assert code == 2
    assert f"{TOKEN} is a line of printable ASCII" in said


def test_no_admin_api_where_others_could_reach_it(project: Path) -> None:
    words = ["-u", "-m", "brownout.harness.cli", "serve", "--port", "0", "--host", "0.0.0.0"]
    process, said = started(words, project, "admin API", **{TOKEN: ""})
    try:
        assert "admin API: off" in said
        port = re.findall(r"http://0\.0\.0\.0:(\d+)", said)[0]
        reply = httpx.get(f"http://127.0.0.1:{port}/_brownout/status", trust_env=False)
        assert reply.status_code == 404
    finally:
        stopped(process)
