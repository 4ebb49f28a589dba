"""What a child of ours says on its standard output."""

from __future__ import annotations

import json
import select
import time
from typing import Any

from brownout.harness.supervisor.child import Child

__all__ = ["first_line"]


def first_line(child: Child, timeout: float) -> dict[str, Any] | None:
    """The first line of the child's output as JSON, None when it ends or `timeout` seconds pass before."""
    assert child.stdout is not None
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        ready, _, _ = select.select([child.stdout], [], [], 0.2)
        if ready:
            line = child.stdout.readline()
            return dict(json.loads(line)) if line else None
        if child.poll() is not None:
            return None
    return None
