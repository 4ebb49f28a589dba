"""What escapes mean: for setting up, and for the validity of a measurement."""

import json
from pathlib import Path

import pytest

from brownout.faults.model.spec import BackendSpec
from brownout.faults.values.errors import SetupError
from brownout.faults.values.fault import dialects
from brownout.harness.config.answer import AnswerSpec
from brownout.harness.config.app import AppConfig, AppSpec, RouteSpec
from brownout.harness.escape.escapes import JOURNAL, Escapes

ROUTES = {"ask": RouteSpec("/ask", AnswerSpec(json="$.answer"), body={"q": "{prompt}"})}


def escapes(folder: Path, *attempts: tuple[str, int, bool], env: dict[str, str] | None = None) -> Escapes:
    """Escapes whose journal holds attempts at (host, port), allowed or not."""
    counts: dict[tuple[str, int], int] = {}
    with (folder / JOURNAL).open("w") as f:
        for host, port, allowed in attempts:
            counts[host, port] = counts.get((host, port), 0) + 1
            record = {"at": 1.0, "host": host, "port": port, "method": "CONNECT", "allowed": allowed}
            f.write(json.dumps(record | {"count": counts[host, port]}) + "\n")
    backends = {"primary": BackendSpec(), "small": BackendSpec()}
    return Escapes(folder, AppConfig(AppSpec("x {port}", env=env or {}), ROUTES, backends))


OPENAI, TELEMETRY = ("api.openai.com", 443, False), ("telemetry.example.com", 443, False)


def test_nothing_was_called(tmp_path: Path) -> None:
    for made in (Escapes(tmp_path, escapes(tmp_path).config), escapes(tmp_path, ("db.internal", 80, True))):
        with made.explained():
            pass
        assert (made.note(), made.reasons(), made.refused(), made.strayed()) == ("", (), {}, ())


def test_a_call_to_a_provider_ends_the_setting_up(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught, escapes(tmp_path, OPENAI, OPENAI, TELEMETRY).explained():
        pass
    said = str(caught.value)
    assert "the app called api.openai.com:443 (OpenAI's API) 2 times; it was refused" in said
    assert 'OPENAI_BASE_URL: "{backend.primary.openai}" or "{backend.small.openai}"' in said
    assert "app.allow: [api.openai.com]" in said
    assert "What came of it" not in said
    assert "telemetry" not in said


def test_what_came_of_a_call_to_a_provider_is_told_after_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught, escapes(tmp_path, OPENAI).explained():
        raise SetupError("warm-up: status 503", output="Traceback of the app")
    assert str(caught.value).startswith("the app called api.openai.com:443 (OpenAI's API) once;")
    assert str(caught.value).endswith("What came of it: warm-up: status 503")
    assert caught.value.output == "Traceback of the app"


def test_an_error_is_told_with_the_hosts_that_were_refused(tmp_path: Path) -> None:
    made = escapes(tmp_path, TELEMETRY, ("db.internal", 80, True), ("::5", 80, False))
    with pytest.raises(SetupError) as caught, made.explained():
        raise SetupError("the app ended", output="its log")
    said = str(caught.value)
    assert said.startswith("the app ended. brownout refused")
    assert "telemetry.example.com:443 (once), [::5]:80 (once)" in said
    assert 'app.allow: [telemetry.example.com, "[::5]"]' in said
    assert "db.internal" not in said
    assert caught.value.output == "its log"


def test_without_a_call_beyond_an_error_stays_what_it_is(tmp_path: Path) -> None:
    error = SetupError("the app ended")
    with pytest.raises(SetupError) as caught, escapes(tmp_path).explained():
        raise error
    assert caught.value is error


def test_a_call_to_another_host_is_noted_and_ends_nothing(tmp_path: Path) -> None:
    made = escapes(tmp_path, TELEMETRY, TELEMETRY)
    with made.explained():
        pass
    assert made.note() == "refused: telemetry.example.com:443 (2 times)"
    assert made.reasons() == ()


def test_a_measurement_with_calls_to_a_provider_is_unsound(tmp_path: Path) -> None:
    made = escapes(
        tmp_path, *[OPENAI] * 12, ("api.mistral.ai", 443, False), env={"OPENAI_BASE_URL": "{backend.primary.openai}"}
    )
    first, second = made.reasons()
    assert first.startswith(
        "the app called api.openai.com:443 (OpenAI's API) 12 times, which was refused: what it did about"
    )
    assert "app.env sets OPENAI_BASE_URL already, but this client does not go by it" in first
    assert 'by the variable that it reads its address from: "{backend.primary.openai}"' in second


def test_a_provider_that_no_backend_stands_in_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = escapes(tmp_path, ("api.replicate.com", 443, False))
    (reason,) = made.reasons()
    assert "No simulated backend speaks its language" in reason
    dialects.load()
    monkeypatch.setattr(dialects, "_things", {**dialects._things, "replicate": dialects.get("openai")})
    (reason,) = made.reasons()
    assert "Add a backend with dialect: replicate to brownout.yaml. Point that client at" in reason
    assert '"{backend.NAME.replicate}"' in reason
