"""The lock of the read model: one at a time, and in the order of asking."""

import threading
import time

import pytest

from wattmark.storage.sqlite.turns import Turns


def test_one_at_a_time() -> None:
    turns, inside, most = Turns(), [0], [0]

    def work() -> None:
        for _ in range(300):
            with turns:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_busy_holder_lets_the_next_one_in() -> None:
    """Whoever takes the lock again at once stands behind those who wait."""
    turns, over = Turns(), threading.Event()
    rounds = [0]

    def busy() -> None:
        while not over.is_set():
            with turns:
                rounds[0] += 1
                time.sleep(0.002)

    holder = threading.Thread(target=busy)
    holder.start()
    waited = []
    while not rounds[0]:
        time.sleep(0.001)
    for _ in range(20):
        before = rounds[0]
        with turns:
            waited.append(rounds[0] - before)
    over.set()
    holder.join()
    assert max(waited) <= 2


def test_an_error_inside_gives_the_lock_back() -> None:
    turns = Turns()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), turns:
            _ = 1 // 0
    with turns:
        pass
