"""A process that is never the same for long: it forks, its parent exits, each in a session of its own."""

import os
import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
until = time.monotonic() + 15  # should a test go wrong
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.0005)
