"""A route: one way in which users ask the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from brownout.faults.values.distribution import Duration, Fixed
from brownout.faults.values.units import Between, Number, show_seconds
from brownout.harness.config.answer import AnswerSpec, TextSpec, check_path
from brownout.harness.config.fields import (
    FORBID,
    LONGEST_WAIT,
    Command,
    check_body,
    check_headers,
    check_url_path,
    placeholders,
    texts,
)
from brownout.harness.config.rule import ReplyRule

__all__ = ["ConversationSpec", "RouteSpec"]


@dataclass(frozen=True)
class ConversationSpec:
    """Users of the route ask several times, each time after they have read the answer.

    A conversation has `turns` questions; `think` is the time from the end of an answer to the next question. `take` names
    values that the app's replies hold, each by a JSONPath (``{id: $.conversation_id}``): ``{conversation.id}`` is then the
    last one that came, and empty in the first turn.
    """

    turns: Annotated[int, Between(2, 100)] = 3
    think: Duration = field(default_factory=lambda: Fixed(2.0))
    take: dict[str, str] = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        for path in self.take.values():
            check_path(path)
        if any(self.think.draw(Random(i)) > LONGEST_WAIT for i in range(8)):
            raise ValueError(f"think is at most {show_seconds(LONGEST_WAIT)}")


@dataclass(frozen=True)
class RouteSpec:
    """One way in which users ask the app: a request to `path`, or a command to `run` for each question.

    In `path`, `headers` and `body` these are filled in: ``{prompt}`` and ``{user}``; ``{tenant}``; ``{login.NAME}``;
    ``{conversation}``, an id of the user's own, ``{messages}``, the questions and answers so far and the question as a
    list of ``{role, content}``, ``{history}``, the same without the question, and ``{conversation.NAME}``.

    A command gets ``{prompt}`` in its words, or on its standard input, `stdin`; its standard output is the answer, and
    `status` in rules is its exit status.

    Of several routes each gets a share of the requests by its `weight`. `needs` names the backends that it calls. A reply is
    good when any rule of `good` holds (default: status 2xx, or 0 for a command), and degraded when any of `degraded` does.
    """

    path: str = ""
    answer: AnswerSpec | None = None
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    good: list[ReplyRule] = field(default_factory=list)
    degraded: list[ReplyRule] = field(default_factory=list)
    weight: Number = 1.0
    needs: list[str] = field(default_factory=list)
    conversation: ConversationSpec | None = None
    run: Annotated[list[str] | str | None, Command()] = None
    stdin: str = ""
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        if not 0 < self.weight < 1e9:
            raise ValueError(f"weight is a number above 0, not {self.weight:g}")
        if self.run is not None:
            self._check_command()
        else:
            self._check_request()

    def _check_command(self) -> None:
        if self.path or self.headers or self.body is not None or self.method != "POST":
            raise ValueError("a route is a request (path, headers, body) or a command (run, stdin); not both")
        if self.conversation is not None:
            raise ValueError("a command is run anew for each question, so it has no conversation")
        for rule in (*self.good, *self.degraded):
            if rule.header or isinstance(rule.status, str):
                raise ValueError(
                    "a rule for a command looks at its exit status (status: 0) and its output, not at headers"
                )
            if rule.status is not None and rule.status > 255:
                raise ValueError(f"an exit status is a number from 0 to 255, not {rule.status}")
        if self.answer is None:
            object.__setattr__(self, "answer", AnswerSpec(text=TextSpec()))
        if "{prompt}" not in f"{self.run}{self.stdin}":
            raise ValueError("{prompt} must stand in run or stdin: it is the user's question")

    def _check_request(self) -> None:
        if not self.path:
            raise ValueError("a route has a path, for a request, or run, for a command")
        check_url_path(self.path)
        if self.stdin:
            raise ValueError("stdin is what a command reads (run); what a request sends is its body")
        if self.answer is None:
            raise ValueError(
                "answer is missing: where in the reply is the answer? For example answer: {json: $.answer}"
            )
        asked = {name for _, text in texts([self.body, self.path, self.headers]) for name in placeholders(text)}
        if not asked & {"prompt", "messages"}:
            raise ValueError("{prompt} must stand somewhere in body, path or headers: it is the user's question")
        talk = {n for n in asked if n in ("history", "messages") or n.partition(".")[0] == "conversation"}
        if talk and self.conversation is None:
            raise ValueError(f"{{{min(talk)}}} is for a route with conversation: {{turns: 3}}")
        for rule in (*self.good, *self.degraded):
            if isinstance(rule.status, int) and rule.status < 100:
                raise ValueError(f"status is a number from 100 to 999, not {rule.status}")
        check_headers(self.headers)
        check_body(self.body)

    @property
    def read(self) -> AnswerSpec:
        """Where the answer is; every route that was read has it."""
        assert self.answer is not None
        return self.answer

    @property
    def asked(self) -> str:
        """The route's way of asking, for people: ``POST /chat``, or its command."""
        if self.run is not None:
            return self.run if isinstance(self.run, str) else " ".join(self.run)
        return f"{self.method} {self.path}"
