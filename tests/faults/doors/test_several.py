"""Several backends in one process: each its own port, one plan over all of them."""

import json
import subprocess
import sys
import time
from pathlib import Path

from brownout.faults.doors.process import ProcessConfig
from brownout.faults.model.spec import BackendSpec

from .conftest import FAST, Served, plan_of


def test_a_rule_may_concern_one_backend(tmp_path: Path) -> None:
    config = ProcessConfig(
        seed=1,
        key="test",
        origin_ns=time.monotonic_ns(),
        journal=tmp_path / "calls.jsonl",
        backends={"primary": BackendSpec(speed=FAST), "small": BackendSpec(speed=FAST)},
        plan=plan_of("- {http_error: {status: 503}, scope: {backend: primary}}"),
    )
    command = [sys.executable, "-m", "brownout.faults.doors.process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(config.encode())
        process.stdin.flush()
        origins = json.loads(process.stdout.readline())["origins"]
        process.stdin.write(json.dumps({"begin_ns": time.monotonic_ns()}).encode() + b"\n")
        process.stdin.flush()
        time.sleep(0.1)
        served = {name: Served(process, int(o.rsplit(":", 1)[1]), config.journal) for name, o in origins.items()}
        assert served["primary"].raw().startswith(b"HTTP/1.1 503")
        assert served["small"].raw().startswith(b"HTTP/1.1 200")
        calls = served["small"].calls(2)
        assert [(c["backend"], c["status"]) for c in calls] == [("primary", 503), ("small", 200)]
        process.terminate()
