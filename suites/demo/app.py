"""The app: a support desk that answers over HTTP, piece by piece or in one."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from brownout.suites.demo.assistant import Assistant, UnavailableError
from brownout.suites.demo.connection import while_connected
from brownout.suites.demo.failures import CallError
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.reply import Reply
from brownout.suites.demo.timings import Timings

__all__ = ["EventStream", "create_app"]

UNAVAILABLE = "We can't answer right now. Please try again in a moment."
BROKE_OFF = "The answer broke off. Please ask again."
CLIENT_CLOSED_REQUEST = 499  # nginx's number; nobody is there to read it, but it shows in logs


def create_app(
    protections: Protections | None = None, *, timings: Timings | None = None, client: AsyncOpenAI | None = None
) -> Starlette:
    """The app with its protections, all of them by default.

    The SDK takes address and key from OPENAI_BASE_URL and OPENAI_API_KEY unless a `client` is given; the models are
    those of DEMO_MODEL and DEMO_SMALL_MODEL. Raises openai.OpenAIError when there is no key.
    """
    client = client or AsyncOpenAI()
    assistant = Assistant(
        client,
        os.environ.get("DEMO_MODEL", "gpt-4o"),
        os.environ.get("DEMO_SMALL_MODEL", "gpt-4o-mini"),
        protections or Protections.hardened(),
        timings,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with client:
            yield

    app = Starlette(routes=[Route("/chat", chat, methods=["POST"]), Route("/healthz", health)], lifespan=lifespan)
    app.state.assistant = assistant
    return app


async def health(request: Request) -> Response:
    """Whether this process works. It does when the model is down, too: to be restarted would not help."""
    return JSONResponse({"status": "ok"})


async def chat(request: Request) -> Response:
    """Answer {"message": str, "stream": bool = true}."""
    try:
        message, stream = _parse(await request.body())
    except ValueError as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    assistant: Assistant = request.app.state.assistant
    answering = assistant.reply(message, whole=not stream)
    try:
        # Up to the first piece, the status is open: what fails until then is a clean error and not half an answer.
        reply = await (while_connected(request, answering) if assistant.protections.hang_up else answering)
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    except UnavailableError as error:
        if not assistant.protections.honest_errors:
            return JSONResponse({"error": str(error)}, status_code=500)
        return JSONResponse({"error": UNAVAILABLE}, status_code=503, headers={"Retry-After": str(error.retry_after)})
    if stream:
        return EventStream(reply, honest=assistant.protections.honest_errors)
    return JSONResponse({"answer": "".join([piece async for piece in reply]), "mode": reply.mode})


class EventStream(StreamingResponse):
    """A reply as server-sent events. Closed with the response, however that ends: also when the user leaves."""

    def __init__(self, reply: Reply, *, honest: bool) -> None:
        # No proxy on the way may keep the pieces back.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(_events(reply, honest), media_type="text/event-stream", headers=headers)
        self._reply = reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._reply.aclose()


async def _events(reply: Reply, honest: bool) -> AsyncIterator[bytes]:
    try:
        async for piece in reply:
            yield _event({"delta": piece})
    except CallError:
        if honest:
            yield _event({"message": BROKE_OFF}, "error")
            return
    yield _event({"mode": reply.mode}, "done")


def _event(data: dict[str, str], name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def _parse(body: bytes) -> tuple[str, bool]:
    """Message and stream. Raises ValueError with a text for the user."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        raise ValueError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise ValueError('the body must be an object: {"message": "..."}')
    message, stream = document.get("message"), document.get("stream", True)
    if not isinstance(message, str) or not message.strip():
        raise ValueError('"message" must be a text')
    if not isinstance(stream, bool):
        raise ValueError('"stream" must be true or false')
    return message, stream
