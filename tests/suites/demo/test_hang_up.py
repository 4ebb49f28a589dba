"""Users who leave: their call to the model ends with them."""

from __future__ import annotations

import asyncio
import sys

import pytest
from openai import AsyncOpenAI
from starlette.types import Message
from tests.suites.demo.fake_openai import FAR, MAIN, SMALL, FakeOpenAI, Script, desk, scenario, until

from brownout.suites.demo.app import EventStream
from brownout.suites.demo.assistant import Assistant
from brownout.suites.demo.protections import Protections
from brownout.suites.demo.timings import Timings

PATIENT = Timings(first_token=FAR, token_gap=FAR, whole_answer=FAR)
HARDENED = Protections.hardened()


@pytest.mark.parametrize("stream", [True, False])
def test_before_the_first_piece(stream: bool) -> None:
    @scenario
    async def leave(protections: Protections, hung_up: bool) -> None:
        async with desk(protections, PATIENT) as (fake, user):
            fake.standing[MAIN] = Script(first_after=1.0 if not hung_up else FAR)
            with pytest.raises(TimeoutError):
                await user.post({"message": "x", "stream": stream}, patience=0.3)
            left = await until(lambda: fake.calls[0].ended is not None, within=2.0 if hung_up else 0.3)
            assert left == hung_up
            assert fake.calls[0].ended == ("hung up" if hung_up else None)
            assert fake.count(SMALL) == 0

    leave(HARDENED, True)
    leave(HARDENED.without(["hang_up"]), False)


@scenario
async def test_in_the_middle_of_a_stream() -> None:
    async with desk(HARDENED, PATIENT) as (fake, user):
        fake.standing[MAIN] = Script(stall_after=2)
        with pytest.raises(TimeoutError):
            await user.ask(patience=0.3)
        assert await until(lambda: fake.calls[0].ended == "hung up")
        fake.standing[MAIN] = Script()
        assert (await user.ask()).mode == "model"  # nothing was stored of the answer nobody waited for


@scenario
async def test_while_pieces_keep_coming() -> None:
    async with desk(HARDENED, PATIENT) as (fake, user):
        fake.standing[MAIN] = Script(("word ",) * 500, between=0.01)
        with pytest.raises(TimeoutError):
            await user.ask(patience=0.3)
        assert await until(lambda: fake.calls[0].ended == "hung up")


@scenario
async def test_whoever_leaves_before_the_response_begins_is_not_left_to_the_garbage_collector() -> None:
    uncollected: list[object] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await asyncio.sleep(FAR)

    async with FakeOpenAI().serving() as fake, AsyncOpenAI(base_url=fake.url, api_key="none") as client:
        sys.set_asyncgen_hooks(finalizer=uncollected.append)
        fake.standing[MAIN] = Script(stall_after=1)
        reply = await Assistant(client, MAIN, SMALL, HARDENED, PATIENT).reply("x")
        assert fake.calls[0].ended is None
        response = EventStream(reply, honest=True)
        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        assert await until(lambda: fake.calls[0].ended == "hung up")


@scenario
async def test_whoever_stays_is_not_disturbed_by_those_who_leave() -> None:
    async with desk(HARDENED.without(["cache"])) as (fake, user):
        fake.standing[MAIN] = Script(first_after=0.1, between=0.05)
        asking = [asyncio.ensure_future(user.ask(patience=0.05 if n % 2 else FAR)) for n in range(10)]
        heard = await asyncio.gather(*asking, return_exceptions=True)
    stayed = [h for h in heard if not isinstance(h, BaseException)]
    assert [(h.text, h.mode) for h in stayed] == [("Hello you there.", "model")] * 5
