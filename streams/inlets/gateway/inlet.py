"""What stands between a caller and the engine: limits, answers kept, and what is known of people sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fastapi.concurrency import run_in_threadpool

from streams.inlets.gateway.limits import Budget, Rates
from streams.inlets.gateway.replays import Replays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from streams.identity.principals import Principal
    from streams.stages.acceptance import Accepted, Refusal


class Seal(Protocol):
    """Seals what reports say of people; see `streams/identity/persons.py`."""

    def needed(self, accepted: Accepted) -> bool:
        """Say whether a report says anything of a person."""

    def seal(self, batch: Sequence[Accepted]) -> list[Accepted]:
        """Return the batch with what it says of people sealed, once the keys are on disk."""


class Inlet:
    """One gateway's own. Without a folder it keeps nothing, and without a seal nothing is sealed."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        replays: Replays | None = None,
        sealer: Seal | None = None,
        checks: Sequence[Callable[[Accepted], Refusal | None]] = (),
        noted: Callable[[Sequence[Accepted], Principal], None] | None = None,
        evidence: Callable[[str, Sequence[str]], Refusal | None] = lambda _case, _names: None,
    ) -> None:
        """`checks` may refuse a report for more than acceptance knows; `noted` hears of each batch beforehand.

        `evidence` takes note of the pictures that an action about a case names, or refuses them.
        """
        self.evidence = evidence
        self.clock = clock
        self.budget = Budget()
        self.rates = Rates(clock)
        self.replays = replays or Replays(clock)
        self.sealer = sealer
        self._checks, self._noted = checks, noted

    def check(self, accepted: Accepted) -> Accepted | Refusal:
        """Return what keeps a report out, or the report."""
        for one in self._checks:
            if refusal := one(accepted):
                return refusal
        return accepted

    async def seal(self, batch: list[Accepted], user: Principal) -> list[Accepted]:
        """Seal what a batch says of people."""
        if self._noted is not None and any(one.report.media for one in batch):
            noted = self._noted
            await run_in_threadpool(lambda: noted(batch, user))
        sealer = self.sealer
        if sealer is None or not any(sealer.needed(one) for one in batch):
            return batch
        return await run_in_threadpool(lambda: sealer.seal(batch))
