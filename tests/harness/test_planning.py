"""What a run would take and could prove."""

import pytest

from brownout.harness.config.app import Launch
from brownout.harness.config.catalogue import select
from brownout.harness.planning import OVERHEAD, Planned, fit, plan


@pytest.fixture
def planned() -> tuple[Planned, ...]:
    return plan(select([], "launch", Launch(peak_rps=20)), Launch(peak_rps=20))


def test_every_expectation_gets_the_requests_that_it_needs(planned: tuple[Planned, ...]) -> None:
    for p in planned:
        assert p.seconds > p.size.seconds + OVERHEAD
        assert len(p.provable) == len(p.experiment.expectations)
        for x in p.provable:
            assert x.requests >= x.needed, x.expectation.text
            assert x.shows


def test_what_does_not_fit_is_left_out_and_the_rest_keeps_its_order(planned: tuple[Planned, ...]) -> None:
    everything = sum(p.seconds for p in planned) / 60
    assert fit(planned, everything + 0.01) == (planned, ())
    kept, dropped = fit(planned, everything - 0.01)
    assert len(kept) == len(planned) - 1
    assert len(dropped) == 1
    assert fit(planned, 0.01) == ((), planned)
    assert fit(planned, float("inf")) == (planned, ())
