"""The market stream: rendered once for all, continued by id, bounded."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from wattmark.api.stream import KEPT_EVENTS, MarketStream
from wattmark.core.errors import Unavailable


class Numbers:
    def __init__(self) -> None:
        self.now = {"a": "1", "b": "1"}
        self.calls = 0

    async def render(self) -> dict[str, str]:
        self.calls += 1
        return dict(self.now)


def data(event: bytes) -> tuple[int, dict[str, str]]:
    lines = dict(line.split(": ", 1) for line in event.decode().strip().splitlines())
    assert lines["event"] == "market"
    return int(lines["id"]), json.loads(lines["data"])["values"]


async def take(events: AsyncIterator[bytes], count: int) -> list[bytes]:
    found = []
    async for event in events:
        if not event.startswith(b"retry"):
            found.append(event)
        if len(found) == count:
            return found
    return found


def stream(numbers: Numbers, **options) -> MarketStream:
    return MarketStream(numbers.render, tick_s=30, **options)


def test_everybody_gets_the_same_bytes_of_one_rendering() -> None:
    async def body():
        numbers = Numbers()
        market = stream(numbers)
        market.start()
        await asyncio.sleep(0.01)
        readers = [asyncio.create_task(take(market.listen(), 2)) for _ in range(20)]
        await asyncio.sleep(0.01)
        before = numbers.calls
        numbers.now["b"] = "2"
        await market.tick()
        taken = await asyncio.gather(*readers)
        assert numbers.calls == before + 1
        await market.stop()
        return taken

    taken = asyncio.run(body())
    assert all(events == taken[0] for events in taken)
    assert [data(event) for event in taken[0]] == [(1, {"a": "1", "b": "1"}), (2, {"b": "2"})]


def test_nothing_is_sent_when_nothing_changed_but_a_ping() -> None:
    async def body():
        numbers = Numbers()
        market = stream(numbers, ping_s=0.02)
        market.start()
        await asyncio.sleep(0.01)
        first, *rest = await take(market.listen(), 3)
        await market.tick()
        await market.stop()
        return first, rest

    first, rest = asyncio.run(body())
    assert data(first)[0] == 1
    assert rest == [b": ping\n\n", b": ping\n\n"]


def test_who_comes_back_gets_what_was_missed_and_no_more() -> None:
    async def body():
        numbers = Numbers()
        market = stream(numbers)
        market.start()
        await asyncio.sleep(0.01)
        for number in range(2, 6):
            numbers.now["a"] = str(number)
            await market.tick()
        back = await take(market.listen("3"), 2)
        new = await take(market.listen(), 1)
        for number in range(KEPT_EVENTS + 3):
            numbers.now["b"] = f"x{number}"
            await market.tick()
        late = await take(market.listen("3"), 1)
        odd = await take(market.listen("not a number"), 1)
        await market.stop()
        return back, new, late, odd

    back, new, late, odd = asyncio.run(body())
    assert [data(event) for event in back] == [(4, {"a": "4"}), (5, {"a": "5"})]
    assert data(new[0]) == (5, {"a": "5", "b": "1"})
    assert data(late[0])[1] == data(odd[0])[1] == {"a": "5", "b": f"x{KEPT_EVENTS + 2}"}


def test_listeners_are_bounded_and_leave_when_it_stops() -> None:
    async def body():
        market = stream(Numbers(), max_listeners=2)
        market.start()
        await asyncio.sleep(0.01)
        readers = [asyncio.create_task(take(market.listen(), 9)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(Unavailable):
            market.listen()
        await market.stop()
        await asyncio.wait_for(asyncio.gather(*readers), 1)
        assert market.listeners == 0

    asyncio.run(body())


def test_a_server_that_is_about_to_stop_can_let_the_listeners_go() -> None:
    async def body() -> int:
        market = stream(Numbers())
        market.start()
        await asyncio.sleep(0.01)
        readers = [asyncio.create_task(take(market.listen(), 9)) for _ in range(3)]
        await asyncio.sleep(0.01)
        await asyncio.to_thread(market.end)
        await asyncio.wait_for(asyncio.gather(*readers), 1)
        late = await take(market.listen(), 9)
        await market.stop()
        return len(late)

    assert asyncio.run(body()) <= 1
