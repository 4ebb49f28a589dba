"""How users get in: tenants with headers of their own, and a login before they ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from brownout.faults.values.units import Number
from brownout.harness.config.answer import check_path
from brownout.harness.config.fields import FORBID, check_body, check_headers, check_url_path

__all__ = ["LoginSpec", "TenantSpec"]


@dataclass(frozen=True)
class TenantSpec:
    """A customer of the app: `headers` that all its users send, and the share of users that are its own, by `weight`."""

    headers: dict[str, str] = field(default_factory=dict)
    weight: Number = 1.0
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        if not 0 < self.weight < 1e9:
            raise ValueError(f"weight is a number above 0, not {self.weight:g}")
        check_headers(self.headers)


@dataclass(frozen=True)
class LoginSpec:
    """A request that is made before the load begins, once for `each` tenant (all users, where there are none) or user.

    Cookies that it sets are sent with each later request. `take` names values of its JSON reply by JSONPaths
    (``{token: $.access_token}``), which stand for ``{login.token}`` in routes. Secrets are best given as ``{env.NAME}``,
    a variable of brownout's own environment, here and in the headers of tenants and routes: they are in no journal.
    """

    path: str
    method: Literal["POST", "GET", "PUT"] = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    form: dict[str, str] = field(default_factory=dict)
    take: dict[str, str] = field(default_factory=dict)
    each: Literal["tenant", "user"] = "tenant"
    __pydantic_config__: ClassVar[dict[str, Any]] = FORBID

    def __post_init__(self) -> None:
        check_url_path(self.path)
        check_headers(self.headers)
        check_body(self.body)
        for path in self.take.values():
            check_path(path)
        if self.form and self.body is not None:
            raise ValueError("a login sends a body or a form, not both")
