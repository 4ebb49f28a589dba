"""Distributions of durations: fixed, uniform and lognormal. Drawn from a keyed generator, so a draw is repeatable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, Any

from brownout.faults.values.units import parse_seconds, show_seconds

__all__ = ["Distribution", "Duration", "Fixed", "Lognormal", "Uniform", "parse_distribution", "plain"]


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always `seconds`."""

    seconds: float

    def draw(self, rng: Random) -> float:
        return self.seconds

    def __str__(self) -> str:
        return show_seconds(self.seconds)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every duration from `low` to `high` alike."""

    low: float
    high: float

    def draw(self, rng: Random) -> float:
        return rng.uniform(self.low, self.high)

    def __str__(self) -> str:
        return f"{show_seconds(self.low)} to {show_seconds(self.high)}"


@dataclass(frozen=True, slots=True)
class Lognormal:
    """exp(N(ln median, sigma²)), cut off at `max`: the usual shape of response times."""

    median: float
    sigma: float
    max: float = math.inf

    def draw(self, rng: Random) -> float:
        return min(self.median * math.exp(rng.gauss(0.0, self.sigma)), self.max)

    def __str__(self) -> str:
        return f"about {show_seconds(self.median)} (sigma {self.sigma:g})"


Distribution = Fixed | Uniform | Lognormal


def parse_distribution(value: object) -> Distribution:
    """A duration (fixed), ``{uniform: [1s, 3s]}`` or ``{lognormal: {median: 2s, sigma: 0.5, max: 20s}}``.

    Raises ValueError that says what is wrong and what can be written.
    """
    if isinstance(value, Fixed | Uniform | Lognormal):
        return value
    if not isinstance(value, Mapping):
        return Fixed(parse_seconds(value))
    if len(value) != 1 or not set(value) <= {"fixed", "uniform", "lognormal"}:
        raise ValueError(f"a distribution is one of fixed, uniform or lognormal, not {', '.join(map(str, value))}")
    ((shape, given),) = value.items()
    if shape == "fixed":
        return Fixed(parse_seconds(given))
    if shape == "uniform":
        if not isinstance(given, list | tuple) or len(given) != 2:
            raise ValueError("uniform takes a list of two durations, e.g. uniform: [1s, 3s]")
        low, high = map(parse_seconds, given)
        if low > high:
            raise ValueError(f"uniform goes from the smaller to the larger, not from {given[0]} to {given[1]}")
        return Uniform(low, high)
    if not isinstance(given, Mapping) or not {"median", "sigma"} <= set(given) <= {"median", "sigma", "max"}:
        raise ValueError("lognormal takes median, sigma and optionally max, e.g. lognormal: {median: 2s, sigma: 0.5}")
    sigma = given["sigma"]
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma <= 5:
        raise ValueError(f"sigma is a number from 0 to 5, not {sigma!r}")
    most = parse_seconds(given["max"]) if "max" in given else math.inf
    return Lognormal(parse_seconds(given["median"]), float(sigma), most)


def plain(distribution: Distribution) -> dict[str, Any]:
    """A distribution as `parse_distribution` reads it; durations in seconds."""
    match distribution:
        case Fixed(seconds):
            return {"fixed": seconds}
        case Uniform(low, high):
            return {"uniform": [low, high]}
        case Lognormal(median, sigma, most):
            return {"lognormal": {"median": median, "sigma": sigma} | ({} if math.isinf(most) else {"max": most})}


class _Distribution:
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            parse_distribution, serialization=core_schema.plain_serializer_function_ser_schema(plain)
        )

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return {"type": ["number", "string", "object"], "examples": ["250ms", {"uniform": ["1s", "3s"]}]}


Duration = Annotated[Distribution, _Distribution()]
"""A field that holds a distribution of durations."""
