"""A plan on its way to backends elsewhere is the same plan there."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.plans.document import Document
from brownout.faults.plans.load import incidents, parse_plan
from brownout.faults.plans.plan import FaultPlan, Rule, Scope, Window
from brownout.faults.plans.selectors.first_attempts import FirstAttempts
from brownout.faults.plans.selectors.probability import Probability
from brownout.faults.plans.wire import from_data, to_data
from brownout.faults.values.errors import ConfigError
from brownout.faults.values.fault import Fault

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
        [{**RULE, "window": 5}],
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
