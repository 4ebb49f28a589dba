"""The text that is made: its words, its shape, and that it depends on key and text alone."""

import os
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.watermark.text import IDS, POSITIONS, Codec, Kind, Message, Text, lexicon

CODEC = Codec("a run")
FORMAT = [
    "Our childlike traveler walked that joyous crack, but this shocking waiter landed the hire.",
    "This glib ribbon rained our wistful bitten, while the hushed craft secured each assault.",
    "Vrax bnejm dzixt znozk vrelb tkibv qwaq znenz znalb.",
    "The spooky ultimatum attended the rural laundry, and the abortive guitarist grabbed the thief.",
]
MADE = "from brownout.faults.model.watermark.text import *; print(Codec('run').make(Text(5, 9, Kind.{})))"


def code_words(sentence: str) -> list[str]:
    return [w for w in re.findall("[a-z]+", sentence.lower()) if w in lexicon()]


def test_the_words_tell_slot_and_symbol_by_themselves() -> None:
    words = lexicon()
    assert len(words) == len(set(words.values())) == 2 * 9 * 127
    assert all(re.fullmatch("[a-z]{3,12}", w) for w in words)


def test_no_two_words_of_the_format_make_a_third() -> None:
    """So a word broken by a line wrap can be put together without a doubt."""
    glue = {w for i in range(200) for w in re.findall("[a-z]+", CODEC.sentence(Kind.PROSE, i, 0).lower())}
    parts = set(lexicon()) | glue
    assert not [w for w in lexicon() for k in range(1, len(w)) if w[:k] in parts and w[k:] in parts]


def test_the_format_is_what_it_was() -> None:
    """Texts of earlier runs stay readable only while these do not change."""
    codec = Codec("run")
    assert [codec.sentence(Kind.PROSE, 5, p) for p in range(2)] == FORMAT[:2]
    assert codec.sentence(Kind.NONSENSE, 5, 0) == FORMAT[2]
    assert codec.sentence(Kind.PROMPT, IDS - 1, POSITIONS - 1) == FORMAT[3]


@pytest.mark.parametrize("kind", Kind)
def test_every_process_makes_the_same_text(kind: Kind) -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", MADE.format(kind.name)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert {o.decode().rstrip("\n") for o in outputs} == {Codec("run").make(Text(5, 9, kind))}


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(Kind), id=st.integers(0, IDS - 1), position=st.integers(0, POSITIONS - 1))
def test_a_sentence_holds_its_codeword_in_order_and_nothing_else_of_the_lexicon(
    kind: Kind, id: int, position: int
) -> None:
    entries = [lexicon()[w] for w in code_words(CODEC.sentence(kind, id, position))]
    assert [e.slot for e in entries] == list(range(9))
    assert tuple(e.symbol for e in entries) == CODEC.codeword(Message(kind, id, position))
    assert {e.nonsense for e in entries} == {kind is Kind.NONSENSE}
    assert CODEC.decipher(tuple(e.symbol for e in entries)) == (Message(kind, id, position), 9)


def test_the_text_is_its_opening_and_its_sentences_in_paragraphs_of_four() -> None:
    sentences = [CODEC.sentence(Kind.PROSE, 7, p) for p in range(9)]
    expected = " ".join(sentences[:4]) + "\n\n" + " ".join(sentences[4:8]) + "\n\n" + sentences[8]
    assert CODEC.make(Text(7, 9)) == expected
    assert CODEC.make(Text(7, 9, before="Dear Ann,")) == "Dear Ann, " + expected
    assert CODEC.make(Text(7, 0, before="Dear Ann,")) == "Dear Ann,"
    assert CODEC.make(Text(7, 0)) == ""


def test_a_shorter_text_is_the_beginning_of_a_longer_one() -> None:
    assert CODEC.make(Text(7, 12)).startswith(CODEC.make(Text(7, 5)))


def test_texts_of_different_keys_kinds_and_ids_differ() -> None:
    texts = [Codec(key).make(Text(id, 1, kind)) for key in ("a", "b") for id in (0, 1) for kind in Kind]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("id", "sentences"), [(-1, 1), (IDS, 1), (0, -1), (0, POSITIONS + 1)])
def test_a_text_that_the_code_has_no_room_for_is_refused(id: int, sentences: int) -> None:
    wrong = str(id) if sentences == 1 else str(sentences)
    with pytest.raises(ValueError, match=wrong):
        Text(id, sentences)


@pytest.mark.parametrize(("id", "position"), [(-1, 0), (IDS, 0), (0, -1), (0, POSITIONS)])
def test_a_sentence_that_the_code_has_no_room_for_is_refused(id: int, position: int) -> None:
    with pytest.raises(ValueError, match="outside 0 …"):
        CODEC.sentence(Kind.PROSE, id, position)
