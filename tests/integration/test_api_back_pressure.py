"""When commands come faster than they are written, the queue stays bounded: 503, and the same request again succeeds."""

import asyncio
import dataclasses
import threading
from pathlib import Path

import httpx
import numpy as np

from reference.served_home import new_id
from wattmark.api.app import create_app
from wattmark.api.commit import OVERLAP, GroupCommit
from wattmark.engine import layout as e
from wattmark.engine.outcomes import Outcome
from wattmark.flows.sequence import RESERVED_HIGH_WORD
from wattmark.testing.small_home import NIGHT_MS, SECRET, SmallHome

QUEUE_COMMANDS = 5
TURNS = 24


def orders(name: str) -> dict[str, object]:
    fields = {"product": 0, "side": "buy", "price_sen_per_kwh": 1, "quantity_wh": 1}
    return {"orders": [{"id": new_id(name, number), **fields} for number in range(3)]}


def test_a_full_queue_is_told_and_a_retry_is_taken(tmp_path: Path) -> None:
    small = SmallHome(tmp_path / "home").run()
    disk = threading.Event()
    sequencer = small.platform.sequencer

    async def work() -> None:
        loop, asked = asyncio.get_running_loop(), asyncio.Event()

        def submit(commands, payloads, time_ms, applied):
            loop.call_soon_threadsafe(asked.set)
            disk.wait(20)
            return sequencer.submit(commands, payloads, now_ms=time_ms, applied=applied)

        app = create_app(small.platform, lambda: NIGHT_MS)
        commit = GroupCommit(submit, lambda: NIGHT_MS, queue_commands=QUEUE_COMMANDS)
        app.state.context = dataclasses.replace(app.state.context, commit=commit)
        commit.start()
        headers = {"Authorization": f"Bearer wm_{SECRET}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
            first = asyncio.create_task(client.post("/api/v1/orders/batch", json=orders("first")))
            await asked.wait()
            assert commit.waiting == 3
            position = sequencer.position
            refused = await client.post("/api/v1/orders/batch", json=orders("second"))
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["error"]["code"] == "UNAVAILABLE"
            assert sequencer.position == position
            disk.set()
            assert (await first).status_code == 200
            again = await client.post("/api/v1/orders/batch", json=orders("second"))
            assert again.status_code == 200
            assert len(again.json()["outcomes"]) == 3
            assert commit.waiting == 0
        await commit.stop()

    try:
        asyncio.run(work())
    finally:
        small.close()


def test_the_order_of_arrival_is_the_order_of_the_log_though_batches_overlap(tmp_path: Path) -> None:
    small = SmallHome(tmp_path / "home")
    sequencer = small.platform.sequencer
    in_hand, most = 0, 0

    def submit(commands, payloads, time_ms, applied):
        nonlocal in_hand, most
        in_hand += 1
        most = max(most, in_hand)
        try:
            return sequencer.submit(commands, payloads, now_ms=time_ms, applied=applied)
        finally:
            in_hand -= 1

    def cancels(turn: int) -> np.ndarray:
        rows = np.zeros((OVERLAP, e.COMMAND_WORDS), np.int64)
        rows[:, e.W_ID_LOW], rows[:, e.W_ID_HIGH] = np.arange(OVERLAP), turn + 1
        rows[:, e.W_HEAD], rows[:, e.W_FIELDS] = e.CANCEL | small.consumer << e.ACTOR_SHIFT, 1
        return rows

    async def work() -> list[np.ndarray]:
        commit = GroupCommit(submit, lambda: NIGHT_MS)
        commit.start()
        answers = await asyncio.gather(*(commit.submit(cancels(turn)) for turn in range(TURNS)))
        await commit.stop()
        return answers

    try:
        first = sequencer.position
        answers = asyncio.run(work())
        assert most == 2, "one is applied while another is written"
        assert all((answer[:, e.V_OUTCOME] == Outcome.UNKNOWN_ORDER).all() for answer in answers)
        own = [record.command[:2] for record in sequencer.records(first, sequencer.position)]
        ids = [(int(high), int(low)) for low, high in own if high != RESERVED_HIGH_WORD]
        assert ids == [(turn + 1, number) for turn in range(TURNS) for number in range(OVERLAP)]
    finally:
        small.close()
