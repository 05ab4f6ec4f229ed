"""The address on this machine, and the server that answers there until it is interrupted."""

from __future__ import annotations

import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from training.errors import UserError

LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """A bound socket with its port, and the token of this start."""

    bound: socket.socket
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which the page may be asked for."""
        return f"{LOCAL}:{self.port}", f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.hosts[0]}/?token={self.token}"

    @classmethod
    @contextmanager
    def at(cls, port: int) -> Iterator[Address]:
        """Take a port of this machine, 0 for any that is free. Raises :class:`UserError` where it is taken."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                bound.bind((LOCAL, port))
                bound.listen()
            except OSError as problem:
                raise UserError(
                    f"--port {port}: cannot be used ({problem.strerror}). Choose another, or 0 for any that is free."
                ) from None
            yield cls(bound, int(bound.getsockname()[1]))


@contextmanager
def put_in_order() -> Iterator[None]:
    """Within, SIGTERM, and SIGHUP where the terminal is closed, interrupt as Ctrl-C does: all is cleared up."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if before[signal.SIGHUP] != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))  # which uvicorn knows
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(app: ASGIApp, address: Address, opened: Callable[[Address], None]) -> None:
    """Answer until it is interrupted, then return. The socket listens already when ``opened`` is called."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=2, lifespan="off"
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises a signal again when it has stopped
        opened(address)
        uvicorn.Server(config).run(sockets=[address.bound])
