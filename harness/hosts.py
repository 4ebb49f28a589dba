"""Which hosts are this machine: load goes nowhere else unless somebody says so twice."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from brownout.faults.values.errors import ConfigError

__all__ = ["check_confirmed", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether a name or an address leads to this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        pass
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(str(a).partition("%")[0]).is_loopback for a in found)


def check_confirmed(url: str, confirmed: Iterable[str]) -> None:
    """Raises ConfigError when `url` leads to another machine that the command line does not confirm by its name."""
    host = urlsplit(url).hostname or ""  # in lower case
    if url and host not in {name.lower() for name in confirmed} and not is_loopback(host):
        raise ConfigError(
            f"app.url leads to {host}, which is not this machine: load could hit a system that people use. If it is meant "
            f"to be tested, say so with --confirm-host {host}"
        )
