"""Prompts are found in the bodies of calls, cut or damaged, among other text, and fast."""

import json
import time
from random import Random

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.watermark.text import Codec, Kind, Text, lexicon
from brownout.faults.model.watermark.trace import prompts

CODEC = Codec("a run")
KNOWN = frozenset(range(500))
IDENTITIES = st.integers(0, 499)
FAST = settings(max_examples=60, deadline=None)


def body(*ids: int, seed: int = 0, paragraphs: int = 1) -> str:
    """A request body whose user messages hold a question between two sentences of watermark."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    messages = [{"role": "system", "content": fake.paragraph(nb_sentences=5)}]
    for id in ids:
        first, last = (CODEC.sentence(Kind.PROMPT, id, p) for p in (0, 1))
        question = "\n\n".join(fake.paragraph(nb_sentences=5) for _ in range(paragraphs))
        messages.append({"role": "user", "content": f"{first} {question}\n{last}"})
    return json.dumps({"model": "gpt-4o", "messages": messages})


@FAST
@given(ids=st.lists(IDENTITIES, max_size=4), seed=st.integers(0, 99))
def test_all_prompts_of_a_body_are_found_in_order(ids: list[int], seed: int) -> None:
    assert prompts(CODEC, body(*ids, seed=seed), KNOWN) == tuple(dict.fromkeys(ids))


@FAST
@given(id=IDENTITIES, position=st.integers(0, 1), begin=st.integers(0, 4), tail=st.sampled_from(["", " Why?", " …"]))
def test_any_five_words_in_a_row_are_enough(id: int, position: int, begin: int, tail: str) -> None:
    words = CODEC.sentence(Kind.PROMPT, id, position).lower().replace(",", "").replace(";", "").rstrip(".").split()
    code = [k for k, w in enumerate(words) if w in lexicon()]
    cut = " ".join(words[code[begin] : code[begin + 4] + 1])
    assert prompts(CODEC, f"Name this chat: {cut}{tail}", KNOWN) == (id,)
    assert prompts(CODEC, " ".join(words[code[begin] : code[begin + 4]]), KNOWN) == (), "four are not"


def test_any_five_words_of_the_nine_are_enough() -> None:
    rng = Random(6)
    for id in range(100):
        words = CODEC.sentence(Kind.PROMPT, id, 0).split()
        code = [k for k, w in enumerate(words) if w.lower().strip(".,;") in lexicon()]
        lost = rng.sample(code, 4)
        assert prompts(CODEC, " ".join(w for k, w in enumerate(words) if k not in lost), KNOWN) == (id,)


def test_a_code_word_of_other_text_beside_five_does_no_harm() -> None:
    for id in range(60):
        head = CODEC.sentence(Kind.PROMPT, id, 0).replace(";", ",").split(", ")[0]
        assert prompts(CODEC, f"{head} ... about that chocolate", KNOWN) == (id,)
        words = CODEC.sentence(Kind.PROMPT, id, 0).lower().strip(".").split()
        tail = " ".join(words[[k for k, w in enumerate(words) if w.strip(",;") in lexicon()][4] :])
        assert prompts(CODEC, f"about a filthy {tail}", KNOWN) == (id,)


def test_words_far_apart_make_no_sentence() -> None:
    words = CODEC.sentence(Kind.PROMPT, 5, 0).split()
    assert prompts(CODEC, " ".join(words), KNOWN) == (5,)
    assert prompts(CODEC, (" and then something else happened that nobody had asked for " * 2).join(words), KNOWN) == ()


def test_known_may_be_a_mapping_or_a_function() -> None:
    text = body(3, 4, 5)
    assert prompts(CODEC, text, {4: "ann", 5: "bob"}) == (4, 5)
    assert prompts(CODEC, text, lambda id: id != 4) == (3, 5)
    assert prompts(CODEC, text, ()) == ()


@pytest.mark.parametrize("kind", [Kind.PROSE, Kind.NONSENSE, Kind.ERROR])
def test_other_kinds_of_text_are_no_prompts(kind: Kind) -> None:
    assert prompts(CODEC, CODEC.make(Text(7, 12, kind)), KNOWN) == ()


def test_prompts_of_another_run_are_not_known() -> None:
    other = Codec("another run")
    text = " ".join(other.sentence(Kind.PROMPT, id, p) for id in KNOWN for p in (0, 1))
    assert prompts(CODEC, text, KNOWN) == ()


def test_foreign_prose_asks_nothing() -> None:
    fake = Faker("en_US")
    fake.seed_instance(9)
    assert prompts(CODEC, "\n".join(fake.paragraph(nb_sentences=12) for _ in range(200)), lambda id: True) == ()


def test_a_body_of_one_kilobyte_takes_less_than_a_millisecond() -> None:
    """It runs on every call. Processor time of the best of several rounds, so that a busy machine does not matter."""
    bodies = [body(id, seed=id, paragraphs=3) for id in range(20)]
    assert 900 < sum(map(len, bodies)) / len(bodies) < 1500
    rounds = []
    for _ in range(5):
        begin = time.thread_time()
        for text in bodies:
            prompts(CODEC, text, KNOWN)
        rounds.append((time.thread_time() - begin) / len(bodies))
    assert min(rounds) < 1e-3
