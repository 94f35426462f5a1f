"""The public board: numbered increments, gaps refused, one level per side and price."""

import numpy as np
import pytest

from wattmark.core.errors import RuleViolated
from wattmark.market import layout as m
from wattmark.market.board import Board, Increment, Level, PublicTrade, changes_of, summed

BID, ASK = Level(m.BUY, 1_000, 300, 2), Level(m.SELL, 1_010, 50, 1)


def board() -> Board:
    return Board(7, 40, [BID, ASK, Level(m.BUY, 990, 10, 1), Level(m.SELL, 1_200, 5, 1)])


def test_the_best_price_stands_first_on_both_sides() -> None:
    assert [level.price_sen for level in board().bids()] == [1_000, 990]
    assert [level.price_sen for level in board().asks()] == [1_010, 1_200]
    assert board().top() == (BID, ASK)
    assert board().bids(1) == [BID]
    assert Board(7, 0).top() == (None, None)


def test_an_increment_replaces_levels_and_takes_away_empty_ones() -> None:
    picture = board()
    picture.apply(
        Increment(7, 41, (Level(m.BUY, 1_000, 0, 0), Level(m.BUY, 995, 1, 1), Level(m.SELL, 1_010, 80, 2)), state=3)
    )
    assert picture.bids() == [Level(m.BUY, 995, 1, 1), Level(m.BUY, 990, 10, 1)]
    assert picture.asks()[0] == Level(m.SELL, 1_010, 80, 2)
    assert (picture.sequence, picture.state) == (41, 3)
    picture.apply(Increment(7, 42, (Level(m.SELL, 55, 0, 0),)))  # gone already
    assert len(picture.asks()) == 2


@pytest.mark.parametrize("sequence", [39, 40, 42, 43])
def test_any_number_but_the_next_is_a_gap_and_changes_nothing(sequence: int) -> None:
    picture = board()
    with pytest.raises(RuleViolated) as caught:
        picture.apply(Increment(7, sequence, (Level(m.BUY, 1_000, 0, 0),)))
    assert (caught.value.code, caught.value.field, caught.value.value) == ("SEQUENCE_GAP", "sequence", sequence)
    assert (picture.sequence, picture.top()) == (40, (BID, ASK))


def test_an_increment_of_another_product_is_refused() -> None:
    with pytest.raises(RuleViolated) as caught:
        board().apply(Increment(8, 41))
    assert (caught.value.code, caught.value.value) == ("OTHER_PRODUCT", 8)


def test_of_many_changes_of_a_level_in_one_batch_the_last_counts() -> None:
    changes = np.array(
        [
            [3, m.BUY, 100, 5, 1, 900],
            [4, m.BUY, 100, 6, 1, 901],
            [3, m.BUY, 100, 9, 2, 902],
            [3, m.SELL, 100, 0, 0, 903],
            [3, m.BUY, 99_900, 1, 1, 904],
        ],
        np.int64,
    )
    trade = np.zeros((2, m.TRADE_WORDS), np.int64)
    trade[:, m.T_PRODUCT], trade[:, m.T_POSITION], trade[:, m.T_PRICE_SEN] = [3, 5], [902, 905], [100, 77]
    trade[:, m.T_QUANTITY_WH], trade[:, m.T_TIMESTAMP_MS] = [2, 3], 1_000
    found = changes_of(changes, trade, [3, 5, 6])
    assert sorted(found) == [3, 5]
    assert set(found[3].levels) == {Level(m.BUY, 100, 9, 2), Level(m.SELL, 100, 0, 0), Level(m.BUY, 99_900, 1, 1)}
    assert found[3].trades == (PublicTrade(902, 1_000, 100, 2),)
    assert (found[5].levels, found[5].trades) == ((), (PublicTrade(905, 1_000, 77, 3),))
    assert changes_of(changes, trade, []) == {}


def test_orders_are_summed_by_side_and_price() -> None:
    orders = np.array([[m.BUY, 100, 5], [m.SELL, 100, 1], [m.BUY, 100, 7], [m.BUY, 90, 2]], np.int64)
    assert set(summed(orders)) == {Level(m.BUY, 100, 12, 2), Level(m.BUY, 90, 2, 1), Level(m.SELL, 100, 1, 1)}
    assert summed(np.empty((0, 3), np.int64)) == []
