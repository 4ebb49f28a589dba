"""What a call costs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from brownout.faults.model.spec import Price
from brownout.faults.values.answer import Usage

__all__ = ["cost", "published"]


@lru_cache(maxsize=1)
def published() -> Mapping[str, Price]:
    """The dated table of published prices in prices.yaml."""
    table = yaml.safe_load(Path(__file__).with_name("prices.yaml").read_text())
    return {model: Price(float(p["input"]), float(p["output"])) for model, p in table.items()}


def cost(model: str, usage: Usage, own: Mapping[str, Price]) -> float | None:
    """US dollars for a call, None when the model has no price. Dated snapshots (``gpt-4o-2024-08-06``) use their family's."""
    prices = {**published(), **own}
    family = max((m for m in prices if model == m or model.startswith(m + "-20")), key=len, default=None)
    if family is None:
        return None
    price = prices[family]
    return (usage.prompt * price.input + usage.completion * price.output) / 1_000_000
