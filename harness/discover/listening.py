"""Processes of a project that listen on a port of this machine, as Linux lists them in /proc; elsewhere none are seen."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Listener", "listeners"]

LISTEN = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h
ANY, LOOPBACK_6 = re.compile("0{8}|0{32}"), "0" * 24 + "01000000"
# The kernel writes addresses as words in the order of the machine's bytes: 127.0.0.1 is 0100007F.
LOOPBACK_4 = re.compile("(?:0{16}FFFF0000)?([0-9A-F]{6}7F)")


@dataclass(frozen=True)
class Listener:
    """A process that listens on `port` of `host`, a loopback address. `words` is its command line."""

    host: str
    port: int
    pid: int
    words: tuple[str, ...]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def listeners(folder: Path) -> list[Listener]:
    """The processes of this user that work in `folder` or below it, but this one, and listen on loopback: by port."""
    root = folder.resolve()
    ports = dict(_sockets())
    found: dict[int, Listener] = {}
    for process in Path("/proc").glob("[0-9]*") if ports else ():
        pid = int(process.name)
        try:
            if pid == os.getpid() or not Path(os.readlink(process / "cwd")).is_relative_to(root):
                continue
            words = tuple((process / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
            files = list((process / "fd").iterdir())
        except OSError:  # it has ended, or it is another user's
            continue
        for file in files:
            with contextlib.suppress(OSError, KeyError):  # it was closed meanwhile, or is another sort of file
                host, port = ports[os.readlink(file)]
                found.setdefault(port, Listener(host, port, pid, words))
    return [found[port] for port in sorted(found)]


def _sockets() -> Iterator[tuple[str, tuple[str, int]]]:
    """The listening sockets of this user that loopback reaches: name in a process's list of files, address."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            # number, local address, remote address, state, queues, timer, retransmissions, user, timeout, inode
            _, local, _, state, _, _, _, user, _, inode, *_ = line.split()
            address, _, port = local.partition(":")
            host = _host(address)
            if host and state == LISTEN and int(user) == os.getuid():
                yield f"socket:[{inode}]", (host, int(port, 16))


def _host(address: str) -> str:
    """The loopback address by which a socket is reached; '' for one that loopback does not reach."""
    if ANY.fullmatch(address):
        return "127.0.0.1"
    if address == LOOPBACK_6:
        return "[::1]"
    mapped = LOOPBACK_4.fullmatch(address)
    return ".".join(str(b) for b in reversed(bytes.fromhex(mapped[1]))) if mapped else ""
