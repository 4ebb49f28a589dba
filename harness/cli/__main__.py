"""``python -m brownout.harness.cli``."""

from brownout.harness.cli.main import main

main()
