"""A sample of every fault, with the parameters that change what it does."""

from typing import get_args

from brownout.faults.catalog.bandwidth import Bandwidth
from brownout.faults.catalog.broken_chunking import BrokenChunking
from brownout.faults.catalog.drop_events import DropEvents
from brownout.faults.catalog.duplicate_events import DuplicateEvents
from brownout.faults.catalog.empty_reply import EmptyReply
from brownout.faults.catalog.garbage import Garbage
from brownout.faults.catalog.gibberish import Gibberish
from brownout.faults.catalog.hang import Hang
from brownout.faults.catalog.http_error import HttpError
from brownout.faults.catalog.idle_pings import IdlePings
from brownout.faults.catalog.invalid_utf8 import InvalidUtf8
from brownout.faults.catalog.latency import Latency
from brownout.faults.catalog.malformed_event import MalformedEvent
from brownout.faults.catalog.merge_events import MergeEvents
from brownout.faults.catalog.odd_lines import Odd, OddLines
from brownout.faults.catalog.ok_with_error import OkWithError
from brownout.faults.catalog.rate_limited import RateLimited
from brownout.faults.catalog.reorder_events import ReorderEvents
from brownout.faults.catalog.reset import Reset
from brownout.faults.catalog.slicer import Slicer
from brownout.faults.catalog.slow_first_token import SlowFirstToken
from brownout.faults.catalog.slow_tokens import SlowTokens
from brownout.faults.catalog.stall import Stall
from brownout.faults.catalog.stream_cut import StreamCut
from brownout.faults.catalog.stream_error import StreamError
from brownout.faults.catalog.truncated_body import TruncatedBody
from brownout.faults.catalog.usage_missing import UsageMissing
from brownout.faults.catalog.wrong_content_type import WrongContentType
from brownout.faults.catalog.wrong_length import WrongLength
from brownout.faults.plans.load import incidents
from brownout.faults.values.distribution import Fixed, Uniform
from brownout.faults.values.fault import Fault

ODD: tuple[Odd, ...] = get_args(Odd)

SAMPLES: list[Fault] = [
    Latency(Fixed(3.0)),
    SlowFirstToken(Fixed(2.0)),
    SlowTokens(Uniform(0.1, 0.5)),
    Bandwidth(500),
    Slicer(3),
    Slicer(1, 5.0),
    IdlePings(every=1.0, seconds=Fixed(3.5)),
    IdlePings("data", every=1.0, seconds=Fixed(3.0), after_tokens=2),
    IdlePings("event", "beat", 0.1),
    Hang(),
    HttpError(503),
    HttpError(429, -1.0, kind="quota", should_retry=False, headers={"x-more": "1"}),
    HttpError(524, body="html", after=Uniform(1.0, 2.0)),
    HttpError(520, body="empty"),
    HttpError(503, 1.5, body="text", retry_after_as="decimal"),
    RateLimited(2.0),
    RateLimited(2.0, retry_after_as="date", should_retry=True, headers={"x-more": "1"}),
    OkWithError(),
    OkWithError("error", "overloaded"),
    OkWithError("html"),
    OkWithError("json_null"),
    OkWithError("empty"),
    WrongContentType("application/octet-stream"),
    WrongContentType(""),
    EmptyReply(),
    EmptyReply(0.5),
    Garbage(16),
    WrongLength("more", 10),
    WrongLength("more", 10, "hang"),
    WrongLength("less", 1_000_000),
    BrokenChunking(3),
    TruncatedBody(0.9),
    TruncatedBody(end="abrupt"),
    TruncatedBody(size=1_000_000),
    Reset("connection"),
    Reset("request"),
    Reset("body", 3),
    StreamCut(3, "clean"),
    StreamCut(3, "abrupt"),
    Stall(3),
    Stall(3, Fixed(4.0)),
    StreamError(after_tokens=3),
    StreamError("rate_limit", 0, "Not now.", {"retry-after": "4"}),
    *(DropEvents(part, 2, 2) for part in ("content", "finish", "usage", "done")),
    DropEvents(count=None),
    DuplicateEvents(),
    DuplicateEvents(3, 2),
    ReorderEvents(),
    ReorderEvents(1_000, 5),
    MergeEvents(),
    MergeEvents(3),
    MergeEvents(1),
    MalformedEvent(3),
    MalformedEvent(0, None),
    *map(OddLines, ODD),
    InvalidUtf8(3),
    UsageMissing(),
    Gibberish(),
    *(i.fault for i in incidents().values()),
]
