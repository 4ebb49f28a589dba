"""An answer in a JSON body: visible when the body is whole."""

from __future__ import annotations

from brownout.harness.app.answers.form import LIMIT, Body, ReadAnswer
from brownout.harness.app.answers.values import ABSENT, parsed, shown, values

__all__ = ["JsonBody"]


class JsonBody:
    """Reads what a JSONPath finds in the body."""

    accept = "application/json"

    def __init__(self, path: str) -> None:
        self._path = path
        self.over = False

    def feed(self, data: bytes) -> list[str]:
        """Nothing becomes visible before the end."""
        return []

    def finish(self, body: Body, complete: bool) -> ReadAnswer:
        """The text that the path finds, or what is wrong."""
        text, problem, cut = self._read(body)
        return ReadAnswer(text, complete and not problem, problem=problem, cut=cut or not complete)

    def _read(self, body: Body) -> tuple[str, str, bool]:
        """Text, problem and whether the JSON breaks off."""
        if body.size > LIMIT:
            return "", f"the body is larger than {LIMIT // 1024} kB", False
        document = parsed(body.text)
        if document is ABSENT:
            stripped = body.text.strip()
            cut = stripped[:1] in ("{", "[") and stripped[-1] not in "}]"
            return "", f"not JSON: {stripped[:80]!r}" if stripped else "not JSON: the body is empty", cut
        found = values(self._path, document)
        if not found:
            return "", f"path {self._path} found nothing", False
        if all(value is None for value in found):
            return "", f"path {self._path} found null", False
        return "".join(map(shown, found))[:LIMIT], "", False
