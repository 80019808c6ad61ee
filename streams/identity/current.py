"""Whose request is this: the one question that pages ask.

    user = user_of(request)      # a Principal; the guard has let nobody else in

The guard in front of the application (`streams/inlets/gateway/guard.py`) finds out and leaves it in the scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.identity.principals import LOCAL, Principal

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from starlette.requests import HTTPConnection

SCOPE = "onegrid.user"
"""Where it stands in an ASGI scope."""


class NobodyError(LookupError):
    """Nobody is signed in: only pages that are there for everybody are asked without one."""


def user_of(request: HTTPConnection) -> Principal:
    """Return whose request this is. Raises NobodyError on a public path that nobody has signed in for."""
    found = request.scope.get(SCOPE, LOCAL)
    if found is None:
        raise NobodyError
    assert isinstance(found, Principal)
    return found


def maybe_user_of(request: HTTPConnection) -> Principal | None:
    """Return whose request this is, or None if nobody has signed in."""
    found = request.scope.get(SCOPE, LOCAL)
    return found if isinstance(found, Principal) else None


def set_user(scope: MutableMapping[str, Any], user: Principal | None) -> None:
    """Leave word of whose request this is."""
    scope[SCOPE] = user
