"""What is published of a slot: groups, curves, volumes and prices, of areas that were cleared each by itself."""

import numpy as np
import pytest

from wattmark.core.codes import Area
from wattmark.market.auction import clear
from wattmark.market.publish import AreaAuction, Bids, publish_slot, published_prices, standing
from wattmark.market.published import SYSTEM, AreaGroup, PublishedPrice
from wattmark.market.replay import Comparison, replay

Orders = list[tuple[int, int]]


def bids(orders: Orders) -> Bids:
    table = np.array(orders, np.int64).reshape(-1, 2)
    return Bids(table[:, 0].copy(), table[:, 1].copy())


def auction(area: Area, sells: Orders, buys: Orders) -> AreaAuction:
    offered, wanted = bids(sells), bids(buys)
    cleared = clear(offered.price_sen, offered.quantity_wh, wanted.price_sen, wanted.quantity_wh)
    return AreaAuction(area, cleared.price_sen, cleared.quantity, offered, wanted)


TOKYO = auction(Area.TOKYO, [(500, 10_000), (1_000, 10_000)], [(2_000, 15_000), (300, 10_000)])
KYUSHU = auction(Area.KYUSHU, [(1, 40_500)], [(800, 20_000)])
EMPTY = auction(Area.SHIKOKU, [(900, 5_000)], [(300, 5_000)])


def test_a_slot_of_three_areas() -> None:
    """Each area its price; the system price is that of all orders together; no trade is no price."""
    made = publish_slot(20_000, 7, [TOKYO, EMPTY, KYUSHU], lot_wh=1)
    assert made.groups == (
        AreaGroup(20_000, 7, SYSTEM, ()),
        AreaGroup(20_000, 7, 0, (Area.TOKYO,)),
        AreaGroup(20_000, 7, 1, (Area.SHIKOKU,)),
        AreaGroup(20_000, 7, 2, (Area.KYUSHU,)),
    )
    assert (TOKYO.price_sen, EMPTY.price_sen, KYUSHU.price_sen) == (1_000, None, 1)
    assert made.result.area_sen == (None, None, 1_000, None, None, None, None, None, 1)
    # 50.5 kWh at 5.00 or less meet 15 kWh at 20.00, 20 at 8.00, 15 at 3.00: all of them, at 0.01 only 40.5 are sold
    assert made.result.system_sen == 300
    volumes = (made.result.sell_kwh, made.result.buy_kwh, made.result.contract_kwh)
    assert volumes == (65, 50, 15 + 20)
    assert made.result.blocks_kwh == (0, 0, 0, 0)
    assert (made.curves.group.tolist(), made.cut_wh) == ([-1, 0, 1, 2], 0)
    comparison = Comparison(published_prices([made]))
    comparison.add(made.curves, replay(made.curves))
    comparison.finish()
    assert (comparison.equal, comparison.total, comparison.differences) == (4, 4, [])


def test_volumes_are_cut_to_lots_and_what_is_cut_is_said() -> None:
    """J1: 65.5 kWh offered are one lot of 50 kWh, 50 kWh wanted another."""
    made = publish_slot(20_000, 7, [TOKYO, EMPTY, KYUSHU])
    assert (int(made.curves.sell_lots.max()), int(made.curves.buy_lots.max())) == (1, 1)
    assert made.cut_wh == 15_500
    assert publish_slot(20_000, 7, [TOKYO], lot_wh=1_000).cut_wh == 0


def test_prices_of_curves_are_those_of_the_result() -> None:
    made = publish_slot(20_000, 7, [TOKYO, KYUSHU])
    assert published_prices([made]) == {
        (20_000, 7, -1): PublishedPrice((), made.result.system_sen, 35),
        (20_000, 7, 0): PublishedPrice((Area.TOKYO,), 1_000, None),
        (20_000, 7, 1): PublishedPrice((Area.KYUSHU,), 1, None),
    }


def test_orders_without_a_limit_stand_at_the_ends() -> None:
    """J17: a market sell at 0.00, a market buy at 999.00."""
    limits = np.array([0, 1, 99_900])
    assert standing(limits, buying=True).tolist() == [99_900, 1, 99_900]
    assert standing(limits, buying=False).tolist() == [0, 1, 99_900]


def test_the_form_is_that_of_j31() -> None:
    curves = publish_slot(20_000, 7, [TOKYO], lot_wh=1).curves
    first, last = curves.first[1], curves.first[2]
    rows = zip(*(c[first:last].tolist() for c in (curves.price_sen, curves.sell_lots, curves.buy_lots)), strict=True)
    assert list(rows) == [
        (0, 0, 25_000),
        (0, 0, 25_000),
        (300, 0, 25_000),
        (500, 10_000, 15_000),
        (1_000, 20_000, 15_000),
        (2_000, 20_000, 15_000),
        (99_900, 20_000, 0),
        (99_999, 20_000, 0),
    ]


@pytest.mark.parametrize("lot_wh", [1, 3, 50_000])
def test_cut_curves_never_bend_back(lot_wh: int) -> None:
    curves = publish_slot(20_000, 7, [TOKYO, KYUSHU], lot_wh).curves
    for start, end in zip(curves.first[:-1].tolist(), curves.first[1:].tolist(), strict=True):
        assert (np.diff(curves.sell_lots[start:end]) >= 0).all()
        assert (np.diff(curves.buy_lots[start:end]) <= 0).all()
