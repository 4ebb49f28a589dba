"""``brownout list``, ``report`` and ``serve``, as processes where that matters."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brownout.faults.values.fault import faults
from brownout.harness.check import checks
from brownout.harness.cli.main import Things, main
from brownout.harness.report import reports
from brownout.harness.verdict.result import App, Result, to_json
from brownout.harness.verdict.table import verdict

COMMAND = [sys.executable, "-m", "brownout.harness.cli"]


def brownout(*arguments: str) -> tuple[int, str, str]:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    run = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    return run.returncode, run.stdout, run.stderr


Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def called(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Called]:
    """The command line in this process, which takes a tenth of the time; the child processes are the real ones."""
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["brownout", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    yield call
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize("what", [t.value for t in Things])
def test_list(what: str) -> None:
    code, out, _ = brownout("list", what)
    assert code == 0
    assert len(out.splitlines()) >= 2


def test_list_names_what_is_registered() -> None:
    listed = brownout("list", "faults")[1]
    assert all(re.search(rf"^{name}\b", listed, re.MULTILINE) for name in faults.names())
    listed = brownout("list", "checks")[1]
    assert all(name in listed for name in checks.names())


def test_list_of_something_unknown() -> None:
    code, _, err = brownout("list", "fault")
    assert code == 2
    assert "faults" in err


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    result = Result(
        tool="0", run="r", seed=1, clock="live", app=App("x"), started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:01+00:00", verdict=verdict([]), experiments=(),
    )  # fmt: skip
    (tmp_path / "result.json").write_text(to_json(result))
    return tmp_path


@pytest.mark.parametrize("name", reports.names())
def test_report_renders_an_old_run_in_any_format(run_folder: Path, name: str) -> None:
    code, out, _ = brownout("report", str(run_folder), "--format", name)
    assert code == 0
    assert "INCONCLUSIVE" in out
    code, nothing, _ = brownout(
        "report", str(run_folder / "result.json"), "--format", name, "--out", str(run_folder / "x")
    )
    assert (code, nothing) == (0, "")
    assert (run_folder / "x").read_text() == out


@pytest.mark.parametrize(
    ("write", "arguments", "said"),
    [
        ("", ["--format", "pdf"], "unknown report 'pdf'"),
        ("{}", [], "result.json"),
        ('{"schema": "brownout.result/9"}', [], "brownout.result/9"),
        ("{", [], "not a result"),
    ],
)
def test_report_of_what_is_none(tmp_path: Path, write: str, arguments: list[str], said: str) -> None:
    (tmp_path / "result.json").write_text(write)
    code, _, err = brownout("report", str(tmp_path), *arguments)
    assert code == 2
    assert said in err


def test_report_of_a_run_without_a_result(tmp_path: Path) -> None:
    code, _, err = brownout("report", str(tmp_path))
    assert code == 2
    assert "interrupted" in err


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """A backend served by hand, with a plan and a journal: the process, its base URL, the journal."""
    plan, journal = tmp_path / "outage.plan.yaml", tmp_path / "calls.jsonl"
    plan.write_text("faults: [{overloaded_retry_after: {retry_after: 3s}, first_attempts: 1}]")
    command = [*COMMAND, "serve", "--plan", str(plan), "--port", "0", "--journal", str(journal)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    first = process.stdout.readline()
    yield process, first.split()[-1], journal
    process.kill()
    process.communicate()


def ask(url: str) -> tuple[int, str | None]:
    """Status and Retry-After of a chat call."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Why?"}]}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/chat/completions", body), timeout=10) as reply:
            return reply.status, reply.headers["retry-after"]
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.headers["retry-after"]


def test_serve(serving: tuple[subprocess.Popen[str], str, Path]) -> None:
    process, url, journal = serving
    assert [ask(url), ask(url)] == [(503, "3"), (200, None)]
    time.sleep(0.1)
    assert [json.loads(line)["status"] for line in journal.read_text().splitlines()] == [503, 200]
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "overloaded_retry_after" in out
    assert re.search(r"1\s+chat m\s+503 complete", out)


def test_serve_on_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = brownout("serve", "--port", str(port))
    assert code == 4
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert "in use" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dialect", "opnai"], "did you mean openai?"),
        (["--plan", "nothing.yaml"], "no such file"),
        (["--port", "99999"], "65535"),
        (["--host", ""], "--host is empty"),
        (["--host", " "], "--host is empty"),
        (["--host", "x" * 300], "is not an address"),
        (["--journal", "/dev/null/x"], "the journal /dev/null/x cannot be written: Not a directory"),
        (["--plan", "PLAN"], "unknown backend 'primry' (did you mean primary?)"),
    ],
)
def test_serve_with_bad_input(called: Called, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "PLAN").write_text("faults: [{hang: {}, scope: {backend: primry}}]")
    code, _, err = called("serve", *(str(tmp_path / a) if a == "PLAN" else a for a in arguments))
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("afile", "afile cannot be made: it is a file"),
        ("afile/x", "afile/x cannot be made: Not a directory"),
        ("/proc/x", "/proc/x cannot be made: No such file or directory"),
        ("x" * 300, "cannot be made: File name too long"),
    ],
)
def test_a_run_folder_that_cannot_be_made(called: Called, tmp_path: Path, out: str, said: str) -> None:
    (tmp_path / "afile").touch()
    code, _, err = called("run", "provider_outage", "--app", "demo:naive", "--out", str(tmp_path / out))
    assert code == 2
    assert said in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--app", "x" * 300], "File name too long"),
        (["x" * 300], "unknown experiment 'xxx"),
        (["--app", "."], "no such file"),
    ],
)
def test_names_of_nothing(
    called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = called("run", *arguments)
    assert code == 2
    assert said in err


def test_a_report_that_cannot_be_written(called: Called, run_folder: Path) -> None:
    for out in (run_folder, run_folder / "result.json" / "x", Path("/proc/x")):
        code, _, err = called("report", str(run_folder), "--out", str(out))
        assert code == 2
        assert "cannot be written" in err


def test_many_mistakes_are_not_all_printed(called: Called, tmp_path: Path) -> None:
    (tmp_path / "brownout.yaml").write_text("app:\n" + "".join(f"  x{i}: 1\n" for i in range(100)))
    code, _, err = called("run", "--app", str(tmp_path))
    assert code == 2
    assert "more" in err
    assert len(err.splitlines()) < 40


def test_an_error_of_our_own_is_no_verdict(called: Called, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would exit with 1, which a pipeline takes for NO-GO."""
    monkeypatch.setattr("brownout.harness.cli.listing.table", lambda what: {}["[bold]" + what])
    code, out, err = called("list", "faults")
    assert (code, out) == (70, "")
    assert "brownout failed: KeyError: '[bold]faults'" in err
    assert "please report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("BROWNOUT_TRACEBACK", "1")
    assert "Traceback" in called("list", "faults")[2]


@pytest.mark.parametrize("arguments", [["list", "faults"], ["--help"]])
def test_an_output_that_nobody_reads_is_no_verdict(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(writing)
    assert (run.returncode, run.stderr) == (141, "")


def test_an_output_that_cannot_show_everything(run_folder: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(
        [*COMMAND, "report", str(run_folder)], capture_output=True, env=environment, timeout=60, check=False
    )
    assert run.returncode == 0
    assert b"INCONCLUSIVE" in run.stdout


def test_a_dry_run_says_what_would_be_run_and_runs_nothing(tmp_path: Path) -> None:
    code, out, _ = brownout(
        "run", "--app", "demo:naive", "--dry-run", "--max-minutes", "1.2", "--out", str(tmp_path / "run")
    )
    assert code == 0
    assert "provider_outage" in out
    assert re.search(r"served >= 95%\s+fault\s+\d+\s+\d+\s+>= 95 %, 95 % sure", out)
    assert re.search(r"1 experiment, \d+ requests, about \d+", out)
    assert out.count("not run, and so untested") == 2
    assert not (tmp_path / "run").exists()


def test_nothing_fits_into_no_time(tmp_path: Path) -> None:
    code, _, err = brownout("run", "--app", "demo:naive", "--max-minutes", "0.2", "--out", str(tmp_path / "run"))
    assert code == 2
    assert "no experiment fits into 0.2 minutes" in err
