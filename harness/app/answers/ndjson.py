"""An answer as newline-delimited JSON: text becomes visible line by line."""

from __future__ import annotations

from brownout.harness.app.answers.form import LIMIT, MAX_EVENT, Body, Kept, ReadAnswer
from brownout.harness.app.answers.lines import Lines
from brownout.harness.app.answers.values import ABSENT, parsed, same, shown, values
from brownout.harness.config.answer import NdjsonSpec

__all__ = ["Ndjson"]


class Ndjson:
    """Reads one JSON value a line. The first line that says the end or an error decides; what follows is not read."""

    accept = "application/x-ndjson, application/json;q=0.9, */*;q=0.8"

    def __init__(self, spec: NdjsonSpec) -> None:
        self._spec = spec
        self._lines = Lines()
        self._text = Kept()
        self._count = 0
        self._error = self._problem = ""
        self._done = self.over = False

    def feed(self, data: bytes) -> list[str]:
        """The text of the lines that end within `data`."""
        return [piece for piece in map(self._line, self._lines.feed(data)) if piece]

    def finish(self, body: Body, complete: bool) -> ReadAnswer:
        """The reply as a whole. The last line needs no line feed, unless the body was interrupted: then it is half a line."""
        if complete:
            self._line(self._lines.rest())
        spec, problem = self._spec, self._problem
        ended = self._done or (complete and spec.done is None and not self._error)
        if not problem and not self._error:
            if not self._count:
                problem = "the reply holds no lines of JSON"
            elif not self._text:
                problem = f"path {spec.text} found no text in the {self._count} lines"
            elif complete and not ended and spec.done is not None:
                problem = f"the line that says the end ({spec.done.path}) did not come"
        return ReadAnswer(str(self._text), ended, self._error, problem=problem, cut=not ended)

    def _line(self, line: str) -> str:
        """The answer text in one line; a line that says the end may hold the last of it."""
        if self.over or not line.strip():
            return ""
        value = parsed(line)
        if value is ABSENT:
            what = f"larger than {LIMIT // 1024} kB" if len(line) >= LIMIT else f"not JSON: {line[:80]!r}"
            self._problem = self._problem or f"a line is {what}"
            return ""
        self._count += 1
        spec = self._spec
        if spec.error is not None and (found := [v for v in values(spec.error, value) if v]):
            self._error = " ".join(map(shown, found))[:MAX_EVENT]
            self.over = True
            return ""
        if spec.done is not None:
            wanted = spec.done.equals
            ends = (bool(v) if wanted is None else same(v, wanted) for v in values(spec.done.path, value))
            self._done = self.over = any(ends)
        return self._text.add("".join(map(shown, values(spec.text, value))))
