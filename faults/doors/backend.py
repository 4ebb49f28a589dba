"""A simulated backend without its socket: from a request to the reply that a door has to play, and what to record of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import count

from brownout.faults.doors.owner import owner
from brownout.faults.model.capacity import Slots
from brownout.faults.model.prices import cost
from brownout.faults.model.schema import SchemaError
from brownout.faults.model.scribe import FIRST_ID, LedgerScribe
from brownout.faults.model.simulated import SimulatedModel, openings
from brownout.faults.model.spec import BackendSpec
from brownout.faults.model.watermark.text import Codec
from brownout.faults.plans.plan import FaultPlan, Rule
from brownout.faults.plans.selector import Draw
from brownout.faults.values.answer import Answer, Issued, Usage
from brownout.faults.values.ask import Ask, WireRequest
from brownout.faults.values.fault import Accept, Call, Failure, Stamp, dialects
from brownout.faults.values.keys import Attempts, CallKey, digest, generator
from brownout.faults.values.reply import Acquire, Action, Head, Reply, apply

__all__ = ["Backend", "Exchange", "Shared"]

KEPT_HEADERS = ("user-agent", "traceparent", "x-stainless-retry-count", "x-stainless-read-timeout")
"""Request headers that the journal keeps. Never authorization or cookies."""


@dataclass
class Injection:
    """A rule that hit a call, and whether its fault has acted yet."""

    rule: Rule
    injected: bool = False

    def mark(self) -> None:
        self.injected = True


@dataclass
class Exchange:
    """One call: what was asked, what was decided, and the reply to play."""

    number: int
    backend: str
    ask: Ask | None
    key: CallKey | None
    attempt: int
    prompts: tuple[int, ...]
    headers: Mapping[str, str]
    reply: Reply = field(default_factory=lambda: iter(()))
    injections: list[Injection] = field(default_factory=list)
    issued: list[Issued] = field(default_factory=list)
    answer: Answer | None = None
    said: int = 0
    """Tokens of the answer that were handed over so far."""
    retry_after: float | None = None
    """Seconds after which the reply said that the client may come back."""

    def say(self, tokens: int) -> None:
        self.said += tokens

    def watched(self) -> Reply:
        """The reply, noting what the journal keeps of its head as it passes."""
        for action in self.reply:
            if isinstance(action, Head):
                wait = dict(action.headers).get("retry-after", "")
                self.retry_after = float(wait) if wait.isdigit() else None
            yield action

    def _text(self, issued: Issued) -> dict[str, object]:
        shown = self.answer.issued if self.answer else ()
        length = next((i.length for i in shown if i.id == issued.id), issued.length)
        if self.answer and len(shown) == 1 and shown[0].id == issued.id:
            # All that is shown is this text. A fault may have shortened it further than the model did.
            length = min(length or len(self.answer.text), len(self.answer.text))
        return {**{f.name: getattr(issued, f.name) for f in fields(Issued)}, "length": length}

    def record(self, prices: BackendSpec) -> dict[str, object]:
        """What the journal keeps, apart from times."""
        ask, answer = self.ask, self.answer
        # An answer without tokens, such as vectors, is said when its reply is.
        charged = answer is not None and (self.said > 0 or not answer.tokens)
        usage = Usage(answer.usage.prompt, self.said) if answer and charged else Usage()
        return {
            "call": self.number,
            "backend": self.backend,
            "endpoint": ask.endpoint if ask else "",
            "model": ask.model if ask else "",
            "stream": bool(ask and ask.stream),
            "request": self.key.request if self.key else "",
            "messages": self.key.messages if self.key else "",
            "attempt": self.attempt,
            "prompts": list(self.prompts),
            "headers": dict(self.headers),
            "faults": [
                {"rule": i.rule.id, "fault": i.rule.fault.name, "label": i.rule.label, "injected": i.injected}
                for i in self.injections
            ],
            "damage": answer.damage if answer else "",
            # A finish reason that was not sent was not seen by the app.
            "finish": answer.finish if answer and self.said == answer.tokens else "",
            "texts": [self._text(i) for i in self.issued],
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "cost_usd": cost(ask.model, usage, prices.prices) if ask and charged else 0.0,
        }


@dataclass(frozen=True)
class Shared:
    """What the backends of one run share: seed, watermark codec, ids, the users' prompts (prompt id → user), and whose answers
    were said so far (text id → request key)."""

    seed: int
    codec: Codec
    users: Mapping[int, str] = field(default_factory=dict)
    answers: dict[int, str] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: count(FIRST_ID))
    calls: Iterator[int] = field(default_factory=lambda: count(1))


class Backend:
    """One simulated backend: dialect, model, capacity and fault plan. Sans I/O: both doors play what it returns."""

    def __init__(self, name: str, spec: BackendSpec, plan: FaultPlan, shared: Shared) -> None:
        self.name, self.spec, self.plan, self.shared = name, spec, plan, shared
        self.dialect = dialects.get(spec.dialect)(spec.models)
        self.slots = Slots(spec.capacity)
        self.model = SimulatedModel(spec, openings(shared.seed))
        self._attempts = Attempts()
        self._under: defaultdict[str, Attempts] = defaultdict(Attempts)
        self._sites: defaultdict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)

    def connect(self, at: float, number: int) -> tuple[Accept, Exchange | None]:
        """What to do with connection `number`, made `at` seconds after the plan began.

        One that is not served comes with the exchange to record for it.
        """
        for rule in self.plan.rules:
            if rule.hits_connection(self.name, at):
                verdict = rule.fault.on_connection(generator(self.shared.seed, rule.id, self.name, number))
                if verdict is not Accept.SERVE:
                    exchange = self.unread()
                    exchange.injections.append(Injection(rule, injected=True))
                    return verdict, exchange
        return Accept.SERVE, None

    def unread(self) -> Exchange:
        """The exchange for a call of which nothing is known."""
        return Exchange(next(self.shared.calls), self.name, None, None, 0, (), {})

    def failure(self, failure: Failure, created: int) -> tuple[Action, ...]:
        """An error reply outside of any plan: to what is no request, and where the simulation itself failed."""
        return self.dialect.failure(failure, self._stamp(created, next(self.shared.calls)))

    def receive(self, request: WireRequest, at: float, created: int) -> Exchange:
        """The exchange for a request that arrived `at` seconds after the plan began; `created` is in Unix seconds."""
        asked = self.dialect.parse(request)
        headers = {h: request.headers[h] for h in KEPT_HEADERS if h in request.headers}
        number = next(self.shared.calls)
        if isinstance(asked, Failure):
            exchange = Exchange(number, self.name, None, None, 0, (), headers)
            exchange.reply = iter(self.dialect.failure(asked, self._stamp(created, number)))
            return exchange
        shared = self.shared
        request_key, found = owner(shared.codec, asked.text, shared.users, shared.answers, request.headers)
        messages = asked.digest()
        sites = self._sites[request_key, asked.endpoint, asked.model]
        site = sites.setdefault(messages, len(sites)) if request_key else 0
        key = CallKey(request_key, self.name, asked.endpoint, asked.model, messages, site)
        exchange = Exchange(number, self.name, asked, key, self._attempts.next(key), found, headers)
        self._decide(exchange, asked, key, at)
        exchange.reply = self._reply(exchange, asked, key, created)
        return exchange

    def _decide(self, exchange: Exchange, ask: Ask, key: CallKey, at: float) -> None:
        # Words of the run must not decide: where the first prompt is known, it stands for how the conversation began.
        said = next((m.text for m in ask.messages if m.role == "user"), "")
        first = f"prompt-{exchange.prompts[0]}" if exchange.prompts else said
        user = ask.user or (self.shared.users.get(exchange.prompts[-1], "") if exchange.prompts else "")
        draw = Draw(self.shared.seed, "", key, exchange.attempt, first, user)

        def attempt(rule: Rule) -> int:
            # Per rule: an attempt from before its time was not one under it.
            return self._under[rule.id].next(key)

        exchange.injections = [Injection(rule) for rule in self.plan.hitting(self.name, ask, at, draw, attempt)]

    def _reply(self, exchange: Exchange, ask: Ask, key: CallKey, created: int) -> Iterator[Action]:
        """Lazy: text is made and ids are issued only for what is really said."""
        seed, attempt = self.shared.seed, exchange.attempt
        stamp = self._stamp(created, *key.parts(), attempt)
        scribe = LedgerScribe(self.shared.codec, self.shared.ids, partial(self._note, exchange, key.request))

        def call(rule: Rule) -> Call:
            rng = generator(seed, rule.id, *key.parts(), attempt)
            return Call(ask, key, attempt, rng, self.dialect, scribe, stamp)

        def healthy() -> Iterator[Action]:
            full = Failure(self.dialect.overloaded, "overloaded", model=ask.model)
            yield Acquire(self.dialect.failure(full, stamp))
            rng = generator(seed, "answer", *key.parts(), attempt)
            try:
                answer = self.model.answer(ask, rng, scribe, nth=key.site + 1)
            except SchemaError as e:
                yield from self.dialect.failure(Failure(400, "bad_request", str(e), ask.model), stamp)
                return
            for hit in exchange.injections:
                changed = hit.rule.fault.on_answer(answer, call(hit.rule))
                hit.injected |= changed is not answer
                answer = changed
            exchange.answer = answer
            yield from self.dialect.reply(ask, answer, stamp)

        reply: Reply = healthy()
        for hit in exchange.injections:
            step = hit.rule.fault.on_reply(call(hit.rule))
            if step is not None:
                reply = apply(reply, step, hit.mark)
        return reply

    def _note(self, exchange: Exchange, request: str, issued: Issued) -> None:
        exchange.issued.append(issued)
        if request:
            self.shared.answers[issued.id] = request

    def _stamp(self, created: int, *parts: object) -> Stamp:
        high, low = (digest(self.shared.seed, half, self.name, *parts) for half in "ab")
        return Stamp(f"{high:016x}{low:016x}", created)
