"""The feed of the read model: in order, bounded, read-your-writes, and loud when the model fails."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest

from wattmark.core.errors import Broken, Unavailable
from wattmark.engine.state import State
from wattmark.flows.feed import Feed
from wattmark.flows.ports import AppliedFrame

STATE = State()


def frame(sequence: int, records: int = 1) -> AppliedFrame:
    commands, verdicts = np.zeros((records, 16), np.int64), np.zeros((records, 4), np.int64)
    return AppliedFrame(sequence, bytes(32), sequence, commands, verdicts, {}, np.zeros((0, 9)), np.zeros((0, 2)))


def test_frames_are_taken_in_order_and_settle_waits_for_them() -> None:
    taken: list[int] = []
    gate = threading.Event()

    def record(frame: AppliedFrame, state: State) -> None:
        gate.wait(10)
        taken.append(frame.sequence)

    feed = Feed(record)
    for sequence in range(50):
        feed.put(frame(sequence), STATE)
    assert taken == [], "the writer did not wait"
    with ThreadPoolExecutor(1) as pool:
        settled = pool.submit(feed.settle)
        assert not settled.done()
        gate.set()
        settled.result(10)
    assert taken == list(range(50))
    feed.close()


def test_memory_is_bounded_by_making_the_writer_wait() -> None:
    """However slow the model is, no more than ``max_records`` wait; a longer frame goes alone."""
    turns = threading.Semaphore(0)
    waiting: list[int] = []

    def record(frame: AppliedFrame, state: State) -> None:
        waiting.append(sum(len(item.commands) for item, _ in feed._frames))
        turns.acquire()

    feed = Feed(record, max_records=10)
    for sequence, records in enumerate([4, 6]):
        feed.put(frame(sequence, records), STATE)  # these two fit
    with ThreadPoolExecutor(1) as pool:
        for sequence, records in enumerate([5, 30, 1], 2):
            writing = pool.submit(feed.put, frame(sequence, records), STATE)
            with pytest.raises(TimeoutError):
                writing.result(0.05)
            while not writing.done():
                turns.release()
                wait([writing], 0.05)
    for _ in range(5):
        turns.release()
    feed.settle()
    feed.close()
    assert max(waiting) == 30
    assert len(waiting) == 5


@pytest.mark.parametrize("error", [Broken("lake", "byte 1", "rule", "detail"), ValueError("anything")])
def test_what_the_model_raises_comes_out_where_the_feed_is_used(error: Exception) -> None:
    def record(frame: AppliedFrame, state: State) -> None:
        raise error

    feed = Feed(record)
    feed.put(frame(0), STATE)
    for _ in range(2):
        with pytest.raises(type(error)):
            feed.settle()
        with pytest.raises(type(error)):
            feed.put(frame(1), STATE)
    feed.close()


def test_a_closed_feed_has_taken_everything_and_takes_nothing_more() -> None:
    taken: list[int] = []
    feed = Feed(lambda frame, state: taken.append(frame.sequence))
    for sequence in range(20):
        feed.put(frame(sequence), STATE)
    feed.close()
    feed.close()
    assert taken == list(range(20))
    feed.settle()
    with pytest.raises(Unavailable):
        feed.put(frame(20), STATE)
    Feed(lambda frame, state: None).close()  # one that never started
