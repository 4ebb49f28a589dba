"""The simulated model: from an ask to an answer, scripted or made up: watermarked prose, JSON, tool calls, vectors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from random import Random
from typing import NamedTuple

from brownout.faults.model.schema import example
from brownout.faults.model.scribe import LedgerScribe
from brownout.faults.model.spec import SILENT, AnswerRule, BackendSpec
from brownout.faults.model.vectors import dimensions_of, embedding
from brownout.faults.model.watermark.text import Kind
from brownout.faults.values.answer import Answer, Issued, Pace, ToolCall, Usage, tokens
from brownout.faults.values.ask import Ask, Tool

__all__ = ["SimulatedModel", "openings"]


def openings(seed: int, count: int = 64) -> tuple[str, ...]:
    """Opening sentences from Faker, drawn once: drawing for every reply would cost more than the reply."""
    from faker import Faker

    fake = Faker("en_US")
    fake.seed_instance(seed)
    forms = (
        "Thank you for writing to {}.",
        "Here is what {} can do.",
        "Good news from {}.",
        "The team at {} looked into it.",
    )
    return tuple(forms[i % len(forms)].format(fake.company().rstrip(".")) for i in range(count))


Mark = tuple[str, Issued]
"""A text of the ledger: as it stands in the answer, and its entry."""


class _Said(NamedTuple):
    """What is said in one choice before any limit. `marks` are the texts of the ledger in `text`, in its order."""

    text: str = ""
    marks: tuple[Mark, ...] = ()
    tools: tuple[ToolCall, ...] = ()
    finish: str = "stop"
    plain: bool = False
    """Whether `text` is no JSON: stop sequences apply."""


@dataclass(slots=True)
class _Pen:
    """Writes the watermarked texts of one choice, and fills placeholders."""

    scribe: LedgerScribe
    prompt: str = ""
    sentences: int = 1
    marks: list[Mark] = field(default_factory=list)

    def sentence(self, longest: int | None = None) -> str:
        return self._keep(self.scribe.issue(Kind.PROSE, 1, longest=longest))

    def filled(self, text: str) -> str:
        """`text` with its placeholders replaced; what a prompt holds is none."""
        parts = [part.replace("{prompt}", self.prompt) for part in text.split("{watermark}")]
        return parts[0] if len(parts) == 1 else self._keep(self.scribe.issue(Kind.PROSE, self.sentences)).join(parts)

    def fill(self, value: object) -> object:
        """A JSON value with the placeholders in its texts replaced."""
        if isinstance(value, str):
            return self.filled(value)
        if isinstance(value, Mapping):
            return {k: self.fill(v) for k, v in value.items()}
        return [self.fill(v) for v in value] if isinstance(value, list | tuple) else value

    def _keep(self, mark: Mark) -> str:
        self.marks.append(mark)
        return mark[0]


@dataclass(frozen=True)
class SimulatedModel:
    """Answers asks. All that is random comes from the generator of the call, so an answer is a function of its call."""

    spec: BackendSpec
    openings: tuple[str, ...]

    def answer(self, ask: Ask, rng: Random, scribe: LedgerScribe, nth: int = 1) -> Answer:
        """What the model says to `ask`, cut at its stop sequences and token limit as a real one would.

        `nth` is how many different calls the user's request has made to this model and endpoint, this one included. Raises
        `SchemaError` for a schema that no value is found for.
        """
        speed = self.spec.speed
        pace = Pace(speed.head.draw(rng), speed.first_token.draw(rng), speed.per_token.draw(rng))
        prompt = _prompt_tokens(ask)
        if ask.endpoint in SILENT:
            vectors = self._vectors(ask, nth) if ask.endpoint == "embeddings" else ()
            return Answer((), ask.model, usage=Usage(prompt), pace=pace, vectors=vectors)
        answer = self._choice(ask, rng, scribe, nth, pace, prompt)
        if ask.choices == 1:
            return answer
        others = tuple(self._choice(ask, rng, scribe, nth, pace, 0) for _ in range(ask.choices - 1))
        said = [answer.usage, *(o.usage for o in others)]
        usage = Usage(prompt, sum(u.completion for u in said), reasoning=sum(u.reasoning for u in said))
        return replace(answer, usage=usage, others=others)

    def _vectors(self, ask: Ask, nth: int) -> tuple[tuple[float, ...], ...]:
        size = ask.dimensions or dimensions_of(ask.model)
        rules = [r for r in self.spec.answers if r.vector is not None]
        scripted = (next((r.vector for r in rules if _matches(r, ask, text, nth)), None) for text in ask.inputs)
        return tuple(v or embedding(text, size) for v, text in zip(scripted, ask.inputs, strict=True))

    def _choice(self, ask: Ask, rng: Random, scribe: LedgerScribe, nth: int, pace: Pace, prompt: int) -> Answer:
        """One of the choices that are asked for. Its usage is its own, with `prompt` tokens of prompt."""
        reasoning = tokens(scribe.issue(Kind.PROSE, rng.randint(1, 2))[0]) if ask.reasoning else ()
        said = self._said(ask, rng, scribe, nth)
        text, finish, tools = said.text, said.finish, said.tools
        if said.plain and ask.stop:
            text = text[: min((i for s in ask.stop if s and (i := text.find(s)) >= 0), default=len(text))]
        pieces = tokens(text)
        total = len(reasoning) + len(pieces)
        if tools:
            total += sum(len(t.pieces) for t in tools)
        if ask.max_tokens is not None and total > ask.max_tokens:
            # What is not shown counts as well: a model that has thought for too long says nothing.
            total = ask.max_tokens
            reasoning = reasoning[:total]
            pieces = pieces[: total - len(reasoning)]
            tools = _shortened(tools, total - len(reasoning) - len(pieces))
            text, finish = "".join(pieces), finish if finish == "refusal" else "length"
        usage = Usage(prompt, total, reasoning=len(reasoning)) if reasoning else Usage(prompt, total)
        return Answer(pieces, ask.model, finish, usage, pace, _issued(said, text), tools=tools, reasoning=reasoning)

    def _said(self, ask: Ask, rng: Random, scribe: LedgerScribe, nth: int) -> _Said:
        if self.spec.answers:
            prompt = ask.prompt
            rules = (r for r in self.spec.answers if r.vector is None and _matches(r, ask, prompt, nth))
            if (rule := next(rules, None)) is not None:
                return _scripted(rule, ask, prompt, rng, scribe)
        if ask.tools and ask.tool_choice not in ("auto", "none"):
            return _Said(tools=(_call(_wanted(ask), rng, _Pen(scribe)),), finish="tool_calls")
        if ask.schema is not None:
            pen = _Pen(scribe)
            return _json(example(ask.schema, rng, pen.sentence) if ask.schema else {"answer": pen.sentence()}, pen)
        mark = scribe.issue(Kind.PROSE, rng.randint(3, 5), rng.choice(self.openings))
        return _Said(mark[0], (mark,), plain=True)


def _matches(rule: AnswerRule, ask: Ask, text: str, nth: int) -> bool:
    """Whether a rule is for a call, or for one of the texts to embed, which `text` then is."""
    return (
        (rule.nth is None or rule.nth == nth)
        and rule.endpoint in ("", ask.endpoint)
        and (rule.model == "*" or fnmatchcase(ask.model, rule.model))
        and (not rule.schema or _asks_for(ask, rule.schema))
        and (rule.tools is None or _may_call(rule, ask))
        and (not rule.prompt or re.search(rule.prompt, text) is not None)
    )


def _asks_for(ask: Ask, schema: str) -> bool:
    if ask.schema is None:
        return False
    return any(fnmatchcase(name, schema) for name in (ask.schema_name, str(ask.schema.get("title", ""))))


def _may_call(rule: AnswerRule, ask: Ask) -> bool:
    """Whether a rule's tools can be called: not where the caller forbids it, nor again and again by an agent's loop."""
    if ask.tool_choice == "none" or (rule.nth is None and ask.after_tool):
        return False
    return bool(ask.tools) or all(tool.name != "any" for tool in rule.tools or ())


def _scripted(rule: AnswerRule, ask: Ask, prompt: str, rng: Random, scribe: LedgerScribe) -> _Said:
    if rule.json is not None or rule.tools is not None:
        pen = _Pen(scribe, prompt, rule.sentences or 1)
        if rule.tools is None:
            return _json(pen.fill(rule.json), pen)
        offered = {tool.name: tool for tool in ask.tools}
        calls = []
        for tool in rule.tools if ask.parallel else rule.tools[:1]:
            wanted = ask.tools[0] if tool.name == "any" else offered.get(tool.name, Tool(tool.name))
            calls.append(_call(wanted, rng, pen, tool.arguments))
        return _Said(tools=tuple(calls), finish="tool_calls")
    pen = _Pen(scribe, prompt, rule.sentences or 4)
    if rule.one_of is not None:
        text = rng.choice(rule.one_of)
    else:
        text = pen.filled(rule.text if rule.text is not None else rule.refusal or "")
    finish = "stop" if rule.refusal is None else "refusal"
    return _Said(text, _marks(text, pen), finish=finish, plain=True)


def _json(value: object, pen: _Pen) -> _Said:
    text = _compact(value)
    return _Said(text, _marks(text, pen, within_json=True))


def _marks(text: str, pen: _Pen, *, within_json: bool = False) -> tuple[Mark, ...]:
    """The texts of the ledger in `text`, which becomes one itself where it holds no watermark."""
    if not pen.marks:
        return ((text, pen.scribe.literal(text)),)
    return tuple((_compact(m)[1:-1], i) for m, i in pen.marks) if within_json else tuple(pen.marks)


def _wanted(ask: Ask) -> Tool:
    """The tool that must be called: the one named, else the next with every result, so that an agent reaches its last."""
    if ask.tool_choice != "required":
        return next((t for t in ask.tools if t.name == ask.tool_choice), Tool(ask.tool_choice))
    results = sum(m.role == "tool" for m in ask.messages)
    return ask.tools[min(results, len(ask.tools) - 1)]


def _call(tool: Tool, rng: Random, pen: _Pen, arguments: Mapping[str, object] | None = None) -> ToolCall:
    if arguments is not None:
        made = pen.fill(arguments)
    else:
        made = example({**tool.schema, "type": "object"}, rng, pen.sentence)
    return ToolCall(tool.name, tokens(_compact(made)))


def _shortened(tools: Iterable[ToolCall], most: int) -> tuple[ToolCall, ...]:
    """The calls that begin within `most` tokens, the last one broken off there."""
    kept = []
    for tool in tools:
        if most <= 0:
            break
        kept.append(ToolCall(tool.name, tool.pieces[:most]))
        most -= len(tool.pieces)
    return tuple(kept)


def _issued(said: _Said, text: str) -> tuple[Issued, ...]:
    """The entries of the ledger for what is left of a text, each with the length that is left of it where it is cut."""
    if len(text) == len(said.text):
        return tuple([issued for _, issued in said.marks])
    kept, at = [], 0
    for mark, issued in said.marks:
        at = said.text.find(mark, at)
        part = text[at : at + len(mark)]
        if not part:
            break
        escapes = 0 if said.plain else part.count("\\")  # of the line feeds between paragraphs
        kept.append(issued if part == mark else replace(issued, length=len(part) - escapes))
        at += len(mark)
    return tuple(kept)


def _prompt_tokens(ask: Ask) -> int:
    count = len(tokens(ask.text))
    if ask.tools:
        count += len(tokens(_compact([[t.name, t.schema] for t in ask.tools])))
    if ask.schema:
        count += len(tokens(_compact(ask.schema)))
    return count


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
