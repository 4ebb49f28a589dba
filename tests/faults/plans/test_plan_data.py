"""A plan on its way to backends elsewhere is the same plan there."""

import json
import math
import re
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from brownout.faults.plans.document import Document
from brownout.faults.plans.load import incidents, parse_plan
from brownout.faults.plans.plan import FaultPlan, Rule, Scope, Window
from brownout.faults.plans.selectors.first_attempts import FirstAttempts
from brownout.faults.plans.selectors.probability import Probability
from brownout.faults.plans.wire import from_data, to_data
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import Fault, faults

KNOWN = [i.fault for i in incidents().values()]

windows = st.builds(Window, st.floats(0, 1e6), st.one_of(st.just(math.inf), st.floats(2e6, 9e6)))
scopes = st.builds(Scope, st.sampled_from([None, "primary"]), st.sampled_from([None, "chat"]), st.none() | st.text())
selected = st.lists(
    st.builds(Probability, st.floats(0.01, 1)) | st.builds(FirstAttempts, st.integers(1, 9)), max_size=2,
    unique_by=lambda s: s.name,
).map(tuple)  # fmt: skip


@given(st.lists(st.builds(Rule, st.text(), st.text(), st.sampled_from(KNOWN), scopes, windows, selected), max_size=4))
def test_every_plan_comes_back_as_it_was(rules: list[Rule]) -> None:
    plan = FaultPlan(tuple(rules))
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


WRITTEN: list[Any] = [
    0, 1, 3, 503, 0.5, 7.25, -2, True, False, None, "50%", "3s", "-1s", "some words", "", {"x-a": "b"}, {"x-a": 5}, ["a"],
    {"lognormal": {"median": "4s", "sigma": 0.6}}, {"lognormal": {"median": 4, "sigma": 1, "max": "1m"}},
    {"uniform": ["1s", "3s"]},
]  # fmt: skip
"""What parameters may look like in a plan file."""


def literals(hint: Any) -> list[Any]:
    found = list(get_args(hint)) if get_origin(hint) is Literal else []
    return found + [value for part in get_args(hint) for value in literals(part)]


def fitting(kind: type[Fault]) -> dict[str, list[Any]]:
    """For each parameter of a fault, what of WRITTEN it can be, and the words that it knows."""
    found: dict[str, list[Any]] = {}
    hints = get_type_hints(kind, include_extras=True)
    for name in (f.name for f in fields(kind)):
        adapter = TypeAdapter[Any](hints[name])
        found[name] = literals(hints[name])
        for value in WRITTEN:
            try:
                adapter.validate_python(value)
            except ValidationError:
                continue
            found[name].append(value)
    return found


PARAMETERS = {name: fitting(kind) for name, kind in faults}


@given(st.data())
@pytest.mark.parametrize("name", faults.names())
def test_every_fault_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    kind = faults.get(name)
    assert all(PARAMETERS[name].values()), "WRITTEN lacks a value for a parameter"
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    given = {
        parameter: data.draw(st.sampled_from(values))
        for parameter, values in PARAMETERS[name].items()
        if parameter in needed or data.draw(st.booleans())
    }
    try:
        made = TypeAdapter(kind).validate_python(given)
    except ValidationError:
        reject()
    plan = FaultPlan((Rule("1", name, made),))
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


def test_the_examples_of_faults_come_back_as_they_were() -> None:
    examples = [
        e for _, kind in faults for e in re.findall(r"``([a-z_0-9]+: \{.*?\})``", kind.__doc__ or "", re.DOTALL)
    ]
    assert len(examples) >= len(faults.names())
    plan = parse_plan(
        Document.parse("faults:\n" + "".join(f"  - {' '.join(e.split())}\n" for e in examples), "x"), None
    )
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


def test_distributions_and_windows_survive() -> None:
    text = """
faults:
  - latency: {seconds: {lognormal: {median: 4s, sigma: 0.6}}}
    window: {from: 10s}
    per_user: 30%
  - latency: {seconds: {uniform: [1s, 3s]}}
    scope: {backend: primary, streaming: true}
"""
    plan = parse_plan(Document.parse(text, "x.plan.yaml"), ["primary"])
    assert from_data(to_data(plan)) == plan


RULE: dict[str, Any] = to_data(FaultPlan((Rule("1", "a", KNOWN[0]),)))[0]


@pytest.mark.parametrize(
    "broken",
    [
        None,
        {},
        [7],
        [{}],
        [{**RULE, "fault": "os.system"}],
        [{**RULE, "parameters": {"nonsense": 1}}],
        [{**RULE, "scope": {"x": 1}}],
        [{**RULE, "scope": {"model": 7}}],
        [{**RULE, "scope": {"streaming": "yes"}}],
        [{**RULE, "window": 5}],
        [{**RULE, "window": [10**400, None]}],
        [{**RULE, "window": [math.nan, None]}],
        [{**RULE, "window": [0, math.nan]}],
        [{**RULE, "window": [-math.inf, None]}],
        [{**RULE, "window": ["x", None]}],
        [{**RULE, "selectors": {"eval": "1"}}],
        [{**RULE, "selectors": {"probability": "much"}}],
        [{**RULE, "selectors": []}],
    ],
)
def test_anything_else_is_refused(broken: Any) -> None:
    with pytest.raises((ValueError, ConfigError)):
        from_data(broken)


def test_a_parameter_that_json_does_not_have_is_told() -> None:
    class Odd(Fault):
        name = "odd"

    odd = KNOWN[0]
    object.__setattr__(odd := type(odd)(**vars(odd)), next(iter(vars(odd))), {1, 2})
    with pytest.raises(TypeError, match="set"):
        to_data(FaultPlan((Rule("1", "odd", odd),)))
