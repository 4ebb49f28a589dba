"""An application that puts itself in the background: two forks and a session of its own. The first process exits 4."""

import os
import time

if os.fork():
    os._exit(4)
os.setsid()
if os.fork():
    os._exit(0)
time.sleep(300)
