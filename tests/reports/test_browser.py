"""The page in Chromium: its own policy lets it appear as meant, nothing is reported, and nothing is wider than a phone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from tests.reports.made import hostile, usual

from brownout.harness.verdict.result import Result
from brownout.reports.html import Html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("the page was not seen in a browser: no chromium on PATH; in CI that is a failure")
        pytest.skip("THE PAGE WAS NOT SEEN IN A BROWSER: no chromium on PATH (apt-get install chromium)")
    return found


def load(chromium: str, page: Path, profile: Path) -> tuple[str, str]:
    """The DOM after loading, and what was written to the browser's console."""
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            "--v=0",
            f"--user-data-dir={profile}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.parametrize("made", [usual(), hostile()], ids=["usual", "hostile"])
def test_the_page_appears_without_a_complaint(chromium: str, tmp_path: Path, made: Result) -> None:
    page = tmp_path / "report.html"
    page.write_text(Html().render(made), encoding="utf-8")
    dom, console = load(chromium, page, tmp_path / "profile")
    assert console == ""
    assert re.search(r"<h1>(.*?)</h1>", dom) is not None
    assert unescape(re.findall(r"<h1>(.*?)</h1>", dom)[0]) == "NO-GO"


def test_the_policy_is_in_force(chromium: str, tmp_path: Path) -> None:
    """A page that breaks it is complained of: without this, the silence above would mean nothing."""
    broken = tmp_path / "broken.html"
    broken.write_text(
        Html().render(usual()).replace("<h1>", '<h1 style="color: red"><script>1</script>'), encoding="utf-8"
    )
    _, console = load(chromium, broken, tmp_path / "profile")
    assert "Content Security Policy" in console
    assert "style" in console
    assert "script" in console


@pytest.mark.parametrize("made", [usual(), hostile()], ids=["usual", "hostile"])
def test_nothing_is_wider_than_the_screen(chromium: str, tmp_path: Path, made: Result) -> None:
    (tmp_path / "report.html").write_text(Html().render(made), encoding="utf-8")
    widths = (320, 360, 600, 880, 920, 1200)
    frames = "".join(f'<iframe src="report.html" style="width:{w}px;height:9000px;border:0"></iframe>' for w in widths)
    outside = tmp_path / "outside.html"
    outside.write_text(
        f"<body>{frames}<pre></pre><script>onload = () => document.querySelector('pre').textContent = "
        "[...document.querySelectorAll('iframe')].map(f => { const page = f.contentDocument; return "
        "[f.clientWidth, page.documentElement.scrollWidth, getComputedStyle(page.querySelector('.banner')).display, "
        "getComputedStyle(page.querySelector('.banner')).borderLeftStyle].join(' ') }).join(', ')</script>",
        encoding="utf-8",
    )
    dom, _ = load(chromium, outside, tmp_path / "profile")
    measured = re.findall(r"(\d+) (\d+) block solid", dom)
    assert [int(width) for width, _ in measured] == list(widths)
    for width, needed in measured:
        assert int(needed) <= int(width)
