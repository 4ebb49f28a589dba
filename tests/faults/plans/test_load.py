"""Plan files: what can be written, and what is said of mistakes."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

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
        ("- {hang: {}, probability: 0}", "faults[0].probability: a rule that hits nothing; give a share above 0"),
        ("- {hang: {}, per_user: 0%}", "faults[0].per_user: a rule that hits nothing"),
        ("- {hang: {}, scope: {endpoint: caht}}", "scope.endpoint: unknown endpoint 'caht' (did you mean chat?)"),
        ("- {reset: {at: connection}, probability: 5%}", "faults[0].probability: reset acts before anything is asked"),
        (
            "- {reset: {at: connection}, scope: {streaming: true}}",
            "faults[0].scope: reset acts before anything is asked",
        ),
        ("- {reset: {at: connection}, scope: {model: m}}", "faults[0].scope: reset acts before anything is asked"),
        ("- latency: {nam: 3}", "unknown key 'nam' (known: seconds)"),
        ("- latency: {seconds: 1e300}", "is not a duration"),
        ("- latency: {seconds: 90000h}", "is longer than a year"),
        ("- " + "x" * 50 + ": {}", "unknown fault or incident '" + "x" * 39 + "'… ("),
    ],
)
def test_mistakes_are_named_with_their_place(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rules(f"faults:\n{line}\n")
    assert said in str(caught.value)


def test_a_reset_of_the_connection_may_be_confined_to_a_backend_and_a_time() -> None:
    assert rules("faults: [{reset: {at: connection}, scope: {backend: primary}, window: {to: 5s}}]").rules
    assert rules("faults: [{reset: {at: request}, probability: 5%}]").rules


def test_a_scope_names_a_backend_that_there_is(tmp_path: Path) -> None:
    file = tmp_path / "x.plan.yaml"
    file.write_text("faults: [{hang: {}, scope: {backend: primry}}]")
    assert load_plan(file).rules[0].scope.backend == "primry"
    with pytest.raises(ConfigError, match=r"scope\.backend: unknown backend 'primry' \(did you mean primary\?\)"):
        load_plan(file, ["primary"])


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
        ("? [1]\n: 2", "<text>:1:3: a list is not a text, which every key is"),
        ("b:\n  ? {a: 1}\n  : 2", "<text>:2:5: b: a mapping is not a text, which every key is"),
        ("a:\n - 1\n - &x [*x]", "<text>:3:4: a[1][0]: an alias that contains itself"),
        ("a: !!bool zz", "<text>:1:4: not valid YAML: 'zz' is not a valid bool"),
        ("a: !!timestamp zz", "<text>:1:4: not valid YAML: 'zz' is not a valid timestamp"),
        ("a:\n - !!int zz", "<text>:2:4: not valid YAML: 'zz' is not a valid int"),
        ("a: 2027-02-30", "<text>:1:4: not valid YAML: '2027-02-30' is not a valid timestamp; write a text in quotes"),
        ('a: ["\\ud800"]', "<text>:1:5: a[0]: holds half a character (\\ud800"),
        ('a: "\\0"', "<text>:1:4: a: holds the character NUL"),
        ('"\\0": 1', "<text>:1:1: holds the character NUL"),
        ("a: " + "[" * 3000, "nested too deeply"),
        ("x" * 90 + ": 1\n" + "x" * 90 + ": 1", "the key '" + "x" * 39 + "'… is there twice"),
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


def test_a_file_that_is_too_large_is_refused_soon(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError, match=r"<text>:1:.*too large.*at most 20,000 keys and values"):
        Document.parse("a: [" + "x, " * 150_000 + "]")
    with pytest.raises(ConfigError, match="/dev/zero: too large"):
        Document.read(Path("/dev/zero"))
    assert time.monotonic() - began < 4
    (tmp_path / "latin.yaml").write_bytes(b"a: caf\xe9")
    with pytest.raises(ConfigError, match="cannot be read: not UTF-8 at byte 6"):
        Document.read(tmp_path / "latin.yaml")


@dataclass(frozen=True)
class Inner:
    kind: ClassVar[str] = "x"
    value: int | str = 1
    many: list[int | list[int]] = field(default_factory=list)
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Outer:
    inner: Inner


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("value: [1]", "<text>:1:9: inner.value: expected a whole number or a text, not [1]"),
        ("many: [1, {}]", "<text>:1:19: inner.many[1]: expected a whole number or a list, not {}"),
        ("many: [1, [x]]", "<text>:1:19: inner.many[1]: expected a whole number or a list, not ['x']"),
        ("kynd: 3", "<text>:1:9: inner.kynd: unknown key 'kynd' (known: many, value)"),
        (
            "__pydantic_config__: 3",
            "<text>:1:9: inner.__pydantic_config__: unknown key '__pydantic_config__' (known: many, value)",
        ),
    ],
)
def test_what_a_value_may_be_is_one_problem_and_only_fields_are_suggested(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Document.parse(f"inner: {{{text}}}").validate(Outer)
    assert str(caught.value) == said


def test_a_missing_file_names_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "outage.plan.yaml").write_text("faults: []")
    with pytest.raises(ConfigError, match=r"no such file.*did you mean outage\.plan\.yaml"):
        load_plan(tmp_path / "outages.plan.yaml")


def test_every_incident_has_a_title_and_a_source() -> None:
    assert len(incidents()) >= 10
    for incident in incidents().values():
        assert incident.title
        assert incident.source
