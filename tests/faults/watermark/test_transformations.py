"""What programs do to text on its way does not hide its watermark, and foreign text carries none."""

import base64
import html
import json
import re
import textwrap
import time
from collections.abc import Callable
from random import Random

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.watermark.text import Codec, Kind, Text, lexicon
from brownout.faults.model.watermark.trace import Integrity, integrity, normalise, read

CODEC = Codec("a run")
OPENINGS = ("", "Dear Ann,", "Grüße! It’s “fine” … said\tO'Brien & Søns:", "İstanbul, ﬁnally:")
LEDGER = {
    i: Text(i, 1 + i % 7, (Kind.PROSE, Kind.PROSE, Kind.NONSENSE, Kind.ERROR)[i % 4], OPENINGS[i % 3] * (i % 4 == 0))
    for i in range(400)
}
IDENTITIES = st.integers(0, len(LEDGER) - 1)
FAST = settings(max_examples=40, deadline=None)


def hard_wrap(text: str, width: int = 80) -> str:
    return "\n".join(text[k : k + width] for k in range(0, len(text), width))


def hyphenated(text: str) -> str:
    """Every long word broken by a hyphen and a line end, as typesetters do."""
    return re.sub(r"([a-z]{4})([a-z]{4})", "\\1-\n\\2", text)


def coloured(text: str) -> str:
    link = "\x1b]8;;https://example.com\x1b\\"
    return (
        "\x1b[2K\x1b[1;32m"
        + text.replace(" the ", " \x1b[38;5;9mthe\x1b[0m ").replace("our", link + "our")
        + "\x1b[?25h"
    )


LAYOUTS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "lower case": str.lower,
    "upper case": str.upper,
    "no punctuation": lambda s: re.sub(r"[^\w\s]", "", s),
    "one line": lambda s: " ".join(s.split()),
    "wrapped": lambda s: "\n".join(textwrap.wrap(s, 40)),
    "quoted mail": lambda s: "\n".join("> " + line for line in textwrap.wrap(s, 72)),
    "wrapped inside words": hard_wrap,
    "wrapped inside words, then one line": lambda s: " ".join(hard_wrap(s, 60).split()),
    "hyphenated": hyphenated,
    "soft hyphens": lambda s: re.sub(r"([a-z]{4})([a-z]{4})", "\\1\u00ad\\2", s),
    "full width": lambda s: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s),
    "bold first words": lambda s: re.sub(r"(?m)^(\w+ \w+)", r"**\1**", s),
}
ENCODINGS: dict[str, Callable[[str], str]] = {
    "none": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda s: json.dumps(json.dumps({"answer": s})),
    "JSON with every letter escaped": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "Python repr": repr,
    "HTML": html.escape,
    "HTML references": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "HTML of HTML references": lambda s: html.escape("".join(f"&#x{ord(c):x};" for c in s)),
    "HTML references of JSON": lambda s: "".join(f"&#92;u{ord(c):04x}" for c in s),
    "terminal codes": coloured,
    "JSON of terminal codes": lambda s: json.dumps(coloured(s)),
}
CHANGES = [(layout, "none") for layout in LAYOUTS] + [("as it is", encoding) for encoding in ENCODINGS]


@pytest.mark.parametrize(("layout", "encoding"), CHANGES)
def test_a_text_is_read_whole_after(layout: str, encoding: str) -> None:
    for id in range(40):
        received = ENCODINGS[encoding](LAYOUTS[layout](CODEC.make(LEDGER[id])))
        for hints in ((), (id,)):
            reading = read(CODEC, received, LEDGER, hints)
            assert reading.ids() == (id,)
            assert reading.unknown == 0
            assert not any(h.hole for h in reading.hits)
            if LEDGER[id].before in ("", "Dear Ann,"):
                assert reading.missing(id, len(CODEC.make(LEDGER[id]))) == ()


@FAST
@given(
    id=IDENTITIES, layout=st.sampled_from([*LAYOUTS]), encoding=st.sampled_from([*ENCODINGS]), seed=st.integers(0, 99)
)
def test_a_text_amid_other_text_is_found_in_any_layout_and_encoding(
    id: int, layout: str, encoding: str, seed: int
) -> None:
    fake = Faker("en_US")
    fake.seed_instance(seed)
    received = f"{fake.sentence()}\n\n{CODEC.make(LEDGER[id])}\n\n{fake.sentence()}"
    reading = read(CODEC, ENCODINGS[encoding](LAYOUTS[layout](received)), LEDGER)
    assert reading.ids() == (id,)
    assert {h.position for h in reading.hits} == set(range(LEDGER[id].sentences))


@FAST
@given(text=st.text())
def test_any_text_can_be_read(text: str) -> None:
    reading = read(CODEC, text, LEDGER, (0, 1))
    assert all(0 <= h.a <= h.b <= len(normalise(text)) and 0 <= h.lo <= h.hi for h in reading.hits)
    assert reading.other <= len(normalise(text))
    assert reading.unknown == 0


@pytest.mark.parametrize("before", OPENINGS)
def test_hits_of_a_whole_text_say_where_its_sentences_stand(before: str) -> None:
    text = Text(9000, 9, before=before)
    made = CODEC.make(text)
    for received in (made, "\n" + made.upper(), "Here you are: " + "\n".join(textwrap.wrap(made, 50))):
        reading = read(CODEC, received, {9000: text}, (9000,))
        assert [h.position for h in reading.hits] == list(range(9))
        for h in reading.hits:
            sentence = CODEC.sentence(Kind.PROSE, 9000, h.position)
            assert made[h.lo : h.hi].endswith(sentence)
            assert normalise(received)[h.a : h.b].endswith(sentence.lower())
            assert (h.lo == 0) == (h.position == 0)


def test_words_dropped_do_not_hide_who_speaks() -> None:
    rng = Random(4)
    for id in range(100):
        words = CODEC.make(LEDGER[id]).split()
        received = " ".join(w for w in words if rng.random() > 0.1)
        assert id in read(CODEC, received, LEDGER, (id,)).ids()


def code_places(words: list[str]) -> list[int]:
    """Where the nine code words stand among the words of a sentence."""
    return [k for k, w in enumerate(words) if w.lower().strip(".,;") in lexicon()]


def test_four_words_lost_or_two_changed_in_a_sentence_are_repaired_blind() -> None:
    rng = Random(5)
    for id in (i for i in LEDGER if LEDGER[i].kind is Kind.PROSE):
        words, other = (CODEC.sentence(Kind.PROSE, i, 0).split() for i in (id, id + 1000))
        lost = rng.sample(code_places(words), 4)
        (hit,) = read(CODEC, " ".join(w for k, w in enumerate(words) if k not in lost), LEDGER).hits
        assert (hit.id, hit.words) == (id, 5)
        pairs = [p for p in zip(code_places(words), code_places(other), strict=True) if words[p[0]] != other[p[1]]]
        changed = {k: other[n] for k, n in rng.sample(pairs, 2)}
        (hit,) = read(CODEC, " ".join(changed.get(k, w) for k, w in enumerate(words)), LEDGER).hits
        assert (hit.id, hit.words) == (id, 7)


def test_a_word_broken_by_a_wrap_is_no_hole_even_if_a_half_is_a_word() -> None:
    """ "talented" breaks into "tale" and "nted", "sunshine" into two words of the lists."""
    broken = 0
    for id in range(3000):
        sentence = CODEC.sentence(Kind.PROSE, id, 0)
        for word, half in (("talented", "tale"), ("sunshine", "sun"), ("crowded", "crow"), ("shocking", "shock")):
            if word in sentence:
                received = sentence.replace(word, half + "\n" + word.removeprefix(half))
                (hit,) = read(CODEC, received, {id: Text(id, 1)}).hits
                assert not hit.hole
                assert hit.hi - hit.lo == len(sentence)
                broken += 1
    assert broken > 20


FOREIGN = (
    "Circuit breakers keep a failing dependency from taking its callers with it. After a number of errors in a row the "
    "breaker opens, calls fail at once, and a probe is let through from time to time. Once probes succeed it closes.",
    "The consul of the colony boarded the train at dusk, her coat heavy with rain. A curious donkey watched from the "
    "bridge. Nobody had asked the butler about the missing coin, and the chapel bell had not rung since the blizzard.",
    "Add the basil, the coconut milk and a dash of brandy; stir calmly until the broth is creamy. Serve with bread, an "
    "avocado salad and chilled lemonade. Any leftover beef can be roasted the next day with a spicy marinade.",
    "I'm sorry, but I can't help with that. Our assistants are busy right now. Please try again in a few minutes, or "
    "write to support@example.com. Your reference is 48151623.",
)


@pytest.mark.parametrize("hints", [(), (0, 5, 9)])
def test_foreign_prose_belongs_to_nobody(hints: tuple[int, ...]) -> None:
    fake = Faker("en_US")
    fake.seed_instance(8)
    for text in (*FOREIGN, *(fake.paragraph(nb_sentences=12) for _ in range(150))):
        reading = read(CODEC, text, LEDGER, hints)
        assert reading.hits == ()
        assert reading.unknown == 0
        assert reading.other == sum(c.isalnum() for c in text)


def test_letters_that_are_not_ours_are_counted() -> None:
    made = CODEC.make(LEDGER[12])
    assert read(CODEC, f"Well, well 12! {made} Bye.", LEDGER).other == len("Wellwell12Bye")
    assert read(CODEC, f"Well, well 12! {made} Bye.", LEDGER, (12,)).other == len("Wellwell12Bye")


def test_what_is_encoded_beyond_recognition_is_not_found() -> None:
    received = base64.b64encode(CODEC.make(LEDGER[3]).encode()).decode()
    assert read(CODEC, received, LEDGER, (3,)).hits == ()


@pytest.mark.parametrize("id", range(0, 40, 3))
def test_a_text_of_another_key_is_never_one_of_ours(id: int) -> None:
    received = Codec("an earlier run").make(LEDGER[id])
    for hints in ((), (id,)):
        reading = read(CODEC, received, LEDGER, hints)
        assert reading.hits == ()
        assert reading.unknown == LEDGER[id].sentences
        assert integrity(CODEC, reading, LEDGER) == (Integrity.NONE, 0.0)


def test_what_the_ledger_did_not_issue_is_unknown() -> None:
    issued = {1: Text(1, 2), 2: Text(2, 2, Kind.ERROR)}
    assert read(CODEC, CODEC.make(Text(3, 2)), issued).unknown == 2, "another id"
    assert read(CODEC, CODEC.make(Text(2, 2)), issued).unknown == 2, "another kind"
    longer = read(CODEC, CODEC.make(Text(1, 4)), issued)
    assert (longer.ids(), longer.unknown) == ((1,), 2), "more sentences than were issued"


def test_an_expected_text_is_recognised_without_decoding() -> None:
    """Most answers arrive as they were said. Processor time of the best of several rounds: a busy machine matters not."""
    texts = {i: Text(i, 10) for i in range(20)}

    def seconds(received: str, hinted: bool) -> float:
        begin = time.thread_time()
        for id, text in texts.items():
            reading = read(CODEC, received.format(CODEC.make(text)), texts, (id,) if hinted else ())
            assert len(reading.hits) == 10
        return time.thread_time() - begin

    expected, contained, decoded = (
        min(seconds(received, hinted) for _ in range(6))
        for received, hinted in (("{}", True), ("Answer: {}\n", True), ("{}", False))
    )
    assert expected < decoded / 10
    assert contained < decoded / 2
