"""Candles of any interval: the same trade by trade, all at once, and part by part."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN
from wattmark.core.periods import DAY_S, JST_OFFSET_S
from wattmark.market.candles import Candle, candles_of, joined, start_of

Trades = list[tuple[int, int, int]]


def columns(trades: Trades) -> list[np.ndarray]:
    return list(np.array(trades, np.int64).reshape(-1, 3).T)


def one_by_one(trades: Trades, interval_s: int, align_s: int) -> list[Candle]:
    """The slow twin: a dictionary of lists."""
    found: dict[int, Trades] = {}
    for trade in trades:
        second = trade[0] // 1_000
        while (second + align_s) % interval_s:
            second -= (second + align_s) % interval_s
        found.setdefault(second, []).append(trade)
    return [
        Candle(
            start,
            interval_s,
            made[0][1],
            max(price for _, price, _ in made),
            min(price for _, price, _ in made),
            made[-1][1],
            sum(wh for _, _, wh in made),
            len(made),
            sum(price * wh for _, price, wh in made),
        )
        for start, made in sorted(found.items())
    ]


TRADES = st.lists(
    st.tuples(
        st.integers(1_609_459_200_000, 1_609_459_200_000 + 200_000),
        st.integers(1, MAX_PRICE_SEN),
        st.integers(1, 1 << 40),
    ),
    max_size=40,
).map(lambda trades: sorted(trades, key=lambda trade: trade[0]))


@settings(max_examples=150, deadline=None)
@given(
    trades=TRADES,
    interval_s=st.sampled_from([1, 2, 7, 60, 3_600, DAY_S]) | st.integers(1, 10**6),
    align_s=st.sampled_from([0, JST_OFFSET_S]),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
def test_all_at_once_is_one_by_one_is_part_by_part(
    trades: Trades, interval_s: int, align_s: int, cuts: list[int]
) -> None:
    whole = candles_of(*columns(trades), interval_s, align_s)
    assert whole == one_by_one(trades, interval_s, align_s)
    parts: list[Candle] = []
    ends = [*sorted(min(cut, len(trades)) for cut in cuts), len(trades)]
    for start, end in zip([0, *ends], ends, strict=False):
        parts = joined(parts, candles_of(*columns(trades[start:end]), interval_s, align_s))
    assert parts == whole
    for candle in whole:
        assert candle.low_sen <= candle.vwap_sen <= candle.high_sen
        assert abs(candle.vwap_sen * candle.quantity_wh - candle.value_e5) * 2 <= candle.quantity_wh
        assert (candle.start_s + align_s) % interval_s == 0
        assert start_of(candle.start_s + interval_s - 1, interval_s, align_s) == candle.start_s


def test_what_was_paid_is_exact_where_64_bits_would_not_hold_it() -> None:
    trades = [(1_000, MAX_PRICE_SEN, 1 << 40)] * 200
    (candle,) = candles_of(*columns(trades), 60)
    assert candle.value_e5 == 200 * MAX_PRICE_SEN << 40
    assert candle.value_e5 > 1 << 63
    assert candle.vwap_sen == MAX_PRICE_SEN


def test_a_day_in_japan_is_not_a_day_in_utc() -> None:
    midnight_jst_s = 1_609_426_800  # 2021-01-01 00:00 JST
    trades = [((midnight_jst_s - 1) * 1_000, 5, 1), (midnight_jst_s * 1_000, 6, 1)]
    assert len(candles_of(*columns(trades), DAY_S)) == 1
    assert [c.start_s for c in candles_of(*columns(trades), DAY_S, JST_OFFSET_S)] == [
        midnight_jst_s - DAY_S,
        midnight_jst_s,
    ]
    assert candles_of(*columns(trades), 1_800) == candles_of(*columns(trades), 1_800, JST_OFFSET_S)


def test_less_than_a_second_is_refused() -> None:
    with pytest.raises(MalformedInput) as caught:
        candles_of(*columns([]), 0)
    assert caught.value.field == "interval_s"
