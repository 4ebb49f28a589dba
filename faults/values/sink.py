"""Where records go. A sink takes plain data, one record at a time, and keeps their order."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

__all__ = ["JsonLines", "Memory", "Sink"]


class Sink(Protocol):
    """Takes records: mappings of plain JSON values."""

    def put(self, record: Mapping[str, object]) -> None: ...


class Memory:
    """Keeps records in a list, for tests and for use in process."""

    def __init__(self) -> None:
        self.records: list[Mapping[str, object]] = []

    def put(self, record: Mapping[str, object]) -> None:
        self.records.append(record)


class JsonLines:
    """Appends each record as one JSON line, in one write: a killed process leaves whole lines behind.

    The file is opened with O_APPEND, so several processes may share it.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def put(self, record: Mapping[str, object]) -> None:
        line = json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
        view = memoryview(line)
        while view:
            view = view[os.write(self._fd, view) :]

    def close(self) -> None:
        os.close(self._fd)
