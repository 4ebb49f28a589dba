"""Loopback servers and raw clients for the tests of the proxy."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Handler = Callable[[socket.socket], None]


@contextmanager
def serving(handler: Handler, host: str, tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[object]]]:
    """A server on `host`: its port, and the list of the peers that it accepted. One thread for each connection."""
    listener = socket.create_server((host, 0), backlog=512)
    accepted: list[object] = []

    def handle(connection: socket.socket) -> None:
        try:
            with tls.wrap_socket(connection, server_side=True) if tls else connection as wire:
                handler(wire)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            accepted.append(peer)
            threading.Thread(target=handle, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1]), accepted
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def echo(wire: socket.socket) -> None:
    """Send back what comes."""
    while data := wire.recv(65536):
        wire.sendall(data)


def dial(port: int, *pieces: bytes) -> socket.socket:
    """A connection to the proxy on which `pieces` were sent."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=10)
    for piece in pieces:
        wire.sendall(piece)
    return wire


def head_of(wire: socket.socket) -> bytes:
    """What the other side says up to its first empty line, byte for byte: what follows stays unread."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = wire.recv(1)
        if not more:
            break
        data += more
    return data


def rest_of(wire: socket.socket) -> bytes:
    """Everything up to the other side's end."""
    data = b""
    while more := wire.recv(65536):
        data += more
    return data


def tunnel(port: int, target: str) -> socket.socket:
    """A tunnel through the proxy to an allowed target."""
    wire = dial(port, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    said = head_of(wire)
    assert said.startswith(b"HTTP/1.1 200 "), said
    return wire
