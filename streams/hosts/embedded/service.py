"""A whole embedded service: engine, gateway, metrics and console in one process on one loopback port."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import uvicorn
from starlette.requests import Request

from streams.hosts.embedded.engine import Engine, wall_clock
from streams.hosts.embedded.host import EmbeddedHost
from streams.hosts.embedded.memory import settle
from streams.identity.current import maybe_user_of, set_user
from streams.identity.retention import expired
from streams.inlets.gateway.guard import standing
from streams.inlets.gateway.keep import Keep, make_gateway
from streams.inlets.gateway.measures import add_measures
from streams.outlets.board.sqlite import SqliteBoard
from streams.outlets.console import Console, Live, add_console, at_console
from streams.outlets.console.live import FEED
from streams.outlets.delivery.deliverer import Deliverer, one_log
from streams.outlets.measures.names import names_of
from streams.outlets.measures.room import Room
from streams.outlets.metrics import Metrics
from streams.outlets.sources.following import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path
    from types import FrameType

    from fastapi import FastAPI

    from grids.city import City
    from grids.telling import Way
    from streams.outlets.console import User
    from streams.records import Effects

_INBOX = "SELECT MAX(position) FROM inbox"

HOST = "127.0.0.1"
"""Without keys the gateway listens on this machine only."""


class Serving(NamedTuple):
    """How to answer: over HTTPS with a certificate and its key; whose X-Forwarded-… headers are believed."""

    cert: Path | None = None
    key: Path | None = None
    proxies: tuple[str, ...] = ()


class Service:
    """One city, one data folder, one port."""

    def __init__(
        self,
        city: City,
        directory: Path,
        *,
        clock: Callable[[], datetime] = wall_clock,
        heard: Callable[[Effects], None] = lambda _effects: None,
        user_of: Callable[[Request], User] = lambda request: at_console(maybe_user_of(request)),
    ) -> None:
        """`user_of` says who looks at the console."""
        self.city = city
        self.clock = clock
        self.metrics = Metrics(city.rules.calendar, clock)
        self.live = Live(city.rules)
        self._heard = heard
        self._boards = threading.local()
        self._path: Path | None = None
        self.directory = directory
        self.engine = Engine(self._open, clock=clock, heard=self._hear, took=self.metrics.seconds.observe)
        self._deliverer: Deliverer | None = None
        self.user_of = user_of
        self.room = Room(self.board, names_of(city.rules), directory, clock)
        self._followed: SqliteBoard | None = None
        self.keep: Keep | None = None
        self.how = Serving()
        self._sources: SqliteBoard | None = None
        self._follower: Follower | None = None

    def start(self) -> None:
        """Open the data folder and begin to work, and to send alerts out."""
        self.keep = Keep(self.directory, self.city.rules, self.clock)
        self.engine.start()
        assert self._path is not None
        self._followed = SqliteBoard(self._path, shared=True)
        read = one_log(self._followed.log.read)
        self._watch()
        self._deliverer = Deliverer(self.city.rules.alerting, read, self.directory, self.clock, told=self._told)
        self._deliverer.start()
        self._sources = SqliteBoard(self._path, shared=True)
        self._follower = Follower(
            self.keep.index,
            one_log(self._sources.log.read),
            self.city.rules.inlets,
            self.clock,
            daily=self._forget,
        )
        self._follower.start()

    def stop(self) -> None:
        """Work off what was taken in, and close the file. Alerts not sent yet go out after the next start."""
        self.engine.stop()
        if self._deliverer is not None:
            self._deliverer.stop()
        if self._followed is not None:
            self._followed.close()
        if self._follower is not None and self._sources is not None:
            self._follower.stop()
            self._sources.close()

    def close(self) -> None:
        """Close what the gateway keeps; after `stop` whoever still calls is told that it has stopped."""
        if self.keep is not None:
            self.keep.close()

    def board(self) -> SqliteBoard:
        """Return this thread's board."""
        board: SqliteBoard | None = getattr(self._boards, "board", None)
        if board is None:
            assert self._path is not None
            board = self._boards.board = SqliteBoard(self._path)
        return board

    def user_now(self, request: Request) -> User:
        """Return who a request that came some time ago would come from now."""
        assert self.keep is not None
        scope = dict(request.scope)
        set_user(scope, standing(self.keep.accounts, scope))
        return self.user_of(Request(scope))

    def serve(self, bound: socket.socket) -> None:
        """Answer on a bound socket until the process is told to stop (SIGINT or SIGTERM); then return."""
        how = self.how
        config = uvicorn.Config(
            make_service_app(self),
            log_level="warning",
            access_log=False,
            timeout_keep_alive=30,
            ssl_certfile=how.cert,
            ssl_keyfile=how.key,
            forwarded_allow_ips=[HOST, *how.proxies],
        )
        server = uvicorn.Server(config)
        settle()
        with ended_by_signals(server):
            server.run(sockets=[bound])

    def _open(self) -> EmbeddedHost:
        self.city.locator.locate([0.0], [0.0])  # built here, so that the first report doesn't wait for it
        host = EmbeddedHost(self.city, self.directory, self.clock())
        self._path = host.store.path
        board = SqliteBoard(host.store.path)
        self.metrics.restore(host.store.cases())
        self.live.restore(host.store.cases(), board.counters(), board.count("dead_letters"))
        self.live.recall(board.latest(FEED), board.newest(limit=FEED), board.case)
        board.close()
        return host

    def _watch(self) -> None:
        """Show what waits: under the cluster's names, as one partition of each."""
        for topic, ask in (("onegrid.reports", "SELECT MAX(position) FROM reports"), ("onegrid.desk", _INBOX)):
            done = "routed" if topic == "onegrid.reports" else "applied"
            self.metrics.watch(
                "onegrid_lag_messages", "Messages waiting",
                lambda ask=ask, done=done: self._waiting(ask, done),  # type: ignore[misc]
                topic=topic, partition="0",
            )  # fmt: skip

    def _waiting(self, ask: str, done: str) -> float:
        db = self.board().db
        (end,), row = (
            db.execute(ask).fetchone(),
            db.execute("SELECT value FROM meta WHERE key = ?", (done,)).fetchone(),
        )
        return float((end or 0) - int(row[0] if row else 0))

    def _forget(self) -> None:
        """Erase what is known of people for longer than the pack says."""
        assert self.keep is not None
        assert self._path is not None
        board = SqliteBoard(self._path)
        try:
            days = self.city.rules.inlets.persons.retention_days
            self.keep.persons.erase(expired(self.keep.persons, board, days, self.clock()))
        finally:
            board.close()

    def _told(self, way: Way, outcome: str) -> None:
        self.metrics.told.labels(way.kind, outcome).inc()

    def _hear(self, effects: Effects) -> None:
        self.metrics.hear(effects)
        self.live.hear(effects)
        self._heard(effects)


@contextmanager
def ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let signals end a server, and nothing more.

    Once it has stopped, the server raises the signal that it got again, for whoever had a handler before it; by
    default that would end the process before its engine has worked off what waits.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def make_service_app(service: Service) -> FastAPI:
    """Build the web application of a service: gateway and console."""
    assert service.keep is not None
    app = make_gateway(service.engine, service.board, service.metrics, service.clock, service.city, service.keep)
    add_measures(app, service.room)
    add_console(
        app,
        Console(
            service.city,
            service.board,
            service.engine,
            service.clock,
            service.live,
            service.room,
            service.user_of,
            service.user_now,
        ),
    )
    return app


def bind(port: int, host: str = HOST) -> socket.socket:
    """Bind a port, a free one for 0. Raises OSError if somebody else has it."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(f"port {port} of {host} can't be bound: {error.strerror}; expected a free port") from error
    return bound
