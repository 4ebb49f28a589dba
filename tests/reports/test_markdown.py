"""Markdown, read by a parser of CommonMark with GFM's tables: what it shows, and that no text becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.reports.made import HOSTILE, experiment, finding, hostile, phase, result, usual

from brownout.harness.verdict.finding import Status
from brownout.harness.verdict.plain import one_line
from brownout.reports.markdown import LARGEST, Markdown, escape

OURS = {"<details>", "<summary>", "</summary>", "</details>", "<br>"}


def tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(text):
        yield token
        yield from token.children or ()


def shown(text: str) -> str:
    """What a reader sees of a line of Markdown."""
    return "".join(t.content if t.type in ("text", "text_special") else "" for t in tokens(text) if not t.children)


def test_verdict_first_then_what_blocks() -> None:
    text = Markdown().render(usual())
    headings = [t.content for before, t in pairwise(tokens(text)) if before.type == "heading_open"]
    assert headings == ["🛑 NO-GO", "What blocks the launch", "Conditions", "What was not tested", "Experiments"]
    assert "Usual fix: Fall back to the smaller model after the first failed call." in text
    assert "waived by ana until 2030-01-31: the provider answers in March" in text
    assert "brownout run slow-start retry-storm nonsense --app demo:naive --seed 7" in text
    assert "18.2 s – never" in text


def test_hostile_text_is_inert() -> None:
    text = Markdown().render(hostile())
    for token in tokens(text):
        assert token.type not in ("link_open", "image", "code_inline", "fence", "em_open", "s_open")
        if token.type in ("html_inline", "html_block"):
            assert set(re.findall("<[^ ].*?>", token.content)) <= OURS
        # In a block of code, which holds the command, nothing is a mention.
        assert "@octocat" not in token.content or token.type == "code_block"
    cells = [t.content for before, t in pairwise(tokens(text)) if before.type == "td_open"]
    assert len(cells) == 2 * 6 + 2 * (8 + 5 * 8)
    assert cells.count("< 2 s") == 10, "the limit is still the last cell of each row"


@pytest.mark.parametrize(
    "text", ["# a", "- a", "+ a", "> a", "1. a", "12) a", "=== a", "a_b _c_ d_", "a|b", "$x$", "~~a~~", "![a](b)"]
)
def test_escaped_text_reads_as_it_was(text: str) -> None:
    assert shown(f"- {escape(text)}") == text
    assert shown(f"**{escape(text)}**") == text


@settings(deadline=None)
@given(st.text(st.sampled_from("ab1 <>&@_*`~|[]()!#\\$:/.-+=\n\t\x1b\u202e"), max_size=40))
@example("a <b> @c www.d.e http://f &amp; \\| `g`")
def test_no_text_makes_markup(text: str) -> None:
    line = f"- x {escape(text)}\n"
    kinds = {t.type for t in tokens(line)} - {"text", "text_special", "inline"}
    assert kinds == {
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    }
    assert shown(line).replace("\u200b", "").split() == ["x", *one_line(text).split()]


def test_a_summary_never_grows_too_large() -> None:
    many = [
        experiment(
            f"{i} {HOSTILE}",
            [
                finding(
                    Status(s), experiment=HOSTILE, message="<a" * 9000, meaning="<a" * 900, evidence=("<a" * 900,) * 10
                )
                for s in Status
            ]
            * 10,
            title="<a" * 900,
            question="<a" * 900,
            valid=i % 2 == 0,
            why_invalid=("<a" * 900,) * 9,
            phases=(phase(),) * 9,
        )
        for i in range(12)
    ]
    text = Markdown().render(result(many))
    assert len(text.encode()) <= LARGEST
    assert "More details did not fit here" in text
    assert text.index("# 🛑 NO-GO") < text.index("What blocks the launch") < text.index("and 20 more")
    assert text.count("<details>") == text.count("</details>")
    assert "More details did not fit here" not in Markdown().render(usual())
