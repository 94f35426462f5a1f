"""What the rules look at: a day of orders and trades as columns of 64-bit integers.

Owners, not accounts, are watched. ``owners[account]`` names the owner of an account by the lowest account number of
that owner, so an account nobody else is joined with is its own owner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.market.layout import BUY, SELL

Column = npt.NDArray[np.int64]
Table = TypeVar("Table", bound="Trades | Orders | Products | Sweeps")

STILL_OPEN: Final = 0
FILLED: Final = 1
CANCELLED: Final = 2
ENDED: Final = 3
AMENDED: Final = 4
EXPIRED: Final = 5
"""How an order ended: it rests on, it filled, its owner withdrew it, its gate came, its owner changed it and it goes on in
the next row, or the time came that its owner had given it."""

WITHDRAWN: Final = (CANCELLED, AMENDED, EXPIRED)
"""Ends its owner chose; what of it stands on after an amendment is the next row's."""

_UNEQUAL: Final = Text(en="columns of equal length", ja="同じ長さの列")
_OWNERS: Final = Text(en="accounts that exist, each with one owner only", ja="存在する口座(所有者は1人)")


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """One row per trade, oldest first.

    Attributes:
        timestamp_ms: when [ms].
        product: number of the product.
        buyer: account that bought.
        seller: account that sold.
        buy_order: number of its order.
        sell_order: number of its order.
        buy_since: log index of the record that made the buyer's order what it was: placed it, or amended it last.
        sell_since: the same of the seller's.
        quantity_wh: energy [Wh].
        price_sen: price [sen/kWh].
        position: log index of the record that made it.
    """

    timestamp_ms: Column
    product: Column
    buyer: Column
    seller: Column
    buy_order: Column
    sell_order: Column
    buy_since: Column
    sell_since: Column
    quantity_wh: Column
    price_sen: Column
    position: Column

    def __post_init__(self) -> None:
        """Check that the columns are one table.

        Raises:
            MalformedInput: their lengths differ.
        """
        _same_length(self)

    def __len__(self) -> int:
        """Return the number of trades."""
        return len(self.timestamp_ms)

    @property
    def taker_side(self) -> Column:
        """Return the side of the order that was placed or amended later and so made the trade: 1 buy, 2 sell."""
        return np.where(self.buy_since > self.sell_since, BUY, SELL).astype(np.int64)

    @property
    def taker(self) -> Column:
        """Return the account whose order made the trade."""
        return np.where(self.buy_since > self.sell_since, self.buyer, self.seller)


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """The orders that lived on the day, in order of arrival; an amended order has a row before each amendment and after.

    A row has price and quantity from the record at ``position`` until it ends. The rows of an order follow each other,
    each ``AMENDED`` but the last.

    Attributes:
        order: number of the order.
        account: who placed it.
        product: number of the product.
        side: 1 buy, 2 sell.
        price_sen: limit [sen/kWh].
        quantity_wh: as placed, or left after the amendment [Wh].
        filled_wh: traded as this row; of an order never amended in its whole life [Wh].
        placed_ms: when it was placed or amended [ms].
        ended_ms: when it ended [ms]; the end of the day where it rests on.
        end: ``STILL_OPEN``, ``FILLED``, ``CANCELLED`` (by its owner), ``ENDED``, ``AMENDED`` or ``EXPIRED``.
        position: log index of the record that placed or amended it.
    """

    order: Column
    account: Column
    product: Column
    side: Column
    price_sen: Column
    quantity_wh: Column
    filled_wh: Column
    placed_ms: Column
    ended_ms: Column
    end: Column
    position: Column

    def __post_init__(self) -> None:
        """Check that the columns are one table.

        Raises:
            MalformedInput: their lengths differ.
        """
        _same_length(self)

    def __len__(self) -> int:
        """Return the number of orders."""
        return len(self.order)


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """The gates of the products, by product number.

    Attributes:
        close_ms: end of trading [ms].
        mode: 1 zaraba, 2 call auction.
    """

    close_ms: Column
    mode: Column

    def __post_init__(self) -> None:
        """Check that the columns are one table.

        Raises:
            MalformedInput: their lengths differ.
        """
        _same_length(self)


@dataclass(frozen=True, slots=True, eq=False)
class Sweeps:
    """One row per CANCEL_ALL that an owner sent, oldest first, whether it found orders or not.

    Attributes:
        timestamp_ms: when [ms].
        account: whose.
        product: of which product, below zero for every one.
    """

    timestamp_ms: Column
    account: Column
    product: Column

    def __post_init__(self) -> None:
        """Check that the columns are one table.

        Raises:
            MalformedInput: their lengths differ.
        """
        _same_length(self)


def sweeps_of(rows: Iterable[tuple[int, int, int]] = ()) -> Sweeps:
    """Return the sweeps of (time [ms], account, product)."""
    return Sweeps(*np.array(list(rows), np.int64).reshape(-1, 3).T)


@dataclass(frozen=True, slots=True, eq=False)
class MarketDay:
    """A day: from ``start_ms`` to before ``end_ms``.

    Attributes:
        start_ms: first moment [ms].
        end_ms: first moment after it [ms].
        trades: its trades.
        orders: orders that lived on it.
        products: all products, by number.
        owners: account -> owner.
        sweeps: its CANCEL_ALLs.
    """

    start_ms: int
    end_ms: int
    trades: Trades
    orders: Orders
    products: Products
    owners: Column
    sweeps: Sweeps = field(default_factory=sweeps_of)

    def accounts_of(self, owner: int) -> tuple[int, ...]:
        """Return the accounts of an owner."""
        return tuple(np.flatnonzero(self.owners == owner).tolist())


def trades_of(**columns: Iterable[int]) -> Trades:
    """Return the trades of columns by name."""
    return Trades(**_arrays(Trades, columns))


def orders_of(**columns: Iterable[int]) -> Orders:
    """Return the orders of columns by name."""
    return Orders(**_arrays(Orders, columns))


def owners_of(accounts: int, groups: Iterable[Iterable[int]]) -> Column:
    """Return account -> owner for ``accounts`` accounts, of which the groups belong together.

    Raises:
        MalformedInput: a group names an account that does not exist, or one that another group has.
    """
    owners = np.arange(accounts, dtype=np.int64)
    seen: set[int] = set()
    for group in groups:
        members = sorted(set(group))
        for account in members:
            if not 0 <= account < accounts or account in seen:
                raise MalformedInput("OWNERS_INVALID", "owners", account, _OWNERS)
        seen.update(members)
        owners[members] = members[0] if members else 0
    return owners


def _arrays(table: type[Any], columns: Mapping[str, Iterable[int]]) -> dict[str, Column]:
    names = [one.name for one in fields(table)]
    return {name: np.asarray(columns[name], np.int64) for name in names}


def _same_length(table: Table) -> None:
    lengths = {one.name: len(getattr(table, one.name)) for one in fields(table)}
    if len(set(lengths.values())) > 1:
        raise MalformedInput("COLUMNS_UNEQUAL", min(lengths, key=lambda name: lengths[name]), lengths, _UNEQUAL)
