"""How one arrival becomes a sample, whatever the kind of its route."""

from __future__ import annotations

from typing import Protocol

from brownout.harness.app.talk import Talk
from brownout.harness.load.client import Exchange, Terms
from brownout.harness.load.command import CommandExchange
from brownout.harness.load.sample import Sample
from brownout.harness.load.schedule import Arrival

__all__ = ["Asking", "asking"]


class Asking(Protocol):
    """One request under way."""

    arrival: Arrival

    def run(self) -> Sample:
        """Ask, and read the answer to its end. What goes wrong on the way is said by the sample."""
        ...

    def unfinished(self) -> Sample:
        """The sample of a request that is still going on when the load is stopped; what it holds is given up."""
        ...


def asking(terms: Terms, arrival: Arrival, intended_ns: int, talk: Talk | None = None) -> Asking:
    """The request of an arrival, on the route that it names; `talk` is the conversation that it is a turn of."""
    if terms.routes[arrival.route].run is not None:
        return CommandExchange(terms, arrival, intended_ns)
    return Exchange(terms, arrival, intended_ns, talk)
