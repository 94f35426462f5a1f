"""Group commit: company shares a batch, each gets its own verdicts, nothing is acknowledged that was not applied."""

import asyncio
import threading

import numpy as np
import pytest

from wattmark.api.commit import MAX_BATCH, GroupCommit
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text


def commands(*numbers: int) -> np.ndarray:
    rows = np.zeros((len(numbers), 16), np.int64)
    rows[:, 0] = numbers
    return rows


class Sink:
    """Stands where the sequencer stands: answers each command with its own number."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[list[int]] = []
        self.payloads: list[list[bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error = error

    def submit(self, rows: np.ndarray, payloads: list[bytes], time_ms: int) -> np.ndarray:
        self.gate.wait(10)
        self.batches.append(rows[:, 0].tolist())
        self.payloads.append(list(payloads))
        if self.error is not None:
            raise self.error
        verdicts = np.zeros((len(rows), 4), np.int64)
        verdicts[:, 0], verdicts[:, 2] = time_ms, rows[:, 0]
        return verdicts


def run(sink: Sink, work, **options):
    async def body():
        commit = GroupCommit(sink.submit, lambda: 77, **options)
        commit.start()
        try:
            return await work(commit)
        finally:
            await commit.stop()

    return asyncio.run(body())


def test_concurrent_requests_share_one_batch_and_get_their_own_verdicts() -> None:
    sink = Sink()

    async def work(commit: GroupCommit):
        return await asyncio.gather(*(commit.submit(commands(n, n + 100), (b"%d" % n,)) for n in range(50)))

    answers = run(sink, work, linger_s=0.2)
    assert [answer[:, 2].tolist() for answer in answers] == [[n, n + 100] for n in range(50)]
    assert all(answer[:, 0].tolist() == [77, 77] for answer in answers)
    assert len(sink.batches) == 1
    assert sink.payloads == [[b"%d" % n for n in range(50)]]


def test_a_batch_never_exceeds_the_limit_and_the_order_stays() -> None:
    sink = Sink()

    async def work(commit: GroupCommit):
        sizes = [MAX_BATCH - 10, 8, 5, MAX_BATCH]
        starts = np.cumsum([0, *sizes[:-1]])
        parts = [commands(*range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
        return await asyncio.gather(*(commit.submit(part) for part in parts))

    answers = run(sink, work, linger_s=0.05)
    assert [len(batch) for batch in sink.batches] == [MAX_BATCH - 2, 5, MAX_BATCH]
    assert [number for batch in sink.batches for number in batch] == list(range(2 * MAX_BATCH + 3))
    assert answers[2][:, 2].tolist() == list(range(MAX_BATCH - 2, MAX_BATCH + 3))


def test_a_full_queue_turns_away_and_has_room_again() -> None:
    sink = Sink()
    sink.gate.clear()

    async def work(commit: GroupCommit):
        first = asyncio.create_task(commit.submit(commands(*range(6))))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(commit.submit(commands(6, 7)))
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await commit.submit(commands(8, 9, 10))
        sink.gate.set()
        await asyncio.gather(first, second)
        return await commit.submit(commands(8, 9, 10))

    assert run(sink, work, queue_commands=10)[:, 2].tolist() == [8, 9, 10]


def test_a_failed_write_reaches_everybody_in_the_batch_and_nobody_else() -> None:
    sink = Sink(Unavailable(Text(en="disk full", ja="空き容量なし")))

    async def work(commit: GroupCommit):
        failed = await asyncio.gather(commit.submit(commands(1)), commit.submit(commands(2)), return_exceptions=True)
        sink.error = None
        return failed, await commit.submit(commands(3))

    failed, good = run(sink, work)
    assert [type(error) for error in failed] == [Unavailable, Unavailable]
    assert good[0, 2] == 3


def test_stopping_finishes_the_batch_in_hand_and_turns_away_the_rest() -> None:
    sink = Sink()
    sink.gate.clear()

    async def body():
        commit = GroupCommit(sink.submit, lambda: 0)
        commit.start()
        first = asyncio.create_task(commit.submit(commands(1)))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(commit.submit(commands(2)))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(commit.stop())
        await asyncio.sleep(0.05)
        sink.gate.set()
        await stopping
        results = await asyncio.gather(first, second, return_exceptions=True)
        with pytest.raises(Unavailable):
            await commit.submit(commands(3))
        return results

    first, second = asyncio.run(body())
    assert first[0, 2] == 1
    assert isinstance(second, Unavailable)
    assert sink.batches == [[1]]
