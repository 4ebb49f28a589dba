"""A fault, dialect or model that fails: the app gets an answer, and the journal says whose failure it was."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.plans.plan import FaultPlan, Rule

from .conftest import Serve
from .test_wire import split

MODULE = '''
from dataclasses import dataclass
from brownout.faults.values.fault import Fault
from brownout.faults.values.reply import Data

@dataclass(frozen=True)
class Broken(Fault):
    """Fails at one of its hooks."""
    name = "broken"
    at: str = "reply"

    def on_answer(self, answer, call):
        if self.at == "answer":
            raise ValueError("private words")
        return answer

    def on_reply(self, call):
        if self.at == "reply":
            raise KeyError("private words")
        if self.at != "step":
            return None
        def step(action):
            if isinstance(action, Data):
                raise RuntimeError("private words")
            return (action,)
        return step
'''


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fault class of a module that a backend process can import too."""
    (tmp_path / "broken_fault.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_fault", raising=False)
    return importlib.import_module("broken_fault").Broken


@pytest.mark.parametrize("at", ["reply", "answer"])
def test_before_the_head_it_is_the_providers_500(
    serve: Serve, broken: Any, at: str, capfd: pytest.CaptureFixture[str]
) -> None:
    served = serve(FaultPlan((Rule("0:broken", "broken", broken(at)),)))
    for _ in range(2):
        status, _, body = split(served.raw(stream=True))
        assert (status, json.loads(body)["error"]["type"]) == (500, "server_error")
    assert [(c["end"], c["status"]) for c in served.calls(2)] == [("broken", 500)] * 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2, "one line a call"
    assert "broken_fault.py" in lines[0]
    assert "private" not in lines[0]


def test_after_the_head_it_is_a_reset(serve: Serve, broken: Any) -> None:
    served = serve(FaultPlan((Rule("0:broken", "broken", broken("step")),)))
    with pytest.raises(ConnectionResetError):
        served.raw(stream=True)
    (call,) = served.calls(1)
    assert (call["end"], call["status"]) == ("broken", 200)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"nonsense", "cannot read its configuration: UnpicklingError"),
        (None, "cannot be set up: FileNotFoundError"),
    ],
)
def test_what_cannot_be_started_is_told_to_the_parent(tmp_path: Path, sent: bytes | None, said: str) -> None:
    config = ProcessConfig(1, "test", 0, tmp_path / "missing" / "calls.jsonl", {})
    data = len(sent).to_bytes(8, "big") + sent if sent else config.encode()
    command = [sys.executable, "-m", "brownout.faults.doors.process"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=20, check=False)
    assert done.returncode != 0
    assert said in json.loads(done.stdout)["error"]
