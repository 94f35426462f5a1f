"""The VEE rules: each a pure function over columns that returns the rows it finds, with evidence.

Ids are those of the metering reference, section 4 (California VEE 2.0, Oracle MDM, Itron, M-RETS, own); R1 is
our own range rule. Thresholds are data, in whole numbers, so that a rule set can be hashed and run again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.codes import Tier
from wattmark.core.energy import MAX_WH
from wattmark.core.periods import DAY_S, JST_OFFSET_S
from wattmark.core.text import Text
from wattmark.metering.decode import MAX_REGISTER_WH
from wattmark.metering.labels import Label
from wattmark.metering.slots import Column, SlotColumns, SlotOrder

Mask = npt.NDArray[np.bool_]

_HOUR_S: Final = 3_600
_PERMILLE: Final = 1_000


class Severity(IntEnum):
    """What a finding does to its row."""

    SOFT = 1
    HOLD = 2
    HARD = 3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The operator's numbers.

    Attributes:
        capacity_permille: most energy of a slot or a day, against rated power (V10: capacity x 1.05) [1/1000].
        future_permille: how far into the future a slot may end (S3: half a slot) [1/1000 slot].
        unsigned_lsb_wh: tolerance of V4 for unsigned readings, one unit of their last digit [Wh per slot].
    """

    capacity_permille: int = 1_050
    future_permille: int = 500
    unsigned_lsb_wh: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Rows a rule finds, with what was found and what the rule allows.

    Attributes:
        rows: row numbers.
        value: what was found, in the rule's unit.
        limit: what the rule allows.
    """

    rows: Column
    value: Column
    limit: Column


Check = Callable[[SlotColumns, SlotOrder, Thresholds], Hits]


@dataclass(frozen=True, slots=True)
class VeeRule:
    """One rule.

    Attributes:
        id: its id in the metering reference.
        severity: what its findings do.
        text: the rule in words.
        check: the function that finds the rows.
    """

    id: str
    severity: Severity
    text: Text
    check: Check


def _hits(mask: Mask, value: Column, limit: Column | int) -> Hits:
    rows = np.flatnonzero(mask).astype(np.int64)
    limits = np.full(len(mask), limit, dtype=np.int64) if isinstance(limit, int) else limit
    return Hits(rows, value[rows], limits[rows])


def _at(rows: Column, hit: Mask, value: Column, limit: Column) -> Hits:
    """Return hits among rows in sequence: value and limit are aligned with ``rows``."""
    return Hits(rows[hit], value[hit], limit[hit])


def _join(*parts: Hits) -> Hits:
    return Hits(*(np.concatenate([getattr(part, name) for part in parts]) for name in Hits.__slots__))


def in_range(columns: SlotColumns, _order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """R1: registers within ``0..MAX_REGISTER_WH``, energy within ``+-MAX_WH``."""
    registers = [
        _hits((column < 0) | (column > MAX_REGISTER_WH), column, MAX_REGISTER_WH)
        for column in (columns.reg_from_wh, columns.reg_to_wh)
    ]
    energy = _hits((columns.energy_wh > MAX_WH) | (columns.energy_wh < -MAX_WH), columns.energy_wh, MAX_WH)
    return _join(*registers, energy)


def on_grid(columns: SlotColumns, _order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """S3: a slot starts on the grid of its registered length."""
    return _hits(columns.period_start_s % columns.resolution_s != 0, columns.period_start_s, columns.resolution_s)


def no_overlap(columns: SlotColumns, order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """S3: a slot starts at or after the end of the one before (A26)."""
    follows = order.before >= 0
    start_s = columns.period_start_s[order.rows]
    end_before_s = columns.end_s[order.rows][order.before]
    return _at(order.rows, follows & (start_s < end_before_s), start_s, end_before_s)


def not_future(columns: SlotColumns, _order: SlotOrder, thresholds: Thresholds) -> Hits:
    """S3: a slot ends at most half a slot after its receipt (A20)."""
    limit_s = columns.received_s + columns.resolution_s * thresholds.future_permille // _PERMILLE
    return _hits(columns.end_s > limit_s, columns.end_s, limit_s)


def slot_length(columns: SlotColumns, _order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """S4: a slot is as long as registered; a REGISTER_ONLY total is some whole slots long."""
    whole = (columns.duration_s > 0) & (columns.duration_s % columns.resolution_s == 0)
    total = (columns.label == Label.REGISTER_ONLY) & whole
    return _hits((columns.duration_s != columns.resolution_s) & ~total, columns.duration_s, columns.resolution_s)


def no_gap(columns: SlotColumns, order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """V1: no slot is missing; found at the slot after the gap, with the number of missing slots."""
    follows = order.before >= 0
    rows = order.rows
    missing = (columns.period_start_s[rows] - columns.end_s[rows][order.before]) // columns.resolution_s[rows]
    return _at(rows, follows & (missing > 0), missing, np.zeros_like(missing))


def same_resend(columns: SlotColumns, order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """V2: a resend says what was said first; one that differs is not used, and alarms."""
    later, first = order.resent, order.first
    differs = columns.reg_to_wh[later] != columns.reg_to_wh[first]
    for column in (columns.reg_from_wh, columns.energy_wh, columns.duration_s):
        differs |= column[later] != column[first]
    return _at(later, differs, columns.reg_to_wh[later], columns.reg_to_wh[first])


def register_rises(columns: SlotColumns, order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """V3: a register never falls, within a slot or between two; roll-over is undone before."""
    within = _hits(columns.reg_to_wh < columns.reg_from_wh, columns.reg_to_wh, columns.reg_from_wh)
    rows, follows = order.rows, order.before >= 0
    before_wh = columns.reg_to_wh[rows][order.before]
    from_wh = columns.reg_from_wh[rows]
    return _join(within, _at(rows, follows & (from_wh < before_wh), from_wh, before_wh))


def energy_is_advance(columns: SlotColumns, _order: SlotOrder, thresholds: Thresholds) -> Hits:
    """V4: energy is the difference of the registers, exactly; unsigned readings may miss by their last digit."""
    advance_wh = columns.reg_to_wh - columns.reg_from_wh
    tolerance_wh = np.where(columns.tier == Tier.T0, thresholds.unsigned_lsb_wh, 0)
    return _hits(np.abs(columns.energy_wh - advance_wh) > tolerance_wh, columns.energy_wh, advance_wh)


def registers_tile(columns: SlotColumns, order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """V4: a slot's register begins where that of the slot right before it ended (L4)."""
    rows, follows = order.rows, order.before >= 0
    adjacent = follows & (columns.period_start_s[rows] == columns.end_s[rows][order.before])
    before_wh = columns.reg_to_wh[rows][order.before]
    from_wh = columns.reg_from_wh[rows]
    return _at(rows, adjacent & (from_wh > before_wh), from_wh, before_wh)


def one_way(columns: SlotColumns, _order: SlotOrder, _thresholds: Thresholds) -> Hits:
    """V5: no negative energy; import and export are two channels."""
    return _hits(columns.energy_wh < 0, columns.energy_wh, 0)


def slot_capacity(columns: SlotColumns, _order: SlotOrder, thresholds: Thresholds) -> Hits:
    """V10: a slot's energy is at most capacity x 1.05 x its length."""
    limit_wh = _capacity_wh(columns.capacity_w, columns.duration_s, thresholds)
    return _hits(columns.energy_wh > limit_wh, columns.energy_wh, limit_wh)


def day_capacity(columns: SlotColumns, order: SlotOrder, thresholds: Thresholds) -> Hits:
    """V10: a JST day's energy is at most capacity x 1.05 x 24 h; found at each of its slots."""
    rows = order.rows
    if not len(rows):
        return Hits(rows, rows, rows)
    day = (columns.period_start_s[rows] + JST_OFFSET_S) // DAY_S
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (columns.channel[rows][1:] != columns.channel[rows][:-1]) | (day[1:] != day[:-1])
    starts, group = np.flatnonzero(new), np.cumsum(new) - 1
    energy_wh = np.add.reduceat(columns.energy_wh[rows], starts)[group]
    limit_wh = _capacity_wh(columns.capacity_w[rows], np.full(len(rows), DAY_S, dtype=np.int64), thresholds)
    return _at(rows, energy_wh > limit_wh, energy_wh, limit_wh)


def _capacity_wh(capacity_w: Column, duration_s: Column, thresholds: Thresholds) -> Column:
    """Return floor(capacity x factor x duration) [Wh]; in order, so that no product leaves int64."""
    milliwatt = capacity_w * thresholds.capacity_permille
    hours, rest_s = np.divmod(duration_s, _HOUR_S)
    return (milliwatt * hours + milliwatt * rest_s // _HOUR_S) // _PERMILLE


RULES: Final = (
    VeeRule(
        "R1", Severity.HARD, Text(en="register and energy within range", ja="指針と電力量が範囲内であること"), in_range
    ),
    VeeRule("S3", Severity.HARD, Text(en="a slot starts on the grid", ja="コマは格子上で始まること"), on_grid),
    VeeRule("S3", Severity.HARD, Text(en="slots do not overlap", ja="コマは重ならないこと"), no_overlap),
    VeeRule("S3", Severity.HARD, Text(en="at most half a slot in the future", ja="未来は半コマまで"), not_future),
    VeeRule("S4", Severity.HARD, Text(en="slot length as registered", ja="コマ長が登録どおりであること"), slot_length),
    VeeRule("V1", Severity.HOLD, Text(en="no slot is missing", ja="欠けたコマがないこと"), no_gap),
    VeeRule("V2", Severity.HARD, Text(en="a resend says the same", ja="再送は初回と同じであること"), same_resend),
    VeeRule("V3", Severity.HARD, Text(en="a register never falls", ja="指針は減らないこと"), register_rises),
    VeeRule(
        "V4",
        Severity.HARD,
        Text(en="energy is the register's advance", ja="電力量は指針の差であること"),
        energy_is_advance,
    ),
    VeeRule("V4", Severity.HARD, Text(en="registers tile", ja="指針は隙間なく続くこと"), registers_tile),
    VeeRule("V5", Severity.HARD, Text(en="no negative energy", ja="電力量は負でないこと"), one_way),
    VeeRule("V10", Severity.SOFT, Text(en="a slot within capacity x 1.05", ja="コマは定格の1.05倍以内"), slot_capacity),
    VeeRule("V10", Severity.HARD, Text(en="a day within capacity x 1.05", ja="1日は定格の1.05倍以内"), day_capacity),
)
"""Every rule of the set, in the order of its findings."""
