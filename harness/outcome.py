"""From a joined trace to what the user got: outcome, source and integrity of the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from brownout.faults.model.scribe import text_of
from brownout.faults.model.watermark.text import Codec, Kind, Text
from brownout.faults.model.watermark.trace import Integrity, integrity, read
from brownout.harness.trace import Call, Outcome, Source, Trace

__all__ = ["Reader"]


@dataclass(frozen=True)
class _Origin:
    """Who a text of the ledger was said to: the call's request key."""

    call: Call
    literal: str


class Reader:
    """Classifies traces. Built from everything that the backends issued in a run and the prompts that were asked."""

    def __init__(self, codec: Codec, calls: Iterable[Call], prompts: Iterable[int]) -> None:
        self._codec = codec
        self._ledger: dict[int, Text] = {p: Text(p, 2, Kind.PROMPT) for p in prompts}
        self._origins: dict[int, _Origin] = {}
        for call in calls:
            for issued in call.texts:
                self._origins[issued.id] = _Origin(call, issued.literal)
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
            clean = s.status in (429, 503) and s.retry_after is not None
            why = f"status {s.status}" + (f": {s.error}" if s.error else "")
            return replace(trace, outcome=Outcome.SHED if clean else Outcome.ERROR, why=why)
        return self._read(trace)

    def _read(self, trace: Trace) -> Trace:
        """Outcome of a reply that the app calls good, from its text."""
        s = trace.sample
        own = [t.id for c in trace.calls for t in c.texts]
        literal = next(
            (i for i in own if (o := self._origins[i]).literal and o.literal.strip() == s.text.strip()), None
        )
        if literal is not None:
            return self._settle(trace, Source.FRESH, "whole", 1.0)
        reading = read(self._codec, s.text, self._ledger, own)
        found = [i for i in reading.ids() if self._ledger[i].kind != Kind.PROMPT]
        if not found:
            if reading.unknown:
                return replace(trace, outcome=Outcome.WRONG, source=Source.STALE, why="an answer of an earlier run")
            source = Source.ECHO if reading.hits else Source.FALLBACK if s.text.strip() else Source.NONE
            return self._unmarked(trace, source)
        whole, delivered = integrity(self._codec, reading, self._ledger)
        return self._settle(trace, self._source(trace, found), whole.value, delivered)

    def _source(self, trace: Trace, found: list[int]) -> Source:
        mine = {c.number for c in trace.calls}
        prompt = f"prompt-{trace.sample.prompt}"
        sources = set()
        for i in found:
            call = self._origins[i].call
            same = call.request == prompt
            sources.add(Source.FRESH if call.number in mine else Source.CACHED if same else Source.FOREIGN)
        if Source.FOREIGN in sources:
            return Source.FOREIGN
        return sources.pop() if len(sources) == 1 else Source.MIXED

    def _settle(self, trace: Trace, source: Source, whole: str, delivered: float) -> Trace:
        s = trace.sample
        trace = replace(trace, source=source, integrity=whole, delivered=delivered)
        limited = whole == Integrity.CUT and any(c.finish == "length" for c in trace.calls)
        if source is Source.FOREIGN:
            return replace(trace, outcome=Outcome.WRONG, why="another user's answer to another question")
        if whole == Integrity.NONSENSE:
            return replace(trace, outcome=Outcome.WRONG, why="nonsense passed on as an answer")
        if whole == Integrity.ERROR:
            return replace(trace, outcome=Outcome.WRONG, why="the text of a backend's error passed on")
        if s.end == "truncated" or (whole == Integrity.CUT and not limited):
            told = " and said so" if s.end == "truncated" else ", although it was presented as complete"
            return replace(trace, outcome=Outcome.TRUNCATED, why=f"{delivered:.0%} of the answer arrived{told}")
        if whole in (Integrity.GAP, Integrity.DOUBLED, Integrity.SPLICED):
            return replace(trace, outcome=Outcome.WRONG, why=f"the answer is {whole}")
        if s.degraded:
            return replace(trace, outcome=Outcome.DEGRADED, why=f"declared: {s.degraded}")
        return replace(trace, outcome=Outcome.ANSWERED, why=f"{source} and whole")

    def _unmarked(self, trace: Trace, source: Source) -> Trace:
        """A good reply that holds nothing the model said."""
        s = trace.sample
        trace = replace(trace, source=source)
        if s.end == "truncated":
            return replace(trace, outcome=Outcome.TRUNCATED, why="the reply broke off before its end")
        if s.degraded:
            return replace(trace, outcome=Outcome.DEGRADED, why=f"declared: {s.degraded}")
        if source is Source.ECHO:
            return replace(trace, outcome=Outcome.WRONG, why="the question came back as its answer")
        if source is Source.NONE:
            return replace(trace, outcome=Outcome.WRONG, why="an empty answer presented as a good one")
        if any(not c.failed and c.texts for c in trace.calls):
            return replace(trace, outcome=Outcome.UNPROVEN, why="the model answered, but its text is not in the reply")
        return replace(trace, outcome=Outcome.DEGRADED, why="recognised: the text is not the model's")


def classified(reader: Reader, traces: Iterable[Trace]) -> tuple[Trace, ...]:
    """All traces with their outcomes."""
    return tuple(map(reader.classify, traces))


def counts(traces: Iterable[Trace]) -> Mapping[str, int]:
    """How many traces came to each outcome; outcomes that did not occur are left out."""
    found: dict[str, int] = {}
    for t in traces:
        found[t.outcome.value] = found.get(t.outcome.value, 0) + 1
    return dict(sorted(found.items()))
