"""Reports: what a run came to, for people and machines. Each is a pure function of a Result."""

from __future__ import annotations

from typing import Protocol

from brownout.faults.values.registry import Registry
from brownout.harness.verdict.result import Result

__all__ = ["Report", "reports"]


class Report(Protocol):
    """A format in which people or machines are told of a run.

    `name` is what the command line calls it, `title` one line for lists, `filename` the file it is written to in the run
    folder.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def filename(self) -> str: ...

    def render(self, result: Result) -> str:
        """The whole file, as text to be written in UTF-8: a pure function of the result.

        Raises ConfigError when a library that the format needs is not installed.
        """
        ...


reports: Registry[Report] = Registry("report", "brownout.reports")
