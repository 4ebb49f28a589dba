"""Answers without a model: help by keyword, which says that it is no more than that."""

from __future__ import annotations

import re

__all__ = ["OPENING", "help_for"]

OPENING = "I can't reach our assistant right now."

_TOPICS: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"password", "passwords", "login", "log", "sign", "signin", "account", "locked", "email"}),
        'For access to your account, use "Forgot password" on the sign-in page: you get a link by e-mail.',
    ),
    (
        frozenset({"bill", "billing", "billed", "charge", "charged", "invoice", "payment", "pay", "card", "price"}),
        "Your invoices and payment methods are under Account, Billing.",
    ),
    (
        frozenset({"refund", "refunds", "return", "returns", "exchange", "warranty", "broken", "damaged"}),
        "To send something back, open the order under Account, Orders and choose Return.",
    ),
    (
        frozenset({"delivery", "deliver", "delivered", "shipping", "shipped", "parcel", "package", "tracking", "late"}),
        "The tracking link of a delivery is in the e-mail that we sent when it left our warehouse.",
    ),
    (
        frozenset({"order", "orders", "ordered", "purchase", "cancel", "bought"}),
        "Your orders and where they are stand under Account, Orders; an order can be cancelled there until it ships.",
    ),
    (
        frozenset({"subscription", "subscribe", "plan", "upgrade", "downgrade", "renew", "renewal", "unsubscribe"}),
        "You can change or end your plan at any time under Account, Plan.",
    ),
)
_OTHERWISE = "Our help pages answer the most common questions, and you can write to our support team from there."


def help_for(message: str) -> str:
    """The opening, and the text of the topic with most keywords in the message (the first of several)."""
    words = set(re.findall(r"[a-z]+", message.lower()))
    keywords, text = max(_TOPICS, key=lambda topic: len(topic[0] & words))
    return f"{OPENING} {text if keywords & words else _OTHERWISE}"
