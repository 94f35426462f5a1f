"""Why a product's trading is halted: the operator's record that says so."""

from dataclasses import dataclass

import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.commands import fields
from wattmark.flows.platform import Platform
from wattmark.market import layout as m


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt by the operator.

    Attributes:
        since_ms: when [ms].
        reason: the operator's number of the reason.
        position: log index of its record.
    """

    since_ms: int
    reason: int
    position: int


def halt_of(platform: Platform, number: int) -> Halt | None:
    """Return the halt of a product, ``None`` while it is not halted by the operator."""
    if int(platform.state.products[number, m.P_STATE]) != m.PRODUCT_HALTED:
        return None
    records = platform.state.ids[: platform.sequencer.position]
    is_one = (records[:, e.I_HEAD] & e.HALF_MASK == e.SET_TRADING) & (records[:, e.I_OUTCOME] == e.OK)
    position = int(np.flatnonzero(is_one & (records[:, e.I_RESULT0] == number))[-1])
    record = platform.sequencer.record(position)
    return Halt(int(records[position, e.I_TIMESTAMP_MS]), fields(record.command)["reason"], position)
