"""``brownout schema``: the JSON Schemas of files, for editors."""

from __future__ import annotations

import json
from enum import StrEnum

__all__ = ["Files", "text"]


class Files(StrEnum):
    """The sorts of files that have a schema."""

    APP = "app"
    EXPERIMENT = "experiment"
    PLAN = "plan"
    SUITE = "suite"


def text(sort: Files) -> str:
    """The schema of one sort of file, as JSON that ends with a newline."""
    from brownout.harness.config.published import schema

    return json.dumps(schema(sort.value), indent=2) + "\n"
