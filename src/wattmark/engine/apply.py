"""Apply a batch of commands to a state: deterministic, time is an input (L6)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wattmark.engine import layout as e
from wattmark.engine.commands import Words
from wattmark.engine.kernels import apply_batch
from wattmark.engine.state import State
from wattmark.market import layout as m


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did.

    Attributes:
        verdicts: int64[n, 4]: timestamp [ms], outcome, two results; one per command.
        fresh: bool[n]: the commands that are new records of the journal; the others were retries
            (answered with their stored verdict) or carried no usable id.
        trades: int64[m, 9]: columns ``T_*`` of ``market/layout.py``.
    """

    verdicts: Words
    fresh: npt.NDArray[np.bool_]
    trades: Words


def apply(state: State, commands: Words, now_ms: int) -> Applied:
    """Apply commands int64[n, 16] in order at a time; the state changes in place.

    Time never runs backwards: an earlier ``now_ms`` counts as the time of the last batch.
    """
    count = len(commands)
    state.reserve(count)
    now = max(now_ms, state.now_ms)
    tables = state.tables()
    tables.aux[m.X_TRADES] = 0
    # room for every open order; not zeroed, and only what was written is kept: a queue of frames would hold it all
    trades = np.empty((int(state.header[e.H_OPEN_ORDERS]) + 2 * count + 1, m.TRADE_WORDS), np.int64)
    verdicts = np.zeros((count, e.VERDICT_WORDS), np.int64)
    fresh = np.zeros(count, np.bool_)
    commands = np.ascontiguousarray(commands, np.int64)
    apply_batch(tables, commands, now, verdicts, fresh, trades)
    if fresh.any():
        state.header[e.H_NOW_MS] = now  # what makes no record leaves no trace: state is a function of the journal
    return Applied(verdicts, fresh, trades[: int(tables.aux[m.X_TRADES])].copy())
