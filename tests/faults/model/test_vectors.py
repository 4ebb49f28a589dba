"""Vectors: their geometry is what search over embeddings needs."""

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.vectors import dimensions_of, embedding


def cosine(one: str, other: str, dimensions: int = 1536) -> float:
    pairs = zip(embedding(one, dimensions), embedding(other, dimensions), strict=True)
    return sum(a * b for a, b in pairs)


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from([1, 2, 8, 256, 1536]))
def test_a_vector_has_the_length_one_and_the_dimensions_asked_for(text: str, dimensions: int) -> None:
    vector = embedding(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(math.fsum(x * x for x in vector), 1.0, rel_tol=1e-9)


def test_words_that_cancel_each_other_out() -> None:
    """In one dimension every word is plus or minus one."""
    assert {embedding(f"{a} {b}", 1) for a in "abcdef" for b in "abcdef"} <= {(1.0,), (-1.0,)}


QUESTION = "How long does a refund of my order take?"


def test_similar_texts_are_near_and_others_are_not() -> None:
    assert cosine(QUESTION, "how LONG does the refund of my order take") > 0.8
    assert cosine(QUESTION, "A refund of an order takes five days.") > 0.25
    assert abs(cosine(QUESTION, "Penguins swim under thick ice.")) < 0.15
    assert cosine("refund refund refund order", "refund") > 0.8
    assert cosine("refund refund refund order", "order") < 0.5
    assert cosine("a b c d", "d, c; B. A!") == pytest.approx(1)


def test_the_nearest_document_is_the_one_about_the_question() -> None:
    documents = [
        "Our shops open at nine and close at eight.",
        "A refund of your order takes up to five days.",
        "You can change your password in the settings.",
    ]
    assert max(documents, key=lambda d: cosine(QUESTION, d)) == documents[1]


def test_an_empty_text_has_a_vector_of_its_own() -> None:
    assert embedding("", 64) == embedding(" .\n", 64)
    assert abs(cosine("", QUESTION)) < 0.15


def test_a_very_long_text() -> None:
    assert len(embedding("word " * 100_000, 16)) == 16


def test_another_process_makes_the_same_vector() -> None:
    """Indexes are stored and used by later runs."""
    code = f"from brownout.faults.model.vectors import embedding; print(embedding({QUESTION!r}, 8))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(embedding(QUESTION, 8))
    signs = "".join("+" if x > 0 else "-" for x in embedding("refund", 16))
    assert signs == "-+---+-+++-+----", "stored vectors of earlier versions still fit"


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [
        ("text-embedding-3-small", 1536),
        ("text-embedding-3-large", 3072),
        ("models/gemini-embedding-001", 3072),
        ("nomic-embed-text:latest", 768),
        ("nobody-knows-it", 1536),
    ],
)
def test_the_usual_dimensions_of_a_model(model: str, dimensions: int) -> None:
    assert dimensions_of(model) == dimensions
