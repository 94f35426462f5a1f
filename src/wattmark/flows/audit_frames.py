"""Frames on their way to the audit: what needs no state is done ahead of it, in threads, in the order of the journal.

Hashing gives up the interpreter's lock, so that a second core decodes and hashes the entries of the next frames while the
first one follows the chain, extends the tree and replays. ``AHEAD`` frames wait at most, whatever the journal's length.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from wattmark.core.errors import Refused
from wattmark.core.findings import Finding
from wattmark.engine.batch import Batch, Bytes2, decode_batch, draw_salts, leaf_entries
from wattmark.ledger.frames import Frame
from wattmark.ledger.merkle import leaf_hashes

WORKERS: Final = 2
"""Threads; the caller is a third one, and waits for them now and then."""
AHEAD: Final = 6
"""Frames that are prepared or being prepared at most."""

_NONE: Final = np.empty((0, 32), np.uint8)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame with what can be said of it without the frames before.

    Attributes:
        file: where it is from.
        frame: it.
        batch: what it holds, or why it holds none.
        leaf_hashes: ``uint8 [n, 32]``, empty without a batch.
        are_salts_drawn: whether the salts are those of the blinding key; true where no key was given.
    """

    file: str
    frame: Frame
    batch: Batch | Refused
    leaf_hashes: Bytes2 = field(default_factory=lambda: _NONE)
    are_salts_drawn: bool = True


def prepared(items: Iterator[tuple[str, Frame] | Finding], blinding_key: bytes | None) -> Iterator[Prepared | Finding]:
    """Yield the frames prepared, and the findings between them, in their order.

    Args:
        items: (file, frame), and findings; taken from the caller's thread.
        blinding_key: what the salts derive from, ``None`` to take them as they are.
    """
    waiting: deque[Future[Prepared] | Finding] = deque()
    with ThreadPoolExecutor(WORKERS, "audit") as pool:
        for item in items:
            waiting.append(item if isinstance(item, Finding) else pool.submit(partial(prepare, *item, blinding_key)))
            if len(waiting) > AHEAD:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


def prepare(file: str, frame: Frame, blinding_key: bytes | None) -> Prepared:
    """Decode a frame and hash its entries."""
    try:
        batch = decode_batch(frame.payload)
    except Refused as error:
        return Prepared(file, frame, error)
    drawn = blinding_key is None or np.array_equal(
        draw_salts(blinding_key, frame.sequence, len(batch.commands)), batch.salts
    )
    return Prepared(file, frame, batch, leaf_hashes(leaf_entries(batch)), drawn)


def _result(waiting: Future[Prepared] | Finding) -> Prepared | Finding:
    return waiting if isinstance(waiting, Finding) else waiting.result()
