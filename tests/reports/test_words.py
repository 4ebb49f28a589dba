"""The command that repeats a run, times, and what says that it was measured soundly."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from tests.reports.made import HOSTILE, experiment, finding, hostile, result, usual

from brownout.harness.verdict.finding import Severity, Status
from brownout.harness.verdict.result import App
from brownout.reports import words


def test_the_command_that_makes_a_run_again() -> None:
    again = "brownout run slow-start retry-storm nonsense --app demo:naive --seed 7"
    assert words.reproduce(usual()) == again
    conditions = [experiment(findings=[finding(), finding(Status.FAIL, Severity.CONDITION)])]
    assert words.reproduce(result(conditions, clock="virtual")).endswith(" --seed 7 --virtual")
    assert words.reproduce(result(conditions, strict=True)).endswith(" --seed 7 --strict")
    spaced = replace(usual(), app=App("my app/brownout.yaml"))
    assert "--app 'my app/brownout.yaml' --seed" in words.reproduce(spaced)


def test_a_hostile_name_stays_one_word_of_the_command() -> None:
    command = words.reproduce(replace(hostile(), app=App(f"$(reboot); {HOSTILE}")))
    assert "\n" not in command
    assert len(shlex.split(command)) == len(["brownout", "run", "A", "B", "--app", "C", "--seed", "7"])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-22T10:15:00+00:00", "2026-11-22 10:15:00 UTC"),
        ("2026-11-22T12:15:00+02:00", "2026-11-22 10:15:00 UTC"),
        ("2026-11-22T10:15:00Z", "2026-11-22 10:15:00 UTC"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("yesterday", "yesterday"),
    ],
)
def test_instants(text: str, shown: str) -> None:
    assert words.instant(text) == shown


def test_how_long_a_run_took() -> None:
    assert words.took(usual()) == "6 min 7 s"
    assert words.took(replace(usual(), ended="2026-11-22T10:14:00+00:00")) == "–"
    assert words.took(replace(usual(), ended="later")) == "–"


def test_lags_that_were_not_measured_are_none() -> None:
    unmeasured = experiment(samples={"send_lag_p99": "soon", "sent": True})
    assert [text for _, text in words.measurement(unmeasured)] == ["–", "–", "–", "– / –"]


def test_an_experiment_of_ones_own_is_named_by_its_file() -> None:
    made = result([replace(experiment("mine"), file="suites/mine.experiment.yaml"), experiment("slow_model")])
    made = replace(made, app=App("shop", "", "npm start", "config/brownout.yaml"))
    command = "brownout run suites/mine.experiment.yaml slow_model --app config/brownout.yaml --seed"
    assert words.reproduce(made).startswith(command)
