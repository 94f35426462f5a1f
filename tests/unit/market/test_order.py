"""Orders, products and the depth of a book as values."""

import pytest

from reference.small_world import NOW_S, SLOT, small_world
from wattmark.core.periods import Period
from wattmark.market.order import (
    MODE_TEXT,
    ORDER_STATE_TEXT,
    SCOPE_TEXT,
    SIDE_TEXT,
    Level,
    Mode,
    Order,
    OrderState,
    Product,
    Scope,
    SelfTrade,
    Side,
    TimeInForce,
    depth,
)


@pytest.fixture(name="world")
def _world():
    return small_world()


def test_an_open_sell_order(world) -> None:
    order = Order.from_row(1, world.state.orders[1])  # after the bid in the auction
    assert (order.side, order.state, order.price_sen, order.quantity_wh, order.remaining_wh) == (
        Side.SELL,
        OrderState.OPEN,
        1_500,
        100,
        100,
    )
    assert (order.account, order.lot, order.value_e5) == (world.names["alice"], world.names["offered"], 0)
    assert (order.tif, order.self_trade, order.is_market) == (TimeInForce.REST, SelfTrade.CANCEL_NEWEST, False)
    assert world.model.log[order.position][1][2] == 1


def test_a_filled_and_a_cancelled_order(world) -> None:
    orders = [Order.from_row(row, world.state.orders[row]) for row in range(1, 6)]
    assert [order.state.name for order in orders] == ["OPEN", "OPEN", "FILLED", "FILLED", "CANCELLED"]
    assert [order.lot is None for order in orders] == [False, True, False, True, True]
    assert orders[3].value_e5 == 900 * 100


def test_products(world) -> None:
    names = world.names
    zaraba = Product.from_row(names["zaraba"], world.state.products[names["zaraba"]])
    assert (zaraba.area, zaraba.source, zaraba.mode, zaraba.scope) == (3, 1, Mode.CONTINUOUS, Scope.PERIOD)
    assert zaraba.period == Period(NOW_S - SLOT, SLOT)
    assert zaraba.is_open
    quiet = Product.from_row(names["quiet"], world.state.products[names["quiet"]])
    assert (quiet.last_price_sen, quiet.volume_wh) == (900, 100)
    assert not Product.from_row(names["shut"], world.state.products[names["shut"]]).is_open
    assert Product.from_row(names["call"], world.state.products[names["call"]]).mode is Mode.CALL


def test_the_depth_of_a_book_is_best_first_with_one_level_per_price(world) -> None:
    product, bob = world.names["zaraba"], world.names["bob"]
    for number, (price, wh) in enumerate(((900, 5), (1_100, 7), (1_000, 3), (1_100, 2))):
        world.order(f"bid {number}", bob, 1, price, wh, product)
    bids, asks = depth(world.state.orders, product)
    assert bids == [Level(1_100, 9, 2), Level(1_000, 53, 2), Level(900, 5, 1)]
    assert asks == [Level(1_500, 100, 1)]
    assert depth(world.state.orders, world.names["quiet"]) == ([], [])


def test_the_depth_counts_what_is_left(world) -> None:
    world.order("taker", world.names["bob"], 1, 1_500, 30, world.names["zaraba"])
    assert depth(world.state.orders, world.names["zaraba"])[1] == [Level(1_500, 70, 1)]


def test_everything_a_person_sees_has_both_languages() -> None:
    tables = ((SIDE_TEXT, Side), (MODE_TEXT, Mode), (SCOPE_TEXT, Scope), (ORDER_STATE_TEXT, OrderState))
    for texts, names in tables:
        assert set(texts) == set(names)
        assert all(text.en and text.ja for text in texts.values())
