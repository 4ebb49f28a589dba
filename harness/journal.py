"""The journal of a run: append-only files, one JSON record a line. Everything that is reported derives from them.

RUN/manifest.json                what was run: versions, seed, configuration
RUN/events.jsonl                 what happened, in order
RUN/result.json                  findings and verdict
RUN/<experiment>/schedule.jsonl  the requests as they were intended
RUN/<experiment>/requests.jsonl  what users got
RUN/<experiment>/calls.jsonl     what the backends saw and did
RUN/<experiment>/escapes.jsonl   what the app called beyond the backends, and whether it was allowed: host, port, method
RUN/<experiment>/app.log         what the app wrote; load.log, backend.log and escape.log likewise
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Follower", "read_lines"]


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The records of a journal file, and how many lines could not be read.

    A last line without its line feed is what a killed process leaves behind: it is counted as unreadable unless it is whole.
    A missing file holds nothing.
    """
    records: list[dict[str, Any]] = []
    broken = 0
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], 0
    for line in filter(None, lines):
        try:
            record = json.loads(line)
        except ValueError:
            broken += 1
            continue
        if isinstance(record, dict):
            records.append(record)
        else:
            broken += 1
    return records, broken


class Follower:
    """Reads what was added to a journal file since the last time: for progress while a run goes on."""

    def __init__(self, path: Path) -> None:
        self._path, self._at, self._rest = path, 0, b""

    def new(self) -> Iterator[Mapping[str, Any]]:
        """Records that were completed since the last call."""
        try:
            with self._path.open("rb") as f:
                f.seek(self._at)
                data = f.read()
        except FileNotFoundError:
            return
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line:
                yield json.loads(line)
