"""A story played through an embedded host on a folder: reports by the journal, everything else by the inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from scenes import when
from stories import play

from streams.hosts.embedded import EmbeddedHost
from streams.records import RoutedReport
from streams.stages.acceptance import Accepted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def hosted(city: Any, folder: Path, story: Iterable[Any]) -> EmbeddedHost:
    """Return an open host that has worked off a story, one input after another."""
    return kept(play(city, story), city, folder)


def kept(scene: Any, city: Any, folder: Path) -> EmbeddedHost:
    """Return an open host on a folder that has worked off all that a scene's desks received."""
    host = EmbeddedHost(city, folder, when("03-02 08:00"))
    sent = {id(one.body) for part in scene.told for one in part.outgoing}
    with host.together():
        host.drain()
        for item in scene.items:
            if id(item.body) in sent:
                continue  # desks of the host send it themselves
            if isinstance(item.body, RoutedReport):
                report = item.body.report
                host.accept([Accepted(report, item.at, msgspec.json.encode(report))])
            else:
                host.store.add_inbox([(item.desk, item.at, item.body)])
            host.drain()
    return host
