"""A run against an app with tenants, a login and conversations, whose health and metrics are watched."""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

MEMBERS = Path(__file__).parent / "apps" / "members.py"
APP = """\
app:
  start: "{python} MEMBERS {port}"
  env: {LLM_URL: "{backend.primary.openai}", PASSWORD: sesame-of-the-test}
  health: {path: /healthz, every: 0.5s}
  metrics: {path: /metrics, every: 1s}
backends:
  primary: {speed: {head: 20ms, first_token: 0, per_token: 0}}
tenants:
  acme: {headers: {x-tenant: acme}, weight: 3}
  globex: {headers: {x-tenant: globex}}
login:
  path: /login
  body: {who: "{tenant}", password: "{env.SESAME}"}
  take: {token: $.access.token}
routes:
  chat:
    path: /chat
    headers: {authorization: "Bearer {login.token}"}
    body: {messages: "{messages}", mine: "{conversation}", id: "{conversation.id}"}
    conversation: {turns: 3, think: 200ms, take: {id: $.conversation.id}}
    answer: {json: $.answer}
launch: {peak_rps: 20, patience: 2s, total_p95: 2s}
"""
EXPERIMENT = """\
experiment: talk
phases: {}
expect:
  baseline: [answered >= 90%]
"""


@pytest.mark.load
def test_users_log_in_and_talk(tmp_path: Path) -> None:
    (tmp_path / "brownout.yaml").write_text(APP.replace("MEMBERS", str(MEMBERS)))
    (tmp_path / "talk.experiment.yaml").write_text(EXPERIMENT)
    for words in (["doctor"], ["run", "talk.experiment.yaml", "--out", "out", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "brownout.harness.cli", *words], cwd=tmp_path, capture_output=True, text=True,
            timeout=60, check=False, env={**os.environ, "SESAME": "sesame-of-the-test", "NO_COLOR": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "out" / "talk"
    samples = [json.loads(line) for line in (folder / "requests.jsonl").read_text().splitlines()]
    ends = Counter((s["end"], s["status"], s["error"][:60]) for s in samples)
    assert ends == {("complete", 200, ""): len(samples)}, "the app says 400 to a history that is not its own"
    talks = defaultdict(list)
    for sample in samples:
        talks[sample["conversation"]].append(sample)
    assert Counter(len(t) for t in talks.values())[3] > len(talks) / 2
    for turns in talks.values():
        turns.sort(key=lambda s: s["turn"])
        assert [s["turn"] for s in turns] == list(range(1, len(turns) + 1))
        assert len({(s["user"], s["tenant"]) for s in turns}) == 1
        for before, after in pairwise(turns):
            assert after["intended"] >= before["ended"] + 0.2 - 0.001
    tenants = Counter(s["tenant"] for s in samples)
    assert set(tenants) == {"acme", "globex"}
    assert tenants["acme"] > tenants["globex"]
    health = [json.loads(line) for line in (folder / "health.jsonl").read_text().splitlines()]
    assert len(health) > 5
    assert {h["status"] for h in health} == {200}
    assert "chats_total" in (folder / "metrics.jsonl").read_text()
    kept = "".join(p.read_text("utf-8", "replace") for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert "sesame-of-the-test" not in kept
    assert "token-acme" not in kept
