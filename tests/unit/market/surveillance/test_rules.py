"""Each rule on days small enough to read: what it finds, what its evidence says, and where it falls silent."""

from dataclasses import replace

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.market.layout import BUY, MODE_CALL, MODE_CONTINUOUS, SELL
from wattmark.market.surveillance.alert import MAX_ROWS
from wattmark.market.surveillance.day import (
    AMENDED,
    CANCELLED,
    ENDED,
    FILLED,
    STILL_OPEN,
    MarketDay,
    Orders,
    Products,
    Trades,
    orders_of,
    owners_of,
    sweeps_of,
    trades_of,
)
from wattmark.market.surveillance.policy import Surveillance
from wattmark.market.surveillance.rings import _components
from wattmark.market.surveillance.watch import RULES, watch

MINUTE = 60_000
GATE = 10 * 60 * MINUTE
POLICY = Surveillance()


class Script:
    """A day written down: trades and orders in the order they are called."""

    def __init__(self) -> None:
        self.trades: list[tuple[int, ...]] = []
        self.orders: list[tuple[int, ...]] = []

    def order(
        self, at: int, account: int, side: int, price: int, wh: int, *, filled=0, ended=None, end=STILL_OPEN
    ) -> int:
        number = len(self.orders)
        ended_ms = GATE if ended is None else ended
        self.orders.append((number, account, 0, side, price, wh, filled, at, ended_ms, end, number))
        return number

    def trade(self, at: int, buyer: int, seller: int, wh: int, price: int = 1_000, *, taker: int = BUY) -> None:
        """Trade between two fresh orders; the later one is the taker's."""
        sides = (SELL, BUY) if taker == BUY else (BUY, SELL)
        numbers = {
            side: self.order(at, buyer if side == BUY else seller, side, price, wh, filled=wh, ended=at, end=FILLED)
            for side in sides
        }
        self.fill(at, buyer, seller, numbers[BUY], numbers[SELL], wh, price)

    def fill(self, at: int, buyer: int, seller: int, buy: int, sell: int, wh: int, price: int) -> None:
        since = (self.orders[buy][-1], self.orders[sell][-1])
        self.trades.append((at, 0, buyer, seller, buy, sell, *since, wh, price, len(self.trades)))

    def day(self, groups=(), mode: int = MODE_CONTINUOUS) -> MarketDay:
        trades = np.array(self.trades, np.int64).reshape(-1, 11).T
        orders = np.array(self.orders, np.int64).reshape(-1, 11).T
        return MarketDay(
            0,
            24 * 60 * MINUTE,
            Trades(*trades),
            Orders(*orders),
            Products(np.array([GATE]), np.array([mode])),
            owners_of(40, groups),
        )


def alerts(day: MarketDay, rule: str, policy: Surveillance = POLICY):
    return watch(day, policy).of_rule(rule)


def test_nothing_happened() -> None:
    report = watch(Script().day(), POLICY)
    assert report.alerts == ()
    assert report.figures.trades == report.figures.traded_wh == 0
    assert [one["rule"] for one in report.to_dict()["rules"]] == [f"F{number}" for number in range(1, 10)]


def washed(times: int, others: int = 0) -> Script:
    script = Script()
    for number in range(times):
        script.trade(number * MINUTE, 3, 3, 1_000)
    for number in range(others):
        script.trade(number * MINUTE, 3, 4 + number % 5, 1_000)
    return script


def test_wash_trades_are_counted_and_shared_out() -> None:
    (alert,) = alerts(washed(3, 27).day(), "F1")
    assert (alert.owners, alert.accounts, alert.products) == ((3,), (3,), (0,))
    assert [(one.name, one.value) for one in alert.figures] == [
        ("wash_trades", 3),
        ("wash_wh", 3_000),
        ("wash_share", 100),
    ]
    assert alert.trades == (0, 1, 2)
    assert alert.order_count == 6
    assert (alert.since_ms, alert.until_ms) == (0, 2 * MINUTE)
    assert "Account 3" in alert.text.en
    assert "口座3" in alert.text.ja


def test_too_few_or_too_small_a_part_is_silent() -> None:
    assert alerts(washed(2).day(), "F1") == ()
    assert alerts(washed(3, 28).day(), "F1") == ()
    assert alerts(washed(3).day(), "F2") == (), "one account is no pair of accounts"


def test_evidence_is_cut_but_counted() -> None:
    (alert,) = alerts(washed(MAX_ROWS + 5).day(), "F1")
    assert len(alert.trades) == MAX_ROWS
    assert alert.trade_count == MAX_ROWS + 5


def dealt(times: int = 6) -> Script:
    script = Script()
    for number in range(times):
        script.trade(number * MINUTE, 3 + number % 2, 4 - number % 2, 1_000)
        script.trade(number * MINUTE, 3, 9, 900)
    return script


def test_accounts_of_one_owner_are_one_owner() -> None:
    (alert,) = alerts(dealt().day([[3, 4]]), "F2")
    assert (alert.owners, alert.accounts) == ((3,), (3, 4))
    assert alerts(dealt().day(), "F2") == ()
    assert alerts(dealt(5).day([[3, 4]]), "F2") == ()


def ring(members: list[int], laps: int, *, gap: int = 0) -> Script:
    script = Script()
    for lap in range(laps):
        for at, seller in enumerate(members):
            buyer = members[(at + 1) % len(members)]
            script.trade((lap * len(members) + at) * MINUTE, buyer, seller, 1_000, 1_000 + gap * (at == 0))
    return script


@pytest.mark.parametrize("members", [[2, 5], [2, 5, 7], [9, 2, 7, 5]])
def test_a_ring_is_found_whatever_its_size(members: list[int]) -> None:
    (alert,) = alerts(ring(members, 3).day(), "F3")
    assert alert.owners == tuple(sorted(members))
    assert alert.trade_count == 3 * len(members)


def test_a_ring_through_two_accounts_of_one_owner_is_one_ring() -> None:
    script = ring([2, 5], 3)
    for number, seller in enumerate([2, 6] * 3):
        script.trade(number * MINUTE, 8 - seller, seller, 1_000)
    (alert,) = alerts(script.day([[5, 6]]), "F3")
    assert alert.owners == (2, 5)
    assert alert.accounts == (2, 5, 6)


def test_no_ring_without_return_laps_or_equal_prices() -> None:
    assert alerts(ring([2, 5, 7], 2).day(), "F3") == ()
    assert alerts(ring([2, 5], 3, gap=60).day(), "F3") == (), "one of them earns a spread"
    chain = Script()
    for number in range(9):
        chain.trade(number * MINUTE, 3 + number % 3, 2 + number % 3, 1_000)
    assert alerts(chain.day(), "F3") == ()
    kept = ring([2, 5], 3)
    kept.trade(20 * MINUTE, 2, 5, 2_000)
    assert alerts(kept.day(), "F3") == (), "it did not all come home"


def test_members_who_trade_mostly_with_others_are_no_ring() -> None:
    script = ring([2, 5], 3)
    for number in range(30):
        script.trade(number * MINUTE, 10 + number % 9, 2, 300)
        script.trade(number * MINUTE, 2, 20 + number % 9, 300)
    assert alerts(script.day(), "F3") == ()


def test_strong_components_are_those_of_a_graph_with_knots() -> None:
    edges = [(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (5, 6), (7, 7)]
    assert sorted(_components(edges)) == [[1, 2, 3], [4, 5]]
    long = [(node, node + 1) for node in range(5_000)] + [(5_000, 0)]
    assert _components(long) == [list(range(5_001))]


def spoofed(episodes: int, levels: int = 1, *, back: bool = False, small: int = 1_000, wait: int = 2_000) -> Script:
    script = Script()
    for number in range(20):
        script.order(number, 10 + number, BUY, 900, 2_000)
    for number in range(episodes):
        at = (number + 1) * 5 * MINUTE
        real = script.order(at, 3, SELL, 1_000, small, filled=small, ended=at + MINUTE, end=FILLED)
        for level in range(levels):
            script.order(at, 3, BUY, 990 - level, 20_000 // levels, ended=at + MINUTE + wait, end=CANCELLED)
        taker = script.order(at + MINUTE, 9, BUY, 1_000, small, filled=small, ended=at + MINUTE, end=FILLED)
        script.fill(at + MINUTE, 9, 3, taker, real, small, 1_000)
        if back:
            script.order(at + MINUTE + wait, 3, BUY, 991, 20_000, ended=at + 2 * MINUTE, end=CANCELLED)
    return script


def test_a_wall_pulled_after_a_small_fill_is_spoofing_and_several_are_layering() -> None:
    (alert,) = alerts(spoofed(3).day(), "F4")
    assert (alert.owners, alert.order_count, alert.trade_count) == ((3,), 3, 3)
    assert alerts(spoofed(3).day(), "F5") == ()
    (alert,) = alerts(spoofed(3, levels=4).day(), "F5")
    assert (alert.owners, alert.order_count) == ((3,), 12)
    assert alerts(spoofed(3, levels=4).day(), "F4") == ()


@pytest.mark.parametrize(
    "script",
    [
        spoofed(2),
        spoofed(3, back=True),
        spoofed(3, small=6_000),
        spoofed(3, wait=20_001),
    ],
    ids=["twice", "quotes that are moved", "as much on the other side", "much later"],
)
def test_honest_cancels_are_silent(script: Script) -> None:
    assert alerts(script.day(), "F4") == alerts(script.day(), "F5") == ()


def test_a_gate_or_a_fill_pulls_nothing() -> None:
    day = spoofed(3).day()
    walls = day.orders.end == CANCELLED
    ended = replace(day, orders=replace(day.orders, end=np.where(walls, ENDED, day.orders.end)))
    assert alerts(ended, "F4") == ()
    filled = replace(day, orders=replace(day.orders, filled_wh=np.where(walls, 2_001, day.orders.filled_wh)))
    assert alerts(filled, "F4") == ()


def closing(
    *, price: int = 1_100, before: int = 30, taker: int = BUY, others: int = 0, early: int = 0, last: int = 1_000
) -> Script:
    """Buy the last minutes up from account 3.

    Args:
        price: about what it pays.
        before: trades of everybody else in the hours before.
        taker: who comes to whom.
        others: others who pay the same in the last minutes.
        early: trades of the account in the hours before.
        last: price of somebody else's last trade.
    """
    script = Script()
    for number in range(before):
        script.trade(GATE - (100 - number) * MINUTE, 10 + number % 7, 20 + number % 5, 1_000, 1_000 + number % 3)
    for number in range(early):
        script.trade(GATE - (60 - number) * MINUTE, 3, 20 + number % 5, 1_000, 1_000 + number % 3)
    for number in range(5):
        script.trade(GATE - (9 - number) * MINUTE, 3, 20 + number, 4_000, price - 20 + 5 * number, taker=taker)
        if number < others:
            script.trade(GATE - (9 - number) * MINUTE, 11 + number, 20, 4_000, price - 20 + 5 * number)
    script.trade(GATE - MINUTE, 11, 20, 1_000, last)
    return script


def test_marking_the_close() -> None:
    (alert,) = alerts(closing().day(), "F6")
    assert (alert.owners, alert.trade_count) == ((3,), 5)
    assert len(alerts(closing(others=1, early=1).day(), "F6")) == 1, "a little company does not hide it"
    assert len(alerts(closing(last=1_090).day(), "F6")) == 1
    assert alerts(closing().day(mode=MODE_CALL), "F6") == ()


@pytest.mark.parametrize(
    "script",
    [closing(others=3), closing(early=10), closing(price=1_030), closing(before=20), closing(taker=SELL)],
    ids=["a part of it", "as much as before", "the price did not move", "a thin market", "others came to the owner"],
)
def test_an_honest_close(script: Script) -> None:
    assert alerts(script.day(), "F6") == ()


def cornered(*, rivals: int = 9, rise: int = 200, unmet: int = 1_000) -> Script:
    script = Script()
    for number in range(30):
        script.trade(number * MINUTE, 3 if number % 5 else 10, 20 + number % 5, 1_000, 1_000 + rise * number // 30)
    for number in range(rivals):
        script.order(number * MINUTE, 10 + number, BUY, 950, unmet, ended=GATE, end=ENDED)
    return script


def test_a_corner() -> None:
    (alert,) = alerts(cornered().day(), "F7")
    assert alert.owners == (3,)
    assert {one.name: one.value for one in alert.figures}["corner_share"] == 800


@pytest.mark.parametrize(
    "script", [cornered(rivals=6), cornered(rise=0), cornered(unmet=100)], ids=["few wanted it", "same price", "met"]
)
def test_a_large_share_alone_is_no_corner(script: Script) -> None:
    assert alerts(script.day(), "F7") == ()


def stuffed(orders: int, *, every: int = 50, filled: int = 0) -> Script:
    script = Script()
    for number in range(orders):
        script.order(number * every, 3, BUY, 500, 1_000, filled=filled, ended=number * every + 10, end=CANCELLED)
    return script


def test_quote_stuffing_is_a_rate() -> None:
    (alert,) = alerts(stuffed(100).day(), "F8")
    assert alert.figures[0].value == 200
    assert alerts(stuffed(99).day(), "F8") == ()
    assert alerts(stuffed(1_000, every=101).day(), "F8") == ()
    assert alerts(stuffed(100, filled=30).day(), "F8") == ()
    two = stuffed(100)
    two.orders = [(row[0], 3 + row[0] % 2, *row[2:]) for row in two.orders]
    assert alerts(two.day(), "F8") == (), "two owners sent half each"
    assert len(alerts(two.day([[3, 4]]), "F8")) == 1


def test_each_amendment_and_each_cancel_all_is_a_message() -> None:
    script = Script()
    for number in range(200):
        script.order(number * 10, 3, BUY, 500, 1_000, ended=number * 10 + 10, end=AMENDED)
    day = script.day()
    one = replace(day, orders=replace(day.orders, order=np.zeros(200, np.int64)))
    (alert,) = alerts(one, "F8")
    assert (alert.figures[0].value, alert.order_count) == (200, 1)
    assert watch(one, POLICY).figures.orders == 1
    quiet = Script()
    for account in (3, 4, 5):
        quiet.order(0, account, BUY, 500, 1_000)
    for product, count in ((0, 199), (-1, 199), (0, 198), (-1, 198)):
        swept = replace(quiet.day(), sweeps=sweeps_of((number, 4, product) for number in range(1, count + 1)))
        found = alerts(swept, "F8")
        assert [one.owners for one in found] == [(4,)] * (count == 199)


def ignited(*, pushes: int = 10, back: int = 1_000, at: int = 1_040, pause: int = 1_000, follow: int = SELL) -> Script:
    script = Script()
    script.trade(0, 11, 12, 1_000, 1_000)
    for number in range(pushes):
        script.trade(MINUTE + number * pause, 3, 20, 500, 1_000 + 6 * number)
    script.trade(10 * MINUTE, 13, 3, back, at, taker=follow)
    return script


@pytest.mark.parametrize("follow", [BUY, SELL])
def test_a_push_and_a_turn(follow: int) -> None:
    (alert,) = alerts(ignited(follow=follow).day(), "F9")
    assert (alert.owners, alert.trade_count) == ((3,), 11)


@pytest.mark.parametrize(
    "script",
    [ignited(pushes=9), ignited(back=500), ignited(at=1_005), ignited(pause=61_000), ignited(back=700, at=1_009)],
    ids=["short", "kept", "no gain", "slow", "neither"],
)
def test_buying_and_selling_is_no_ignition(script: Script) -> None:
    assert alerts(script.day(), "F9") == ()


def test_whoever_sells_a_push_down_is_found_too() -> None:
    script = Script()
    script.trade(0, 11, 12, 1_000, 1_000)
    for number in range(10):
        script.trade(MINUTE + number, 20, 3, 500, 1_000 - 6 * number, taker=SELL)
    script.trade(2 * MINUTE, 3, 13, 2_000, 960)
    (alert,) = alerts(script.day(), "F9")
    assert alert.owners == (3,)


def test_tables_of_unequal_columns_and_bad_owners_are_refused() -> None:
    with pytest.raises(MalformedInput):
        trades_of(**{name: [1] for name in Trades.__dataclass_fields__} | {"buyer": [1, 2]})
    with pytest.raises(MalformedInput):
        orders_of(**{name: [1] for name in Orders.__dataclass_fields__} | {"side": []})
    with pytest.raises(MalformedInput):
        Products(np.zeros(1, np.int64), np.zeros(2, np.int64))
    for groups in ([[1, 40]], [[1, 2], [2, 3]], [[-1]]):
        with pytest.raises(MalformedInput):
            owners_of(40, groups)


def test_every_figure_of_every_rule_is_a_threshold_of_its_own() -> None:
    days = {
        "F1": washed(9).day(),
        "F2": dealt().day([[3, 4]]),
        "F3": ring([2, 5], 3).day(),
        "F4": spoofed(3).day(),
        "F5": spoofed(3, levels=4).day(),
        "F6": closing().day(),
        "F7": cornered().day(),
        "F8": stuffed(100).day(),
        "F9": ignited().day(),
    }
    for rule in RULES:
        found = watch(days[rule.rule], POLICY).of_rule(rule.rule)
        assert len(found) == 1, rule.rule
        for figure in found[0].figures:
            assert figure.name.startswith(rule.prefix), (rule.rule, figure.name)
            assert hasattr(POLICY, figure.name)
