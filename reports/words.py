"""Words and numbers that the written reports share, beside those of `brownout.harness.verdict.wording`."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from brownout.faults.values.units import show_seconds
from brownout.harness.verdict.plain import one_line
from brownout.harness.verdict.result import App, ExperimentResult, Result
from brownout.harness.verdict.table import Word
from brownout.harness.verdict.wording import NONE, number

__all__ = ["app_name", "instant", "is_strict", "measurement", "reproduce", "sample", "took"]


def app_name(app: App) -> str:
    """The app as the command line names it: ``demo:naive``."""
    return f"{app.name}:{app.variant}" if app.variant else app.name


def is_strict(result: Result) -> bool:
    """Whether conditions were made to count as failures (``--strict``), as far as the exit code shows it."""
    return result.verdict.word is Word.CONDITIONS and result.verdict.exit_code != 0


def reproduce(result: Result) -> str:
    """The command that makes this run again."""
    words = ["brownout", "run", *(e.file or e.name for e in result.experiments)]
    words += ["--app", result.app.given or app_name(result.app)]
    words += ["--seed", str(result.seed)]
    words += ["--virtual"] if result.clock == "virtual" else []
    words += ["--strict"] if is_strict(result) else []
    return shlex.join(map(one_line, words))


def sample(experiment: ExperimentResult, name: str) -> float | None:
    """A further number of an experiment by its name; None where it has none."""
    found = experiment.samples.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def measurement(experiment: ExperimentResult) -> list[tuple[str, str]]:
    """What says whether an experiment was measured soundly: names and values."""

    def lag(name: str) -> str:
        return number(sample(experiment, name), "s")

    def count(name: str) -> str:
        found = sample(experiment, name)
        return NONE if found is None else f"{found:,.0f}"

    return [
        ("Send lag p99", lag("send_lag_p99")),
        ("Delivery lag p99", lag("delivery_lag_p99")),
        ("Lag allowed", lag("lag_allowed")),
        ("Sent / scheduled", f"{count('sent')} / {count('scheduled')}"),
    ]


def instant(text: str) -> str:
    """An ISO 8601 instant for people, ``2026-11-22 10:15:00 UTC``; another text as it is."""
    at = _parse(text)
    return text if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def took(result: Result) -> str:
    """How long the run took, where its two ends are instants."""
    started, ended = _parse(result.started), _parse(result.ended)
    if started is None or ended is None or ended < started:
        return NONE
    return show_seconds((ended - started).total_seconds())


def _parse(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
