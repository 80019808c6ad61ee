"""What a worker says of itself over HTTP: /metrics for Prometheus, /healthz for supervisors and people.

On threads of its own, so that it answers while the event loop is busy.
"""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"


class HealthServer:
    """Answers on a port of this machine, a free one for 0. Raises OSError if somebody else has it."""

    def __init__(self, port: int, page: Callable[[], bytes], health: Callable[[], dict[str, Any]]) -> None:
        """`health` says how the worker is; it is ill when `healthy` is false."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, "text/plain; version=0.0.4; charset=utf-8", page())
                elif self.path == "/healthz":
                    found = health()
                    body = msgspec.json.encode(found)
                    self._answer(200 if found["healthy"] else 503, "application/json", body)
                else:
                    self._answer(404, "text/plain; charset=utf-8", b"expected /metrics or /healthz\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
                """Log no requests."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
