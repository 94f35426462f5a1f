"""The attacks of ``attacks_market`` again, without CANCEL and without a new order: by amendments, times and CANCEL_ALL.

Each was tried against the platform by somebody who knew what the rules read.
"""

from collections.abc import Callable
from typing import Final

from typing_extensions import override

from wattmark.market.layout import BUY, SELL
from wattmark.simulation.attacks_market import (
    PRODUCT,
    WARM_UP_MS,
    Attack,
    Closer,
    Igniter,
    Spoofer,
    carried_out,
)
from wattmark.simulation.honest_market import KWH, LIQUID, OPEN_MS, Crowd, Market, Trader
from wattmark.simulation.trading_floor import Standing

AWAY_SEN: Final = 1
"""A price where nobody sells [sen/kWh]."""
SHORT_MS: Final = 12_000
SLEEPERS: Final = 500
"""Bids placed early, to be amended later."""


class Shrinker(Spoofer):
    """F4, F5: amends the wall to 1 Wh when the small order has filled."""

    @override
    def pull(self, market: Market, order: Standing) -> None:
        """Leave 1 Wh of it."""
        market.floor.amend(order, order.price_sen, 1)


class Dawdler(Shrinker):
    """F4, F5: amends the wall by 1 Wh first, and shrinks it when that looks like a quote that was moved."""

    slow_ms = 5_000
    touched = False

    @override
    def act(self, market: Market) -> int | None:
        """Touch the wall after the fill, and come back to it."""
        if self.real is not None and not self.touched and self.real.left_wh < self.real.quantity_wh:
            for order in self.wall:
                market.floor.amend(order, order.price_sen, order.left_wh + 1)
            self.touched = True
            return self.slow_ms
        self.touched = False
        return super().act(market)


class Mover(Spoofer):
    """F4, F5: amends the wall to where nobody trades."""

    @override
    def pull(self, market: Market, order: Standing) -> None:
        """Move all of it away."""
        market.floor.amend(order, AWAY_SEN, order.left_wh)


class Lapser(Spoofer):
    """F4, F5: the wall has a time that comes soon; a new one is built until the small order fills."""

    life_ms = SHORT_MS

    @override
    def pull(self, market: Market, order: Standing) -> None:
        """Do nothing: it goes by itself."""


class AmendingCloser(Closer):
    """F6: one low bid from early on, amended through the book in the last minutes and back."""

    bid: Standing | None = None

    @override
    def act(self, market: Market) -> int | None:
        """Place the bid before anybody else, then wait for the last minutes."""
        if self.bid is None:
            self.bid = market.floor.place(self.account, PRODUCT, BUY, AWAY_SEN, 40 * KWH)
        return super().act(market)

    @override
    def take(self, market: Market, price_sen: int) -> None:
        """Amend the bid to cross, and back."""
        self.bid = _crossed(market, self.bid, self.account, price_sen, 40 * KWH)[0]


class AmendingIgniter(Igniter):
    """F9: pushes with old bids, amended to cross and back."""

    sleepers: list[Standing] | None = None

    @override
    def act(self, market: Market) -> int | None:
        """Place the bids early, then as the others do."""
        if self.sleepers is None:
            place = market.floor.place
            self.sleepers = [place(self.account, PRODUCT, BUY, AWAY_SEN, 15 * KWH) for _ in range(SLEEPERS)]
        return super().act(market)

    @override
    def take(self, market: Market, price_sen: int) -> int:
        """Amend the bid to cross, and back; return what it traded [Wh]."""
        assert self.sleepers
        bid, wh = _crossed(market, self.sleepers[-1], self.account, price_sen, 15 * KWH)
        if bid is not self.sleepers[-1]:
            self.sleepers.pop()
            market.floor.cancel(bid)
        return wh


class AmendStuffer(Trader):
    """F8: one order far from the market, amended many times a second."""

    def __init__(self, account: int, amends: int) -> None:
        self.account, self.left = account, amends
        self.order: Standing | None = None

    @override
    def act(self, market: Market) -> int | None:
        """Amend the order by a little."""
        if market.now_ms < OPEN_MS + WARM_UP_MS:
            return WARM_UP_MS
        if not self.left or not market.is_open(PRODUCT):
            return None
        low = int(market.fair_sen(PRODUCT) * 0.5)
        if self.order is None:
            self.order = market.floor.place(self.account, PRODUCT, BUY, low, 3 * KWH)
        market.floor.amend(self.order, low - self.left % 2, 3 * KWH)
        self.left -= 1
        return 6


class SweepStuffer(AmendStuffer):
    """F8: one order, and CANCEL_ALLs of a product in which it has nothing left."""

    @override
    def act(self, market: Market) -> int | None:
        """Take back what is not there."""
        if market.now_ms < OPEN_MS + WARM_UP_MS:
            return WARM_UP_MS
        if not self.left or not market.is_open(PRODUCT):
            return None
        if self.order is None:
            self.order = market.floor.place(self.account, PRODUCT, SELL, 90_000, KWH)
        market.floor.cancel_all(self.account, PRODUCT if self.left % 2 else -1)
        self.left -= 1
        return 6


def _crossed(market: Market, bid: Standing | None, account: int, price_sen: int, wh: int) -> tuple[Standing, int]:
    """Amend a bid to cross and back; return it, or a new one where all of it traded, and what traded [Wh]."""
    assert bid is not None
    market.floor.amend(bid, price_sen, wh)
    done = bid.quantity_wh - bid.left_wh
    if bid.stands:
        market.floor.amend(bid, AWAY_SEN, wh)
    else:
        bid = market.floor.place(account, PRODUCT, BUY, AWAY_SEN, wh)
    return bid, done


VARIANTS: Final[dict[str, tuple[str, Callable[[int], Trader]]]] = {
    "amend to 1 Wh": ("F4", lambda account: Shrinker(account, 8, 1)),
    "amend twice": ("F4", lambda account: Dawdler(account, 8, 1)),
    "amend away": ("F4", lambda account: Mover(account, 8, 1)),
    "short life": ("F4", lambda account: Lapser(account, 8, 1)),
    "layers amended to 1 Wh": ("F5", lambda account: Shrinker(account, 8, 5)),
    "layers amended away": ("F5", lambda account: Mover(account, 8, 5)),
    "layers with a short life": ("F5", lambda account: Lapser(account, 8, 5)),
    "close by amending": ("F6", AmendingCloser),
    "amend stuffing": ("F8", lambda account: AmendStuffer(account, 1_500)),
    "sweep stuffing": ("F8", lambda account: SweepStuffer(account, 1_500)),
    "ignition by amending": ("F9", lambda account: AmendingIgniter(account, 4)),
}
"""Name -> the rule that must find it, and the attacker with an account."""


def amended_day(name: str, seed: int, crowd: Crowd = LIQUID) -> Attack:
    """Return an honest day with a variant in it; the same for the same seed and crowd."""
    rule, make = VARIANTS[name]
    return carried_out(rule, lambda market: [make(market.new_account())], seed, crowd)
