"""The permutation is a bijection, codewords are far apart, and what distance allows to repair is repaired."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from brownout.faults.model.watermark.code import BITS, FIELD, LENGTH, Permutation, Symbols, decode, encode

MESSAGES = st.integers(0, (1 << BITS) - 1)
PLACES = st.lists(st.integers(0, LENGTH - 1), unique=True)
FAST = settings(max_examples=60, deadline=None)


def damaged(message: int, wrong: list[int], lost: list[int], shift: int = 1) -> Symbols:
    """The codeword of `message` with some symbols changed and some lost."""
    return tuple(None if x in lost else (y + shift) % FIELD if x in wrong else y for x, y in enumerate(encode(message)))


@FAST
@given(message=MESSAGES, key=st.text())
def test_the_permutation_has_an_inverse(message: int, key: str) -> None:
    permutation = Permutation(key)
    image = permutation.scatter(message)
    assert 0 <= image < 1 << BITS
    assert permutation.gather(image) == message
    assert permutation.scatter(permutation.gather(message)) == message


def test_the_permutation_keeps_messages_apart() -> None:
    permutation = Permutation("a key")
    assert len({permutation.scatter(m) for m in range(20_000)}) == 20_000


def test_the_permutation_depends_on_the_key() -> None:
    one, two = Permutation("run 1"), Permutation("run 2")
    assert sum(one.scatter(m) == two.scatter(m) for m in range(1000)) <= 1


def test_neighbours_share_no_more_symbols_than_chance() -> None:
    permutation = Permutation("a key")
    words = [encode(permutation.scatter(m)) for m in range(2000)]
    shared = sum(a == b for one, two in pairwise(words) for a, b in zip(one, two, strict=True))
    expected = 1999 * LENGTH / FIELD
    assert abs(shared - expected) < 5 * expected**0.5


def test_every_symbol_is_used_about_equally() -> None:
    permutation = Permutation("a key")
    counts = [[0] * FIELD for _ in range(LENGTH)]
    for m in range(5000):
        for x, y in enumerate(encode(permutation.scatter(m))):
            counts[x][y] += 1
    # 34 bits leave the highest digit only 67 of its 127 values.
    reach = [FIELD if x != 4 else ((1 << BITS) - 1) // FIELD**4 + 1 for x in range(LENGTH)]
    assert reach[4] == 67
    for slot, size in zip(counts, reach, strict=True):
        expected = 5000 / size
        assert all(abs(n - expected) < 6 * expected**0.5 for n in slot[: size - 1])
        assert not sum(slot[size:])


@FAST
@given(one=MESSAGES, two=MESSAGES)
def test_any_two_codewords_differ_in_five_symbols(one: int, two: int) -> None:
    if one != two:
        assert sum(a != b for a, b in zip(encode(one), encode(two), strict=True)) >= 5


def test_close_messages_differ_in_five_symbols_too() -> None:
    words = [encode(m) for m in [*range(150), *(FIELD**4 * m for m in range(1, 50))]]
    assert min(sum(a != b for a, b in zip(*pair, strict=True)) for pair in combinations(words, 2)) >= 5


@FAST
@given(message=MESSAGES, lost=PLACES)
def test_up_to_four_lost_symbols_are_repaired(message: int, lost: list[int]) -> None:
    solution = decode(damaged(message, [], lost))
    if len(lost) <= 4:
        assert solution == (message, LENGTH - len(lost))
    else:
        assert solution is None


@FAST
@given(message=MESSAGES, wrong=PLACES.filter(lambda p: 0 < len(p) <= 2), shift=st.integers(1, FIELD - 1))
def test_two_wrong_symbols_are_repaired(message: int, wrong: list[int], shift: int) -> None:
    assert decode(damaged(message, wrong, [], shift)) == (message, LENGTH - len(wrong))


@FAST
@given(message=MESSAGES, places=st.permutations(range(LENGTH)), shift=st.integers(1, FIELD - 1))
def test_one_wrong_and_two_lost_symbols_are_repaired(message: int, places: list[int], shift: int) -> None:
    assert decode(damaged(message, places[:1], places[1:3], shift)) == (message, 6)


def test_a_codeword_that_stands_for_no_message_is_not_read_as_one() -> None:
    assert decode((FIELD - 1,) * LENGTH) is None
