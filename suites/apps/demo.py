"""The demo app: a support-desk assistant, hardened or naive, or hardened without some of its protections.

``demo:hardened-breaker-deadline`` is the hardened app without its breaker and its deadline.
"""

from __future__ import annotations

import importlib.util
from dataclasses import fields, replace
from pathlib import Path

from brownout.faults.values.errors import ConfigError, Problem, SetupError, shown
from brownout.faults.values.registry import did_you_mean
from brownout.harness.config.app import AppConfig
from brownout.harness.config.apps import apps
from brownout.harness.config.fields import words_of
from brownout.suites.demo.protections import Protections

__all__ = ["DemoApp"]


class DemoApp:
    """``demo``."""

    variants: tuple[str, ...] = ("hardened", "naive")
    default = "hardened"

    def config(self, variant: str) -> AppConfig:
        base, *without = variant.split("-")
        if base not in self.variants:
            raise ConfigError(
                Problem(f"the demo app has no variant {shown(base)}", hint=did_you_mean(base, list(self.variants)))
            )
        known = [f.name for f in fields(Protections)]
        for name in without:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ConfigError(Problem(f"the demo app has no protection {shown(name)}", hint=hint))
        missing = [p for p in ("openai", "starlette", "uvicorn") if importlib.util.find_spec(p) is None]
        if missing:
            raise SetupError(f"the demo app needs {', '.join(missing)}: pip install 'brownout[demo]'")
        config = AppConfig.read(Path(__file__).parent.parent / "demo" / "brownout.yaml")
        words = [*words_of(config.app.start or []), "--variant", base]
        if without:
            words += ["--without", ",".join(without)]
        return replace(config, app=replace(config.app, start=words))


apps.add("demo", DemoApp())
