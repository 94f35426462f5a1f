"""What the members want: pure decisions from their own position, the published prices and the ledger.

Nobody here is clever. Producers ask for a share of the spot price, users bid at most what the grid would
cost them, some care which plant their power comes from, and everybody's patience differs. Each decision
is a function of (seed, period, ledger), so the same ledger is always answered by the same orders (L6).

The rules:

1. Whoever has panels keeps what the own home used in the period; the rest is for sale.
2. A home bids for what its own panels did not give, shared over the sources on offer by their quantity
   and its taste, never for more than it used.
3. A bid is never above spot price plus tariff: that is what the home would pay without a token.
4. An ask follows the spot price and the last price of its source; it falls with impatience.
5. Banked tokens are asked for at the day's mean price with a premium; a home takes them when its own
   residual would cost more.
6. The collector buys a few Wh of many plants; the town hall buys certificates only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Source
from wattmark.core.money import MAX_PRICE_SEN
from wattmark.engine.state import State
from wattmark.market.layout import BUY, SCOPE_BANKED_YEAR, SCOPE_CERTIFICATE_YEAR, SCOPE_PERIOD, SELL
from wattmark.simulation.chance import pick, uniform
from wattmark.simulation.community import Community, Member, Part
from wattmark.simulation.tables import (
    Lot,
    asks,
    free_cash_e5,
    fresh_lots,
    held_claims,
    held_wh,
    last_prices,
    open_products,
)
from wattmark.simulation.world import MISSING, World

FLOOR_ASK_SEN: Final = 200
"""No producer asks for less: 2 JPY/kWh pays the meter [sen/kWh]."""
STAMP_WH: Final = 100
"""What the collector takes of a plant at a time [Wh]."""
CERTIFICATE_ASK_SEN: Final = 45
"""Usual ask for a certificate: 0.45 JPY/kWh, a little above the non-fossil floor [sen/kWh]."""
CERTIFICATE_BID_SEN: Final = 60
"""What the town hall pays at most for a certificate [sen/kWh]."""
TOWN_HALL_WH: Final = 20_000
"""Certificates the town hall wants a day, for its street lamps [Wh]."""
MIN_ORDER_WH: Final = 1
RESTING_BIDDERS: Final = 10
RESTING_BID_WH: Final = 500
"""What a home leaves in the book when the run is over [Wh]."""
MOST_CERTIFICATE_ASKS: Final = 60
"""Certificates are offered in so many lots a night, the largest first."""


@dataclass(frozen=True, slots=True)
class Wish:
    """An order somebody wants to place; ``lot`` and ``start`` belong to a sell."""

    account: int
    product: int
    side: int
    price_sen_per_kwh: int
    quantity_wh: int
    lot: int = 0
    start: int = 0
    immediate: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an agent stands when it decides.

    Attributes:
        world: series of the world; an agent uses its own meter's and the published prices only.
        community: the members.
        account_of: member index -> account number.
        tariff_sen: the retailer's adder [sen/kWh].
        period: index of the period the decision is about.
    """

    world: World
    community: Community
    account_of: Mapping[int, int]
    tariff_sen: int
    period: int

    @property
    def seed(self) -> int:
        """Return the seed."""
        return self.community.seed

    @property
    def start_s(self) -> int:
        """Return the start of the period, POSIX seconds UTC."""
        return self.world.period(self.period).start_s

    @property
    def spot_sen(self) -> int:
        """Return the published spot price of the period [sen/kWh]."""
        return int(self.world.price_sen[self.period])

    def used_wh(self, member: Member) -> int:
        """Return what a home's meter counted in the period, 0 where it was off [Wh]."""
        used = int(self.world.consumption_wh[member.row, self.period])
        return 0 if used == MISSING else used


def period_wishes(moment: Moment, state: State) -> list[Wish]:
    """Return all orders for the period's own products: a call auction for each source."""
    products = open_products(state, SCOPE_PERIOD, moment.start_s)
    lots = [lot for lot in fresh_lots(state, moment.start_s) if lot.source in products]
    keep = _kept(moment, lots)
    beliefs = last_prices(state, moment.start_s)
    wishes: list[Wish] = []
    supply: dict[int, int] = {}
    for lot in lots:
        kept = min(keep.get(lot.owner, 0), lot.quantity_wh)
        keep[lot.owner] = keep.get(lot.owner, 0) - kept
        for_sale = lot.quantity_wh - kept
        if for_sale >= MIN_ORDER_WH:
            price = _ask_sen(moment, lot, beliefs)
            wishes.append(Wish(lot.owner, products[lot.source], SELL, price, for_sale, lot.row, lot.start + kept))
            supply[lot.source] = supply.get(lot.source, 0) + for_sale
    own = held_wh(lots)
    for member, need_wh in _needs(moment, own):
        wishes += _bids(moment, state, member, need_wh, supply, products)
    wishes += _collector_bid(moment, supply, products)
    return wishes


def claim_bids(moment: Moment, state: State) -> list[Wish]:
    """Return bids for banked tokens by homes whose residual in the period costs more than the asks."""
    products = open_products(state, SCOPE_BANKED_YEAR)
    offers = [list(offer) for offer in asks(state, set(products.values()))]
    if not offers:
        return []
    covered = held_wh(fresh_lots(state, moment.start_s))
    claims = held_wh(held_claims(state))
    wishes: list[Wish] = []
    for member, need_wh in _needs(moment, covered):
        account = moment.account_of[member.index]
        missing = need_wh - claims.get(account, 0)
        limit = (moment.spot_sen + moment.tariff_sen) * _thrift_per_mille(moment.seed, member) // 1_000
        cash = free_cash_e5(state, account)
        for offer in offers:
            price, product, left, seller = offer
            take = min(missing, left, cash // max(price, 1))
            if price > limit or missing <= 0:
                break
            if take < MIN_ORDER_WH or seller == account:
                continue
            wishes.append(Wish(account, product, BUY, price, take, immediate=True))
            offer[2] -= take
            missing -= take
            cash -= take * price
    return wishes


def claim_asks(moment: Moment, state: State, redeemed_by: frozenset[int]) -> list[Wish]:
    """Return asks for banked tokens by members who cannot redeem them at home.

    Args:
        moment: the first period of the day to come.
        state: the ledger.
        redeemed_by: accounts with consumption of their own: they keep their claims.
    """
    products = open_products(state, SCOPE_BANKED_YEAR)
    first = moment.period // moment.world.periods_per_day * moment.world.periods_per_day
    day = moment.world.price_sen[first : first + moment.world.periods_per_day]
    mean = int(day.sum()) // max(len(day), 1)
    wishes = []
    for lot in held_claims(state):
        if lot.source in products and lot.owner not in redeemed_by:
            premium = 1_050 + pick(moment.seed, f"premium {lot.owner} {moment.period}", 300)
            price = _within((mean + moment.tariff_sen // 2) * premium // 1_000)
            wishes.append(Wish(lot.owner, products[lot.source], SELL, price, lot.quantity_wh, lot.row, lot.start))
    return wishes


def certificate_wishes(moment: Moment, state: State, lots: list[Lot]) -> list[Wish]:
    """Return asks for what is origin only, then the town hall's bids for its daily want.

    Args:
        moment: the last period of the day.
        state: the ledger.
        lots: unsold tokens whose slot is past and that were not banked.
    """
    products = open_products(state, SCOPE_CERTIFICATE_YEAR)
    town_hall = moment.account_of[moment.community.only(Part.TOWN_HALL).index]
    collector = moment.account_of[moment.community.only(Part.COLLECTOR).index]
    wishes: list[Wish] = []
    offers: list[tuple[int, int, int]] = []
    largest = sorted(lots, key=lambda lot: (-lot.quantity_wh, lot.row))[:MOST_CERTIFICATE_ASKS]
    for lot in largest:
        if lot.source not in products or lot.owner in {town_hall, collector}:
            continue
        price = CERTIFICATE_ASK_SEN - 15 + pick(moment.seed, f"certificate {lot.owner} {moment.period}", 40)
        wishes.append(Wish(lot.owner, products[lot.source], SELL, price, lot.quantity_wh, lot.row, lot.start))
        offers.append((price, products[lot.source], lot.quantity_wh))
    want = TOWN_HALL_WH
    for price, product, quantity in sorted(offers):
        take = min(want, quantity)
        if price <= CERTIFICATE_BID_SEN and take >= MIN_ORDER_WH:
            wishes.append(Wish(town_hall, product, BUY, price, take, immediate=True))
            want -= take
    return wishes


def resting_wishes(moment: Moment, state: State) -> list[Wish]:
    """Return orders that rest when the run is over, so that the next visitor finds a living book.

    The claims not redeemed at home are asked for, and some homes bid below the cheapest ask.
    """
    redeemed = frozenset(moment.account_of[member.index] for member in moment.community.of_part(Part.HOME))
    wishes = claim_asks(moment, state, redeemed)
    cheapest: dict[int, int] = {}
    for wish in wishes:
        cheapest[wish.product] = min(cheapest.get(wish.product, MAX_PRICE_SEN), wish.price_sen_per_kwh)
    products = sorted(open_products(state, SCOPE_BANKED_YEAR).values())
    bidders = moment.community.of_part(Part.HOME)[:RESTING_BIDDERS]
    for number, member in enumerate(bidders):
        product = products[number % len(products)]
        limit = cheapest.get(product, moment.spot_sen)
        price = _within(limit * (920 - 15 * number) // 1_000)
        account = moment.account_of[member.index]
        if price < limit and free_cash_e5(state, account) >= price * RESTING_BID_WH:
            wishes.append(Wish(account, product, BUY, price, RESTING_BID_WH))
    return wishes


def _kept(moment: Moment, lots: list[Lot]) -> dict[int, int]:
    owners = {lot.owner for lot in lots}
    return {
        moment.account_of[member.index]: moment.used_wh(member)
        for member in moment.community.of_part(Part.HOME)
        if moment.account_of[member.index] in owners
    }


def _needs(moment: Moment, own: Mapping[int, int]) -> list[tuple[Member, int]]:
    """Return (member, Wh) of everybody who still needs tokens of the period."""
    needs = []
    for member in moment.community.of_part(Part.HOME):
        need = moment.used_wh(member) - own.get(moment.account_of[member.index], 0)
        if need >= MIN_ORDER_WH:
            needs.append((member, need))
    retailer = moment.community.only(Part.RETAILER)
    plan = sum(moment.used_wh(member) for member in moment.community.of_part(Part.PLAN_HOME))
    need = plan - own.get(moment.account_of[retailer.index], 0)
    if need >= MIN_ORDER_WH:
        needs.append((retailer, need))
    return needs


def _bids(
    moment: Moment,
    state: State,
    member: Member,
    need_wh: int,
    supply: Mapping[int, int],
    products: Mapping[int, int],
) -> list[Wish]:
    account = moment.account_of[member.index]
    ceiling = moment.spot_sen + moment.tariff_sen
    thrift = _thrift_per_mille(moment.seed, member)
    favourite = _favourite(moment.seed, member)
    weights = {
        source: wh * (3 if source == favourite else 1) for source, wh in sorted(supply.items()) if source in products
    }
    total = sum(weights.values())
    cash = free_cash_e5(state, account)
    wishes: list[Wish] = []
    left = need_wh
    for source, weight in weights.items():
        price = _within(min(ceiling, ceiling * (thrift + (40 if source == favourite else 0)) // 1_000))
        share = min(left, -(-need_wh * weight // total), cash // price)
        if share >= MIN_ORDER_WH:
            wishes.append(Wish(account, products[source], BUY, price, share))
            left -= share
            cash -= share * price
    return wishes


def _collector_bid(moment: Moment, supply: Mapping[int, int], products: Mapping[int, int]) -> list[Wish]:
    if not supply:
        return []
    account = moment.account_of[moment.community.only(Part.COLLECTOR).index]
    source = sorted(supply)[pick(moment.seed, f"collector {moment.period}", len(supply))]
    price = _within(moment.spot_sen + 2 * moment.tariff_sen)
    return [Wish(account, products[source], BUY, price, STAMP_WH)]


def _ask_sen(moment: Moment, lot: Lot, beliefs: Mapping[int, int]) -> int:
    patience = 600 + pick(moment.seed, f"patience {lot.owner}", 250)
    mood = pick(moment.seed, f"mood {lot.owner} {moment.period}", 61) - 30
    spot = moment.spot_sen
    believed = (3 * spot + beliefs.get(lot.source, spot)) // 4
    return _within(max(FLOOR_ASK_SEN, believed * (patience + mood) // 1_000))


def _thrift_per_mille(seed: int, member: Member) -> int:
    """Return what share of its outside price a member bids: the retailer everything, homes 780..960."""
    if member.part is Part.RETAILER:
        return 1_000
    return 780 + pick(seed, f"thrift {member.row}", 181)


def _favourite(seed: int, member: Member) -> int:
    """Return the source a member pays a little more for, 0 for the half that does not care."""
    draws = uniform(seed, f"favourite {member.index}", 2)
    sources = (Source.SOLAR, Source.WIND, Source.HYDRO, Source.BIOMASS, Source.GEOTHERMAL)
    return int(sources[int(draws[1] * len(sources))]) if draws[0] < 0.5 else 0


def _within(price_sen: int) -> int:
    return max(1, min(MAX_PRICE_SEN, price_sen))
