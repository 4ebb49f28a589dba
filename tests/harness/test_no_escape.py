"""``brownout run`` against apps that call a real provider: refused, told by name, and no packet leaves this machine."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brownout.harness.journal import read_lines
from brownout.harness.verdict.result import Result, from_json

STRAYS = Path(__file__).parent / "apps" / "strays.py"
APP = """\
app:
  start: "{python} STRAYS {port} MODE"
  env: {LLM_URL: "{backend.primary.openai}"}
  ready: {path: /ready, within: 5s}
backends:
  primary: {speed: {head: 20ms, first_token: 0, per_token: 0}}
routes:
  ask: {path: /ask, body: {q: "{prompt}"}, answer: {json: $.answer}}
launch: {peak_rps: 30, patience: 1s}
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
WITNESS = """\
# Every name that a Python process of the run looks up, and every address that it connects to.
import os, sys

def witness(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        with open(os.environ["WITNESS"], "a") as f:
            f.write(f"{event} {args[1] if event in ('socket.connect', 'socket.sendto') else args[0]!r}\\n")

sys.addaudithook(witness)
"""
SECRETS = ("sk-real", "zq9secret")


def start(project: Path, mode: str, *arguments: str) -> subprocess.Popen[str]:
    """The command line, on the app in a mode, in an environment with a real key and a way past our proxy."""
    project.mkdir()
    (project / "short.experiment.yaml").write_text(EXPERIMENT)
    (project / "brownout.yaml").write_text(APP.replace("STRAYS", str(STRAYS)).replace("MODE", mode))
    (project / "witness").mkdir()
    (project / "witness" / "sitecustomize.py").write_text(WITNESS)
    environment = {
        **os.environ,
        "NO_COLOR": "1",
        "OPENAI_API_KEY": "sk-real",
        "https_proxy": "http://192.0.2.1:3128",  # TEST-NET-1: nobody is there
        "no_proxy": "*",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(project / "witness"), os.environ.get("PYTHONPATH")))),
        "WITNESS": str(project / "seen"),
    }
    command = [sys.executable, "-m", "brownout.harness.cli", *arguments]
    return subprocess.Popen(
        command, cwd=project, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@dataclass(frozen=True)
class Run:
    """A run that has ended: exit code, everything that it printed on one line, and its result where it made one."""

    project: Path
    code: int
    output: str
    result: Result | None


Runs = Callable[[str], Run]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The run in a mode; ``doctor`` examines the app that is ``alone``. All are started at once: most of their time is waiting."""
    folder = tmp_path_factory.mktemp("runs")
    arguments = ("run", "short.experiment.yaml", "--out", "run")
    started = {mode: start(folder / mode, mode, *arguments) for mode in ("alone", "beside", "behind")}
    started["doctor"] = start(folder / "doctor", "alone", "doctor")

    def ended(mode: str) -> Run:
        out, err = started[mode].communicate(timeout=100)
        project = folder / mode
        file = project / "run/result.json"
        result = from_json(file.read_text()) if file.exists() else None
        return Run(project, started[mode].returncode, " ".join((out + err).split()), result)

    yield ended
    for process in started.values():
        process.kill()
        process.communicate()


def attempts(project: Path) -> list[dict[str, Any]]:
    records, broken = read_lines(project / "run/short/escapes.jsonl")
    assert broken == 0
    return records


def stayed_here(project: Path) -> None:
    """Nothing was looked up or called but names and addresses of this machine, and no secret of the user's was kept."""
    seen = (project / "seen").read_text().splitlines()
    assert any(line.startswith("socket.connect") for line in seen), "the witness works"
    assert [line for line in seen if not any(here in line for here in ("'127.0.0.1'", "'localhost'", "'::1'"))] == []
    for file in (project / "run").rglob("*"):
        if file.is_file():
            assert not [s for s in SECRETS if s in file.read_text()], file


def test_an_app_that_calls_a_provider_in_place_of_its_backend(runs: Runs) -> None:
    done = runs("alone")
    assert done.code == 4, done.output
    assert "the app called api.openai.com:443 (OpenAI's API) once; it was refused" in done.output
    assert 'OPENAI_BASE_URL: "{backend.primary.openai}"' in done.output
    assert "What came of it: warm-up: POST /ask: status 503" in done.output
    assert done.result is not None
    assert done.result.verdict.word == "INVALID"
    (attempt,) = attempts(done.project)
    assert 0 < attempt.pop("at") < 30
    assert attempt == {"host": "api.openai.com", "port": 443, "method": "CONNECT", "allowed": False, "count": 1}
    log = (done.project / "run/short/app.log").read_text()
    assert "my key is brownout-dummy-key" in log
    assert "403 brownout refused api.openai.com:443" in log
    stayed_here(done.project)


def test_an_app_that_calls_a_provider_beside_its_backend(runs: Runs) -> None:
    """It answers well, so nobody would have noticed."""
    done = runs("beside")
    assert done.code == 4, done.output
    assert "the app called api.openai.com:443 (OpenAI's API) once; it was refused" in done.output
    assert "What came of it" not in done.output


def test_the_doctor_finds_it_too(runs: Runs) -> None:
    done = runs("doctor")
    assert done.code == 4, done.output
    assert "other hosts: the app called api.openai.com:443 (OpenAI's API) once; it was refused" in done.output
    assert 'OPENAI_BASE_URL: "{backend.primary.openai}"' in done.output


@pytest.mark.load
def test_an_app_that_turns_to_a_provider_when_its_backend_fails(runs: Runs) -> None:
    """The warm-up is sound. Under load the measurement is not, and is not repeated: it would be the same again."""
    done = runs("behind")
    assert done.code == 4, done.output
    assert done.result is not None
    (experiment,) = done.result.experiments
    assert (experiment.valid, experiment.attempts) == (False, 1)
    (reason,) = [r for r in experiment.why_invalid if "api.anthropic.com" in r]
    made = Counter(f"{a['host']}:{a['port']}" for a in attempts(done.project))
    times = made["api.anthropic.com:443"]
    assert times > 20
    assert f"the app called api.anthropic.com:443 (Anthropic's API) {times} times, which was refused" in reason
    assert experiment.samples["refused"] == made
    assert made["telemetry.example.com:80"] > times
    assert "made 1 calls; refused: telemetry.example.com:80 (once)" in done.output, "this alone would be no reason"
    assert experiment.findings, "what was seen is kept"
    assert "api.anthropic.com:443" in done.output
    stayed_here(done.project)
