"""The gateway of a cluster: the same HTTP as the embedded host's, into Kafka, with the board in Redis.

It keeps nothing but what Kafka could not take yet, so any number of them may stand side by side. Without Redis it
goes on taking reports and actions in; what would have to be read answers 503.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import uvicorn

from streams.hosts.embedded.memory import settle
from streams.hosts.embedded.service import HOST, Serving, ended_by_signals
from streams.hosts.kafka.engine import PATIENCE_MS, KafkaEngine
from streams.hosts.kafka.spool import LIMIT, Spool
from streams.inlets.gateway.keep import Keep, make_gateway
from streams.inlets.gateway.metrics import GatewayMetrics
from streams.outlets.board import BoardAwayError
from streams.outlets.board.link import connect
from streams.outlets.board.redis import RedisBoard

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


class Gateway:
    """One city's gateway. `spool` is the folder of what waits for Kafka, of this gateway alone."""

    def __init__(
        self,
        settings: ClusterSettings,
        city: City,
        spool: Path,
        clock: Callable[[], datetime],
        *,
        limit: int = LIMIT,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self.city, self.clock = city, clock
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

    def start(self) -> None:
        """Begin to take in."""
        self.city.locator.locate([0.0], [0.0])  # built here, so that the first question doesn't wait for it
        self.engine.start()

    def stop(self) -> None:
        """Hand over what waits, and end."""
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
        return make_gateway(self.engine, self.board, self.metrics, self.clock, self.city, self.keep, state=self.state)

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

    def _asked(self) -> bool:
        try:
            return bool(self._board.link(lambda redis: redis.ping()))
        except BoardAwayError:
            return False
