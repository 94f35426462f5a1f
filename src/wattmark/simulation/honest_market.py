"""An honest trading day: homes, plants, a big producer, a retailer, market makers and people who follow a trend.

Theory of operation. Traders wake at times drawn from a seeded generator, look at the books, act, and say when they wake
next; whoever asked for it is also woken soon after a fill of its own. Prices follow a fair value that wanders and has
a trend. A thin market has few traders and no market maker. Nobody here wants anything but to buy, to sell, or to earn
the spread; what looks odd about them is honest: a market maker takes back more than nine of ten quotes or amends all of
them all day, a retailer
hurries before the gate, a big producer sells a third of everything, an owner's plant may sell to the owner's home.
"""

import heapq
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from wattmark.market.layout import BUY, SELL
from wattmark.market.surveillance.day import MarketDay
from wattmark.simulation.trading_floor import Floor, Standing

DAY_MS: Final = 86_400_000
OPEN_MS: Final = 9 * 3_600_000
"""Trading begins at nine, counted from the start of the day [ms]."""
FIRST_GATE_MS: Final = OPEN_MS + 9_000_000
GATE_STEP_MS: Final = 1_800_000
FAIR_SEN: Final = 1_500
MINUTE_MS: Final = 60_000
REACTION_MS: Final = 400
KWH: Final = 1_000
FIRST_STOCK_WH: Final = 60 * KWH
"""Tokens a market maker holds in the morning [Wh]."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many of each kind trade.

    Attributes:
        products: products, with gates half an hour apart.
        homes: small buyers.
        plants: small sellers.
        makers: market makers.
        followers: people who buy what rises and sell what falls.
        big_producer: whether one producer sells a third of everything.
        retailer: whether one buyer covers a plan.
    """

    products: int = 2
    homes: int = 24
    plants: int = 8
    makers: int = 2
    followers: int = 10
    big_producer: bool = True
    retailer: bool = True


LIQUID: Final = Crowd()
THIN: Final = Crowd(products=2, homes=5, plants=2, makers=0, followers=0, big_producer=False, retailer=True)
ONE_SELLER: Final = Crowd(products=2, homes=10, plants=1, makers=1, followers=2)


class Trader:
    """Somebody who wakes and acts."""

    account: int
    wakes_on_fill = False

    def act(self, market: "Market") -> int | None:
        """Act, and return in how many milliseconds to be woken again; ``None`` for never."""
        raise NotImplementedError


@dataclass(slots=True)
class Market:
    """A day in the making.

    Attributes:
        random: the day's generator.
        floor: the exchange.
        fair: fair value of each product in each minute from the opening [sen/kWh].
        traders: who is there; account number = index.
        groups: accounts of one owner.
        spare: further accounts, beyond the traders.
    """

    random: random.Random
    floor: Floor
    fair: list[list[float]]
    traders: list[Trader] = field(default_factory=list)
    groups: list[list[int]] = field(default_factory=list)
    spare: int = 0

    @property
    def now_ms(self) -> int:
        """Return the time from the start of the day [ms]."""
        return self.floor.now_ms

    def is_open(self, product: int) -> bool:
        """Return whether a product still trades."""
        return self.now_ms < self.floor.close_ms[product]

    def fair_sen(self, product: int) -> float:
        """Return a product's fair value now [sen/kWh]."""
        path = self.fair[product]
        return path[min((self.now_ms - OPEN_MS) // MINUTE_MS, len(path) - 1)]

    def believed_sen(self, product: int) -> float:
        """Return what somebody believes who sees the fair value and the last price [sen/kWh]."""
        last = self.floor.last_sen[product]
        fair = self.fair_sen(product)
        return fair if not last else 0.3 * fair + 0.7 * last

    def new_account(self) -> int:
        """Return an account nobody has yet; for traders who are added later."""
        self.spare += 1
        return len(self.traders) + self.spare - 1

    def pause(self, mean_ms: float) -> int:
        """Return a random pause with a mean [ms]."""
        return 1 + int(self.random.expovariate(1 / mean_ms))


class Home(Trader):
    """Buys what it needs in small parts, at the market or below it."""

    def __init__(self, account: int, product: int) -> None:
        self.account, self.product = account, product
        self.waiting: Standing | None = None
        self.in_vain = 0

    @override
    def act(self, market: Market) -> int | None:
        """Buy a few kWh; a bid that waited in vain makes the next one higher, and is taken back for it sometimes."""
        if not market.is_open(self.product):
            return None
        floor, rng = market.floor, market.random
        if self.waiting is not None:
            self.in_vain = min(self.in_vain + 1, 4) if self.waiting.left_wh else 0
            if rng.random() < 0.4:
                floor.cancel(self.waiting)
        wh = rng.randint(1, 5) * KWH
        ask = floor.best(self.product, SELL)
        if (
            ask is not None
            and ask < market.fair_sen(self.product) * (1.08 + 0.05 * self.in_vain)
            and rng.random() < 0.6
        ):
            floor.place(self.account, self.product, BUY, ask, wh, rests=False)
        else:
            price = market.believed_sen(self.product) * (rng.uniform(0.97, 1.01) + 0.02 * self.in_vain)
            self.waiting = floor.place(self.account, self.product, BUY, int(price), wh)
        return market.pause(1_500_000)


class Plant(Trader):
    """Sells what it makes in parts, a little above what it believes."""

    def __init__(
        self, account: int, product: int, *, least_kwh: int = 2, most_kwh: int = 8, mean_ms: int = 900_000
    ) -> None:
        self.account, self.product = account, product
        self.least, self.most, self.mean_ms = least_kwh, most_kwh, mean_ms
        self.waiting: list[Standing] = []

    @override
    def act(self, market: Market) -> int | None:
        """Offer the next part; old offers are moved to the market now and then."""
        if not market.is_open(self.product):
            return None
        floor, rng = market.floor, market.random
        self.waiting = [order for order in self.waiting if order.stands]
        wh = rng.randint(self.least, self.most) * KWH
        if self.waiting and rng.random() < 0.3:
            old = self.waiting.pop(0)
            floor.cancel(old)
            wh = old.left_wh
        is_short = floor.best(self.product, SELL) is None
        price = market.believed_sen(self.product) * (rng.uniform(0.995, 1.03) + 0.04 * is_short)
        self.waiting.append(floor.place(self.account, self.product, SELL, int(price), wh))
        return market.pause(self.mean_ms)


class Retailer(Trader):
    """Covers a plan: slices all day, larger ones before the gate."""

    def __init__(self, account: int, product: int) -> None:
        self.account, self.product = account, product

    @override
    def act(self, market: Market) -> int | None:
        """Buy the next slice at the market, or bid for it."""
        left_ms = market.floor.close_ms[self.product] - market.now_ms
        if left_ms <= 0:
            return None
        floor, rng = market.floor, market.random
        ask = floor.best(self.product, SELL)
        wh = rng.randint(2, 7) * KWH
        ceiling = market.fair_sen(self.product) * (1.03 if left_ms > 900_000 else 1.05)
        if ask is not None and ask <= ceiling:
            floor.place(self.account, self.product, BUY, ask, wh, rests=False)
        else:
            floor.place(self.account, self.product, BUY, int(market.fair_sen(self.product) * 0.99), wh)
        return market.pause(400_000 if left_ms > 900_000 else 200_000)


class Maker(Trader):
    """Quotes both sides at several prices and moves all of it whenever it trades or the market moves.

    Some take every quote back and place it anew, some amend those that still stand.
    """

    wakes_on_fill = True

    def __init__(self, account: int, product: int, levels: int, *, amends: bool) -> None:
        self.account, self.product, self.levels, self.amends = account, product, levels, amends
        self.quotes: list[Standing] = []
        self.stock_wh = FIRST_STOCK_WH

    @override
    def act(self, market: Market) -> int | None:
        """Move every quote to around what it believes, leaning against its stock."""
        floor, rng = market.floor, market.random
        for quote in self.quotes:
            done = quote.quantity_wh - quote.left_wh
            self.stock_wh += done if quote.side == BUY else -done
            if not self.amends:
                floor.cancel(quote)
        old, self.quotes = [quote for quote in self.quotes if quote.stands], []
        if not market.is_open(self.product):
            return None
        lean = max(-0.02, min(0.02, (FIRST_STOCK_WH - self.stock_wh) / (200 * KWH) * 0.02))
        left_wh = self.stock_wh
        mid = market.believed_sen(self.product) * (1 + lean)
        for level in range(self.levels):
            half = mid * (0.012 + 0.006 * level)
            for side, price in ((BUY, mid - half), (SELL, mid + half)):
                wh = rng.randint(4, 8) * KWH
                if side == SELL:  # nobody sells tokens he does not hold
                    wh = min(wh, left_wh)
                    left_wh -= wh
                if wh:
                    self.quotes.append(self._quoted(market, old, side, round(price), wh))
        for quote in old:
            floor.cancel(quote)
        return market.pause(60_000)

    def _quoted(self, market: Market, old: list[Standing], side: int, price: int, wh: int) -> Standing:
        """Return a quote: an old one of the side amended, or a new one."""
        quote = next((one for one in old if one.side == side and one.stands), None)
        if quote is None:
            return market.floor.place(self.account, self.product, side, price, wh)
        old.remove(quote)
        market.floor.amend(quote, price, wh)
        return quote


class Follower(Trader):
    """Buys what has risen lately, sells what has fallen, and goes home with what is left."""

    def __init__(self, account: int, product: int) -> None:
        self.account, self.product = account, product
        self.seen_sen = 0

    @override
    def act(self, market: Market) -> int | None:
        """Go with the move since the last look, a few kWh at the market."""
        if not market.is_open(self.product):
            return None
        floor, rng = market.floor, market.random
        last = floor.last_sen[self.product]
        if self.seen_sen and abs(last - self.seen_sen) > 0.015 * self.seen_sen:
            side = BUY if last > self.seen_sen else SELL
            price = floor.best(self.product, BUY + SELL - side)
            if price is not None:
                floor.place(self.account, self.product, side, price, rng.randint(3, 8) * KWH, rests=False)
        self.seen_sen = last
        return market.pause(90_000)


def fair_path(rng: random.Random, minutes: int) -> list[float]:
    """Return a fair value that wanders, with a trend of its own, per minute [sen/kWh]."""
    value = FAIR_SEN * rng.uniform(0.6, 1.6)
    drift = rng.uniform(-0.1, 0.1) / minutes
    noise = rng.uniform(0.0005, 0.0025)
    path = []
    for _ in range(minutes):
        path.append(value)
        value *= math.exp(drift + rng.gauss(0, noise))
    return path


def honest_market(seed: int, crowd: Crowd) -> Market:
    """Return an honest market that has not begun."""
    rng = random.Random(seed)
    gates = [FIRST_GATE_MS + GATE_STEP_MS * product for product in range(crowd.products)]
    floor = Floor(gates, OPEN_MS)
    minutes = (gates[-1] - OPEN_MS) // MINUTE_MS + 1
    market = Market(rng, floor, [fair_path(rng, minutes) for _ in gates])
    for product in range(crowd.products):
        homes = [len(market.traders) + number for number in range(crowd.homes)]
        market.traders += [Home(account, product) for account in homes]
        plants = [len(market.traders) + number for number in range(crowd.plants)]
        market.traders += [Plant(account, product) for account in plants]
        for make in (*(_maker for _ in range(crowd.makers)), *(Follower for _ in range(crowd.followers))):
            market.traders.append(make(len(market.traders), product))
        if crowd.big_producer:
            big = Plant(len(market.traders), product, least_kwh=8, most_kwh=20, mean_ms=600_000)
            market.traders.append(big)
        if crowd.retailer:
            market.traders.append(Retailer(len(market.traders), product))
        if crowd.homes > 1 and crowd.plants:
            market.groups.append([homes[0], plants[0]])
    return market


def _maker(account: int, product: int) -> Maker:
    return Maker(account, product, 3 + account % 2, amends=account % 2 == 1)


def run_market(market: Market, added: Sequence[Trader] = ()) -> MarketDay:
    """Let everybody trade until the last gate, and return the day.

    Args:
        market: as it stands before the opening.
        added: traders with accounts of ``Market.new_account``.
    """
    floor = market.floor
    everybody = [*market.traders, *added]
    by_account = {trader.account: trader for trader in everybody if trader.wakes_on_fill}
    wakes: list[tuple[int, int, Trader]] = []
    versions: dict[int, int] = {}
    tick = 0
    for trader in everybody:
        heapq.heappush(wakes, (OPEN_MS + market.pause(120_000), tick, trader))
        versions[id(trader)] = tick
        tick += 1
    while wakes:
        floor.now_ms, version, trader = heapq.heappop(wakes)
        if versions[id(trader)] != version:
            continue  # it was woken earlier
        done = len(floor.trades)
        pause = trader.act(market)
        again: list[tuple[Trader, int]] = [] if pause is None else [(trader, pause)]
        for trade in floor.trades[done:]:
            again += [
                (by_account[account], REACTION_MS + market.random.randint(0, 400))
                for account in trade[2:4]
                if account in by_account and by_account[account] is not trader
            ]
        for one, after_ms in again:
            tick += 1
            versions[id(one)] = tick
            heapq.heappush(wakes, (floor.now_ms + after_ms, tick, one))
    return floor.day(0, DAY_MS, len(market.traders) + market.spare, market.groups)


def honest_day(seed: int, crowd: Crowd = LIQUID) -> MarketDay:
    """Return an honest day; the same for the same seed and crowd."""
    return run_market(honest_market(seed, crowd))
