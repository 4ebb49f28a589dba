"""The simulated model: from an ask to an answer, scripted or in watermarked prose."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from brownout.faults.model.scribe import LedgerScribe
from brownout.faults.model.spec import AnswerRule, BackendSpec
from brownout.faults.model.watermark.text import Kind
from brownout.faults.values.answer import Answer, Issued, Pace, Usage, tokens
from brownout.faults.values.ask import Ask

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


@dataclass(frozen=True)
class SimulatedModel:
    """Answers asks. All that is random comes from the generator of the call, so an answer is a function of its call."""

    spec: BackendSpec
    openings: tuple[str, ...]

    def answer(self, ask: Ask, rng: Random, scribe: LedgerScribe) -> Answer:
        """What the model says to `ask`, cut at its stop sequences and token limit as a real one would."""
        speed = self.spec.speed
        pace = Pace(speed.head.draw(rng), speed.first_token.draw(rng), speed.per_token.draw(rng))
        rule = next((r for r in self.spec.answers if _matches(r, ask)), None)
        text, issued = self._text(rule, ask, rng, scribe)
        finish, cut = "stop", min((i for s in ask.stop if s and (i := text.find(s)) >= 0), default=len(text))
        pieces = tokens(text[:cut])
        if ask.max_tokens is not None and len(pieces) > ask.max_tokens:
            pieces, finish = pieces[: ask.max_tokens], "length"
        usage = Usage(len(tokens(ask.text)), len(pieces))
        return Answer(pieces, ask.model, finish, usage, pace, (issued,))

    def _text(self, rule: AnswerRule | None, ask: Ask, rng: Random, scribe: LedgerScribe) -> tuple[str, Issued]:
        if rule is None:
            return scribe.issue(Kind.PROSE, rng.randint(3, 5), rng.choice(self.openings))
        text = rule.text.replace("{prompt}", ask.prompt)
        if "{watermark}" in text:
            marked, issued = scribe.issue(Kind.PROSE, rule.sentences)
            return text.replace("{watermark}", marked), issued
        return text, scribe.literal(text)


def _matches(rule: AnswerRule, ask: Ask) -> bool:
    return fnmatchcase(ask.model, rule.model) and (not rule.prompt or re.search(rule.prompt, ask.prompt) is not None)
