"""The readiness report: one page in one file, for a browser, a printer or an artifact viewer.

The page runs no script and loads nothing; its content security policy forbids both, and allows its one style sheet by
hash. Texts of the app and the model are cleaned and escaped wherever the template shows them.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from brownout.faults.values.errors import ConfigError
from brownout.harness.report import reports
from brownout.harness.verdict import wording
from brownout.harness.verdict.plain import clean, clip
from brownout.harness.verdict.result import Result
from brownout.reports import bars, words

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Html"]

_TEXT = 4000
"""The most characters that one text takes on the page."""


class Html:
    """The page that people read before a launch."""

    name = "html"
    title = "the readiness report, one page without script"
    filename = "report.html"

    def render(self, result: Result) -> str:
        template = _environment().get_template("report.html.j2")
        return template.render(r=result, at=wording.standing(result)).strip() + "\n"


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise ConfigError("the HTML report needs Jinja2: pip install 'brownout[report]'") from None

    def shown(value: object) -> object:
        """What an expression of the template prints: texts cleaned, before they are escaped."""
        return clip(clean(value), _TEXT) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("brownout.reports", "templates"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (files("brownout.reports") / "templates" / "report.css").read_text(encoding="utf-8")
    environment.globals |= {
        "css": Markup(css),
        "css_hash": base64.b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        "w": wording,
        "words": words,
        "bars": bars,
    }
    return environment


reports.add("html", Html())
