"""``brownout doctor``: prints the steps of an examination."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from brownout.harness.config.apps import target as find
from brownout.harness.doctor import examine
from brownout.harness.hosts import check_confirmed
from brownout.harness.stage import elsewhere
from brownout.harness.verdict.plain import clean, one_line

__all__ = ["doctor"]

SIGNS = {"ok": ("✔", "green"), "note": ("·", "yellow"), "bad": ("✘", "bold red")}


def doctor(target: str | None, backend: str | None, confirmed: list[str]) -> int:
    """Examine an app; 0 when every step holds, 4 when one must be mended. Raises ConfigError and SetupError."""
    found = find(target)
    check_confirmed(found.config.app.url, confirmed)
    there = elsewhere(found.config, backend)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"{found.given}: configuration read"))
    if found.note:
        console.print(Text(f"note: {found.note}"), style="yellow")
    bad = 0
    with tempfile.TemporaryDirectory(prefix="brownout-doctor-") as folder:
        for step in examine(found.config, found.root, Path(folder), there):
            sign, style = SIGNS[step.status]
            console.print(Text.assemble((sign, style), f" {step.name}: {one_line(step.said)}"))
            if step.cure:
                console.print(Text(f"    → {step.cure}"))
            if step.output:
                console.print(Text("\n".join(f"    | {line}" for line in clean(step.output).splitlines())), style="dim")
            bad += step.status == "bad"
    if bad:
        console.print(Text(f"{bad} to mend before a run can say anything."), style="bold red")
        return 4
    console.print(Text("This app can be tested: brownout run"), style="bold green")
    return 0
