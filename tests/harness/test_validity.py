"""What makes a measurement unsound."""

import dataclasses

from brownout.harness.config.experiment import Experiment
from brownout.harness.trace import Call
from brownout.harness.validity import validity

CALL = Call(
    1, "primary", "chat", "m", "prompt-1", "h", 1, 0.0, 0.4, 200, "complete", None, (), (), (), "stop", 9, 0.0, 0.0
)
EXPERIMENT = Experiment("x", "x", "", 1.0, 0.0, (), ())


def test_a_backend_that_failed_itself_is_not_held_against_the_app() -> None:
    broken = dataclasses.replace(CALL, end="broken")
    assert validity(EXPERIMENT, (), (CALL,), 0).reasons == ()
    (reason,) = validity(EXPERIMENT, (), (CALL, broken, broken), 0).reasons
    assert reason.startswith("the simulated backend failed on 2 calls")
