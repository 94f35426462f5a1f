"""Apply a batch of commands to a state: deterministic, time is an input (L6)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.engine import layout as e
from wattmark.engine.commands import FIELDS, Kind, Words
from wattmark.engine.kernels import apply_batch
from wattmark.engine.state import State
from wattmark.market import layout as m

W_DISPLAY: Final = e.W_FIELDS + FIELDS[Kind.PLACE_ORDER].index("display_wh")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch did.

    Attributes:
        verdicts: int64[n, 4]: timestamp [ms], outcome, two results; one per command.
        fresh: bool[n]: the commands that are new records of the journal; the others were retries
            (answered with their stored verdict) or carried no usable id.
        trades: int64[m, 9]: columns ``T_*`` of ``market/layout.py``.
        changes: int64[k, 6]: columns ``C_*``: what each touched level of a visible book showed after, in order.
    """

    verdicts: Words
    fresh: npt.NDArray[np.bool_]
    trades: Words
    changes: Words


def apply(state: State, commands: Words, now_ms: int) -> Applied:
    """Apply commands int64[n, 16] in order at a time; the state changes in place.

    Time never runs backwards: an earlier ``now_ms`` counts as the time of the last batch.
    """
    count = len(commands)
    commands = np.ascontiguousarray(commands, np.int64)
    kinds = commands[:, e.W_HEAD] & e.HALF_MASK
    icebergs = int(np.count_nonzero(commands[kinds == e.PLACE_ORDER, W_DISPLAY]))
    effects = state.reserve(count, icebergs=icebergs, limits=bool((kinds == e.SET_LIMITS).any()))
    now = max(now_ms, state.now_ms)
    # the same room for every batch, and only what was written is kept: fresh memory would have to be zeroed each time
    trades, changes = state.room_for_effects(effects)
    tables = state.tables(trades, changes)
    tables.aux[[m.X_TRADES, m.X_CHANGES]] = 0
    verdicts = np.zeros((count, e.VERDICT_WORDS), np.int64)
    fresh = np.zeros(count, np.bool_)
    apply_batch(tables, commands, now, verdicts, fresh)
    if fresh.any():
        state.header[e.H_NOW_MS] = now  # what makes no record leaves no trace: state is a function of the journal
    traded, changed = tables.aux[[m.X_TRADES, m.X_CHANGES]].tolist()
    return Applied(verdicts, fresh, trades[:traded].copy(), changes[:changed].copy())
