"""The columns settlement reads and writes; one row per index, int64 throughout (bulk path)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from wattmark.core.codes import Area
from wattmark.core.energy import MAX_WH
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

Int64s = npt.NDArray[np.int64]

MAX_ACCOUNT: Final = 1 << 48
"""Account numbers stay below this, so that (account, area) fits one sorting key."""
AREA_SPAN: Final = 16
"""Room for area codes in that key; J8 uses 1..9."""
NEVER_S: Final = 1 << 40
"""A time no record reaches [POSIX s]."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Equally long int64 columns."""

    def __post_init__(self) -> None:
        """Make every column a contiguous int64 array and check that all have one length.

        Raises:
            MalformedInput: a column is not whole numbers, or the lengths differ.
        """
        length = -1
        for field in fields(self):
            column = as_int64(field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, column)
            if length not in (-1, len(column)):
                rule = Text(en=f"columns of one length ({length})", ja=f"すべての列が同じ長さ({length})")
                raise MalformedInput("COLUMN_LENGTH", field.name, len(column), rule)
            length = len(column)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Int64s | slice) -> Self:
        """Return the rows at these positions, in this order."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def columns(self) -> dict[str, Int64s]:
        """Return name -> column, in order of declaration."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def tobytes(self) -> bytes:
        """Return all columns as little-endian bytes, for byte comparisons (L6)."""
        return b"".join(column.astype("<i8").tobytes() for column in self.columns().values())

    @classmethod
    def empty(cls) -> Self:
        """Return no rows."""
        return cls(*(np.empty(0, np.int64) for _ in fields(cls)))


@dataclass(frozen=True, slots=True, eq=False)
class Demand(Columns):
    """Metered consumption of accounts; rows of one (account, area, period) are added up.

    Columns: account; area (J8); period start [POSIX s, UTC]; duration [s]; consumption [Wh].
    """

    account: Int64s
    area: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    consumption_wh: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Lots(Columns):
    """Held lots that may be used: serials ``[start, end)`` of one bundle.

    Columns: lot; account (owner); bundle; area of the producing device (J8); first serial and serial
    after the last; the bundle's period start [POSIX s] and duration [s]; kind (``LotKind``); expiry
    [POSIX s]; version of the redemption rule fixed at deposit, and begin and end of its window
    [POSIX s] (all 0 unless kind is ENERGY_CLAIM).
    """

    lot: Int64s
    account: Int64s
    bundle: Int64s
    area: Int64s
    start: Int64s
    end: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    kind: Int64s
    expiry_s: Int64s
    redeem_rule: Int64s
    redeem_from_s: Int64s
    redeem_until_s: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class SpotPrices(Columns):
    """Day-ahead prices, published before the day: area (J8), start [POSIX s], duration [s], [sen/kWh]."""

    area: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    price_sen: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Allocation(Columns):
    """Serials ``[start, end)`` of a lot used by an account in a period, one row per range.

    In order of (account, area, period), same slot before bank, each in its order of use. ``claim`` is
    SAME_SLOT or BANKED (``Claim``). Ranges of one lot ascend from its first serial without a gap, so
    they can be retired one after the other by the lot's one number.
    """

    account: Int64s
    area: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    lot: Int64s
    bundle: Int64s
    start: Int64s
    end: Int64s
    quantity_wh: Int64s
    claim: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class Residual(Columns):
    """What each (account, area, period) consumed and how it was covered; one row each, in that order.

    ``consumption_wh = same_slot_wh + banked_wh + residual_wh``. The residual costs the area's
    day-ahead price plus the tariff's adder; amounts are exact [10^-5 JPY].
    """

    account: Int64s
    area: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    consumption_wh: Int64s
    same_slot_wh: Int64s
    banked_wh: Int64s
    residual_wh: Int64s
    price_sen: Int64s
    spot_amount_e5: Int64s
    tariff_amount_e5: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class DaySettlement:
    """The result of one settlement run: serial ranges used, and the rest with its price."""

    allocation: Allocation
    residual: Residual

    @property
    def totals(self) -> dict[str, int]:
        """Return the sums over all accounts, by column [Wh, 10^-5 JPY]."""
        names = ("consumption_wh", "same_slot_wh", "banked_wh", "residual_wh", "spot_amount_e5", "tariff_amount_e5")
        return {name: int(getattr(self.residual, name).sum()) for name in names}

    def tobytes(self) -> bytes:
        """Return both tables as bytes, for byte comparisons (L6)."""
        return self.allocation.tobytes() + self.residual.tobytes()


def as_int64(name: str, values: npt.ArrayLike | Sequence[int]) -> Int64s:
    """Return a contiguous one-dimensional int64 array.

    Raises:
        MalformedInput: not one-dimensional whole numbers within int64.
    """
    array = np.asarray(values)
    if array.size == 0:
        return np.empty(0, np.int64)
    whole = array.dtype.kind == "i" or (array.dtype.kind == "u" and int(array.max()) < 1 << 63)
    if array.ndim != 1 or not whole:
        rule = Text(en="one-dimensional whole numbers (int64)", ja="一次元の整数(int64)")
        raise MalformedInput("COLUMN_TYPE", name, str(array.dtype), rule)
    return np.ascontiguousarray(array, np.int64)


def check_range(name: str, column: Int64s, low: int, high: int) -> None:
    """Check ``low <= column <= high`` in every row.

    Raises:
        MalformedInput: names the first row outside, by value.
    """
    if len(column) and (int(column.min()) < low or int(column.max()) > high):
        row = int(np.argmax((column < low) | (column > high)))
        rule = Text(en=f"{low} to {high} (row {row})", ja=f"{low}以上{high}以下({row}行目)")
        raise MalformedInput("COLUMN_RANGE", name, int(column[row]), rule)


def check_demand(demand: Demand) -> None:
    """Check the ranges of every column of the demand.

    Raises:
        MalformedInput: a value outside its range; the error names column, value and row.
    """
    check_range("demand.account", demand.account, 0, MAX_ACCOUNT - 1)
    check_range("demand.area", demand.area, min(Area), max(Area))
    check_range("demand.period_start_s", demand.period_start_s, 0, NEVER_S)
    check_range("demand.duration_s", demand.duration_s, 1, NEVER_S)
    check_range("demand.consumption_wh", demand.consumption_wh, 0, MAX_WH)


def check_lots(lots: Lots) -> None:
    """Check the ranges of every column of the lots.

    Raises:
        MalformedInput: a value outside its range; the error names column, value and row.
    """
    check_range("lots.account", lots.account, 0, MAX_ACCOUNT - 1)
    check_range("lots.area", lots.area, min(Area), max(Area))
    check_range("lots.start", lots.start, 0, MAX_WH)
    check_range("lots.end - lots.start", lots.end - lots.start, 1, MAX_WH)
    check_range("lots.period_start_s", lots.period_start_s, 0, NEVER_S)
    check_range("lots.duration_s", lots.duration_s, 1, NEVER_S)
    check_range("lots.kind", lots.kind, 1, 3)
    check_range("lots.expiry_s", lots.expiry_s, 0, NEVER_S)
    check_range("lots.redeem_from_s", lots.redeem_from_s, 0, NEVER_S)
    check_range("lots.redeem_until_s", lots.redeem_until_s, 0, NEVER_S)
