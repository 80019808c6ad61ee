"""The gateway of a cluster: the same HTTP as the embedded host's, into Kafka, with the board in Redis.

It keeps what Kafka could not take yet, and what became of sources' numbers, which it reads from the effects logs; so
any number of them may stand side by side. One of them may be given the outbox: it tells source systems. Without Redis
a gateway goes on taking reports and actions in; what would have to be read answers 503.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvicorn

from grids.inlets import InletsForm
from streams.hosts.embedded.memory import settle
from streams.hosts.embedded.service import HOST, Serving, ended_by_signals
from streams.hosts.kafka.engine import PATIENCE_MS, KafkaEngine
from streams.hosts.kafka.following import LateReader
from streams.hosts.kafka.spool import LIMIT, Spool
from streams.identity.retention import expired_by
from streams.inlets.gateway.keep import Keep, make_gateway
from streams.inlets.gateway.metrics import GatewayMetrics
from streams.outlets.board import BoardAwayError
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard
from streams.outlets.sources.following import Follower

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from fastapi import FastAPI

    from grids.city import City
    from streams.outlets.board import Board
    from streams.settings import ClusterSettings

_PATIENCE_S = 0.5
"""How long Redis may take over an answer: who calls waits for it, and reports and actions go on without."""

_STOP_S = 2.0
"""How long to wait for what reads the logs: if Kafka is away it only waits for that, and touches nothing then."""


class Gateway:
    """One city's gateway. `spool` is the folder of what it keeps, of this gateway alone.

    `outbox` lets it tell source systems what became of their reports: one gateway of a city, on one folder.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        city: City,
        spool: Path,
        clock: Callable[[], datetime],
        *,
        limit: int = LIMIT,
        patience_ms: int = PATIENCE_MS,
        outbox: bool = False,
    ) -> None:
        self.city, self.clock, self.outbox = city, clock, outbox
        self.metrics = GatewayMetrics()
        self.keep = Keep(spool, city.rules, clock)
        self.how = Serving()
        places = city.rules.places
        self._board = RedisBoard(connect(settings, _PATIENCE_S), city.zone)
        self.engine = KafkaEngine(
            settings,
            Spool(spool, limit),
            places.desks.keys(),
            places.city_desk.code,
            self._board,
            self.metrics,
            patience_ms=patience_ms,
        )
        engine = self.engine
        self.metrics.watch("onegrid_gateway_spooling", "Inputs that wait for Kafka", lambda: engine.spool.count)
        self.metrics.watch("onegrid_gateway_spool_bytes", "Bytes that wait for Kafka", lambda: engine.spool.bytes)
        self.metrics.watch("onegrid_gateway_spool_limit_bytes", "Bytes that may", lambda: engine.spool.limit)
        self.metrics.watch("onegrid_gateway_kafka_up", "Whether Kafka takes what comes", lambda: engine.direct)
        self.metrics.watch("onegrid_gateway_board_up", "Whether the board answers", self._asked)
        reader, index = LateReader(settings.client()), self.keep.index
        self._reader = reader
        self.follower = Follower(
            index, reader.read, city.rules.inlets if outbox else InletsForm(), clock, daily=self._forget
        )
        self.metrics.watch("onegrid_gateway_unread_records", "Effects not taken up yet", lambda: reader.behind or 0)
        if outbox:
            told = [one.name for one in city.rules.inlets.system if one.url]
            self.metrics.watch(
                "onegrid_sources_waiting", "Outcomes that sources with an address were not told of yet",
                lambda: sum(index.count_waiting().get(name, 0) for name in told),
            )  # fmt: skip

    def start(self) -> None:
        """Begin to take in."""
        self.city.locator.locate([0.0], [0.0])  # built here, so that the first question doesn't wait for it
        self.engine.start()
        self.follower.start()

    def stop(self) -> None:
        """Hand over what waits, and end."""
        self.follower.stop(_STOP_S)
        self.engine.stop()
        self._board.close()

    def close(self) -> None:
        """Close what it keeps; after `stop` whoever still calls is told that it has stopped."""
        self.keep.close()

    def board(self) -> Board:
        """Return the board."""
        return self._board

    def state(self) -> dict[str, Any]:
        """Return what /readyz says: how much waits for Kafka, and whether the board answers."""
        return {"spooling": self.engine.spool.count, "kafka": self.engine.direct, "board": self._asked()}

    def app(self) -> FastAPI:
        """Build the web application."""
        return make_gateway(
            self.engine, self.board, self.metrics, self.clock, self.city, self.keep, self.state, outbox=self.outbox
        )

    def serve(self, bound: socket.socket) -> None:
        """Answer on a bound socket until the process is told to stop (SIGINT or SIGTERM); then return."""
        how = self.how
        server = uvicorn.Server(
            uvicorn.Config(
                self.app(),
                log_level="warning",
                access_log=False,
                timeout_keep_alive=30,
                ssl_certfile=how.cert,
                ssl_keyfile=how.key,
                forwarded_allow_ips=[HOST, *how.proxies],
            )
        )
        settle()
        with ended_by_signals(server):
            server.run(sockets=[bound])

    def _forget(self) -> bool:
        """Erase what is known of people for longer than the pack says; False where logs were not read to the end."""
        if self._reader.behind != 0:
            return False
        persons = self.keep.persons
        days = self.city.rules.inlets.persons.retention_days
        persons.erase(expired_by(persons, self.keep.index.ended_at, days, self.clock()))
        return True

    def _asked(self) -> bool:
        try:
            return bool(self._board.link(lambda redis: redis.ping()))
        except BoardAwayError:
            return False
