"""``brownout schema``: what is printed is the schema, in any locale."""

import json
import os
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from brownout.harness.cli.schema import Files, text
from brownout.harness.config.published import SORTS


def printed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "brownout.harness.cli", "schema", *arguments],
        capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip


def test_a_schema_is_printed() -> None:
    run = printed("plan")
    assert run.returncode == 0
    assert run.stdout == text(Files.PLAN)
    Draft202012Validator.check_schema(json.loads(run.stdout))


@pytest.mark.parametrize("arguments", [[], ["plans"]])
def test_another_file_is_a_mistake(arguments: list[str]) -> None:
    run = printed(*arguments)
    assert run.returncode == 2
    assert "file" in run.stderr.lower()


def test_every_sort_of_file_has_a_schema() -> None:
    assert [f.value for f in Files] == list(SORTS)
