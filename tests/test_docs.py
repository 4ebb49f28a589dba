"""What the documents show works as it is written."""

import re
import sys
from pathlib import Path

import pytest

from brownout.faults.plans.load import load_plan
from brownout.faults.values.fault import faults
from brownout.harness.config.app import AppConfig, Launch
from brownout.harness.config.catalogue import experiment_files, suites
from brownout.harness.config.experiment import read_experiment

ROOT = Path(__file__).parent.parent


def blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


def test_the_readmes_configuration(tmp_path: Path) -> None:
    configuration, experiment, plan, waivers = blocks("README.md", "yaml")
    file = tmp_path / "brownout.yaml"
    file.write_text(configuration + waivers)
    config = AppConfig.read(file)
    assert config.launch.peak_rps == 20
    assert config.waivers[0].owner == "dana"
    (tmp_path / "x.plan.yaml").write_text(plan)
    assert [r.label for r in load_plan(tmp_path / "x.plan.yaml").rules] == ["http_error", "spike_15s"]
    (tmp_path / "x.experiment.yaml").write_text(experiment)
    assert read_experiment(tmp_path / "x.experiment.yaml", config.launch).name == "broken_streams"


def test_the_reference_of_brownout_yaml(tmp_path: Path) -> None:
    (configuration,) = blocks("docs/brownout-yaml.md", "yaml")
    file = tmp_path / "brownout.yaml"
    file.write_text(configuration)
    config = AppConfig.read(file)
    assert set(config.backends) == {"primary", "secondary", "embeddings"}
    assert config.routes["chat"].conversation is not None


def test_the_readme_lists_the_experiments_of_the_launch_suite() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in suites()["launch"].experiments:
        question = read_experiment(experiment_files()[name], Launch()).question
        assert f"| `{name}` | {question} |" in readme


def test_contributings_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = blocks("CONTRIBUTING.md", "python")
    (tmp_path / "slow_close_example.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(faults, "_things", dict(faults._things))
    __import__("slow_close_example")
    try:
        assert faults.get("slow_close").__name__ == "SlowClose"
    finally:
        del sys.modules["slow_close_example"]


def test_the_documents_name_files_that_exist() -> None:
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for name in re.findall(
            r"`((?:faults|harness|suites|reports|tests|src)/[\w./-]*)`", (ROOT / document).read_text()
        ):
            if name != "faults/catalog/slow_close.py":
                assert (ROOT / name).exists(), f"{document} names {name}"
