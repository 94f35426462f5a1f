"""The rules of market splitting as text: the five tie cases in every area, J26 to J29, and what is refused."""

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.market.coupling import JAPAN_PAIRS, Fences, Links, Steps, couple, japan_links
from wattmark.market.coupling_check import verify_coupled

Rows = list[tuple[int, int, int, int]]

TIES = """
case                 | sells        | buys        | price | lots
A supply marginal    | 5x10 10x10   | 20x15 3x10  | 10    | 15
B sell-out           | 5x10         | 20x15       | 20    | 10
C vertical overlap   | 5x10 12x10   | 20x10 8x10  | 8     | 10
D horizontal overlap | 10x10 10x10  | 20x10 10x5  | 10    | 15
E no cross           | 10x10        | 5x10        | none  | 0
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()[1:]


def case(line: str) -> str:
    return line.split("|", maxsplit=1)[0].strip()


def orders(text: str, side: int, area: int) -> Rows:
    """``5x10 mx3`` -> steps; m is a market order."""
    pairs = (part.split("x") for part in text.split())
    return [(0 if price == "m" else int(price), int(quantity), side, area) for price, quantity in pairs]


def as_steps(rows: Rows) -> Steps:
    return Steps(*np.array(rows, np.int64).reshape(-1, 4).T.copy())


def as_links(rows: list[tuple[int, int, int]]) -> Links:
    return Links(*np.array(rows, np.int64).reshape(-1, 3).T.copy())


def price_of(text: str) -> int | None:
    return None if text == "none" else int(text)


@pytest.mark.parametrize("area", range(1, 10))
@pytest.mark.parametrize("line", lines(TIES), ids=case)
def test_tie_cases_in_one_area_alone(line: str, area: int) -> None:
    """Nothing can flow: the area clears by itself, the others have no price."""
    _, sells, buys, price, lots = (part.strip() for part in line.split("|"))
    steps = as_steps(orders(sells, 2, area) + orders(buys, 1, area))
    found = couple(steps, japan_links({}), areas=9)
    assert (found.quantity, found.income) == (int(lots), 0)
    assert found.sold[area - 1] == found.bought[area - 1] == int(lots)
    # it is not split, since one price for all loses nothing: then the system price is everybody's
    assert found.prices_sen == (price_of(price),) * 9
    verify_coupled(steps, japan_links({}), found, areas=9)


@pytest.mark.parametrize("area", range(1, 10))
@pytest.mark.parametrize("line", lines(TIES), ids=case)
def test_tie_cases_beside_areas_that_trade_at_other_prices(line: str, area: int) -> None:
    """Every other area trades 1 lot at 50 within itself; nothing can flow."""
    _, sells, buys, price, lots = (part.strip() for part in line.split("|"))
    others = [(50, 1, side, other) for other in range(1, 10) if other != area for side in (1, 2)]
    steps = as_steps(orders(sells, 2, area) + orders(buys, 1, area) + others)
    found = couple(steps, japan_links({}), areas=9)
    assert found.prices_sen == tuple(price_of(price) if one == area else 50 for one in range(1, 10))
    assert found.sold[area - 1] == found.bought[area - 1] == int(lots)
    verify_coupled(steps, japan_links({}), found, areas=9)


@pytest.mark.parametrize("seller", range(1, 10))
@pytest.mark.parametrize("line", lines(TIES), ids=case)
def test_tie_cases_across_links_with_room(line: str, seller: int) -> None:
    """Sellers in one area, buyers in another: the system price everywhere, whatever lies between."""
    _, sells, buys, price, lots = (part.strip() for part in line.split("|"))
    steps = as_steps(orders(sells, 2, seller) + orders(buys, 1, seller % 9 + 1))
    free = japan_links({pair: 100 for a, b in JAPAN_PAIRS for pair in ((a, b), (b, a))})
    found = couple(steps, free, areas=9)
    assert (found.prices_sen, found.quantity) == ((price_of(price),) * 9, int(lots))
    assert (found.split, found.income) == (False, 0)
    verify_coupled(steps, free, found, areas=9)


J27 = """
rule                                       | 1 sells   | 1 buys    | 2 sells   | 2 buys    | 1>2 | 2>1 | prices    | sold  | bought | flow | income
a flow fits: one price (J26)               | 5x10      |           | 9x10      | 20x12     | 10  | 0   | 9 9       | 10 2  | 0 12   | 10 0 | 0
a flow exceeds: two prices                 | 5x10      |           | 9x10      | 20x12     | 4   | 0   | 5 9       | 4 8   | 0 12   | 4 0  | 16
power flows to the dearer side             |           | 20x3      | 5x10      |           | 9   | 2   | 20 5      | 0 2   | 2 0    | 0 2  | 30
greatest surplus before largest quantity   | 5x4       | 9x4       | 7x4       | 20x4      | 4   | 0   | 7 7       | 4 4   | 4 4    | 0 0  | 0
largest quantity at equal surplus          | 5x4       | 5x3       | 5x4       | 5x3       | 0   | 0   | 5 5       | 3 3   | 3 3    | 0 0  | 0
quantity also when split                   | 5x9 6x5   | 6x7       | 9x3       | 9x5       | 4   | 0   | 6 9       | 11 1  | 7 5    | 4 0  | 12
the lowest price of a gap                  | 5x10      | 5x1       | 30x10     | 20x10 8x1 | 9   | 0   | 5 20      | 10 0  | 1 9    | 9 0  | 135
a full link keeps equal prices equal       | 5x4       |           | 9x4       | 20x4      | 4   | 0   | 5 5       | 4 0   | 0 4    | 4 0  | 0
no price where nothing trades              | 30x5      |           | 9x4       | 20x2      | 0   | 9   | 9 9       | 0 2   | 0 2    | 0 0  | 0
no price where nothing trades, split       | 9x5       | 30x5 30x1 | 9x4       | 8x2       | 0   | 0   | 30 none   | 5 0   | 5 0    | 0 0  | 0
joined with an area that trades            | 9x5       | 3x5       | 8x4       | 30x4      | 0   | 1   | 8 8       | 0 4   | 0 4    | 0 0  | 0
shares of one tick, across areas (J16)     | 9x7       |           | 9x8       | 20x8      | 9   | 9   | 9 9       | 4 4   | 0 8    | 4 0  | 0
an equal remainder to the lower area       | 9x7       | 20x7      | 9x7       |           | 9   | 9   | 9 9       | 4 3   | 7 0    | 0 3  | 0
the nearest share that the limit allows    | 9x7       |           | 9x8       | 20x8      | 2   | 9   | 9 9       | 2 6   | 0 8    | 2 0  | 0
the nearest share that the demand allows   | 9x6       | 20x6      | 9x6       |           | 0   | 1   | 9 9       | 5 1   | 6 0    | 0 1  | 0
market sells stand at 0.00, pay 0.01 (J17) | mx9       |           |           | 20x4      | 9   | 0   | 1 1       | 4 0   | 0 4    | 4 0  | 0
market buys stand at the ceiling (J17)     | 5x4       |           |           | mx9       | 9   | 0   | 999 999   | 4 0   | 0 4    | 4 0  | 0
market buys before limit buys, all areas   | 5x9       | 999x9     |           | mx6       | 9   | 0   | 999 999   | 9 0   | 3 6    | 6 0  | 0
nobody                                     |           |           |           |           | 9   | 9   | none none | 0 0   | 0 0    | 0 0  | 0
"""


def coupled_line(line: str) -> tuple[Rows, list[tuple[int, int, int]]]:
    cells = [part.strip() for part in line.split("|")]
    rows = [
        row
        for at, (side, area) in enumerate(((2, 1), (1, 1), (2, 2), (1, 2)), 1)
        for row in orders(cells[at], side, area)
    ]
    return rows, [(1, 2, int(cells[5])), (2, 1, int(cells[6]))]


@pytest.mark.parametrize("line", lines(J27), ids=case)
def test_two_areas(line: str) -> None:
    rows, links = coupled_line(line)
    prices, sold, bought, flow, income = (part.strip() for part in line.split("|")[7:])
    found = couple(as_steps(rows), as_links(links), areas=2, ceiling_sen=999)
    assert found.prices_sen == tuple(price_of(one) for one in prices.split())
    assert [" ".join(map(str, column)) for column in (found.sold, found.bought, found.flow)] == [sold, bought, flow]
    assert found.income == int(income)
    verify_coupled(as_steps(rows), as_links(links), found, areas=2, ceiling_sen=999)


FLOWS = """
rule                                        | nets        | links                                   | flow
the short way                               | 5 0 -5      | 1-2x9 2-3x9 1-3x9                       | 0 0 5
what does not fit goes round                | 5 0 -5      | 1-2x9 2-3x9 1-3x3                       | 2 2 3
the short way, before the order of links    | 5 0 -5      | 1-3x9 1-2x9 2-3x9                       | 5 0 0
of two equal ways the one of later links    | 5 0 0 -5    | 1-2x9 1-3x9 2-4x9 3-4x9                 | 0 5 0 5
of two equal ways, the limit of the later   | 5 0 0 -5    | 1-2x9 1-3x9 2-4x9 3-4x2                 | 3 2 3 2
never both ways                             | 3 -3        | 2-1x9 1-2x9                             | 0 3
parallel links in order                     | 5 -5        | 1-2x3 1-2x9                             | 3 2
"""


@pytest.mark.parametrize("line", lines(FLOWS), ids=case)
def test_flows_are_short_and_unique(line: str) -> None:
    nets, links, flow = (part.strip() for part in line.split("|")[1:])
    rows = [
        (10 if int(net) > 0 else 20, abs(int(net)), 2 if int(net) > 0 else 1, a)
        for a, net in enumerate(nets.split(), 1)
        if net != "0"
    ]
    ends = [link.replace("x", "-").split("-") for link in links.split()]
    found = couple(as_steps(rows), as_links([(int(a), int(b), int(c)) for a, b, c in ends]), areas=len(nets.split()))
    assert " ".join(map(str, found.flow)) == flow
    assert found.net.tolist() == [int(net) for net in nets.split()]


def test_three_prices_along_a_chain_with_a_power_in_transit() -> None:
    """Area 2 trades nothing and passes 4 units: it has the lowest price that both its full links allow."""
    rows = [(5, 10, 2, 1), (30, 10, 1, 3), (12, 5, 2, 2), (7, 5, 1, 2)]
    links = [(1, 2, 4), (2, 3, 4)]
    found = couple(as_steps(rows), as_links(links), areas=3)
    assert (found.prices_sen, found.flow.tolist(), found.income) == ((5, 7, 30), [4, 4], 100)
    verify_coupled(as_steps(rows), as_links(links), found, areas=3)


def test_areas_of_one_price_share_only_with_those_they_are_linked_with() -> None:
    """1-2 and 3-4 are two markets that happen to meet at 9."""
    rows = [(9, 4, 2, 1), (9, 4, 2, 2), (20, 2, 1, 2), (9, 8, 2, 3), (9, 8, 2, 4), (20, 14, 1, 4)]
    found = couple(as_steps(rows), as_links([(1, 2, 9), (3, 4, 9)]), areas=4)
    assert (found.prices_sen, found.sold.tolist()) == ((9,) * 4, [1, 1, 7, 7])


def test_the_links_of_japan() -> None:
    assert JAPAN_PAIRS == ((1, 2), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6), (6, 7), (6, 8), (7, 8), (7, 9))
    links = japan_links({(4, 3): 7})
    assert len(links.capacity) == 20
    used = links.capacity > 0
    assert [links.from_area[used].tolist(), links.to_area[used].tolist(), links.capacity[used].tolist()] == [
        [4],
        [3],
        [7],
    ]
    with pytest.raises(MalformedInput, match="NO_SUCH_LINK"):
        japan_links({(1, 3): 7})


BAD = {
    "COLUMNS_DIFFER": (([1, 1], [1], [1], [1]), []),
    "NOT_INTEGERS": (([1.5], [1], [1], [1]), []),
    "STEP_INVALID (price)": (([-1], [1], [1], [1]), []),
    "STEP_INVALID (price high)": (([1_000], [1], [1], [1]), []),
    "STEP_INVALID (quantity)": (([1], [0], [1], [1]), []),
    "STEP_INVALID (side)": (([1], [1], [3], [1]), []),
    "STEP_INVALID (area low)": (([1], [1], [1], [0]), []),
    "STEP_INVALID (area high)": (([1], [1], [1], [3]), []),
    "STEP_INVALID (sum)": (([1, 1, 1], [2**51, 2**51, 1], [1, 1, 1], [1, 1, 1]), []),
    "STEP_INVALID (wraps)": (([1, 1, 1], [2**62, 2**62, 2**62], [1, 1, 1], [1, 1, 1]), []),
    "LINK_INVALID (itself)": (([1], [1], [1], [1]), [(1, 1, 1)]),
    "LINK_INVALID (area)": (([1], [1], [1], [1]), [(1, 3, 1)]),
    "LINK_INVALID (capacity)": (([1], [1], [1], [1]), [(1, 2, -1)]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_auction_is_refused(name: str) -> None:
    columns, links = BAD[name]
    kind = np.float64 if "INTEGERS" in name else np.int64
    steps = Steps(*(np.array(column, kind) for column in columns))
    with pytest.raises(MalformedInput) as caught:
        couple(steps, as_links(links), areas=2, ceiling_sen=999)
    assert caught.value.code == name.split(maxsplit=1)[0]


@pytest.mark.parametrize(
    ("areas", "ceiling", "code"), [(0, 1, "AREAS"), (257, 1, "AREAS"), (1, 0, "CEILING"), (1, 1 << 20, "CEILING")]
)
def test_sizes_that_are_refused(areas: int, ceiling: int, code: str) -> None:
    with pytest.raises(MalformedInput, match=f"{code}_INVALID"):
        couple(as_steps([]), as_links([]), areas=areas, ceiling_sen=ceiling)


def test_the_largest_quantities_are_exact() -> None:
    """The largest sum there is, at the largest price, rationed over three orders."""
    third = (2**51 - 4) // 3
    rows = [(99_900, third, 1, 2)] * 3 + [(7, 2**50 - 1, 2, 1), (9, 2**50, 2, 2)]
    links = [(1, 2, 2**60), (2, 1, 2**62)]
    found = couple(as_steps(rows), as_links(links), areas=2)
    assert found.quantity == found.accepted[:3].sum() == 3 * third
    assert found.surplus == 3 * third * 99_900 - (2**50 - 1) * 7 - (3 * third - 2**50 + 1) * 9
    verify_coupled(as_steps(rows), as_links(links), found, areas=2)


FENCES = """
rule                                     | nets asked     | fences            | prices        | nets      | worth
one that has room is none                | 5@5 5@6 0 -9   | 1 1 1 0 <= 9      | 6 6 6 6       | 5 4 0 -9  | 0
an area total: those inside are cheaper  | 5@5 5@6 5@9 -9 | 1 1 0 0 <= 6      | 6 6 9 9       | 5 1 3 -9  | 3
an area total of one area                | 5@5 5@6 5@9 -9 | 1 0 0 0 <= 2      | 5 9 9 9       | 2 5 2 -9  | 4
an import limit                          | 5@5 5@6 5@9 -9 | 0 0 0 -1 <= 7     | 6 6 6 20      | 5 2 0 -7  | 14
two fences, one inside the other         | 5@5 5@6 5@9 -9 | 1 0 0 0 <= 2, 1 1 0 0 <= 6 | 5 6 9 9 | 2 4 3 -9 | 1 3
another share of a tick                  | 5@5 5@5 5@9 -9 | 1 -1 0 0 <= 0     | 5 5 5 5       | 4 5 0 -9  | 0
"""


def fences_of(text: str) -> Fences:
    rows = [part.split("<=") for part in text.split(",")]
    return Fences(
        np.array([[int(one) for one in row.split()] for row, _ in rows], np.int64),
        np.array([int(bound) for _, bound in rows], np.int64),
    )


@pytest.mark.parametrize("line", lines(FENCES), ids=case)
def test_fences_between_four_areas_that_are_all_linked(line: str) -> None:
    """``5@6`` offers 5 at 6, ``-9`` wants 9 at 20."""
    asked, fences, prices, nets, worth = (part.strip() for part in line.split("|")[1:])
    rows: Rows = []
    for area, text in enumerate(asked.split(), 1):
        if "@" in text:
            quantity, price = text.split("@")
            rows.append((int(price), int(quantity), 2, area))
        elif text != "0":
            rows.append((20, -int(text), 1, area))
    links = as_links([(a, b, 99) for a in range(1, 5) for b in range(1, 5) if a != b])
    limits = fences_of(fences)
    found = couple(as_steps(rows), links, areas=4, ceiling_sen=99, fences=limits)
    assert found.prices_sen == tuple(int(price) for price in prices.split())
    assert found.net.tolist() == [int(net) for net in nets.split()]
    assert [int(price) for price in found.fence_prices] == [int(price) for price in worth.split()]
    verify_coupled(as_steps(rows), links, found, areas=4, ceiling_sen=99, fences=limits)


def test_a_fence_that_asks_for_half_a_tick_is_refused_not_rounded() -> None:
    """Area 2's price would have to stand halfway between 5 and 8."""
    rows = [(5, 9, 2, 1), (1, 4, 2, 2), (8, 9, 2, 3), (20, 9, 1, 3)]
    links = as_links([(1, 3, 99), (2, 3, 99)])
    fences = fences_of("2 1 0 <= 5")
    with pytest.raises(RuleViolated, match="FENCES_NOT_EXACT"):
        couple(as_steps(rows), links, areas=3, ceiling_sen=99, fences=fences)


@pytest.mark.parametrize("text", ["1 <= 5", "1 1 1 <= 5", "101 0 <= 5", "1 0 <= -1"])
def test_what_is_no_fence_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput, match="FENCE_INVALID"):
        couple(as_steps([]), as_links([]), areas=2, fences=fences_of(text))


def test_fences_are_exact_in_watt_hours() -> None:
    """Quantities of 10^13: the solver's numbers have no room for rounding, and the certificate would find it."""
    draw = np.random.default_rng(3)
    area = draw.integers(1, 10, 900)
    steps = Steps(
        draw.integers(500, 2_501, 900) + area * 20, draw.integers(1, 10**10, 900), draw.integers(1, 3, 900), area
    )
    links = japan_links({pair: int(draw.integers(10**10, 10**11)) for a, b in JAPAN_PAIRS for pair in ((a, b), (b, a))})
    plain = couple(steps, links, areas=9)
    sign = 1 if plain.net[3:6].sum() > 0 else -1
    row = np.array([[0, 0, 0, sign, sign, sign, 0, 0, 0]], np.int64)
    fences = Fences(row, row @ plain.net // 3)
    found = couple(steps, links, areas=9, fences=fences)
    verify_coupled(steps, links, found, areas=9, fences=fences)
    assert found.fence_prices[0] > 0
    assert found.surplus < plain.surplus
    with pytest.raises(RuleViolated, match="FENCE_VIOLATED"):
        verify_coupled(steps, links, found, areas=9, fences=Fences(row, fences.bound - 1))
