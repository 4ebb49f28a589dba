"""The demo app's rehearsals, held to what they must come to. ``make demo``, ``make seeds``, ``make protections``.

python -m brownout.suites.demo_run                 naive is NO-GO and hardened is GO
python -m brownout.suites.demo_run seeds [N]       the same over N seeds (10)
python -m brownout.suites.demo_run protections     without any one protection hardened is not GO, and the report says why
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from brownout.harness.verdict.result import Result, from_json

__all__ = ["MISSING", "main"]

EXPECTED = {"naive": "NO-GO", "hardened": "GO"}
EXIT_CODES = {"NO-GO": 1, "GO": 0, "GO WITH CONDITIONS": 0}
MISSING: Mapping[str, tuple[str, str, str]] = {
    # protection -> the experiment that misses it, the check that fails, a word of the fix that it names
    "deadline": ("slow_model", "no_endless_wait", "deadline"),
    "breaker": ("provider_outage", "breaker_opens", "breaker"),
    "retry_after": ("rate_limit_storm", "retry_after_obeyed", "Retry-After"),
    "fallback": ("provider_outage", "served", "fallback"),
    "cache_rule": ("provider_outage", "bad_answer_cached", "Cache good answers only"),
}


@dataclass(frozen=True)
class Came:
    """What a rehearsal came to; `word` is '' when there is no result."""

    code: int
    word: str
    folder: Path
    result: Result | None = None


def rehearse(folder: Path, variant: str, *arguments: str) -> Came:
    """Run brownout against a variant of the demo app, as a user would. KeyboardInterrupt when the user stopped it."""
    command = [sys.executable, "-m", "brownout.harness.cli", "run", *arguments]
    ended = subprocess.run([*command, "--app", f"demo:{variant}", "--out", str(folder)], check=False).returncode
    if ended == 130:
        raise KeyboardInterrupt
    file = folder / "result.json"
    result = from_json(file.read_text(encoding="utf-8")) if file.is_file() else None
    return Came(ended, result.verdict.word.value if result else "", folder, result)


def verdicts(root: Path, *arguments: str) -> Iterator[tuple[str, bool]]:
    """Both variants: a line for people, and whether it came out as it must."""
    for variant, word in EXPECTED.items():
        came = rehearse(root / variant, variant, *arguments)
        right = (came.word, came.code) == (word, EXIT_CODES[word])
        wrong = "" if right else f"   expected {word}, exit {EXIT_CODES[word]}, not {came.code}"
        yield f"demo:{variant:<9} {came.word or 'no result':<8} {(came.folder / 'report.html').resolve()}{wrong}", right


def protections(root: Path) -> Iterator[tuple[str, bool]]:
    """Hardened without each of its protections in turn."""
    for name, (experiment, check, word) in MISSING.items():
        came = rehearse(root / name, f"hardened-{name}", experiment)
        findings = [f for e in came.result.experiments for f in e.findings] if came.result else []
        failed = {f.check: f.fix for f in findings if f.status.value == "fail"}
        right = came.word in ("NO-GO", "GO WITH CONDITIONS") and word in failed.get(check, "")
        yield (
            f"without {name:<12} {came.word or 'no result':<19} {experiment}: {', '.join(failed) or 'nothing failed'}",
            right,
        )


def main(arguments: list[str]) -> int:
    """Exit code 0 only if everything came out as it must."""
    what = arguments[0] if arguments else "demo"
    count = int(arguments[1]) if len(arguments) > 1 else 10
    root = Path("brownout-runs") / f"{what}-{datetime.now():%Y%m%d-%H%M%S}"
    came: list[tuple[str, bool]] = []
    if what == "protections":
        came += protections(root)
    elif what == "seeds":
        for seed in range(1, count + 1):
            came += verdicts(root / str(seed), "--seed", str(seed), "--quiet")
    else:
        came += verdicts(root)
    print("\n".join(["", "Readiness reports:", *(f"  {'ok   ' if right else 'WRONG'} {line}" for line, right in came)]))
    return 0 if all(right for _, right in came) else 1


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
