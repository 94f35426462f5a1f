"""The words of market data."""

import json

from wattmark.api.told import STATES, Told, candle_fields, picture_fields
from wattmark.flows.market_data import Picture, Update
from wattmark.market import layout as m
from wattmark.market.board import Increment, Level, PublicTrade
from wattmark.market.candles import Candle

BID = Level(m.BUY, 1_000, 5, 2)


def test_every_state_of_a_product_has_a_word() -> None:
    states = {value for name, value in vars(m).items() if name.startswith("PRODUCT_") and name != "PRODUCT_WORDS"}
    assert states == STATES.keys()
    assert len(set(STATES.values())) == len(STATES)


def test_an_update_is_told_in_each_channel() -> None:
    trade = PublicTrade(7, 9, 1_000, 3)
    told = Told(Update(4, Increment(4, 8, (BID, Level(m.SELL, 1_001, 0, 0)), (trade,), m.PRODUCT_HALTED), BID, None))
    assert (told.product, told.sequence) == (4, 8)
    assert json.loads(told.text("book")) == {
        "product": 4,
        "sequence": 8,
        "bids": [{"price_sen": 1_000, "quantity_wh": 5, "orders": 2}],
        "asks": [{"price_sen": 1_001, "quantity_wh": 0, "orders": 0}],
        "trades": [{"position": 7, "timestamp_ms": 9, "quantity_wh": 3, "price_sen_per_kwh": 1_000}],
        "state": "halted",
    }
    assert json.loads(told.text("top"))["ask"] is None
    assert json.loads(told.text("trades"))["trades"][0]["position"] == 7
    assert told.text("book") is told.text("book"), "rendered once for all"
    assert Told(Update(4, Increment(4, 9))).text("trades") == ""
    assert Told(Update(4, None)).sequence == -1


def test_a_snapshot_is_cut_to_as_many_levels_as_are_asked_for() -> None:
    picture = Picture(4, 8, m.PRODUCT_OPEN, False, (BID, BID), (BID,))
    assert [len(picture_fields(picture, levels)["bids"]) for levels in (None, 0, 1, 5)] == [2, 0, 1, 2]


def test_a_candle_says_its_exact_value_and_its_rounded_price() -> None:
    fields = candle_fields(Candle(0, 60, 10, 12, 9, 11, 3, 2, 32))
    assert (fields["value_e5jpy"], fields["vwap_sen"]) == (32, 11)
