"""The small values: durations, shares, distributions, registries, sinks, capacity."""

import json
import math
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.model.capacity import Slots
from brownout.faults.model.prices import cost
from brownout.faults.model.spec import Capacity, Price
from brownout.faults.values.answer import Usage, tokens
from brownout.faults.values.ask import Ask, Message
from brownout.faults.values.distribution import Fixed, Lognormal, Uniform, parse_distribution
from brownout.faults.values.errors import ConfigError, Problem, shown
from brownout.faults.values.registry import Registry
from brownout.faults.values.sink import JsonLines, Memory
from brownout.faults.values.units import parse_number, parse_seconds, parse_share, show_seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("1.5s", 1.5),
        (" 2 m ", 120),
        ("1h", 3600),
        (3, 3),
        (0.5, 0.5),
        ("0", 0),
        ("10us", 1e-5),
        ("2S", 2),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    assert parse_seconds(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    ["", "fast", "-1s", -1, "1 day", True, None, math.nan, math.inf, [], "1e3s", "s", "9000h", 1e300, 10**400],
)
def test_what_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_seconds(written)


@pytest.mark.parametrize(
    ("written", "share"), [("95%", 0.95), (0.5, 0.5), ("0.25", 0.25), (0, 0), (1, 1), ("100 %", 1)]
)
def test_shares(written: object, share: float) -> None:
    assert parse_share(written) == pytest.approx(share)


@pytest.mark.parametrize("written", ["101%", 1.5, -0.1, "half", None, True, math.nan, "%", 10**400])
def test_what_is_no_share(written: object) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_share(written)


@pytest.mark.parametrize(("written", "number"), [(3, 3.0), (-0.5, -0.5), ("1e3", 1000.0)])
def test_numbers(written: object, number: float) -> None:
    assert parse_number(written) == number


@pytest.mark.parametrize("written", [True, "many", None, math.nan, math.inf, "inf", "nan", [], 10**400])
def test_what_is_no_number(written: object) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        parse_number(written)


@given(st.text(max_size=200) | st.lists(st.integers()))
def test_a_value_is_quoted_in_part(value: object) -> None:
    assert len(shown(value)) < 450  # each character may need an escape of up to ten
    assert shown("x" * 100) == "'" + "x" * 39 + "'…"
    assert shown("x" * 40) == "'" + "x" * 40 + "'"


@given(st.floats(0, 1e6))
def test_a_duration_can_be_shown(seconds: float) -> None:
    assert show_seconds(seconds)


def test_distributions() -> None:
    assert parse_distribution("2s") == Fixed(2.0)
    assert parse_distribution({"uniform": ["1s", "3s"]}) == Uniform(1.0, 3.0)
    assert parse_distribution({"lognormal": {"median": 2, "sigma": 0.5, "max": "9s"}}) == Lognormal(2.0, 0.5, 9.0)


@pytest.mark.parametrize(
    "written",
    [
        "slow",
        {"normal": 1},
        {"uniform": [1]},
        {"uniform": ["3s", "1s"]},
        {"lognormal": {"median": 1}},
        {"lognormal": {"median": 1, "sigma": -1}},
        {"lognormal": {"median": 1, "sigma": 1, "min": 0}},
        {"fixed": 1, "uniform": [1, 2]},
    ],
)
def test_what_is_no_distribution(written: object) -> None:
    with pytest.raises(ValueError, match=r"duration|distribution|uniform|lognormal|sigma"):
        parse_distribution(written)


@given(st.integers(0, 2**32), st.floats(0.01, 10), st.floats(0, 2))
def test_draws_keep_to_their_bounds(seed: int, low: float, sigma: float) -> None:
    rng = Random(seed)
    assert low <= Uniform(low, low + 1).draw(rng) <= low + 1
    assert 0 < Lognormal(low, sigma, 5 * low).draw(rng) <= 5 * low
    assert Fixed(low).draw(rng) == low


def test_the_median_of_a_lognormal_is_its_median() -> None:
    rng = Random(1)
    draws = sorted(Lognormal(2.0, 0.5).draw(rng) for _ in range(4001))
    assert draws[2000] == pytest.approx(2.0, rel=0.05)


@given(st.text())
def test_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4), st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_the_hash_of_messages_tells_them_apart(a: list[tuple[str, str]], b: list[tuple[str, str]]) -> None:
    def digest(messages: list[tuple[str, str]], model: str) -> str:
        return Ask("chat", model, tuple(Message(*m) for m in messages)).digest()

    assert (digest(a, "m") == digest(b, "another")) == (a == b)


def test_a_registry_refuses_two_things_of_one_name_and_explains_unknown_ones() -> None:
    made: Registry[int] = Registry("number", "brownout.nothing")
    made.add("one", 1)
    made.add("one", 1)
    with pytest.raises(ValueError, match="two numbers are called 'one'"):
        made.add("one", 2)
    with pytest.raises(ConfigError, match=r"unknown number 'on' \(did you mean one\?\)"):
        made.get("on")
    assert made.names() == ["one"]
    assert "one" in made
    assert "two" not in made


def test_a_problem_says_where_it_is() -> None:
    assert str(Problem("is wrong", "x.yaml", 3, 7, "a.b", "write c")) == "x.yaml:3:7: a.b: is wrong (write c)"
    assert str(Problem("is wrong")) == "is wrong"


def test_records_of_several_processes_stay_whole(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    code = (
        "import sys; from pathlib import Path; from brownout.faults.values.sink import JsonLines\n"
        "s = JsonLines(Path(sys.argv[1]))\n"
        "for i in range(200): s.put({'i': i, 'text': 'x' * 3000})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(file)]) for _ in range(3)]
    assert [w.wait(30) for w in writers] == [0, 0, 0]
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(records) == 600
    JsonLines(file).close()
    memory = Memory()
    memory.put({"a": 1})
    assert memory.records == [{"a": 1}]


class TestSlots:
    @given(st.integers(1, 4), st.integers(0, 4), st.lists(st.sampled_from(["come", "go", "leave"]), max_size=60))
    def test_no_more_than_the_slots_are_granted_and_none_is_lost(
        self, slots: int, queue: int, moves: list[str]
    ) -> None:
        made = Slots(Capacity(slots, queue))
        inside: list[Any] = []
        waiting: list[Any] = []
        for move in moves:
            if move == "come":
                ticket = made.acquire(lambda: None)
                if ticket is None:
                    assert len(inside) == slots
                    assert len(waiting) == queue
                elif ticket.granted:
                    inside.append(ticket)
                else:
                    waiting.append(ticket)
            elif move == "go" and inside:
                made.release(inside.pop(0))
            elif move == "leave" and waiting:
                made.release(waiting.pop())
            granted = [t for t in waiting if t.granted]
            inside += granted
            waiting = [t for t in waiting if not t.granted]
            assert len(inside) <= slots
            assert len(inside) == slots or not waiting, "nobody waits beside a free slot"
            assert made.queued == len(waiting)

    def test_first_come_first_served(self) -> None:
        made = Slots(Capacity(1, 5))
        order: list[int] = []
        first = made.acquire(lambda: None)
        others = [made.acquire(lambda i=i: order.append(i)) for i in range(3)]  # type: ignore[misc]
        assert first
        made.release(first)
        for ticket in others:
            assert ticket
            made.release(ticket)
        assert order == [0, 1, 2]


def test_costs() -> None:
    assert cost("gpt-4o", Usage(1_000_000, 1_000_000), {}) == pytest.approx(12.5)
    assert cost("gpt-4o-2024-08-06", Usage(1_000_000, 0), {}) == pytest.approx(2.5)
    assert cost("gpt-4o-mini", Usage(1_000_000, 0), {}) == pytest.approx(0.15)
    assert cost("gpt-4o", Usage(1_000_000, 0), {"gpt-4o": Price(1.0, 1.0)}) == pytest.approx(1.0)
    assert cost("somebody-elses", Usage(5, 5), {}) is None
