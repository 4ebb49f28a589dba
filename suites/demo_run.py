"""``make demo``: rehearse the launch of the demo app in both variants, and hold the verdicts to what they must be.

Exits 0 only if the naive app came out NO-GO and the hardened one GO.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

EXPECTED = {"naive": (1, "NO-GO"), "hardened": (0, "GO")}


def main() -> int:
    """Run both variants one after the other and compare."""
    from brownout.harness.verdict.result import from_json

    root = Path("brownout-runs") / datetime.now().strftime("demo-%Y%m%d-%H%M%S")
    wrong, lines = [], []
    for variant, (code, word) in EXPECTED.items():
        folder = root / variant
        command = [
            sys.executable,
            "-m",
            "brownout.harness.cli",
            "run",
            "--app",
            f"demo:{variant}",
            "--out",
            str(folder),
        ]
        ended = subprocess.run(command, check=False).returncode
        if ended == 130:
            return 130
        found = "none"
        if (folder / "result.json").is_file():
            found = from_json((folder / "result.json").read_text(encoding="utf-8")).verdict.word.value
        if (ended, found) != (code, word):
            wrong.append(f"demo:{variant} came out {found} (exit {ended}), expected {word} (exit {code})")
        lines.append(f"  demo:{variant:<9} {found:<8} {(folder / 'report.html').resolve()}")
    print("\n".join(["", "Readiness reports:", *lines, *wrong]), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
