"""A proxy that stands between a client and a real server and fails at a request that the test chooses."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

DIES, LOSES_ANSWER, HANGS = "dies", "loses the answer", "hangs"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "accept-encoding"}


class Proxy:
    """Forwards requests, and from request number ``at`` on fails in its ``way``.

    ``DIES``: that request and all after it are cut off unanswered. ``LOSES_ANSWER``: the server carries out that
    request, but the connection is cut before the answer; later ones go through. ``HANGS``: it is never answered.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.requests: list[str] = []
        self.at: int | None = None
        self.way = DIES
        self.struck = threading.Event()
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, way: str, at: int) -> None:
        """Count requests from now on, and fail at number ``at`` (from 0)."""
        self.requests.clear()
        self.way, self.at = way, at
        self.struck.clear()

    def heal(self) -> None:
        """Count requests from now on, and let all of them through."""
        self.requests.clear()
        self.at = None

    def _next(self, line: str) -> tuple[bool, bool]:
        """Whether to forward the next request and whether to answer it."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(line)
        strikes = self.at is not None and (number >= self.at if self.way == DIES else number == self.at)
        if strikes:
            self.struck.set()
        if strikes and self.way == HANGS:
            self.closing.wait()
        return not strikes or self.way == LOSES_ANSWER, not strikes

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self._body()
                forwarded, answered = proxy._next(f"{self.command} {self.path.partition('?')[0]}")
                self.close_connection = True
                if forwarded:
                    status, headers, content = proxy._forward(self.command, self.path, self.headers, body)
                if forwarded and answered:
                    self.send_response(status)
                    for name, value in headers:
                        if name.lower() not in HOP_BY_HOP:
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.send_header("Connection", "close")
                    self.end_headers()
                    self.wfile.write(content)

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                chunks = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(chunks)

            def log_message(self, *_: Any) -> None:
                pass

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

        return Handler

    def _forward(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=120)
        try:
            sent = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP | {"host"}}
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    @contextmanager
    def serving(self) -> Iterator[Proxy]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()
