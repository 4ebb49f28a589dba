"""The page: one file that loads nothing, shows hostile text as text, and says what the result says."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.reports.made import WAIVER, experiment, finding, hostile, result, usual

from brownout.faults.values.errors import ConfigError
from brownout.harness.verdict.finding import Severity, Status
from brownout.reports import html
from brownout.reports.html import Html

VOID = {"meta", "link", "rect", "path"}


class Page(HTMLParser):
    """The page's elements and text. Fails on a tag that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.style = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        self.text += " "
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.text += data

    @property
    def said(self) -> str:
        """What the page says, in one line."""
        return " ".join(self.text.split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_what_the_first_screen_says() -> None:
    page = Page(Html().render(usual()))
    text = page.said
    for said in (
        "NO-GO The app is not ready: 3 blocking expectations failed, in 2 of 3 experiments.",
        "What blocks the launch Users wait 3.3 s for the first word",
        "For users One user in three sees an error page. Usual fix Fall back to the smaller model",
        "Conditions The whole answer takes never",
        "waived by ana until 2030-01-31: the provider answers in March",
        "What was not tested – not tested no cut streams Cut streams passed on as whole. Not applicable",
        "brownout run slow-start retry-storm nonsense --app demo:naive --seed 7",
        "Send lag p99 4 ms Delivery lag p99 7 ms Lag allowed 100 ms Sent / scheduled 360 / 360",
        "answered 120 (66.7 %) degraded 30 (16.7 %) error 21 (11.7 %) timeout 9 (5 %)",
        "180 420 ms / 3.3 s 2.1 s / never 412 96 $0.087",
        "✘ fail fault ttft_p95 < 2s blocks 3.3 s 2.9–4.4 s 180 < 2 s",
        "? unknown fault total_p95 < 20s condition never 18.2 s – never 180 < 20 s",
        "✔ pass fault no foreign answers blocks 0 below 1.88 % 200 none allowed",
        "Seen at requests 9, 14, 15, 51",
        "half a JSON object",
        "6 min 7 s",
    ):
        assert said in text, said


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    for made in (usual(), hostile()):
        page = Page(Html().render(made))
        names = {tag for tag, _ in page.tags}
        assert not names & {"script", "img", "iframe", "object", "embed", "form", "base"}
        assert [link["href"] for link in page.all("link")] == ["data:,"]
        assert all(a["href"].startswith("#experiment-") for a in page.all("a"))
        attributes = {name for _, given in page.tags for name in given}
        assert not {a for a in attributes if a.startswith("on")} | attributes & {"style", "src", "srcset"}
        assert not re.search(r"url\(|@import", page.style)


def test_the_policy_allows_the_style_of_the_page_and_nothing_else() -> None:
    page = Page(Html().render(usual()))
    (policy,) = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert len(page.all("style")) == 1


def test_hostile_text_is_shown_as_text() -> None:
    text = Html().render(hostile())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]", text)
    page = Page(text)
    assert "<script>alert(1)</script> ]]> & red link gnp.exe | pipe" in page.text
    assert "{{ 7*7 }} {% raw %}" in page.text
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))


def test_landmarks_captions_and_names() -> None:
    page = Page(Html().render(usual()))
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(t)) for t in ("h1", "header", "main", "footer")] == [1, 1, 1, 1]
    assert len(page.all("table")) == len(page.all("caption")) == 6
    ids = {given["id"] for _, given in page.tags if "id" in given}
    assert {s["aria-labelledby"] for s in page.all("section")} <= ids
    assert {a["href"][1:] for a in page.all("a")} <= ids
    for drawing in page.all("svg"):
        assert drawing.get("aria-hidden") == "true" or drawing["aria-label"]


def test_three_experiments_fit_in_200_kib_and_hostile_ones_stay_small() -> None:
    assert len(Html().render(usual()).encode()) < 200 * 1024
    assert len(Html().render(hostile()).encode()) < 200 * 1024


def test_an_unsound_experiment_says_why() -> None:
    unsound = experiment(
        findings=[finding(Status.FAIL)], valid=False, why_invalid=("sent late",), samples={"output": "boom"}, attempts=2
    )
    text = Page(Html().render(result([unsound]))).said
    assert "INVALID 1 experiment was not a sound measurement, so the run says nothing certain about the app." in text
    assert "What was not measured soundly The model is slow to begin sent late" in text
    assert "measured again after an unsound attempt Measurement sent late boom Send lag p99 –" in text
    assert "Expectations (not counted)" in text
    assert "What blocks the launch" not in text


def test_virtual_time_and_expired_waivers_are_told() -> None:
    made = replace(result([experiment(findings=[finding()])], clock="virtual"), expired_waivers=(WAIVER,))
    text = Page(Html().render(made)).said
    assert "GO (logic only) 1 expectation held in 1 experiment, and nothing stands in the way." in text
    assert "Reached in virtual time: speed and capacity were not tested." in text
    assert "Waivers that have expired and changed nothing ttft in all experiments: waived by ana" in text


def test_undecided_and_notes_have_their_places() -> None:
    made = result(
        [
            experiment(
                findings=[
                    finding(Status.UNKNOWN, message="open"),
                    finding(Status.UNKNOWN, Severity.NOTE, message="aside"),
                    finding(Status.PASS),
                ]
            )
        ]
    )
    text = Page(Html().render(made)).said
    assert "INCONCLUSIVE 1 blocking expectation could not be decided; nothing failed that blocks." in text
    assert "What could not be decided, and blocks if it fails open" in text
    assert "What was not tested ? unknown ttft_p95 < 2s aside" in text


def test_jinja_is_imported_only_to_render() -> None:
    code = "import sys; from brownout.harness.report import reports; print(reports.names(), 'jinja2' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "['html', 'json', 'junit', 'md'] False"


def test_without_jinja_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    html._environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigError, match=r"pip install 'brownout\[report\]'"):
        Html().render(usual())
