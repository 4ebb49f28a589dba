"""Inputs of OpenAI's API that may be text or tokens."""

from __future__ import annotations

__all__ = ["read_inputs"]


def read_inputs(given: object) -> tuple[str, ...]:
    """The texts of a text, a list of texts, a list of token numbers (one text) or a list of such lists; none of anything else.

    Tokens are read as their numbers with spaces between: there is no tokenizer.
    """
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list):
        return ()
    if all(isinstance(item, str) for item in given):
        return tuple(given)
    lists = [given] if _is_tokens(given) else given
    return tuple(" ".join(map(str, item)) for item in lists) if all(map(_is_tokens, lists)) else ()


def _is_tokens(given: object) -> bool:
    return (
        isinstance(given, list) and bool(given) and all(isinstance(n, int) and not isinstance(n, bool) for n in given)
    )
