"""``brownout run`` as a user starts it: bad input, apps that do not play along, interrupts, and a harness that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brownout.harness.journal import read_lines
from brownout.harness.verdict.result import from_json

TINY = Path(__file__).parent / "apps" / "tiny.py"
MARK = "BROWNOUT_TEST_MARK"
APP = """\
app:
  start: "{python} TINY {port} MODE"
  env: {LLM_URL: "{backend.primary.openai}"}
  ready: {path: /ready, within: 2s}
backends:
  primary: {speed: {head: 20ms, first_token: 0, per_token: 0}}
routes:
  ask: {path: /ask, body: {q: "{prompt}"}, answer: {json: $.answer}}
launch: {peak_rps: 30, patience: 3s}
"""
EXPERIMENT = """\
experiment: short
phases:
  baseline: {}
  fault: {faults: [{http_error: {status: 500}}]}
  recovery: {}
expect:
  baseline: [served >= 60%]
  fault: [no_endless_wait]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "short.experiment.yaml").write_text(EXPERIMENT)
    return tmp_path


@pytest.fixture
def mark() -> Iterator[str]:
    """A word in the environment of everything that a test starts; what still carries it at the end is killed."""
    made = uuid.uuid4().hex
    yield made
    for pid in carrying(made):
        os.kill(pid, signal.SIGKILL)


def carrying(mark: str) -> list[int]:
    """The processes, other than this one, that have the mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def gone(mark: str, within: float) -> list[int]:
    """What still carries the mark after `within` seconds."""
    deadline = time.monotonic() + within
    while (left := carrying(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def configure(project: Path, mode: str = "ok", text: str = APP) -> None:
    (project / "brownout.yaml").write_text(text.replace("TINY", str(TINY)).replace("MODE", mode))


def start(project: Path, *arguments: str, mark: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "brownout.harness.cli", "run", *arguments]
    environment = {**os.environ, MARK: mark, "NO_COLOR": "1"}
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Where tests are a background job of a shell, interrupts are ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - there are no threads
    )


def brownout(project: Path, *arguments: str, mark: str = "") -> tuple[int, str]:
    """Exit code and everything that was printed, on one line."""
    process = start(project, *arguments, mark=mark)
    out, err = process.communicate(timeout=100)
    return process.returncode, " ".join((out + err).split())


class TestBadInput:
    @pytest.mark.parametrize(
        ("find", "replace", "said"),
        [
            (
                "  ready: {path: /ready",
                "  redy: {path: /ready",
                "brownout.yaml:4:3: app.redy: unknown key 'redy' (did you mean ready?)",
            ),
            ("within: 2s", "within: soon", "brownout.yaml:4:25: app.ready.within: 'soon' is not a duration"),
            ("within: 2s", "within: -2", "a duration cannot be -2"),
            (
                "{backend.primary.openai}",
                "{backend.main.openai}",
                "app.env.LLM_URL: unknown placeholder {backend.main.openai}",
            ),
            ("{port}", "8000", "the app is not told its port"),
            ("$.answer", "answer", "is not a JSONPath such as $.answer"),
            ("peak_rps: 30", "peak_rps: 0", "peak_rps must be above 0"),
            ("peak_rps: 30", "peak_rps: many", "launch.peak_rps"),
            ('q: "{prompt}"', "q: hello", "{prompt} must stand somewhere"),
            ("primary: {speed", "primary: {dialect: opnai, speed", "unknown dialect 'opnai' (did you mean openai?)"),
            ("routes:", "routes: [", "not valid YAML"),
            ("launch: {", "launch: {budget: 3, ", "launch.budget: unknown key 'budget' (did you mean budget_per_day?)"),
        ],
    )
    def test_of_the_app(self, project: Path, find: str, replace: str, said: str) -> None:
        assert find in APP
        configure(project, text=APP.replace(find, replace))
        code, output = brownout(project, "short.experiment.yaml")
        assert code == 2
        assert said in output

    @pytest.mark.parametrize(
        ("find", "replace", "said"),
        [
            ("http_error", "htp_error", "unknown fault or incident 'htp_error' (did you mean http_error"),
            (
                "served >= 60%",
                "surved >= 60%",
                "short.experiment.yaml:7:14: expect.baseline[0]: unknown check 'surved' (did you mean served?)",
            ),
            ("served >= 60%", "served > lots", "the limit of served: 'lots' is not a share"),
            ("served >= 60%", "served <= 60%", "served is better when higher"),
            ("served >= 60%", "served", "served needs a limit"),
            ("served >= 60%", "ttft < 2s", "write ttft_p95"),
            ("served >= 60%", "ttft_p95 < launch.tfft", "launch has no 'tfft'"),
            ("no_endless_wait", "no_endless_wait <= 3", "must never be broken and takes no limit"),
            ("served >= 60%", "recovery_time <= 5s", "says nothing about the baseline phase"),
            ("baseline: {}", "baseline: {faults: [hang]}", "the baseline is measured on a healthy backend"),
            ("experiment: short", "experiment: Short one", "is made of a-z"),
            ("recovery: {}", "recovery: {at_last: 3s}", "unknown key 'at_last' (did you mean at_least?)"),
        ],
    )
    def test_of_the_experiment(self, project: Path, find: str, replace: str, said: str) -> None:
        configure(project)
        assert find in EXPERIMENT
        (project / "short.experiment.yaml").write_text(EXPERIMENT.replace(find, replace))
        code, output = brownout(project, "short.experiment.yaml")
        assert code == 2
        assert said in output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["shrt"], "unknown experiment 'shrt'"),
            (["nothing.experiment.yaml"], "no such file"),
            (["--suite", "lunch"], "unknown suite 'lunch' (did you mean launch?)"),
            (["--app", "demo:nave"], "the demo app has no variant 'nave' (did you mean naive?)"),
            (["--app", "demo:hardened-braker"], "no protection 'braker' (did you mean breaker?)"),
            (["--app", "dmo"], "no app 'dmo'"),
            (["--seed", "x"], "x"),
            (["--sede", "1"], "--sede"),
            (["short.experiment.yaml", "--suite", "launch"], "not both"),
        ],
    )
    def test_of_the_command_line(self, project: Path, arguments: list[str], said: str) -> None:
        configure(project)
        code, output = brownout(project, *arguments)
        assert code == 2
        assert said in output

    def test_every_mistake_is_told_at_once(self, project: Path) -> None:
        configure(project, text=APP.replace("within: 2s", "within: soon").replace("$.answer", "answer"))
        assert brownout(project, "short.experiment.yaml")[1].count("error:") == 2

    def test_a_run_folder_is_never_written_over(self, project: Path) -> None:
        configure(project)
        (project / "old").mkdir()
        (project / "old" / "requests.jsonl").write_text("{}")
        code, output = brownout(project, "short.experiment.yaml", "--out", "old")
        assert code == 2
        assert "not empty" in output


class TestSetUp:
    @pytest.mark.parametrize(
        ("mode", "said"),
        [
            ("exit", ["the app ended: exit code 7", "cannot import name 'shop'"]),
            ("silent", ["was not ready within 2 s", "nothing listens on"]),
            ("unready", ["was not ready within 2 s", "GET /ready answered 503"]),
            ("alone", ["no simulated backend was called", "{backend.primary.openai}"]),
            ("broken", ["warm-up: POST /ask", "404", "no such route"]),
        ],
    )
    def test_an_app_that_cannot_be_tested(self, project: Path, mark: str, mode: str, said: list[str]) -> None:
        configure(project, mode)
        code, output = brownout(project, "short.experiment.yaml", "--out", "run", mark=mark)
        assert code == 4, output
        for words in said:
            assert words in output
        result = from_json((project / "run/result.json").read_text())
        assert result.verdict.word == "INVALID"
        assert (project / "run/short/app.log").exists()
        assert gone(mark, 1.0) == []

    def test_a_command_that_does_not_exist(self, project: Path) -> None:
        configure(project, text=APP.replace("{python} TINY {port} MODE", "uvicron {port}"))
        code, output = brownout(project, "short.experiment.yaml")
        assert code == 4
        assert "uvicron" in output

    @pytest.mark.load
    def test_an_app_that_dies_under_load(self, project: Path, mark: str) -> None:
        configure(project, "dies")
        code, output = brownout(project, "short.experiment.yaml", "--out", "run", mark=mark)
        assert code == 4
        assert "the app ended: exit code 3" in output
        assert "out of memory, or so it says" in output
        assert read_lines(project / "run/short/requests.jsonl")[0], "what was measured before is kept"
        assert gone(mark, 1.0) == []


@pytest.mark.load
class TestEnd:
    def running(self, project: Path, mark: str, mode: str) -> tuple[subprocess.Popen[str], Path]:
        """A run that has begun to send."""
        configure(project, mode)
        process = start(project, "short.experiment.yaml", "--out", "run", mark=mark)
        samples = project / "run/short/requests.jsonl"
        deadline = time.monotonic() + 30
        while not (samples.exists() and samples.stat().st_size) and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        return process, samples

    def test_an_interrupt_stops_cleanly_and_keeps_the_journal(self, project: Path, mark: str) -> None:
        process, samples = self.running(project, mark, "daemon")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "interrupted" in err
        assert "Traceback" not in err
        records, broken = read_lines(samples)
        assert records
        assert broken == 0
        events = read_lines(project / "run/events.jsonl")[0]
        assert (events[0]["event"], events[-1]["event"]) == ("RunStarted", "RunStopped")
        assert gone(mark, 1.0) == []

    def test_a_killed_harness_leaves_a_readable_journal_and_no_process(self, project: Path, mark: str) -> None:
        """SIGKILL under load: nothing that ended a quarter of a second before is missing, by the app's own account."""
        process, samples = self.running(project, mark, "daemon")
        time.sleep(random.uniform(0.3, 1.5))
        killed = time.monotonic_ns()
        process.kill()
        process.communicate()
        assert gone(mark, 8.0) == []
        records, broken = read_lines(samples)
        assert broken == 0
        log = (project / "run/short/app.log").read_text()
        times = [int(line.split()[1]) for line in log.splitlines() if line.startswith("served")]
        # One of them was the warm-up's, which is no request of the schedule.
        earlier = sum(t < killed - 250_000_000 for t in times) - 1
        assert earlier > 0
        assert len(records) >= earlier
        calls, broken = read_lines(project / "run/short/calls.jsonl")
        assert broken == 0
        assert len(calls) >= earlier + 1

    @pytest.mark.parametrize("delay", [random.uniform(0, 3.0) for _ in range(3)], ids=["first", "second", "third"])
    def test_killed_at_any_moment_it_leaves_no_process(self, project: Path, mark: str, delay: float) -> None:
        configure(project, "daemon")
        process = start(project, "short.experiment.yaml", "--out", "run", mark=mark)
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert gone(mark, 8.0) == [], f"killed after {delay:.3f} s"
        for file in (project / "run").rglob("*.jsonl"):
            assert read_lines(file)[1] == 0

    def test_a_planted_leftover_is_found(self, mark: str) -> None:
        """The search that the tests above rely on does find a process that got away."""
        planted = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: mark}, start_new_session=True)
        try:
            assert gone(mark, 0.3) == [planted.pid]
        finally:
            planted.kill()
            planted.wait()


@pytest.mark.load
def test_a_whole_run(project: Path, mark: str) -> None:
    """An app without any protection against a backend that fails every call: NO-GO, with the evidence, and every report."""
    more = EXPERIMENT.replace("[no_endless_wait]", "[no_endless_wait, served >= 60%]")
    (project / "short.experiment.yaml").write_text(more)
    configure(project)
    code, output = brownout(project, "short.experiment.yaml", "--out", "run", mark=mark)
    assert code == 1, output
    assert "NO-GO" in output
    folder = project / "run"
    result = from_json((folder / "result.json").read_text())
    (experiment,) = result.experiments
    found = {(f.phase, f.check): f.status.value for f in experiment.findings}
    assert found == {("baseline", "served"): "pass", ("fault", "no_endless_wait"): "pass", ("fault", "served"): "fail"}
    assert {p.name for p in folder.iterdir()} >= {"manifest.json", "events.jsonl", "report.html", "junit.xml", "short"}
    baseline, fault, _ = experiment.phases
    assert baseline.outcomes.get("answered", 0) > 0.8 * baseline.requests
    assert fault.faults == fault.calls > 0
    calls: list[dict[str, Any]] = read_lines(folder / "short/calls.jsonl")[0]
    assert {f["label"] for c in calls for f in c["faults"]} == {"http_error"}
    assert json.loads((folder / "manifest.json").read_text())["seed"] == 1
    assert gone(mark, 1.0) == []
