"""What holds for every fault, on every dialect: replies are well-formed, repeatable, and told apart from healthy ones."""

import inspect
import json
import re
from random import Random

import pytest

from brownout.faults.plans.document import Document
from brownout.faults.plans.load import incidents, parse_rules
from brownout.faults.plans.plan import FaultPlan, Rule
from brownout.faults.plans.wire import from_data, to_data
from brownout.faults.values.fault import Accept, Fault, dialects, faults
from brownout.faults.values.reply import TERMINAL, Data, Head, Raw, Wait

from .samples import SAMPLES
from .wires import CHAT, everywhere

WIRES = everywhere()
HEALTHY = {on: on.play().actions for on in WIRES}


def test_every_fault_and_every_dialect_is_sampled() -> None:
    assert {type(f) for f in SAMPLES} == {cls for _, cls in faults}
    assert set(CHAT) == set(dialects.names()), "wires.py has a chat request for each dialect"


@pytest.mark.parametrize("fault", SAMPLES, ids=repr)
def test_a_reply_under_any_fault_is_well_formed(fault: Fault) -> None:
    """One terminal action, at the end; at most one head, and no body before it; times that can be played."""
    for on in WIRES:
        played = on.play(fault).actions
        assert [i for i, a in enumerate(played) if isinstance(a, TERMINAL)] == [len(played) - 1], on
        heads = [i for i, a in enumerate(played) if isinstance(a, Head)]
        bodies = [i for i, a in enumerate(played) if isinstance(a, Data)]
        assert len(heads) <= 1, on
        assert not bodies or (heads and heads[0] < bodies[0]), on
        assert all(a.seconds >= 0 for a in played if isinstance(a, Wait)), on


@pytest.mark.parametrize("fault", SAMPLES, ids=repr)
def test_a_fault_is_repeatable_and_says_whether_it_changed_anything(fault: Fault) -> None:
    assert fault.on_connection(Random(1)) in Accept
    for on in WIRES:
        played = on.play(fault)
        assert on.play(fault) == played, on
        assert played.injected == (played.actions != HEALTHY[on]), on


@pytest.mark.parametrize("fault", SAMPLES, ids=repr)
def test_a_length_that_is_announced_is_that_of_the_body_unless_the_connection_ends(fault: Fault) -> None:
    for on in WIRES:
        played = on.play(fault)
        heads = [a for a in played.actions if isinstance(a, Head)]
        if not heads or heads[0].length is None or type(played.end).__name__ != "End":
            continue
        assert not any(isinstance(a, Raw) for a in played.actions), on
        assert len(played.body) == heads[0].length, on


@pytest.mark.parametrize("fault", SAMPLES, ids=repr)
def test_a_fault_survives_the_way_to_a_backend_that_runs_elsewhere(fault: Fault) -> None:
    plan = FaultPlan((Rule("0:x", "x", fault),))
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


@pytest.mark.parametrize("name", faults.names())
def test_the_examples_in_docstrings_can_be_written(name: str) -> None:
    found = re.findall(rf"``({name}: \{{.*?\}})``", inspect.getdoc(faults.get(name)) or "")
    assert found
    for example in found:
        document = Document.parse(f"- {example}")
        assert parse_rules(document, document.data, ()).rules[0].fault.name == name


LINES, EVENTS = {"ollama"}, {"openai", "anthropic", "gemini", "mistral", "cohere"}
ONLY = {
    "keep_alive_as_data": EVENTS,
    "empty_data_lines": EVENTS,
    "pings_for_ever": EVENTS,
    "ping_after_id": EVENTS,
    "no_end_marker": EVENTS - {"gemini"},
}
"""Incidents that some dialects cannot have: JSON lines have no events without content, and not every stream an end marker."""


@pytest.mark.parametrize("name", list(incidents()))
def test_an_incident_happens_on_the_dialects_that_can_have_it(name: str) -> None:
    fault = incidents()[name].fault
    hit = {on.dialect for on in WIRES if on.name.endswith(("-stream", "-whole")) and on.play(fault).injected}
    assert hit == ONLY.get(name, EVENTS | LINES)


def test_incidents_say_where_they_were_seen() -> None:
    assert len(incidents()) >= 50
    assert all(len(i.title) > 10 and len(i.source) > 10 for i in incidents().values())
    assert len({i.title for i in incidents().values()}) == len(incidents())
