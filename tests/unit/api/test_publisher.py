"""The publisher: only when something waits, off the event loop, alive after an error."""

import asyncio
import threading

from wattmark.api.publisher import Publisher
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text


def test_it_publishes_only_what_waits_and_in_another_thread() -> None:
    waiting, threads = [True], []

    def publish() -> None:
        threads.append(threading.current_thread())
        waiting[0] = False

    async def body() -> None:
        publisher = Publisher(lambda: waiting[0], publish, 0.05)
        publisher.start()
        await asyncio.sleep(0.2)
        assert len(threads) == 1
        waiting[0] = True
        await asyncio.sleep(0.2)
        await publisher.stop()

    asyncio.run(body())
    assert len(threads) == 2
    assert threading.main_thread() not in threads


def test_an_error_is_said_once_and_tried_again(caplog) -> None:
    calls = []

    def publish() -> None:
        calls.append(1)
        raise Unavailable(Text(en="disk full", ja="空き容量なし"))

    async def body() -> None:
        publisher = Publisher(lambda: True, publish, 0.05)
        publisher.start()
        await asyncio.sleep(0.3)
        await publisher.stop()

    asyncio.run(body())
    assert len(calls) >= 2
    assert [record.getMessage() for record in caplog.records] == ["no checkpoint: disk full"]


def test_an_error_is_said_again_after_it_was_gone_and_the_platform_is_closed_after_the_call(caplog) -> None:
    turns, ended = iter([True, True, False, True]), []

    def publish() -> None:
        failing = next(turns, False)
        if failing:
            raise Unavailable(Text(en="away", ja="不在"))
        threading.Event().wait(0.15)
        ended.append(1)

    async def body() -> int:
        publisher = Publisher(lambda: True, publish, 0.05, "cosignatures")
        publisher.start()
        await asyncio.sleep(0.75)
        await publisher.stop()
        done = len(ended)
        await asyncio.sleep(0.3)
        return len(ended) - done

    assert asyncio.run(body()) == 0, "nothing runs on after the end"
    assert ended
    assert [record.getMessage() for record in caplog.records] == ["cosignatures: away"] * 2
