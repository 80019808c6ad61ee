"""Ending open pages of whoever may look no more: signed out, run out, disabled, or given another role.

A page's socket is let in once, when it opens, and would go on for as long as the browser keeps it open. So who
looks is asked again every few seconds, by what the page was asked for with; a page of somebody else now is emptied
and taken off its socket, and its browser asks for it anew, which shows where to sign in.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from nicegui import Client, core

if TYPE_CHECKING:
    from streams.outlets.console.context import Console

EVERY_S = 2.0
"""Seconds between two looks."""

_LEAVE_S = 0.5
"""Seconds in which a browser is to ask anew by itself, before its socket is closed."""

_log = structlog.get_logger(__name__)


async def watch(console: Console) -> None:
    """Look for ever; a look that fails is tried again."""
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            await look(console)
        except Exception as error:  # noqa: BLE001 - whatever it was, pages must go on being looked through
            _log.exception("pages not looked through", error=repr(error))


async def look(console: Console) -> None:
    """Ask again who looks at each open page, and end those of whoever it is not any more."""
    seats = [(client, seat) for client, seat in list(console.seats.items()) if client.id in Client.instances]

    def others() -> list[Client]:
        return [client for client, seat in seats if console.now_of(seat.request) != seat.user]

    if seats:
        await asyncio.gather(*map(_end, await asyncio.to_thread(others)))


async def _end(client: Client) -> None:
    """Let the browser ask for its page anew, and give it nothing more on this one whether it does or not."""
    client.run_javascript("location.reload()")
    await asyncio.sleep(_LEAVE_S)
    client.remove_all_elements()  # its timers among them; NiceGUI drops the client itself once it is away
    for _, transport in list(core.sio.manager.get_participants("/", client.id)):
        await core.sio.eio.disconnect(transport)
