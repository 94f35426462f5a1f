"""Charts: well-formed, labelled, escaped, inside their picture, and true to the numbers."""

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.web.charts import svg
from wattmark.web.charts.bars import bar_chart
from wattmark.web.charts.candles import Candle, CandleWords, candle_chart
from wattmark.web.charts.cover import cover_bar
from wattmark.web.charts.curves import CurveWords, curve_chart
from wattmark.web.charts.day import DaySlot, DayWords, day_chart
from wattmark.web.charts.depth import DepthWords, depth_chart, depth_mark
from wattmark.web.charts.magnitude import Magnitude, decades, magnitude_chart
from wattmark.web.charts.ring import RingSlot, RingWords, ring_chart

NASTY = "<script>alert('x')</script> & \"quotes\""
DAY_WORDS = DayWords(NASTY, "energy", "price")
BOOK_WORDS = DepthWords(NASTY, "buy", "sell", "energy", "middle")
CANDLE_WORDS = CandleWords(NASTY, "price", "energy")
CURVE_WORDS = CurveWords(NASTY, "supply", "demand", "price", "energy", "result")
RING_WORDS = RingWords(NASTY, "50.0 %", "matched")


def pictures(wide: bool) -> dict[str, str]:
    slots = [DaySlot((("solar", 40 * n), ("wind", 100)), 300 + n, 900 + 10 * n) for n in range(48)]
    candle = Candle("9:00", 1_000, 1_300, 900, 1_200, 50)
    return {
        "day": day_chart(slots, DAY_WORDS, wide=wide),
        "day without anything": day_chart([DaySlot((), None, None)] * 48, DAY_WORDS, wide=wide),
        "bars": bar_chart([1, 2, 0], ["a", "", NASTY], texture="hydro", label=NASTY, axis="Wh", wide=wide),
        "depth": depth_chart([(1_000, 5), (900, 9)], [(1_100, 4)], BOOK_WORDS, wide=wide),
        "depth of one side": depth_chart([], [(1_100, 4)], BOOK_WORDS, wide=wide),
        "depth of many levels": depth_chart(
            [(5_000 - n, 1_000) for n in range(99)], [(5_001 + n, 99_000) for n in range(99)], BOOK_WORDS, wide=wide
        ),
        "depth with a level far off": depth_chart([(1, 1), (1_000, 900)][::-1], [(99_900, 1)], BOOK_WORDS, wide=wide),
        "candles": candle_chart([candle] * 9, CANDLE_WORDS, wide=wide),
        "one candle": candle_chart([candle], CANDLE_WORDS, wide=wide),
        "many candles": candle_chart([candle] * 40, CANDLE_WORDS, wide=wide),
        "curves": curve_chart(
            [(0, 500), (900, 800), (1_200, 5_000)], [(99_900, 700), (1_000, 400)], (1_000, 900), CURVE_WORDS, wide=wide
        ),
        "curves that do not meet": curve_chart([(900, 800)], [(800, 700)], None, CURVE_WORDS, wide=wide),
        "curves of one side": curve_chart([], [(800, 700)], None, CURVE_WORDS, wide=wide),
        "cover": cover_bar(100, (("hydro", 40), ("storage", 0)), NASTY, wide=wide),
        "ring": ring_chart([RingSlot((("solar", 5), ("banked", 2)), 10)] * 48, RING_WORDS),
        "magnitudes": magnitude_chart(
            [Magnitude(NASTY, "1 J", 0.04, 0.04, "hydro"), Magnitude("b", NASTY, 1e7, 2.6e12, "grid")],
            {0: NASTY},
            NASTY,
            wide=wide,
        ),
        "mark": depth_mark(5, 7, 9, NASTY),
    }


@pytest.mark.parametrize("wide", [True, False])
def test_every_picture_is_well_formed_named_and_escaped(wide: bool) -> None:
    for name, picture in pictures(wide).items():
        root = ET.fromstring(picture)
        assert root.tag == "svg", name
        assert root.get("role") == "img"
        assert root.get("aria-label") == NASTY
        assert "<script" not in picture
        assert "style=" not in picture, "the pages allow no inline style"


@pytest.mark.parametrize("wide", [True, False])
def test_marks_stay_inside_the_picture(wide: bool) -> None:
    for name, picture in pictures(wide).items():
        root = ET.fromstring(picture)
        _, _, width, height = (float(part) for part in root.get("viewBox").split())
        for mark in root.iter("rect"):
            x, y, w, h = (float(mark.get(key)) for key in ("x", "y", "width", "height"))
            assert w >= 0 <= h, name
            assert -0.2 <= x <= x + w <= width + 0.2, name
            assert -0.2 <= y <= y + h <= height + 0.2, name


def test_bars_are_as_high_as_their_numbers() -> None:
    root = ET.fromstring(bar_chart([100, 50, 0], ["", "", ""], texture="solar", label="l", axis="a", wide=True))
    heights = [float(mark.get("height")) for mark in root.iter("rect")]
    assert len(heights) == 2
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)


def test_a_stack_is_as_high_as_its_sum() -> None:
    slots = [DaySlot((("solar", 300), ("wind", 100)), None, None)]
    root = ET.fromstring(day_chart(slots, DAY_WORDS, wide=True))
    solar, wind = root.findall("rect")
    assert float(solar.get("height")) == pytest.approx(3 * float(wind.get("height")), abs=0.3)
    assert float(wind.get("y")) + float(wind.get("height")) == pytest.approx(float(solar.get("y")), abs=0.2)


def test_a_spoke_is_as_large_as_its_use() -> None:
    root = ET.fromstring(ring_chart([RingSlot((), 100), RingSlot((), 50)], RING_WORDS))
    radii = [float(re.search(r"A([\d.]+) ", mark.get("d"))[1]) for mark in root.iter("path")]
    assert radii[0] ** 2 - 80**2 == pytest.approx(2 * (radii[1] ** 2 - 80**2), rel=0.01)


def test_candles_say_rise_and_fall_without_colour() -> None:
    candles = [
        Candle("a", 1_000, 1_000, 900, 950, 1),
        Candle("b", 950, 1_200, 950, 1_100, 1),
        Candle("c", 5, 5, 5, 5, 1),
    ]
    picture = candle_chart(candles, CANDLE_WORDS, wide=True)
    drawn = [mark.get("class") for mark in ET.fromstring(picture).iter("rect")]
    assert [style for style in drawn if style.startswith("candle")] == [
        "candle down",
        "candle up",
        "candle flat",
    ]


def test_energy_below_a_candle_is_as_high_as_its_number_and_says_the_same_way() -> None:
    candles = [Candle("a", 10, 10, 9, 9, 400), Candle("b", 9, 12, 9, 11, 200), Candle("c", 5, 5, 5, 5, 0)]
    root = ET.fromstring(candle_chart(candles, CANDLE_WORDS, wide=True))
    bars = [mark for mark in root.iter("rect") if mark.get("class").startswith("volume")]
    first, second, third = (float(mark.get("height")) for mark in bars)
    assert first == pytest.approx(2 * second, abs=0.2)
    assert third == 0
    assert [mark.get("class") for mark in bars] == ["volume down", "volume up", "volume flat"]


def points(picture: str, style: str) -> list[tuple[float, float]]:
    """The corners of the path of a class: absolute M, L, H and V commands."""
    path = next(mark for mark in ET.fromstring(picture).iter("path") if mark.get("class") == style)
    x = y = 0.0
    found = []
    for letter, first, second in re.findall(r"([MLHV])([\d.-]+)(?: ([\d.-]+))?", path.get("d")):
        x, y = (float(first), float(second)) if second else (float(first), y) if letter == "H" else (x, float(first))
        found.append((x, y))
    return found


def test_depth_is_cumulated_and_its_middle_lies_between_the_best_prices() -> None:
    picture = depth_chart([(1_000, 300), (900, 100)], [(1_100, 200)], BOOK_WORDS, wide=True)
    bid, ask = points(picture, "depth bid"), points(picture, "depth ask")
    floor = bid[0][1]
    best, second = floor - bid[1][1], floor - bid[3][1]
    assert second == pytest.approx(best * 4 / 3, abs=0.2), "the second step holds the first one too"
    assert floor - ask[1][1] == pytest.approx(best * 2 / 3, abs=0.2)
    middle = next(mark for mark in ET.fromstring(picture).iter("line") if mark.get("class") == "middle")
    assert float(middle.get("x1")) == pytest.approx((bid[0][0] + ask[0][0]) / 2, abs=0.2)
    assert bid[0][0] < float(middle.get("x1")) < ask[0][0]


def test_a_side_of_the_book_is_told_by_its_signs_and_not_by_colour_alone() -> None:
    root = ET.fromstring(depth_chart([(1_000, 300)], [(1_100, 200)], BOOK_WORDS, wide=True))
    assert [mark.get("class") for mark in root.iter("circle")] == ["sign bid"]
    assert [mark.get("class") for mark in root.iter("rect")] == ["sign ask"]
    assert {"buy", "sell"} <= {mark.text for mark in root.iter("text")}


def test_one_order_far_off_does_not_squeeze_the_book() -> None:
    near = [(1_000 - 10 * n, 1_000) for n in range(10)]
    alone = points(depth_chart(near, [(1_010, 9_000)], BOOK_WORDS, wide=True), "depth bid")
    far = points(depth_chart([*near, (1, 5)], [(1_010, 9_000)], BOOK_WORDS, wide=True), "depth bid")
    assert far[2][0] == pytest.approx(alone[2][0], abs=20), "drawn over all prices it would stand 100 px away"


def test_curves_meet_at_the_crossing() -> None:
    sells, buys = [(800, 300), (1_000, 600)], [(1_200, 500), (900, 400)]
    picture = curve_chart(sells, buys, (1_000, 500), CURVE_WORDS, wide=True)
    ring = next(mark for mark in ET.fromstring(picture).iter("circle") if mark.get("class") == "crossing")
    x, y = float(ring.get("cx")), float(ring.get("cy"))
    supply, demand = points(picture, "curve ask"), points(picture, "curve bid")
    assert any(
        before[0] <= x <= after[0] and after[1] == before[1] == y for before, after in itertools.pairwise(supply)
    )
    assert any(
        before[0] == after[0] == x and before[1] <= y <= after[1] for before, after in itertools.pairwise(demand)
    )


@given(st.lists(st.tuples(st.integers(1, 99_900), st.integers(1, 1 << 40)), min_size=1, max_size=30))
def test_any_book_can_be_drawn(levels: list[tuple[int, int]]) -> None:
    middle = sorted(price for price, _ in levels)[len(levels) // 2]
    bids = sorted((level for level in levels if level[0] <= middle), reverse=True)
    asks = sorted(level for level in levels if level[0] > middle)
    for wide in (True, False):
        root = ET.fromstring(depth_chart(bids, asks, BOOK_WORDS, wide=wide))
        width = float(root.get("viewBox").split()[2])
        assert all(0 <= float(mark.get("cx")) <= width for mark in root.iter("circle"))
        ET.fromstring(curve_chart(asks, bids, None, CURVE_WORDS, wide=wide))


@given(st.integers(0, 1 << 41), st.integers(1, 9))
def test_ticks_are_round_and_reach_the_limit(limit: int, wanted: int) -> None:
    marks = svg.ticks(limit, wanted)
    assert marks[0] == 0
    assert marks[-1] >= limit
    assert len(marks) <= max(wanted * 3, 3)
    steps = {second - first for first, second in itertools.pairwise(marks)}
    assert len(steps) == 1
    assert str(steps.pop()).rstrip("0") in {"1", "2", "5"}


def test_every_texture_is_drawn_once() -> None:
    root = ET.fromstring(svg.texture_defs())
    assert [pattern.get("id") for pattern in root.iter("pattern")] == [f"p-{name}" for name in svg.TEXTURES]


@given(st.floats(1e-9, 1e15), st.floats(1, 1e9))
def test_lines_of_a_logarithmic_scale_enclose_every_value(low: float, factor: float) -> None:
    lines = decades([Magnitude("a", "", low, low * factor, "hydro")])
    assert 10.0 ** lines[0] < low
    assert low * factor <= 10.0 ** lines[-1] * (1 + 1e-9)
    assert all(after - before == 3 for before, after in itertools.pairwise(lines))


def test_bars_of_a_logarithmic_scale_grow_with_the_logarithm() -> None:
    values = (1.0, 1e3, 1e6)
    picture = magnitude_chart([Magnitude("a", "", value, value, "hydro") for value in values], {}, "x", wide=True)
    first, second, third = (float(mark.get("width")) for mark in ET.fromstring(picture).iter("rect"))
    assert second - first == pytest.approx(third - second, abs=0.2)
    assert first > 0
