"""When commands come faster than they are written, the queue stays bounded: 503, and the same request again succeeds."""

import asyncio
import dataclasses
import threading
from pathlib import Path

import httpx

from reference.served_home import new_id
from wattmark.api.app import create_app
from wattmark.api.commit import GroupCommit
from wattmark.testing.small_home import NIGHT_MS, SECRET, SmallHome

QUEUE_COMMANDS = 5


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
