"""Tables of what can be named, made from the registries."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from rich.table import Table

from brownout.faults.plans.load import incidents
from brownout.faults.values.fault import dialects, faults
from brownout.harness.check import checks
from brownout.harness.config.apps import apps
from brownout.harness.config.catalogue import experiment_files, suites
from brownout.harness.report import reports

__all__ = ["table"]


def table(what: str) -> Table:
    """A table of the things called `what` (``faults``, ``checks`` …)."""
    heads, rows = _SOURCES[what]
    made = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows():
        made.add_row(*row)
    return made


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _parameters(cls: Any) -> str:
    shown = []
    for f in fields(cls):
        default = "" if f.default is MISSING else f" = {f.default}"
        shown.append(f"{f.name}{default}")
    return ", ".join(shown)


def _faults() -> Iterator[tuple[str, ...]]:
    return ((name, _parameters(cls), _first_line(cls)) for name, cls in faults)


def _checks() -> Iterator[tuple[str, ...]]:
    for name, check in checks:
        written = f"{name}_p95" if check.percentile else name
        yield f"{written} {check.example}".strip(), check.kind, check.title


_SOURCES: dict[str, Any] = {
    "faults": (("fault", "parameters", "what it does"), _faults),
    "incidents": (
        ("incident", "what happens", "seen"),
        lambda: ((i.name, i.title, i.source) for i in incidents().values()),
    ),
    "checks": (("expectation", "kind", "what is measured"), _checks),
    "suites": (
        ("suite", "experiments", "what it is"),
        lambda: ((n, ", ".join(s.experiments), s.title) for n, s in suites().items()),
    ),
    "experiments": (("experiment", "file"), lambda: ((n, str(p)) for n, p in experiment_files().items())),
    "dialects": (("dialect", "what it speaks"), lambda: ((n, _first_line(d)) for n, d in dialects)),
    "reports": (("report", "file", "what it is"), lambda: ((n, r.filename, r.title) for n, r in reports)),
    "apps": (("app", "variants"), lambda: ((n, ", ".join(f"{n}:{v}" for v in a.variants)) for n, a in apps)),
}
