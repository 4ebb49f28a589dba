"""From a joined trace to what the user got: outcome, source and integrity of the answer."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace

from brownout.faults.model.scribe import text_of
from brownout.faults.model.watermark.text import Codec, Kind, Text
from brownout.faults.model.watermark.trace import Integrity, integrity, read
from brownout.faults.values.answer import Issued
from brownout.harness.trace import Call, Outcome, Source, Trace

__all__ = ["Reader"]


EX_TEMPFAIL = 75
"""The exit status by which a command says that it should be tried again later (sysexits.h): a clean refusal."""


@dataclass(frozen=True)
class _Origin:
    """Which call said a text of the ledger."""

    call: Call
    issued: Issued


_ERROR_TEXT = re.compile(
    r"traceback \(most recent call|internal server error|service unavailable|bad gateway|\btimed? ?out\b|\bexception\b"
    r"|\bunexpected error\b|an error (?:has )?occurred|something went wrong"
    r"|^\s*(?:fatal )?error\s*:|try again later|^\s*(?:null|none|undefined|nan|\[object object\])\s*$",
    re.IGNORECASE,
)
"""What error texts say, in a reply that calls itself good."""


class Reader:
    """Classifies traces. Built from everything that the backends issued in a run and the prompts that were asked.

    `same` tells whether two prompts ask the same question, so that a cache may answer one with the other's answer. `ruled`
    names the routes whose `good:` rules look into the reply: where no watermark can be seen, they decide. `commands` names
    the routes that run a command, whose status is an exit status.
    """

    def __init__(
        self,
        codec: Codec,
        calls: Iterable[Call],
        prompts: Iterable[int],
        *,
        same: Callable[[int, int], bool] = operator.eq,
        ruled: Container[str] = (),
        commands: Container[str] = (),
    ) -> None:
        self._codec, self._same, self._ruled, self._commands = codec, same, ruled, commands
        self._ledger: dict[int, Text] = {p: Text(p, 2, Kind.PROMPT) for p in prompts}
        self._origins: dict[int, _Origin] = {}
        self._literals: dict[str, list[int]] = {}
        for call in calls:
            for issued in call.texts:
                self._origins[issued.id] = _Origin(call, issued)
                if issued.literal:
                    self._literals.setdefault(issued.literal.strip(), []).append(issued.id)
                if issued.sentences:
                    self._ledger[issued.id] = text_of(issued)

    def classify(self, trace: Trace) -> Trace:
        """The trace with its outcome, source and integrity."""
        s = trace.sample
        if s.end == "left":
            return replace(trace, outcome=Outcome.ABANDONED, why="the user left: nothing new came in time")
        if s.end == "timeout":
            return replace(trace, outcome=Outcome.TIMEOUT, why="no end within the longest time that anyone would wait")
        if s.end == "unfinished":
            return replace(trace, why="the load was stopped before the answer ended")
        if s.end == "refused":
            return replace(trace, outcome=Outcome.ERROR, why=s.error or "no reply")
        if s.end == "error" or (s.end == "complete" and not s.good):
            if s.route in self._commands:
                clean = s.status == EX_TEMPFAIL
                why = s.error or f"exit status {s.status}, not good by the rules of its route"
            else:
                clean = s.status in (429, 503) and s.retry_after is not None
                why = f"status {s.status}" + (f": {s.error}" if s.error else "")
            return replace(trace, outcome=Outcome.SHED if clean else Outcome.ERROR, why=why)
        return self._read(trace)

    def _read(self, trace: Trace) -> Trace:
        """Outcome of a reply that the app calls good, from its text."""
        s = trace.sample
        own = [t.id for c in trace.calls for t in c.texts]
        if (scripted := self._scripted(s.text, own)) is not None:
            return self._settle(trace, self._source(trace, [scripted]), Integrity.WHOLE, 1.0, [scripted])
        reading = read(self._codec, s.text, self._ledger, own)
        found = [i for i in reading.ids() if self._ledger[i].kind != Kind.PROMPT]
        if not found:
            if reading.unknown:
                return replace(trace, outcome=Outcome.WRONG, source=Source.STALE, why="an answer of an earlier run")
            source = Source.ECHO if reading.hits else Source.FALLBACK if s.text.strip() else Source.NONE
            return self._unmarked(trace, source)
        whole, delivered = integrity(self._codec, reading, self._ledger)
        return self._settle(trace, self._source(trace, found), whole, delivered, found)

    def _scripted(self, text: str, own: list[int]) -> int | None:
        """The scripted answer without watermark that a text is, its own calls' before others'."""
        same = self._literals.get(text.strip(), ())
        return next((i for i in same if i in own), same[0] if same else None)

    def _source(self, trace: Trace, found: list[int]) -> Source:
        mine = {c.number for c in trace.calls}
        sources = {self._source_of(trace, mine, self._origins[i].call) for i in found}
        if Source.FOREIGN in sources:
            return Source.FOREIGN
        return sources.pop() if len(sources) == 1 else Source.MIXED

    def _source_of(self, trace: Trace, mine: set[int], call: Call) -> Source:
        if call.number in mine:
            return Source.FRESH
        if not call.request.startswith("prompt-"):
            return Source.UNKNOWN
        asked = int(call.request.removeprefix("prompt-"))
        return Source.CACHED if self._same(asked, trace.sample.prompt) else Source.FOREIGN

    def _settle(self, trace: Trace, source: Source, whole: Integrity, delivered: float, found: list[int]) -> Trace:
        s = trace.sample
        trace = replace(trace, source=source, integrity=whole.value, delivered=delivered)
        if source is Source.FOREIGN:
            return replace(trace, outcome=Outcome.WRONG, why="another user's answer to another question")
        if whole is Integrity.NONSENSE:
            return replace(trace, outcome=Outcome.WRONG, why="nonsense passed on as an answer")
        if whole is Integrity.ERROR:
            return replace(trace, outcome=Outcome.WRONG, why="the text of a backend's error passed on")
        if s.end == "truncated" or (whole is Integrity.CUT and not self._meant(found[0], delivered)):
            told = " and said so" if s.end == "truncated" else ", although it was presented as complete"
            return replace(trace, outcome=Outcome.TRUNCATED, why=f"{delivered:.0%} of the answer arrived{told}")
        if whole in (Integrity.GAP, Integrity.DOUBLED, Integrity.SPLICED):
            return replace(trace, outcome=Outcome.WRONG, why=f"the answer is {whole}")
        if s.degraded:
            return replace(trace, outcome=Outcome.DEGRADED, why=f"declared: {s.degraded}")
        if source is Source.UNKNOWN:
            return replace(trace, outcome=Outcome.UNPROVEN, why="the text of a call that belongs to no known request")
        return replace(trace, outcome=Outcome.ANSWERED, why=f"{source} and whole")

    def _meant(self, text: int, delivered: float) -> bool:
        """Whether as much arrived as the model meant to say: a token limit or a stop sequence shortens an answer."""
        issued = self._origins[text].issued
        full = len(self._codec.make(self._ledger[text])) if text in self._ledger else 0
        return bool(full and issued.length) and delivered >= min(1.0, issued.length / full) - 0.03

    def _unmarked(self, trace: Trace, source: Source) -> Trace:
        """A good reply that holds nothing the model said."""
        s = trace.sample
        trace = replace(trace, source=source)
        if s.end == "truncated":
            return replace(trace, outcome=Outcome.TRUNCATED, why="the reply broke off before its end")
        if source is Source.ECHO:
            return replace(trace, outcome=Outcome.WRONG, why="the question came back as its answer")
        if source is Source.NONE:
            return replace(trace, outcome=Outcome.WRONG, why="an empty answer presented as a good one")
        if s.degraded:
            return replace(trace, outcome=Outcome.DEGRADED, why=f"declared: {s.degraded}")
        if _ERROR_TEXT.search(s.text):
            return replace(trace, outcome=Outcome.ERROR, why="the text of an error, presented as a good answer")
        if any(c.status == 200 and c.end == "complete" and c.texts for c in trace.calls):
            if s.route in self._ruled:
                return replace(trace, outcome=Outcome.ANSWERED, why="good by the rules of its route")
            return replace(trace, outcome=Outcome.UNPROVEN, why="the model answered, but its text is not in the reply")
        why = "neither the model's text nor a stopgap that a rule of degraded: declares"
        return replace(trace, outcome=Outcome.UNPROVEN, why=why)


def classified(reader: Reader, traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """All traces with their outcomes."""
    return tuple(map(reader.classify, traces))


def counts(traces: Iterable[Trace]) -> Mapping[str, int]:
    """How many traces came to each outcome; outcomes that did not occur are left out."""
    found: dict[str, int] = {}
    for t in traces:
        found[t.outcome.value] = found.get(t.outcome.value, 0) + 1
    return dict(sorted(found.items()))
