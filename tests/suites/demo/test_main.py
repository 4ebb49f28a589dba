"""The app as a process, started as brownout.yaml says."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from importlib.resources import files
from typing import Any

import httpx
import pytest
import yaml
from tests.suites.demo.fake_openai import MAIN, SMALL, FakeOpenAI, Script, User, desk, scenario

from brownout.suites.demo.__main__ import main
from brownout.suites.demo.protections import Protections


def configuration() -> Any:
    return yaml.safe_load(files("brownout.suites.demo").joinpath("brownout.yaml").read_text())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@scenario
async def test_the_process_of_brownout_yaml_answers() -> None:
    app = configuration()["app"]
    port = free_port()
    known = {"{python}": sys.executable, "{port}": str(port)}
    async with FakeOpenAI().serving() as fake:
        fake.standing[MAIN] = Script(status=400)
        known["{backend.primary.openai}"] = fake.url
        command = [known.get(word, word) for word in app["start"]]
        env = {name: known.get(value, value) for name, value in app["env"].items()}
        process = await asyncio.create_subprocess_exec(*command, env={**os.environ, **env})
        user = User(f"http://127.0.0.1:{port}")
        try:
            while True:
                try:
                    assert (await user.get(app["ready"]["path"])).status_code == 200
                    break
                except httpx.TransportError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
            heard = await user.ask("Hello?")
            assert (heard.text, heard.mode) == ("Hello you there.", "small")
            assert [call.model for call in fake.calls] == configuration()["backends"]["primary"]["models"]
        finally:
            await user.aclose()
            process.terminate()
            await process.wait()


def test_the_models_of_brownout_yaml_are_the_ones_asked() -> None:
    assert configuration()["backends"]["primary"]["models"] == [MAIN, SMALL]


@scenario
async def test_models_come_from_the_environment() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEMO_MODEL", "big")
        patch.setenv("DEMO_SMALL_MODEL", "tiny")
        async with desk() as (fake, user):
            fake.standing["big"] = Script(status=400)
            await user.ask()
    assert [call.model for call in fake.calls] == ["big", "tiny"]


def test_an_unknown_protection_is_an_error_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--port", "0", "--without", "breaker,cach"])
    assert exit_.value.code == 2
    assert "unknown protection 'cach'; did you mean cache?" in capsys.readouterr().err


def test_without_a_key_it_does_not_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_ADMIN_KEY", raising=False)
    assert main(["--port", "0"]) == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_variants() -> None:
    hardened, naive = Protections.hardened(), Protections.naive()
    assert [name for name in Protections.names() if not getattr(hardened, name)] == []
    assert [name for name in Protections.names() if getattr(naive, name)] == ["streaming"]
    assert hardened.without(Protections.names()) == naive.without(["streaming"])
    assert hardened.without(["breaker"]) == Protections(breaker=False)
