"""Asks an app that runs on this machine for its OpenAPI document."""

from __future__ import annotations

import ipaddress
import json
import time
from urllib.parse import urlsplit

from brownout.faults.values.errors import ConfigError, shown

__all__ = ["PATHS", "loopback", "openapi_document"]

PATHS = ("/openapi.json", "/swagger.json", "/v3/api-docs", "/api/openapi.json")
"""Where apps serve the document: FastAPI and many others, Flask-RESTX, springdoc, and those with a prefix for their API."""
WITHIN, MOST_BYTES = 1.0, 5_000_000


def loopback(url: str) -> str:
    """The origin of a URL on this machine: ``http://127.0.0.1:8000``. Raises ConfigError for any other."""
    try:
        at = urlsplit(url)
        host, port = at.hostname or "", at.port
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here or at.scheme not in ("http", "https"):
        raise ConfigError(f"--url is where the app runs on this machine, e.g. http://127.0.0.1:8000, not {shown(url)}")
    name = f"[{host}]" if ":" in host else host
    return f"{at.scheme}://{name}" + (f":{port}" if port else "")


def openapi_document(origin: str) -> tuple[str, object] | None:
    """The OpenAPI document that an app serves, with its path: no proxy, no redirect, a second for each of `PATHS`.

    None where it serves none.
    """
    import httpx

    with httpx.Client(trust_env=False, follow_redirects=False, timeout=WITHIN) as client:
        for path in PATHS:
            try:
                with client.stream("GET", origin + path) as response:
                    if response.status_code != 200:
                        continue
                    data, deadline = b"", time.monotonic() + WITHIN
                    for piece in response.iter_bytes():
                        data += piece
                        if len(data) > MOST_BYTES or time.monotonic() > deadline:
                            return None
                document = json.loads(data)
            except httpx.HTTPError:
                return None  # it is slow, or no HTTP server: another path would be no better
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict) and isinstance(document.get("paths"), dict):
                return path, document
    return None
