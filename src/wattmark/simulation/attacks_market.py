"""One attack for each rule of ``market.surveillance``, carried out by traders inside an honest market.

Each attacker sees what everybody sees and acts through the same floor. None knows a threshold; their sizes are those
of the textbook cases. ``attacked_day`` says who the attacker was, so that a test can ask whether the rule named it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from wattmark.market.layout import BUY, SELL
from wattmark.market.surveillance.day import MarketDay
from wattmark.simulation.honest_market import (
    DAY_MS,
    KWH,
    LIQUID,
    MINUTE_MS,
    OPEN_MS,
    Crowd,
    Market,
    Trader,
    honest_market,
    run_market,
)
from wattmark.simulation.trading_floor import Standing

PRODUCT: Final = 0
"""Attacks happen in the first product."""
WARM_UP_MS: Final = 60 * MINUTE_MS
"""Attackers wait until the market has found its prices [ms]."""
PUSHES: Final = 120
"""Quick buys of one push, at most."""


class Washer(Trader):
    """F1, F2, F3: sells inside the spread from one account and buys it with the next, round and round."""

    def __init__(self, accounts: list[int], rounds: int) -> None:
        self.accounts, self.left = accounts, rounds * max(len(accounts), 1)
        self.account = accounts[0]
        self.at = 0
        self.price = 0

    @override
    def act(self, market: Market) -> int | None:
        """Sell from one account to the next, at a price between the best bid and ask."""
        if market.now_ms < OPEN_MS + WARM_UP_MS:
            return WARM_UP_MS
        if not self.left or not market.is_open(PRODUCT):
            return None
        floor = market.floor
        bid, ask = floor.best(PRODUCT, BUY), floor.best(PRODUCT, SELL)
        if bid is None or ask is None or ask - bid < 3:
            return market.pause(20_000)
        self.price = self.price if bid < self.price < ask else (bid + ask) // 2
        seller, buyer = self.accounts[self.at], self.accounts[(self.at + 1) % len(self.accounts)]
        floor.place(seller, PRODUCT, SELL, self.price, 5 * KWH)
        floor.place(buyer, PRODUCT, BUY, self.price, 5 * KWH, rests=False)
        self.at = (self.at + 1) % len(self.accounts)
        self.left -= 1
        return market.pause(60_000)


class Spoofer(Trader):
    """F4, F5: a small real sell, a wall of bids under the market; when the small one fills, the wall goes."""

    wakes_on_fill = True
    life_ms = 0
    """How long the wall may stand [ms]; 0 for as long as it takes."""

    def __init__(self, account: int, episodes: int, levels: int) -> None:
        self.account, self.left, self.levels = account, episodes, levels
        self.real: Standing | None = None
        self.wall: list[Standing] = []

    @override
    def act(self, market: Market) -> int | None:
        """Build the wall, or pull it when the real order has traded or nobody came."""
        floor = market.floor
        if market.now_ms < OPEN_MS + WARM_UP_MS:
            return WARM_UP_MS
        if self.real is not None:
            self.left -= self.real.left_wh < self.real.quantity_wh
            for order in self.wall:
                self.pull(market, order)
            floor.cancel(self.real)
            self.real, self.wall = None, []
            return market.pause(60_000)
        if self.left <= 0 or not market.is_open(PRODUCT):
            return None
        bid, ask = floor.best(PRODUCT, BUY), floor.best(PRODUCT, SELL)
        if bid is None or ask is None or ask - bid < 3:
            return market.pause(10_000)
        self.wall = [
            floor.place(
                self.account,
                PRODUCT,
                BUY,
                bid - 1 - level * 5,
                40 * KWH // self.levels,
                expires_ms=market.now_ms + self.life_ms if self.life_ms else 0,
            )
            for level in range(self.levels)
        ]
        self.real = floor.place(self.account, PRODUCT, SELL, ask - 1, 2 * KWH)
        return self.life_ms or 180_000

    def pull(self, market: Market, order: Standing) -> None:
        """Take an order of the wall back."""
        market.floor.cancel(order)


class Closer(Trader):
    """F6: buys through the book in the last minutes, whatever it costs."""

    def __init__(self, account: int) -> None:
        self.account = account

    @override
    def act(self, market: Market) -> int | None:
        """Wait for the last minutes, then take every ask in reach."""
        floor = market.floor
        left_ms = floor.close_ms[PRODUCT] - market.now_ms
        if left_ms <= 0:
            return None
        if left_ms > 8 * MINUTE_MS:
            return left_ms - 8 * MINUTE_MS
        ask = floor.best(PRODUCT, SELL)
        if ask is not None:
            self.take(market, int(max(ask, market.fair_sen(PRODUCT)) * 1.1))
        return min(market.pause(15_000), max(left_ms - 500, 1)) if left_ms > 1_000 else None

    def take(self, market: Market, price_sen: int) -> None:
        """Buy up to a price."""
        market.floor.place(self.account, PRODUCT, BUY, price_sen, 40 * KWH, rests=False)


class Cornerer(Trader):
    """F7: from half an hour on outbids everybody for all that comes, and at last sells a little of it dearly."""

    def __init__(self, account: int) -> None:
        self.account = account
        self.bid: Standing | None = None

    @override
    def act(self, market: Market) -> int | None:
        """Take what is offered and stand above all other bids; squeeze when the gate is near."""
        if market.now_ms < OPEN_MS + 30 * MINUTE_MS:
            return 30 * MINUTE_MS
        if not market.is_open(PRODUCT):
            return None
        floor = market.floor
        dear = int(market.fair_sen(PRODUCT) * 1.3)
        if self.bid is None or not self.bid.stands or market.random.random() < 0.2:
            if self.bid is not None:
                floor.cancel(self.bid)
            price = min(int(market.believed_sen(PRODUCT) * 1.06), dear - 1)
            self.bid = floor.place(self.account, PRODUCT, BUY, price, 80 * KWH)
        if floor.close_ms[PRODUCT] - market.now_ms < 30 * MINUTE_MS and floor.best(PRODUCT, SELL) is None:
            floor.place(self.account, PRODUCT, SELL, dear, 3 * KWH)
        return market.pause(15_000)


class Stuffer(Trader):
    """F8: places and cancels far from the market, many times a second."""

    def __init__(self, account: int, orders: int) -> None:
        self.account, self.left = account, orders

    @override
    def act(self, market: Market) -> int | None:
        """Place one order where it cannot trade and take it back."""
        if market.now_ms < OPEN_MS + WARM_UP_MS:
            return WARM_UP_MS
        if not self.left or not market.is_open(PRODUCT):
            return None
        order = market.floor.place(self.account, PRODUCT, BUY, int(market.fair_sen(PRODUCT) * 0.5), 3 * KWH)
        market.floor.cancel(order)
        self.left -= 1
        return market.random.randint(10, 40)


class Igniter(Trader):
    """F9: gathers energy quietly, pushes the price up with quick buys, sells to those who follow; some times a day."""

    def __init__(self, account: int, times: int) -> None:
        self.account, self.times = account, times
        self.push_at_ms = OPEN_MS + 30 * MINUTE_MS
        self.bids: list[Standing] = []
        self.offer: Standing | None = None
        self.held_wh = self.before_sen = self.pushes = 0

    @override
    def act(self, market: Market) -> int | None:
        """Gather by waiting bids, push for some seconds, then sell; then once more."""
        floor = market.floor
        if not market.is_open(PRODUCT) or not self.times:
            return None
        if market.now_ms < self.push_at_ms:
            return self._gather(market)
        for bid in self.bids:
            self.held_wh += bid.quantity_wh - bid.left_wh
            floor.cancel(bid)
        self.bids = []
        self.before_sen = self.before_sen or floor.last_sen[PRODUCT]
        if self.pushes < PUSHES and floor.last_sen[PRODUCT] < self.before_sen * 1.07:
            return self._push(market)
        self.pushes = PUSHES
        return self._sell(market)

    def _gather(self, market: Market) -> int:
        bid = market.floor.best(PRODUCT, BUY)
        if bid is not None:
            self.bids.append(market.floor.place(self.account, PRODUCT, BUY, bid + 1, 4 * KWH))
        return market.pause(80_000)

    def _push(self, market: Market) -> int:
        self.pushes += 1
        ask, high = market.floor.best(PRODUCT, SELL), int(self.before_sen * 1.1)
        if ask is not None and ask < high:
            self.held_wh += self.take(market, high)
        return market.pause(1_500)

    def take(self, market: Market, price_sen: int) -> int:
        """Buy up to a price; return how much [Wh]."""
        order = market.floor.place(self.account, PRODUCT, BUY, price_sen, 15 * KWH, rests=False)
        return order.quantity_wh - order.left_wh

    def _sell(self, market: Market) -> int:
        floor = market.floor
        if self.offer is not None:
            self.held_wh -= self.offer.quantity_wh - self.offer.left_wh
            floor.cancel(self.offer)
            self.offer = None
        if self.held_wh <= 0 or market.now_ms > self.push_at_ms + 12 * MINUTE_MS:
            self.times -= 1
            self.push_at_ms = market.now_ms + 12 * MINUTE_MS
            self.before_sen = self.pushes = 0
            return MINUTE_MS
        least = int(self.before_sen * 1.012)
        ask = floor.best(PRODUCT, SELL)
        price = least if market.random.random() < 0.5 else max(least, ask - 1 if ask is not None else 0)
        self.offer = floor.place(self.account, PRODUCT, SELL, price, min(self.held_wh, 60 * KWH))
        return market.pause(8_000)


@dataclass(frozen=True, slots=True)
class Attack:
    """A day with an attacker in it.

    Attributes:
        rule: the rule that must find it.
        day: orders and trades of everybody.
        owners: the attackers, by owner.
    """

    rule: str
    day: MarketDay
    owners: tuple[int, ...]


def _wash(market: Market) -> list[Trader]:
    return [Washer([market.new_account()], 10)]


def _dealing(market: Market) -> list[Trader]:
    accounts = [market.new_account() for _ in range(2)]
    market.groups.append(accounts)
    return [Washer(accounts, 6)]


def _ring(market: Market) -> list[Trader]:
    return [Washer([market.new_account() for _ in range(market.random.randint(2, 5))], 5)]


def _spoofing(market: Market) -> list[Trader]:
    return [Spoofer(market.new_account(), 8, 1)]


def _layering(market: Market) -> list[Trader]:
    return [Spoofer(market.new_account(), 8, 5)]


def _close(market: Market) -> list[Trader]:
    return [Closer(market.new_account())]


def _corner(market: Market) -> list[Trader]:
    return [Cornerer(market.new_account())]


def _stuffing(market: Market) -> list[Trader]:
    return [Stuffer(market.new_account(), 1_000)]


def _ignition(market: Market) -> list[Trader]:
    return [Igniter(market.new_account(), 4)]


ATTACKS: Final[dict[str, Callable[[Market], list[Trader]]]] = {
    "F1": _wash,
    "F2": _dealing,
    "F3": _ring,
    "F4": _spoofing,
    "F5": _layering,
    "F6": _close,
    "F7": _corner,
    "F8": _stuffing,
    "F9": _ignition,
}
"""Rule -> the traders of its attack."""


def attacked_day(rule: str, seed: int, crowd: Crowd = LIQUID) -> Attack:
    """Return an honest day with the attack of a rule in it; the same for the same seed and crowd."""
    return carried_out(rule, ATTACKS[rule], seed, crowd)


def carried_out(rule: str, make: Callable[[Market], list[Trader]], seed: int, crowd: Crowd) -> Attack:
    """Return an honest day with some attackers in it.

    Args:
        rule: the rule that must find them.
        make: makes them, with accounts of ``Market.new_account``.
        seed: of the day.
        crowd: who else trades.
    """
    market = honest_market(seed, crowd)
    honest = len(market.traders)
    attackers = make(market)
    day = run_market(market, attackers)
    assert day.end_ms == DAY_MS
    accounts = range(honest, honest + market.spare)
    return Attack(rule, day, tuple(sorted({int(day.owners[account]) for account in accounts})))
