"""Plan files: what can be written, and what is said of mistakes."""

from pathlib import Path

import pytest

from brownout.faults.catalog.http_error import HttpError
from brownout.faults.catalog.latency import Latency
from brownout.faults.plans.document import Document
from brownout.faults.plans.load import incidents, load_plan, parse_rules
from brownout.faults.plans.plan import FaultPlan, Window
from brownout.faults.values.ask import Ask
from brownout.faults.values.distribution import Fixed, Lognormal
from brownout.faults.values.errors import ConfigError


def rules(text: str) -> FaultPlan:
    document = Document.parse(text, "x.plan.yaml")
    return parse_rules(document, document.data["faults"], ("faults",))


def test_a_whole_plan(tmp_path: Path) -> None:
    file = tmp_path / "outage.plan.yaml"
    file.write_text(
        "faults:\n"
        "  - http_error: {status: 503, retry_after: 2s}\n"
        '    scope: {model: "gpt-4o*", streaming: true}\n'
        "    probability: 50%\n"
        "    window: {from: 10s, to: 1m}\n"
        "  - latency: {seconds: {lognormal: {median: 2s, sigma: 0.5}}}\n"
        "  - spike_15s\n"
    )
    plan = load_plan(file)
    assert [r.label for r in plan.rules] == ["http_error", "latency", "spike_15s"]
    assert plan.rules[0].fault == HttpError(503, 2.0)
    assert plan.rules[0].window == Window(10.0, 60.0)
    assert plan.rules[1].fault == Latency(Lognormal(2.0, 0.5))
    assert plan.rules[2].fault == Latency(Fixed(15.0))
    scope = plan.rules[0].scope
    assert scope.covers("any", Ask("chat", "gpt-4o-mini", stream=True))
    assert not scope.covers("any", Ask("chat", "gpt-4o-mini"))
    assert not scope.covers("any", Ask("chat", "o3", stream=True))


def test_an_incident_with_one_parameter_changed() -> None:
    assert rules("faults: [{overloaded_retry_after: {retry_after: 9s}}]").rules[0].fault == HttpError(503, 9.0)


def test_a_plan_confined_to_a_window_counts_its_own_windows_from_there() -> None:
    plan = rules("faults: [{hang: {}, window: {from: 2s, to: 5s}}, {hang: {}}]").within(Window(10, 14))
    assert [r.window for r in plan.rules] == [Window(12, 14), Window(10, 14)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "- latncy: {seconds: 1}",
            "x.plan.yaml:2:3: faults[0].latncy: unknown fault or incident 'latncy' (did you mean latency?)",
        ),
        (
            "- latency: {second: 1}",
            "x.plan.yaml:2:13: faults[0].latency.second: unknown key 'second' (did you mean seconds?)",
        ),
        ("- latency: {seconds: 15x}", "x.plan.yaml:2:13: faults[0].latency.seconds: '15x' is not a duration"),
        ("- latency: {}", "faults[0].latency.seconds: 'seconds' is missing"),
        ("- http_error: {status: 200}", "faults[0].http_error.status: input should be greater than or equal to 400"),
        ("- http_error: {status: ok}", "faults[0].http_error.status"),
        ("- reset: {at: bdy}", "'bdy' is not one of connection, request, body (did you mean body?)"),
        ("- {hang: {}, probabilty: 3%}", "faults[0].probabilty: unknown key 'probabilty' (did you mean probability?)"),
        ("- {hang: {}, probability: 300%}", "faults[0].probability: '300%' is not a share"),
        ("- {hang: {}, first_attempts: 0}", "first_attempts is a whole number from 1"),
        ("- {hang: {}, scope: {stream: true}}", "faults[0].scope.stream: unknown key 'stream'"),
        ("- {hang: {}, window: {from: 3s, to: 2s}}", "a window ends after it begins"),
        ("- {hang: {}, stall: {}}", "this rule names 2 faults: hang, stall"),
        ("- 7", "this rule names no fault"),
        ("- {hang: {}, on: true}", "is not a text"),
    ],
)
def test_mistakes_are_named_with_their_place(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules(f"faults:\n{line}\n")
    assert said in str(caught.value)


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        rules("faults:\n- latncy: {}\n- http_error: {status: 99, retry: 1}\n- hang\n")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1, 2", "not valid YAML"),
        ("a: 1\na: 2", "'a' is there twice"),
        ("a: &x [*x]", "an alias that contains itself"),
        ("a: \x07", "not valid YAML"),
        ("yes: 1", 'write it in quotes: "yes"'),
        ("? [1]\n: 2", "is not a text"),
    ],
)
def test_what_is_no_usable_yaml(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match="<text>") as caught:
        Document.parse(text)
    assert said in str(caught.value)


def test_aliases_cannot_blow_up() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    with pytest.raises(ConfigError, match="too large"):
        Document.parse(bomb)


def test_a_missing_file_names_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "outage.plan.yaml").write_text("faults: []")
    with pytest.raises(ConfigError, match=r"no such file.*did you mean outage\.plan\.yaml"):
        load_plan(tmp_path / "outages.plan.yaml")


def test_every_incident_has_a_title_and_a_source() -> None:
    assert len(incidents()) >= 10
    for incident in incidents().values():
        assert incident.title
        assert incident.source
