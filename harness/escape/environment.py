"""The environment in which the app is tested: through our proxy, and without a key that would cost anything."""

from __future__ import annotations

from collections.abc import Mapping

from brownout.harness.escape.hosts import LOOPBACK
from brownout.harness.escape.providers import providers

__all__ = ["DUMMY_KEY", "app_environment"]

DUMMY_KEY = "brownout-dummy-key"
"""What the usual variables for API keys hold."""

_PROXIED = ("http_proxy", "https_proxy", "all_proxy")
_PROXY_SETTINGS = frozenset(
    (*_PROXIED, "no_proxy", "ftp_proxy", "ws_proxy", "wss_proxy", "socks_proxy", "grpc_proxy", "no_grpc_proxy")
)
_NODE = "NODE_USE_ENV_PROXY"


def app_environment(inherited: Mapping[str, str], own: Mapping[str, str], proxy: str | None) -> dict[str, str]:
    """The app's environment: what brownout inherited, made harmless, under `own` (``app.env``), which is kept as it is.

    Proxy settings of the user's are left out: they would lead past `proxy` (its URL; None: no proxy at all). Keys become
    `DUMMY_KEY`. A proxy setting in `own`, in either case, counts for both.
    """
    env = {name: value for name, value in inherited.items() if name.lower() not in _PROXY_SETTINGS}
    for provider in providers().values():
        env |= dict.fromkeys(provider.keys, DUMMY_KEY)
        env |= {name: DUMMY_KEY for name in provider.replaced if name in inherited}
    if proxy is not None:
        settings = dict.fromkeys(_PROXIED, proxy) | {"no_proxy": ",".join(LOOPBACK)}
        taken = {name.lower() for name in own}
        for name, value in settings.items():
            if name not in taken:
                env |= {name: value, name.upper(): value}
        env[_NODE] = "1"
    return env | dict(own)
