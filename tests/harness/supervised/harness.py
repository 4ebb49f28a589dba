"""A harness to be killed: starts nasty.sh as a child. Prints "starting", then the PID of the keeper.

MODE: "" (then sleeps), "at-popen" (kills itself with SIGKILL as soon as the keeper was forked) or "forked" (leaves a
process that holds a copy of everything the harness had open).
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from brownout.harness.supervisor.child import DEVNULL, Child

mode, log = sys.argv[1], Path(sys.argv[2])
print("starting", flush=True)
if mode == "at-popen":

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            os.kill(os.getpid(), signal.SIGKILL)

    subprocess.Popen = Popen  # type: ignore[misc]
nasty = Path(__file__).with_name("nasty.sh")
child = Child.start(["sh", str(nasty)], name="nasty", stdout=DEVNULL, stderr=log, grace=0.2)
if mode == "forked":
    copy = os.fork()
    if copy == 0:
        time.sleep(300)
        os._exit(0)
    print(copy, flush=True)
else:
    print(child.pid, flush=True)
time.sleep(300)
