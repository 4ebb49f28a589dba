"""Each example, started from its own folder as a new user would: doctor finds nothing to mend, and a run has a sound baseline."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import brownout.suites.examples
from brownout.harness.config.app import AppConfig

HERE = Path(next(iter(brownout.suites.examples.__path__)))
NAMES = sorted(p.parent.name for p in HERE.glob("*/brownout.yaml"))
PACKAGES = {
    "agent_pydantic_ai": ("fastapi", "uvicorn", "pydantic_ai", "openai"),
    "command_line": ("openai",),
    "express_ai_sdk": (),
    "fastapi_openai": ("fastapi", "uvicorn", "openai"),
    "flask_anthropic": ("flask", "anthropic"),
    "gateway": ("fastapi", "uvicorn"),
    "rag": ("fastapi", "uvicorn", "openai"),
}
EXPERIMENT = """\
experiment: first
load: {peak: PEAK}
phases: {}
expect:
  baseline: [answered >= 60%]
"""


def present(name: str, tmp_path: Path) -> Path:
    """A copy of an example with all that it needs, else the test is skipped, or fails where nothing may be skipped."""
    missing = [package for package in PACKAGES[name] if find_spec(package) is None]
    node = name.startswith("express")
    if node and (shutil.which("node") is None or shutil.which("npm") is None):
        missing.append("node and npm")
    if missing:
        assert not os.environ.get("CI"), f"{name} needs {', '.join(missing)}"
        pytest.skip(f"{name} needs {', '.join(missing)}")
    folder = tmp_path / name
    shutil.copytree(HERE / name, folder, ignore=shutil.ignore_patterns("node_modules", "__pycache__", "brownout-runs"))
    if node:
        got = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"],
            cwd=folder, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        if got.returncode:
            assert not os.environ.get("CI"), got.stderr
            pytest.skip(f"npm cannot install what {name} needs: {got.stderr[-200:]}")
    return folder


def brownout_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", *words],
        cwd=folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


def test_every_example_is_tried() -> None:
    assert set(NAMES) == set(PACKAGES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short(name: str) -> None:
    for file in (HERE / name).iterdir():
        if file.suffix in (".py", ".mjs", ".yaml"):
            assert len(file.read_text().splitlines()) < 60, file
    AppConfig.read(HERE / name / "brownout.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_doctor_has_nothing_to_mend(name: str, tmp_path: Path) -> None:
    done = brownout_in(present(name, tmp_path), "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answer's source: the model's own words, whole (fresh)" in done.stdout


@pytest.mark.load
@pytest.mark.parametrize(("name", "peak", "calls"), [("gateway", 1, 2), ("rag", 1, 2), ("command_line", 3, 1)])
def test_a_run_has_a_clean_baseline(name: str, peak: int, calls: int, tmp_path: Path) -> None:
    folder = present(name, tmp_path)
    (folder / "first.experiment.yaml").write_text(EXPERIMENT.replace("PEAK", str(peak)))
    done = brownout_in(folder, "run", "first.experiment.yaml", "--out", "out", "--quiet")
    (found,) = json.loads((folder / "out" / "result.json").read_text())["experiments"]
    assert found["valid"], (found["why_invalid"], done.stdout, done.stderr)
    baseline = found["phases"][0]
    assert baseline["outcomes"] == {"answered": baseline["requests"]}
    assert baseline["calls"] == pytest.approx(calls * baseline["requests"], rel=0.15)  # some calls are the next phase's
    assert [f["status"] for f in found["findings"]] == ["pass"]
