"""Experiment files: expectations that no measurement could decide, rules that never act, and plans without an end."""

import time
from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from brownout.faults.values.errors import ConfigError
from brownout.harness.check import checks
from brownout.harness.config.app import Launch, WaiverSpec
from brownout.harness.config.catalogue import check_waivers, select
from brownout.harness.config.experiment import Experiment, read_experiment

TEXT = """\
experiment: short
phases:
  baseline: {}
  fault: {faults: [{http_error: {status: 500}}]}
  recovery: {}
expect:
  baseline: [served >= 60%]
  fault: [no_endless_wait]
"""
RULE = "http_error: {status: 500}"


def read(tmp_path: Path, find: str = "", replace: str = "") -> Experiment:
    assert find in TEXT
    (tmp_path / "x.experiment.yaml").write_text(TEXT.replace(find, replace, 1))
    return select([str(tmp_path / "x.experiment.yaml")], None, Launch(), ["primary"])[0]


@pytest.mark.parametrize(
    ("find", "replace", "said"),
    [
        ("short", "s" * 65, "at most 64 characters, not 65"),
        *(
            ("served >= 60%", f"ttft_p{digits} < 2s", "expect.baseline[0]: 'ttft_p" + digits + "' names no percentile")
            for digits in ("00", "100", "000", "5", "9999", "950")
        ),
        ("served >= 60%", "ttft_p95 <= launch.requests_per_day", "is in requests a day, and this takes a duration"),
        ("served >= 60%", "cost_per_day <= launch.patience", "launch.patience is a duration, and this takes US dollars"),
        ("served >= 60%", "ttft_p95 < launch.__pydantic_config__", "it has peak_rps, requests_per_day"),
        ("served >= 60%", "served > 100%", "nothing can be > 100%"),
        ("served >= 60%", "ttft_p95 < 0s", "nothing can be < 0s"),
        ("served >= 60%", "cost_per_day <= nan", "'nan' is not a number"),
        ("no_endless_wait", "amplification <= -1", "expect.fault[0]: the limit of amplification: nothing can be <= -1"),
        (RULE, f"{RULE}, scope: {{backend: primry}}", "scope.backend: unknown backend 'primry' (did you mean primary?)"),
        (RULE, f"{RULE}, window: {{from: 10m}}", "faults[0].window: begins after the phase has ended: it lasts"),
        (f"faults: [{{{RULE}}}]", "", "no phase has a fault, so nothing after the baseline can be shown"),
        ("recovery: {}", "recovery: {at_least: 100000h}", "phases.recovery.at_least: '100000h' is longer than a year"),
        ("recovery: {}", "recovery: {at_least: 1.0e+300}", "phases.recovery.at_least"),
        ("recovery: {}", "recovery: {at_least: 30h}", "at_least is at most 24h, not 30h"),
        ("recovery: {}", "recovery: {at_least: 24h}", "phases.recovery.at_least: the experiment would take 24 hours"),
        ("recovery: {}", "recovery: {at_least: 20h}\nload: {peak: 100}", "phases.recovery.at_least: the experiment would make"),
        ("recovery: {}", "recovery: {}\nload: {peak: 1e-9}", "load.peak: the experiment would take"),
        ("recovery: {}", "recovery: {}\nload: {peak: .inf}", "load.peak: inf is not a number"),
        ("wait]", "wait]\n  recovery: [recovery_time <= 3000h]", "expect.recovery: the experiment would take"),
    ],
)  # fmt: skip
def test_what_could_show_nothing_is_refused_at_once(tmp_path: Path, find: str, replace: str, said: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, find, replace)
    assert said in str(caught.value)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(("written", "percentile"), [("95", 0.95), ("05", 0.05), ("99", 0.99), ("999", 0.999), ("995", 0.995)])  # fmt: skip
def test_percentiles(tmp_path: Path, written: str, percentile: float) -> None:
    assert read(tmp_path, "served >= 60%", f"ttft_p{written} < 2s").expectations[0].percentile == percentile


def test_what_can_be_used(tmp_path: Path) -> None:
    assert read(tmp_path, RULE, f"{RULE}, scope: {{backend: primary, endpoint: chat}}, window: {{from: 1s}}")
    assert read(tmp_path, "short", "s" * 64)
    assert read(tmp_path, "served >= 60%", "served >= 100%")
    (tmp_path / "x.experiment.yaml").write_text("experiment: calm\nphases: {}\nexpect: {baseline: [served >= 60%]}\n")
    assert not read_experiment(tmp_path / "x.experiment.yaml", Launch()).plan.rules


def test_a_limit_may_be_any_value_of_the_launch_that_has_a_unit_of_a_check(tmp_path: Path) -> None:
    units = {check.unit for _, check in checks}
    for field in fields(Launch):
        said = ""
        for limit in (f"ttft_p95 <= launch.{field.name}", f"cost_per_day <= launch.{field.name}"):
            try:
                read(tmp_path, "served >= 60%", limit)
            except ConfigError as e:
                said += f"{e}"
        assert "this takes" in said, field.name
    assert {"s", "usd"} <= units


def test_the_backends_of_the_app_are_those_that_a_scope_may_name(tmp_path: Path) -> None:
    file = tmp_path / "x.experiment.yaml"
    file.write_text(TEXT.replace(RULE, f"{RULE}, scope: {{backend: second}}"))
    assert select([str(file)], None, Launch(), ["primary", "second"])
    with pytest.raises(ConfigError, match="unknown backend 'second'"):
        select([str(file)], None, Launch(), ["primary"])


def test_a_waiver_is_for_a_check_and_an_experiment_that_are_known(tmp_path: Path) -> None:
    def waiver(experiment: str | None, check: str = "served") -> WaiverSpec:
        return WaiverSpec(check, "r", "o", date(2027, 1, 1), experiment)

    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "later.experiment.yaml").touch()
    chosen = [read(tmp_path)]
    for name in (None, "short", "later", "provider_outage"):
        check_waivers([waiver(name)], chosen, tmp_path)
    with pytest.raises(ConfigError, match=r"unknown experiment 'shrt' \(did you mean short\?\)"):
        check_waivers([waiver("shrt")], chosen, tmp_path)
    with pytest.raises(ConfigError, match=r"waivers\[1\]\.check: unknown check 'servd' \(did you mean served"):
        check_waivers([waiver(None), waiver(None, "servd")], chosen, tmp_path)
