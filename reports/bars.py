"""The small drawings of the page as numbers: what share each outcome has, and where a value lies beside its limit.

Positions and widths are in percent of the drawing's width, so that a template only has to place them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from brownout.harness.verdict.finding import Finding
from brownout.harness.verdict.wording import OUTCOMES, by_weight

__all__ = ["Margin", "Segment", "margin", "mix"]


class Segment(NamedTuple):
    """One outcome in a stacked bar. `style` is one of `OUTCOMES`, "other" for a name that is not."""

    name: str
    style: str
    requests: int
    start: float
    width: float


def mix(outcomes: Mapping[str, int]) -> list[Segment]:
    """The outcomes of a phase as a bar of full width; empty where there were none."""
    total = sum(count for _, count in by_weight(outcomes))
    segments: list[Segment] = []
    before = 0
    for name, count in by_weight(outcomes):
        style = name if name in OUTCOMES else "other"
        segments.append(Segment(name, style, count, _percent(before, total), _percent(count, total)))
        before += count
    return segments


class Margin(NamedTuple):
    """A value and its interval beside its limit.

    The allowed side reaches from `allowed` over `allowed_width`. `open_low` and `open_high` mark an end of the interval
    that is infinite and drawn to the edge.
    """

    value: float
    low: float
    width: float
    limit: float
    allowed: float
    allowed_width: float
    open_low: bool
    open_high: bool


def margin(finding: Finding) -> Margin | None:
    """The drawing of a finding to scale; None without a value or a limit, or where one of them is not finite.

    The scale begins at 0 unless all there is to show lies close together far from it.
    """
    value, limit = finding.value, finding.limit
    if value is None or limit is None or finding.op is None or not math.isfinite(value) or not math.isfinite(limit):
        return None
    low, high = (value if end is None or math.isnan(end) else end for end in (finding.low, finding.high))
    shown = [n for n in (value, limit, low, high) if math.isfinite(n)]
    least, most = min(shown), max(shown)
    room = 0.12 * (most - least) or abs(most) or 1.0
    begin = 0.0 if 0 <= least < most / 2 else least - room
    end = most + room
    if finding.unit == "ratio" and most <= 1:
        end = min(end, 1.0)
    if not 0 < end - begin < math.inf:
        return None

    def at(number: float) -> float:
        return _percent(min(max(number, begin), end) - begin, end - begin)

    from_limit = finding.op in (">", ">=")
    return Margin(
        value=at(value),
        low=at(low),
        width=round(at(high) - at(low), 2),
        limit=at(limit),
        allowed=at(limit) if from_limit else 0.0,
        allowed_width=round(100 - at(limit), 2) if from_limit else at(limit),
        open_low=math.isinf(low),
        open_high=math.isinf(high),
    )


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
