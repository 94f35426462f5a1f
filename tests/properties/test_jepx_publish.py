"""Published curves of coupled auctions replay to their prices: each group's, and the system's."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmark.core.codes import Area
from wattmark.market.coupling import Links, Steps, couple, japan_links
from wattmark.market.curves import join_curves
from wattmark.market.formats.jepx_curves import read_curves, write_curves
from wattmark.market.publish import publish_coupled, published_prices
from wattmark.market.published import SYSTEM
from wattmark.market.replay import Comparison, replay

AREAS = len(Area)
price = st.one_of(st.just(0), st.integers(1, 8), st.integers(1, 99_900))
area = st.one_of(st.integers(1, AREAS), st.integers(1, 3))  # often close together, so that power passes and ties
row = st.tuples(price, st.one_of(st.integers(1, 4), st.integers(1, 10**6)), st.integers(1, 2), area)
capacities = st.dictionaries(
    st.sampled_from([(int(a), int(b)) for a, b in zip(*(c.tolist() for c in (japan_links({}).from_area, japan_links({}).to_area)), strict=True)]),
    st.one_of(st.integers(0, 4), st.integers(0, 10**6)),
    max_size=20,
)  # fmt: skip


def steps_of(rows: list[tuple[int, int, int, int]]) -> Steps:
    return Steps(*np.array(rows, np.int64).reshape(-1, 4).T.copy())


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(row, max_size=40), capacities)
def test_curves_of_groups_replay_to_their_prices(
    rows: list[tuple[int, int, int, int]], capacity: dict[tuple[int, int], int]
) -> None:
    """J33 on our own market splitting: what comes in over full links stands in the curve as a market order."""
    steps, links = steps_of(rows), japan_links(capacity)
    coupled = couple(steps, links, areas=AREAS)
    made = publish_coupled((20_000, 7), steps, links, coupled, lot_wh=1, lone_areas=True)
    assert sorted(area for group in made.groups for area in group.areas) == list(Area)
    sink = io.BytesIO()
    write_curves(sink, [made.curves])
    read = join_curves(list(read_curves(io.BytesIO(sink.getvalue()), "file")))
    comparison = Comparison(published_prices([made]))
    comparison.add(read, replay(read))
    comparison.finish()
    assert (comparison.differences, comparison.equal) == ([], len(made.groups))
    assert made.cut_wh == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(row, max_size=40), capacities)
def test_groups_have_one_price_and_lone_areas_are_left_out(
    rows: list[tuple[int, int, int, int]], capacity: dict[tuple[int, int], int]
) -> None:
    """J32: numbers go by the first area of a group, and skip those of one area."""
    steps, links = steps_of(rows), japan_links(capacity)
    coupled = couple(steps, links, areas=AREAS)
    whole = publish_coupled((20_000, 7), steps, links, coupled, lone_areas=True)
    made = publish_coupled((20_000, 7), steps, links, coupled)
    assert list(made.groups) == [one for one in whole.groups if one.group == SYSTEM or len(one.areas) > 1]
    assert [one.group for one in whole.groups] == list(range(-1, len(whole.groups) - 1))
    firsts = [one.areas[0] for one in whole.groups[1:]]
    assert firsts == sorted(firsts)
    for one in whole.groups[1:]:
        assert len({made.result.area_sen[area - 1] for area in one.areas} - {None}) <= 1
    if not coupled.split:
        assert [one.areas for one in made.groups] == [(), tuple(Area)]
    assert made.result.contract_kwh == int(coupled.sold.sum()) // 1_000


def test_two_markets_with_a_full_link_between_them() -> None:
    """Hokkaido is cheap and may send 5; the others are one market."""
    steps = steps_of([(100, 50, 2, 1), (500, 10, 1, 1), (900, 50, 2, 3), (2_000, 20, 1, 3), (2_000, 10, 1, 2)])
    links = Links(*np.array([[1, 2, 2, 3], [2, 1, 3, 2], [5, 5, 99, 99]], np.int64))
    coupled = couple(steps, links, areas=3)
    assert coupled.prices_sen == (100, 900, 900)
    made = publish_coupled((20_000, 7), steps, links, coupled, lot_wh=1)
    assert [(one.group, one.areas) for one in made.groups] == [(-1, ()), (1, (Area.TOHOKU, Area.TOKYO))]
    start, end = made.curves.first[1:3].tolist()
    shown = zip(*(c[start:end].tolist() for c in (made.curves.price_sen, made.curves.sell_lots, made.curves.buy_lots)), strict=True)  # fmt: skip
    assert list(shown) == [(0, 0, 30), (0, 5, 30), (900, 55, 30), (2_000, 55, 30), (99_900, 55, 0), (99_999, 55, 0)]
    assert made.result.area_sen == (100, 900, 900, *[None] * 6)


def test_areas_of_one_price_are_a_group_though_their_link_is_full() -> None:
    """Tohoku has no order and its price is Hokkaido's: alone, its curve would not say why."""
    steps = steps_of([(100, 50, 2, 1), (2_000, 20, 1, 3)])
    links = Links(*np.array([[1, 2], [2, 3], [5, 5]], np.int64))
    coupled = couple(steps, links, areas=3)
    made = publish_coupled((20_000, 7), steps, links, coupled, lot_wh=1, lone_areas=True)
    assert [one.areas for one in made.groups[1:]] == [(Area.HOKKAIDO, Area.TOHOKU), (Area.TOKYO,)]
    replayed = replay(made.curves)
    assert replayed.lots.tolist() == [20, 5, 5]
    assert (replayed.price_sen.tolist(), coupled.prices_sen) == ([100, 100, 2_000], (100, 100, 2_000))
