"""How much of a text arrived, and in what state: cut at every character, gaps, repetitions, mixtures, and who is named."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.watermark.text import Codec, Entry, Kind, Message, Text, lexicon
from brownout.faults.model.watermark.trace import Arrival, Hit, Integrity, Reading, integrity, read

CODEC = Codec("a run")
OPENING = "Good news from Smith, Jones and Sons."
LEDGER = {i: Text(i, 2 + i % 9, before=OPENING if i % 3 == 0 else "") for i in range(300)} | {
    900: Text(900, 4, Kind.NONSENSE),
    901: Text(901, 1, Kind.ERROR),
    902: Text(902, 2, Kind.PROMPT),
    903: Text(903, 1),
}
IDENTITIES = st.integers(0, 299)
FAST = settings(max_examples=60, deadline=None)
APART = "\n" + "An advertisement stands here, and it is long enough to part any two words of one sentence. " * 2


def made(id: int) -> str:
    return CODEC.make(LEDGER[id])


def arrived(received: str, *hints: int) -> Integrity:
    return integrity(CODEC, read(CODEC, received, LEDGER, hints), LEDGER).integrity


@pytest.mark.parametrize("id", [7, 30, 900, 903])
def test_a_text_cut_at_any_character_is_measured_to_within_two(id: int) -> None:
    text = made(id)
    for k in range(1, len(text) + 1):
        reading = read(CODEC, text[:k], LEDGER, (id, 150, 151))
        assert reading.ids() == (id,), k
        assert abs(max(h.hi for h in reading.hits) - k) <= 2, k
        assert not any(h.hole for h in reading.hits), k
        assert reading.other == 0, k
        how, delivered = integrity(CODEC, reading, LEDGER)
        assert abs(delivered * len(text) - k) < 2.01, k
        if id != 900:
            assert how is (Integrity.CUT if k < len(text) - 2 else Integrity.WHOLE), k


@FAST
@given(id=IDENTITIES, share=st.floats(0.25, 0.95))
def test_a_cut_text_is_named_and_measured_without_hints(id: int, share: float) -> None:
    text = made(id)
    k = int(len(text) * share)
    reading = read(CODEC, text[:k], LEDGER)
    if k - text.find(CODEC.sentence(Kind.PROSE, id, 0)) > 70:  # five words of the first sentence are there
        assert reading.ids() == (id,)
        # The next sentence is recognised from its neighbour, to the letter.
        assert abs(max(h.hi for h in reading.hits) - k) <= 2


def test_a_cut_text_is_known_by_its_opening_before_other_text() -> None:
    start = CODEC.make(LEDGER[30])[: len(OPENING) - 3]
    assert arrived(f"Our answer: {start}\n-- the help desk", 30) is Integrity.CUT
    assert arrived("Our answer: Good news from all of us: we are back soon.", 30) is Integrity.NONE


@FAST
@given(id=IDENTITIES, hinted=st.booleans(), around=st.sampled_from(["", "Here it is: ", "\n\n"]))
def test_a_whole_text_is_whole(id: int, hinted: bool, around: str) -> None:
    reading = read(CODEC, around + made(id) + around, LEDGER, (id,) if hinted else ())
    assert integrity(CODEC, reading, LEDGER) == Arrival(Integrity.WHOLE, 1.0)


@FAST
@given(id=IDENTITIES.filter(lambda i: LEDGER[i].sentences > 3), begin=st.integers(20, 150), size=st.integers(30, 120))
def test_a_gap_is_found_and_measured(id: int, begin: int, size: int) -> None:
    text = made(id)
    reading = read(CODEC, text[:begin] + text[begin + size :], LEDGER, (id,))
    how, delivered = integrity(CODEC, reading, LEDGER)
    assert how is Integrity.GAP
    # A hole inside one sentence is known but not measured; a stump without a code word beside a gap counts as lost.
    assert -40 < delivered * len(text) - (len(text) - size) <= size


def test_a_lost_sentence_and_a_lost_head_are_gaps_of_their_length() -> None:
    text = made(8)
    sentences = [CODEC.sentence(Kind.PROSE, 8, p) for p in range(10)]
    for lost in (0, 3, 8):
        how, delivered = integrity(CODEC, read(CODEC, text.replace(sentences[lost], ""), LEDGER, (8,)), LEDGER)
        assert how is Integrity.GAP
        assert abs(delivered - (1 - len(sentences[lost]) / len(text))) < 0.012
    how, _ = integrity(CODEC, read(CODEC, text[50:], LEDGER), LEDGER)
    assert how is Integrity.GAP


def test_an_opening_that_was_left_out_is_missing_but_no_gap() -> None:
    reading = read(CODEC, made(30).removeprefix(OPENING), LEDGER, (30,))
    assert reading.missing(30, len(made(30))) == ((0, len(OPENING) + 1),)
    assert integrity(CODEC, reading, LEDGER) == (Integrity.WHOLE, 1 - (len(OPENING) + 1) / len(made(30)))


@FAST
@given(id=IDENTITIES, part=st.floats(0.15, 1), between=st.sampled_from(["", " ", "\n\n", " [retrying] "]))
def test_a_text_that_begins_again_is_doubled(id: int, part: float, between: str) -> None:
    text = made(id)
    head = text[: max(30, int(len(text) * part))]
    assert arrived(head + between + text, id) is Integrity.DOUBLED
    assert arrived(text + between + text) is Integrity.DOUBLED


def test_a_sentence_with_other_text_inside_is_not_doubled() -> None:
    text = made(8)
    for k in (150, 250, 390):
        reading = read(CODEC, text[:k] + APART + text[k:], LEDGER, (8,))
        assert integrity(CODEC, reading, LEDGER).integrity in (Integrity.WHOLE, Integrity.GAP)
        assert reading.ids() == (8,)


@FAST
@given(one=IDENTITIES, two=IDENTITIES, share=st.floats(0.3, 1), hinted=st.booleans())
def test_pieces_of_two_texts_are_spliced_and_named_in_order(one: int, two: int, share: float, hinted: bool) -> None:
    if one == two:
        return
    head = made(one)[: max(110 + len(LEDGER[one].before), int(len(made(one)) * share))]
    reading = read(CODEC, head + made(two), LEDGER, (two, one) if hinted else ())
    assert reading.ids() == (one, two)
    whole = len(head) >= len(made(one)) - 2
    assert integrity(CODEC, reading, LEDGER).integrity is (Integrity.SEVERAL if whole else Integrity.SPLICED)


def test_a_piece_of_an_earlier_run_beside_ours_is_spliced() -> None:
    assert arrived(made(8) + "\n" + Codec("earlier").make(Text(5, 2)), 8) is Integrity.SPLICED


def test_nonsense_and_error_texts_are_told_whole_or_cut() -> None:
    for id, how in ((900, Integrity.NONSENSE), (901, Integrity.ERROR)):
        for hints in ((), (id,)):
            assert integrity(CODEC, read(CODEC, "Sorry: " + made(id), LEDGER, hints), LEDGER) == (how, 1.0)
            reading = read(CODEC, made(id)[:70], LEDGER, hints)
            cut = integrity(CODEC, reading, LEDGER)
            assert cut.integrity is how
            assert abs(cut.delivered * len(made(id)) - 70) < 2.01


def test_an_error_beside_an_answer_is_an_error() -> None:
    assert arrived(f"{made(8)}\n500: {made(901)}") is Integrity.ERROR


@pytest.mark.parametrize("hints", [(), (8,)])
def test_an_echo_of_the_prompt_is_no_answer(hints: tuple[int, ...]) -> None:
    first, last = (CODEC.sentence(Kind.PROMPT, 902, p) for p in (0, 1))
    reading = read(CODEC, f"You asked: {first} What is the price? {last}", LEDGER, hints)
    assert reading.ids() == (902,)
    assert {h.kind for h in reading.hits} == {Kind.PROMPT}
    assert integrity(CODEC, reading, LEDGER) == (Integrity.NONE, 0.0)
    both = read(CODEC, f"You asked: {first} {made(8)[:200]}", LEDGER, hints)
    assert both.ids() == (902, 8)
    assert integrity(CODEC, both, LEDGER).integrity is Integrity.CUT


def test_nothing_received_is_nothing() -> None:
    for received in ("", "   \n", "Please try again later."):
        assert integrity(CODEC, read(CODEC, received, LEDGER, (8,)), LEDGER) == (Integrity.NONE, 0.0)


def test_a_foreign_word_beside_a_short_piece_does_not_hide_it() -> None:
    piece = CODEC.sentence(Kind.PROSE, 8, 0).split(", ")[0]  # five code words: slots 0 to 4
    word = next(w for w in CODEC.sentence(Kind.PROSE, 9, 0).rstrip(".").split()[::-1])  # slot 8
    assert read(CODEC, f"{piece} {word}", LEDGER).ids() == (8,)


def test_hints_that_the_ledger_does_not_know_are_passed_over() -> None:
    assert len(read(CODEC, made(8), LEDGER, (4_000_000, 8)).hits) == 10
    assert len(read(CODEC, f"{made(8)} Bye.", LEDGER, (4_000_000, 8, 8)).hits) == 10, "and one given twice counts once"
    assert read(CODEC, "Yes", {1: Text(1, 0, before="Yes")}, (1,)) == Reading(other=3)


def phrase(id: int, position: int, first: int, last: int) -> str:
    """A sentence of text `id` from its code word in slot `first` to the one in slot `last`."""
    sentence = CODEC.sentence(LEDGER[id].kind, id, position)
    words = [m for m in re.finditer(r"\w+", sentence) if m[0].lower() in lexicon()]
    return sentence[words[first].start() : words[last].end()]


def positions(received: str, *hints: int) -> list[tuple[int, int]]:
    """Which sentence each hit is of, and how many of its code words were seen."""
    return [(h.position, h.words) for h in read(CODEC, received, LEDGER, hints).hits]


def test_a_few_words_are_recognised_beside_a_piece_of_their_text() -> None:
    whole = CODEC.sentence(Kind.PROSE, 8, 3)
    assert positions(f"{whole} The {phrase(8, 4, 0, 2)}{APART}") == [(3, 9), (4, 3)], "the next sentence"
    assert positions(f"{APART} {phrase(8, 2, 6, 8)}. {whole}") == [(2, 3), (3, 9)], "the previous one"
    assert positions(f"{phrase(8, 3, 0, 4)}{APART}{phrase(8, 3, 5, 8)}") == [(3, 5), (3, 4)], "the same one"
    assert positions(f"{phrase(8, 3, 0, 3)}{APART}{phrase(8, 3, 4, 8)}") == [(3, 4), (3, 5)], "the same one"
    assert positions(f"{whole} {phrase(8, 4, 0, 0)}{APART}") == [(3, 9), (4, 1)], "one word, next to it"
    assert positions(f"{APART}{phrase(8, 2, 8, 8)}. {whole}") == [(2, 1), (3, 9)], "one word, next to it"
    assert positions(f"{whole} Yes: {phrase(8, 4, 1, 1)}{APART}") == [(3, 9)], "one word by itself may be chance"


def test_a_few_words_of_an_expected_text_are_recognised_anywhere() -> None:
    assert positions(f"{APART} {phrase(8, 4, 2, 4)} {APART}", 8) == [(4, 3)]
    assert positions(f"{APART} {phrase(8, 4, 2, 4)} {APART}") == []
    assert positions(f"{APART} {phrase(8, 4, 3, 3)} {APART}", 8) == [], "one word may be chance"
    assert positions(f"{APART} {phrase(8, 4, 3, 3)}", 8) == [], "one word may be chance"
    assert positions(f"{APART} {phrase(8, 0, 0, 1)} {phrase(9, 0, 4, 5)}", 8) == [], "two of four may be"
    assert positions(f"{APART} {phrase(8, 0, 0, 2)} {phrase(9, 0, 4, 5)}", 8) == [(0, 3)], "three are not"


def test_pieces_of_two_sentences_that_look_like_one_are_told_apart() -> None:
    # Slots rise through both pieces. Six words: solved. Two and four: guessed.
    assert positions(f"{phrase(8, 0, 0, 5)} {phrase(8, 1, 7, 8)}", 8) == [(0, 6), (1, 2)]
    assert positions(f"{phrase(8, 1, 0, 1)} {phrase(8, 2, 5, 8)}", 8) == [(1, 2), (2, 4)]
    assert positions(f"{phrase(8, 1, 0, 3)} {phrase(8, 2, 4, 8)}") == [(1, 4), (2, 5)]
    assert positions(f"{phrase(900, 1, 0, 1)} {phrase(8, 2, 4, 6)}", 8, 900) == [(1, 2), (2, 3)], "two alphabets"


def test_words_of_a_sentence_in_what_stands_before_it_are_no_repetition() -> None:
    before = f"About {phrase(8, 1, 0, 1)}, briefly:"
    ledger = {8: Text(8, 3, before=before)}
    for received in (f"{CODEC.make(ledger[8])}\nBye.", CODEC.make(ledger[8]).replace("the", "")):
        for hints in ((), (8,)):
            reading = read(CODEC, received, ledger, hints)
            assert [h.position for h in reading.hits] == [0, 1, 2]
            assert integrity(CODEC, reading, ledger) == (Integrity.WHOLE, 1.0)


def test_an_opening_that_begins_again_is_doubled() -> None:
    assert arrived(OPENING[:15] + made(30), 30) is Integrity.DOUBLED
    assert arrived(OPENING[:15] + "?" + made(30).upper(), 30) is Integrity.DOUBLED


def test_other_text_after_a_whole_sentence_is_not_taken_for_the_next() -> None:
    for id in (i for i in range(60) if LEDGER[i].sentences > 2):
        following = CODEC.sentence(Kind.PROSE, id, 1)
        cut = made(id)[: made(id).find(following)]
        reading = read(CODEC, cut + following[:1] + "xyz is what we offer.", LEDGER, (id,))
        assert reading.other == len("Oxyziswhatweoffer")
        assert max(h.hi for h in reading.hits) == len(cut.rstrip())


def test_the_words_of_one_alphabet_say_nothing_in_the_other() -> None:
    spoken = {entry: word for word, entry in lexicon().items()}
    symbols = CODEC.codeword(Message(Kind.PROSE, 8, 0))
    received = " ".join(spoken[Entry(True, slot, symbol)] for slot, symbol in enumerate(symbols))
    reading = read(CODEC, received, LEDGER, (8,))
    assert (reading.hits, reading.unknown) == ((), 1)


@pytest.mark.parametrize(("overlap", "how"), [(5, Integrity.WHOLE), (15, Integrity.DOUBLED)])
def test_pieces_that_overlap_by_a_few_characters_are_no_repetition(overlap: int, how: Integrity) -> None:
    length, half = len(made(903)), len(made(903)) // 2
    pieces = (
        Hit(903, Kind.PROSE, 0, 4, 0, half + overlap, 0, half + overlap),
        Hit(903, Kind.PROSE, 0, 5, half + overlap, length + overlap, half, length),
    )
    assert integrity(CODEC, Reading(pieces), LEDGER) == (how, 1.0)


def test_missing_leaves_out_what_programs_change() -> None:
    def hit(lo: int, hi: int, id: int = 1) -> Hit:
        return Hit(id, Kind.PROSE, 0, 9, 0, 1, lo, hi)

    assert Reading((hit(4, 90), hit(98, 198))).missing(1, 200) == ()
    assert Reading((hit(98, 198), hit(9, 80), hit(0, 300, 2))).missing(1, 201) == ((0, 9), (80, 98), (198, 201))
    assert Reading().missing(1, 10) == ((0, 10),)
