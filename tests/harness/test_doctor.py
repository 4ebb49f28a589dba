"""``brownout doctor`` on a healthy app, and on apps and configurations that are broken in one way each."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

TINY = Path(__file__).parent / "apps" / "tiny.py"
APP = """\
app:
  start: "{python} TINY {port} MODE"
  env: {LLM_URL: "{backend.primary.openai}"}
  ready: {path: /ready, within: 2s}
backends:
  primary: {speed: {head: 20ms, first_token: 0, per_token: 0}}
routes:
  ask: {path: /ask, body: {q: "{prompt}"}, answer: {json: $.answer}}
launch: {peak_rps: 30, patience: 1s}
"""


def doctor(folder: Path, mode: str = "ok", *changes: tuple[str, str]) -> tuple[int, str]:
    """Exit code and output; each change replaces a text of the configuration."""
    text = APP
    for find, replace in changes:
        assert find in text
        text = text.replace(find, replace)
    (folder / "brownout.yaml").write_text(text.replace("TINY", str(TINY)).replace("MODE", mode))
    mark = uuid.uuid4().hex
    run = subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", "doctor"],
        cwd=folder, env={**os.environ, "NO_COLOR": "1", "DOCTOR_MARK": mark}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    left = [p for p in Path("/proc").glob("[0-9]*/environ") if _holds(p, mark)]
    assert left == []
    assert list(folder.iterdir()) == [folder / "brownout.yaml"], "nothing is written into the project"
    return run.returncode, " ".join((run.stdout + run.stderr).split())


def _holds(environ: Path, mark: str) -> bool:
    try:
        return mark.encode() in environ.read_bytes()
    except OSError:
        return False


def test_a_healthy_app(tmp_path: Path) -> None:
    code, said = doctor(tmp_path)
    assert code == 0, said
    for step in ("✔ backends", "✔ app", "✔ ask: answer", "✔ ask: calls", "✔ ask: question", "✔ ask: answer's source"):
        assert step in said
    assert "· ask: streaming: the answer comes in one piece" in said
    assert "This app can be tested" in said


@pytest.mark.parametrize(
    ("mode", "changes", "mistake", "cure"),
    [
        ("ok", [("{python} TINY", "uvicron")], "uvicron", "run the command of app.start by hand"),
        ("exit", [], "the app ended: exit code 7", "run the command of app.start by hand"),
        ("silent", [], "nothing listens on", "{port} in app.start or app.env"),
        ("unready", [], "GET /ready answered 503", "app.ready.path"),
        ("ok", [("path: /ask", "path: /aks")], "POST /aks answered 404", "path, method, headers and body"),
        ("ok", [("$.answer", "$.text")], "$.text", "routes.ask.answer must lead to the answer's text"),
        ("alone", [], "no simulated backend was called", "{backend.primary.openai}"),
        ("ok", [("primary: {", "primary: {models: [gpt-5], ")], "1 of 1 failed on a healthy backend", "models: with the app's model names"),
        ("ok", [("openai}", "openai}/wrong?x=")], "failed on a healthy backend", "compare the base URL with the placeholder's"),
        ("ok", [("$.answer}", "$.answer}, good: [{path: $.ok}]")], "POST /ask answered 200", "no rule of routes.ask.good holds"),
        ("ok", [("$.answer}", "$.answer}, degraded: [{status: 2xx}]")], "taken for a degraded answer", "for stopgaps only"),
        ("rewrite", [], "the user's question is in none of the calls", "must reach the model as they are"),
        ("own", [], "its text is not in the reply", "lead to the model's text"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_cure(
    tmp_path: Path, mode: str, changes: list[tuple[str, str]], mistake: str, cure: str
) -> None:
    code, said = doctor(tmp_path, mode, *changes)
    assert mistake in said
    assert cure in said
    assert code == (0 if mode == "own" else 4), (
        "an app with words of its own can be tested, with rules for what is good"
    )


def test_a_broken_configuration(tmp_path: Path) -> None:
    code, said = doctor(tmp_path, "ok", ("routes:", "rotues:"))
    assert code == 2
    assert "unknown key 'rotues' (did you mean routes?)" in said
