"""The result itself, for programs."""

from __future__ import annotations

from brownout.harness.report import reports
from brownout.harness.verdict.result import Result, to_json

__all__ = ["Json"]


class Json:
    """result.json, as `from_json` reads it."""

    name = "json"
    title = "the whole result, for programs"
    filename = "result.json"

    def render(self, result: Result) -> str:
        return to_json(result)


reports.add("json", Json())
