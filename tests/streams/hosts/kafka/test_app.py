"""What keeps the engine from taking half done work for done."""

from __future__ import annotations

import asyncio

import pytest

from streams.hosts.kafka.app import GROUP, _whole, create_app
from streams.settings import ClusterSettings
from streams.topics import DESK, REPORTS


def test_work_is_finished_even_when_it_is_told_to_stop_again_and_again():
    done = []

    async def work():
        await asyncio.sleep(0.05)
        done.append("all")

    async def main():
        task = asyncio.ensure_future(_whole(work()))
        for _ in range(3):
            await asyncio.sleep(0.01)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert done == ["all"]


def test_work_that_nobody_stops_just_ends():
    asyncio.run(_whole(asyncio.sleep(0)))


@pytest.mark.parametrize(("halves", "topics"), [((1, 1), {REPORTS, DESK}), ((1, 0), {REPORTS}), ((0, 1), {DESK})])
def test_only_the_topics_of_the_work_to_be_done_are_read(tmp_path, halves, topics):
    async def take(_):
        """Take nothing."""

    intake, desk = (take if wanted else None for wanted in halves)
    app = create_app(ClusterSettings(broker="a:1, b:2"), tmp_path, intake=intake, desk=desk)
    assert set(app.agents) == topics
    assert app.conf.id == GROUP
    assert {str(url) for url in app.conf.broker} == {"kafka://a:1", "kafka://b:2"}
    assert {agent.concurrency for agent in app.agents.values()} == {1}
