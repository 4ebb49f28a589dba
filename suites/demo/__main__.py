"""``python -m brownout.suites.demo --port 8000``: the app by itself."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from brownout.suites.demo.protections import Protections

VARIANTS = {"hardened": Protections.hardened, "naive": Protections.naive}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns the exit code, 2 for what cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m brownout.suites.demo", description="A support desk with a model.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="hardened")
    parser.add_argument("--without", default="", metavar="NAME,...", help=", ".join(Protections.names()))
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], default="warning")
    options = parser.parse_args(arguments)
    try:
        names = [name for name in options.without.replace("-", "_").split(",") if name]
        protections = VARIANTS[options.variant]().without(names)
    except ValueError as error:
        parser.error(str(error))
    try:
        import uvicorn
        from openai import OpenAIError

        from brownout.suites.demo.app import create_app
    except ModuleNotFoundError as error:
        print(f"{error}. The demo app needs: pip install 'brownout[demo]'", file=sys.stderr)
        return 2
    logging.basicConfig(level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    try:
        app = create_app(protections)
    except OpenAIError as error:
        print(f"{error}", file=sys.stderr)
        return 2
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level=options.log_level,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
