"""The folders form a tower, and code is imported under one name only. Each guard is shown to catch a violation."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 500


def _ruff(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "planted.py"
    file.write_text(text)
    command = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--no-cache", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", ["harness", "faults", "suites", "reports"])
def test_a_bare_import_is_caught(folder: str, tmp_path: Path) -> None:
    found = _ruff(f"import {folder}\n\nprint({folder})\n", tmp_path)
    assert "TID251" in found.stdout
    assert f"import brownout.{folder}" in found.stdout
    assert _ruff(f"import brownout.{folder}\n\nprint(brownout.{folder})\n", tmp_path).returncode == 0


def test_the_tower_stands() -> None:
    run = subprocess.run(
        [ROOT / ".venv/bin/lint-imports"] if (ROOT / ".venv/bin/lint-imports").exists() else ["lint-imports"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_only_the_load_child_imports_locust() -> None:
    allowed = {ROOT / "harness/load/locustfile.py", ROOT / "harness/load/client.py"}
    importing = {
        p
        for folder in ("harness", "faults", "suites", "reports")
        for p in (ROOT / folder).rglob("*.py")
        if any(
            line.startswith(("import locust", "from locust", "import gevent", "from gevent"))
            for line in p.read_text().splitlines()
        )
    }
    assert importing
    assert importing <= allowed


def test_files_are_short() -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for folder in ("harness", "faults", "suites", "reports")
        for p in (ROOT / folder).rglob("*.py")
        if (n := len(p.read_text().splitlines())) > LIMIT
    }
    assert not long
