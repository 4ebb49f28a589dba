"""Samples: bounds, and the way to the journal and back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from brownout.harness.load.sample import MAX_ERROR, MAX_TEXT, Sample

SAMPLE = Sample(
    request=3,
    prompt=1,
    user="user-1",
    phase="fault",
    route="chat",
    intended=12.5,
    sent=12.501234,
    status=200,
    head=12.6,
    first=12.7,
    last=13.9,
    ended=14.0,
    end="complete",
    error="",
    text="Grüße \ud83d",  # a lone surrogate: apps send them escaped in JSON
    pieces=7,
    max_gap=0.4,
    bytes=812,
    good=True,
    degraded="header x-fallback",
    retry_after=None,
)


def test_survives_the_journal() -> None:
    for sample in (SAMPLE, replace(SAMPLE, status=0, sent=None, head=None, first=None, ended=None, retry_after=2.0)):
        assert Sample.from_record(json.loads(json.dumps(sample.to_record()))) == sample


def test_is_bounded() -> None:
    sample = replace(SAMPLE, error="e" * 600, text="t" * 100_000)
    assert (len(sample.error), len(sample.text)) == (MAX_ERROR, MAX_TEXT)


def test_refuses_other_records() -> None:
    record = SAMPLE.to_record()
    with pytest.raises(ValueError, match="'gone' is not how a request ends; known: complete, truncated"):
        Sample.from_record(record | {"end": "gone"})
    with pytest.raises(TypeError, match="colour"):
        Sample.from_record(record | {"colour": "red"})
    del record["user"]
    with pytest.raises(TypeError, match="user"):
        Sample.from_record(record)


def test_journals_from_before_conversations_are_read() -> None:
    record = {k: v for k, v in SAMPLE.to_record().items() if k not in ("tenant", "conversation", "turn")}
    read = Sample.from_record(record)
    assert (read.tenant, read.conversation, read.turn) == ("", "", 1)
    turn = replace(SAMPLE, tenant="acme", conversation="conversation-2", turn=3)
    assert Sample.from_record(json.loads(json.dumps(turn.to_record()))) == turn
