"""Group commit: company shares a batch, each gets its own verdicts, nothing is acknowledged that was not applied."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from wattmark.api.commit import MAX_BATCH, MAX_PAYLOADS, OVERLAP, GroupCommit
from wattmark.core.errors import MalformedInput, Unavailable
from wattmark.core.text import Text


def commands(*numbers: int) -> np.ndarray:
    rows = np.zeros((len(numbers), 16), np.int64)
    rows[:, 0] = numbers
    return rows


class Sink:
    """Stands where the sequencer stands: answers each command with its own number."""

    def __init__(self, error: Exception | None = None, *, tells: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.written: list[list[int]] = []
        self.payloads: list[list[bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error = error
        self.tells = tells

    def submit(self, rows: np.ndarray, payloads: list[bytes], time_ms: int, applied: Callable[[], object]):
        self.batches.append(rows[:, 0].tolist())
        self.payloads.append(list(payloads))
        if self.tells:
            applied()
        self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.written.append(rows[:, 0].tolist())
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
            sink.gate.set()
            await commit.stop()

    return asyncio.run(body())


async def settle() -> None:
    """Let everything happen that can happen without time passing."""
    await asyncio.sleep(0.1)


def test_concurrent_requests_share_one_batch_and_get_their_own_verdicts() -> None:
    sink = Sink()

    async def together(commit: GroupCommit, first: int):
        numbers = range(first, first + 50)
        return await asyncio.gather(*(commit.submit(commands(n, n + 100), (b"%d" % n,)) for n in numbers))

    async def work(commit: GroupCommit):
        return await together(commit, 0), await together(commit, 1_000)

    once, again = run(sink, work, linger_s=5)
    assert [answer[:, 2].tolist() for answer in once] == [[n, n + 100] for n in range(50)]
    assert [answer[:, 2].tolist() for answer in again] == [[n, n + 100] for n in range(1_000, 1_050)]
    assert all(answer[:, 0].tolist() == [77, 77] for answer in once)
    assert [len(batch) for batch in sink.batches] == [2, 98, 98, 2], "who was answered together asks together"
    assert sink.payloads[1] == [b"%d" % n for n in range(1, 50)]


def test_a_client_alone_never_waits_for_company() -> None:
    sink = Sink()

    async def work(commit: GroupCommit):
        async with asyncio.timeout(5):
            for n in range(20):
                await commit.submit(commands(n))

    run(sink, work, linger_s=60)
    assert sink.batches == [[n] for n in range(20)]


def test_company_that_does_not_come_is_waited_for_once() -> None:
    sink = Sink()

    async def work(commit: GroupCommit):
        await asyncio.gather(*(commit.submit(commands(n)) for n in range(3)))
        begun = asyncio.get_running_loop().time()
        for n in range(3, 9):
            await commit.submit(commands(n))
        return asyncio.get_running_loop().time() - begun

    waited = run(sink, work, linger_s=0.5)
    assert sink.batches == [[0], [1, 2], *([n] for n in range(3, 9))]
    assert 0.5 <= waited < 1.0


def test_a_batch_never_exceeds_the_limit_and_the_order_stays() -> None:
    sink = Sink()

    async def work(commit: GroupCommit):
        sizes = [MAX_BATCH - 10, 8, 5, MAX_BATCH, 1]
        starts = np.cumsum([0, *sizes[:-1]])
        parts = [commands(*range(start, start + size)) for start, size in zip(starts, sizes, strict=True)]
        return await asyncio.gather(*(commit.submit(part) for part in parts))

    answers = run(sink, work, linger_s=0.05)
    assert [len(batch) for batch in sink.batches] == [MAX_BATCH - 10, 13, MAX_BATCH, 1]
    assert [number for batch in sink.batches for number in batch] == list(range(2 * MAX_BATCH + 4))
    assert answers[3][:, 2].tolist() == list(range(MAX_BATCH + 3, 2 * MAX_BATCH + 3))


def test_a_batch_never_holds_more_payloads_than_a_frame() -> None:
    sink = Sink()

    async def work(commit: GroupCommit):
        return await asyncio.gather(*(commit.submit(commands(n), (b"%d" % n,)) for n in range(MAX_PAYLOADS + 9)))

    run(sink, work)
    assert [len(batch) for batch in sink.batches] == [1, MAX_PAYLOADS, 8]


def test_large_batches_are_applied_while_another_is_written() -> None:
    sink = Sink(tells=True)
    sink.gate.clear()

    async def work(commit: GroupCommit):
        tasks = []
        for n in range(3):
            tasks.append(asyncio.create_task(commit.submit(commands(*range(n * OVERLAP, (n + 1) * OVERLAP)))))
            await settle()
        begun = [len(batch) for batch in sink.batches]
        sink.gate.set()
        return begun, await asyncio.gather(*tasks)

    begun, answers = run(sink, work)
    assert begun == [OVERLAP, OVERLAP], "two in flight, not three"
    assert [number for batch in sink.batches for number in batch] == list(range(3 * OVERLAP))
    assert [int(answer[0, 2]) for answer in answers] == [0, OVERLAP, 2 * OVERLAP]


def test_a_batch_waits_until_the_one_before_is_applied() -> None:
    """Orders are matched in the order they came in, so the second must not get to the sequencer first."""
    sink = Sink(tells=False)
    sink.gate.clear()

    async def work(commit: GroupCommit):
        tasks = [asyncio.create_task(commit.submit(commands(*range(OVERLAP)))) for _ in range(2)]
        await settle()
        begun = len(sink.batches)
        sink.gate.set()
        await asyncio.gather(*tasks)
        return begun

    assert run(sink, work) == 1


def test_few_commands_wait_for_the_disk_with_those_that_come_after_them() -> None:
    sink = Sink(tells=True)
    sink.gate.clear()

    async def work(commit: GroupCommit):
        tasks = []
        for n in range(6):
            tasks.append(asyncio.create_task(commit.submit(commands(n))))
            await settle()
        begun = [*sink.batches]
        sink.gate.set()
        await asyncio.gather(*tasks)
        return begun

    assert run(sink, work) == [[0]]
    assert sink.batches == [[0], [1, 2, 3, 4, 5]]


def test_commands_that_no_batch_may_hold_befall_nobody_else() -> None:
    sink = Sink()

    def check(rows: np.ndarray, payloads: list[bytes]) -> None:
        if rows[0, 0] == 13:
            raise MalformedInput("ID_RESERVED", "id", 13, Text(en="another", ja="別の値"))

    async def work(commit: GroupCommit):
        asked = (commit.submit(commands(n)) for n in (12, 13, 14))
        return await asyncio.gather(*asked, return_exceptions=True)

    before, refused, after = run(sink, work, check=check)
    assert isinstance(refused, MalformedInput)
    assert (before[0, 2], after[0, 2]) == (12, 14)


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
        asked = (commit.submit(commands(n)) for n in (1, 2, 4))
        failed = await asyncio.gather(*asked, return_exceptions=True)
        sink.error = None
        return failed, await commit.submit(commands(3))

    failed, good = run(sink, work)
    assert [type(error) for error in failed] == [Unavailable] * 3
    assert good[0, 2] == 3
    assert sink.batches == [[1], [2, 4], [3]]


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
    assert first[0, 2] == 1, "what was handed over runs to its end"
    assert isinstance(second, Unavailable)
    assert sink.batches == [[1]]
