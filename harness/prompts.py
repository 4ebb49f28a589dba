"""What users ask, when nothing else is given: the questions of a support desk, with names drawn by Faker."""

from __future__ import annotations

from functools import lru_cache

from brownout.faults.model.watermark.text import Codec, Kind
from brownout.faults.values.keys import generator

__all__ = ["marked", "question"]

_QUESTIONS = (
    "My order from {company} has not arrived. What should I do?",
    "How do I reset the password of my account?",
    "I was charged twice for invoice {number}. Can you help?",
    "Can I change the delivery address to {city}?",
    "How long does a refund to my card take?",
    "My name is {name} and I cannot sign in any more. What now?",
    "Which plan fits a team of {small} people?",
    "How do I cancel my subscription at the end of the month?",
    "The package for {name} is damaged. How do I return it?",
    "Where do I find the receipt for order {number}?",
    "Do you ship to {city}, and what does it cost?",
    "How can I talk to a person about my contract with {company}?",
)


@lru_cache(maxsize=8)
def _pools(seed: int) -> dict[str, tuple[str, ...]]:
    # Drawn once: a draw from Faker costs more than all else in a prompt.
    from faker import Faker

    fake = Faker("en_US")
    fake.seed_instance(seed)
    draw = {"company": fake.company, "city": fake.city, "name": fake.name}
    return {k: tuple(f() for _ in range(50)) for k, f in draw.items()}


def question(number: int, seed: int) -> str:
    """The question of prompt `number`: a function of number and seed alone."""
    rng = generator(seed, "question", number)
    fields = {k: rng.choice(pool) for k, pool in _pools(seed).items()}
    form = rng.choice(_QUESTIONS)
    return form.format(number=rng.randint(10_000, 99_999), small=rng.randint(3, 40), **fields)


def marked(codec: Codec, number: int, seed: int) -> str:
    """A user's message: a question between two sentences of watermark, so that a cut prompt is still recognised."""
    first, last = (codec.sentence(Kind.PROMPT, number, position) for position in (0, 1))
    return f"{first} {question(number, seed)} {last}"
