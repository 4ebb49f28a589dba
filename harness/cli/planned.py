"""``brownout run --dry-run``: what a run would do, how long it takes, and what each expectation could show."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from brownout.faults.values.units import show_seconds
from brownout.harness.planning import Planned

__all__ = ["show"]


def show(console: Console, kept: Sequence[Planned], dropped: Sequence[Planned]) -> None:
    """Print the plan of a run and what it leaves out."""
    for p in kept:
        _experiment(console, p)
    seconds, requests = sum(p.seconds for p in kept), sum(p.size.requests for p in kept)
    many = "1 experiment" if len(kept) == 1 else f"{len(kept)} experiments"
    console.print(Text(f"{many}, {requests:,} requests, about {show_seconds(seconds)}"), style="bold")
    for p in dropped:
        console.print(Text(f"– not run, and so untested: {p.experiment.title} (about {show_seconds(p.seconds)})"))


def _experiment(console: Console, planned: Planned) -> None:
    experiment, size = planned.experiment, planned.size
    console.print(Text(f"{experiment.title}  [{experiment.name}]"), style="bold")
    if experiment.question:
        console.print(Text(f"  {experiment.question}"))
    for phase, span in zip(experiment.phases, size.spans, strict=True):
        rules = "; ".join(f"{r.label} {r.fault}" for r in phase.plan.rules) or "no faults"
        requests = round(size.rps * (span.end - span.start))
        console.print(
            Text(f"  {span.name:<9}{show_seconds(span.end - span.start):>7}  {requests:>5} requests  {rules}")
        )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("  expectation", "phase", "requests", "needed at best", "a pass shows"):
        table.add_column(head, justify="right" if head in ("requests", "needed at best") else "left")
    for x in planned.provable:
        e = x.expectation
        table.add_row(*map(Text, (f"  {e.text}", e.phase, str(x.requests), str(x.needed), x.shows)))
    console.print(table)
    console.print()
