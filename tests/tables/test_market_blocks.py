"""Block bids as text: J21 form, J22 acceptance, J23 paradoxical rejection, J24 links and loops, J25 the search.

Periods are 1 to 6. Hourly orders are written ``period: sells / buys`` as price x quantity (M = market order); a block
``id side limit kind partner first quantity...``.
"""

import numpy as np
import pytest

from wattmark.core.errors import MalformedInput
from wattmark.market.blocks import KIND_CODE, KIND_TEXT, PRODUCT_CODES, Block, BlockKind, check_blocks
from wattmark.market.blocks_best import best_selection
from wattmark.market.blocks_book import BlockTable
from wattmark.market.blocks_market import NO_PRICE, HourlyOrders
from wattmark.market.blocks_policy import BlockPolicy, LookForBest, clear_by_policy
from wattmark.market.blocks_search import BlockResult, clear_with_blocks, search, separate_areas

PERIODS = tuple(range(1, 7))
KINDS = {code: kind for kind, code in KIND_CODE.items()}


def block(text: str) -> Block:
    name, side, limit, kind, partner, first, *quantities = text.split()
    slots = tuple((int(first) + place, int(quantity)) for place, quantity in enumerate(quantities))
    other = None if partner == "-" else int(partner)
    return Block(int(name), {"buy": 1, "sell": 2}[side], int(limit), slots, 1, KINDS[kind], other)


def hourly(text: str) -> HourlyOrders:
    """Orders of every period named, ``*`` for each one of them."""
    rows = []
    for line in text.strip().splitlines():
        names, sides = line.split(":")
        for period in PERIODS if names.strip() == "*" else [int(name) for name in names.split()]:
            for side, part in zip((2, 1), sides.split("/"), strict=True):
                for price, quantity in (order.split("x") for order in part.split()):
                    rows.append(
                        (
                            period,
                            1,
                            side,
                            {2: 0, 1: 99_900}[side] if price == "M" else int(price),
                            int(quantity),
                            price == "M",
                        )
                    )
    table = np.array([row[:5] for row in rows], np.int64).reshape(-1, 5)
    return HourlyOrders(*(table[:, word].copy() for word in range(5)), np.array([row[5] for row in rows], np.bool_))


def run(orders: str, blocks: str) -> BlockResult:
    return clear_with_blocks(hourly(orders), [block(line) for line in blocks.strip().splitlines()], PERIODS)


J21 = """
what is wrong                        | error         | field     | blocks
three slots                          | size          | slots     | 1 sell 10 STANDARD - 1 5 5 5
no slot                              | size          | slots     | 1 sell 10 STANDARD - 1
a code after the last                | code          | slots     | 1 sell 10 STANDARD - 4 5 5 5 5
a code before the first              | code          | slots     | 1 sell 10 STANDARD - 0 5 5 5 5
price 0.00                           | range         | limit_sen | 1 sell 0 STANDARD - 1 5 5 5 5
price above 999.00                   | range         | limit_sen | 1 buy 99901 STANDARD - 1 5 5 5 5
quantity 0                           | range         | slots     | 1 sell 10 STANDARD - 1 5 0 5 5
quantity below 0                     | range         | slots     | 1 sell 10 STANDARD - 1 5 5 -5 5
too much in all                      | range         | slots     | 1 sell 10 STANDARD - 1 17592186044414 1 1 1
an id twice                          | inconsistency | block     | 1 sell 10 STANDARD - 1 5 5 5 5 ; 1 buy 10 STANDARD - 1 5 5 5 5
a standard block with a partner      | inconsistency | partner   | 1 sell 10 STANDARD 2 1 5 5 5 5 ; 2 buy 10 STANDARD - 1 5 5 5 5
a parent alone                       | size          | partner   | 1 sell 10 LINK-P - 1 5 5 5 5
a parent of nobody                   | size          | partner   | 1 sell 10 LINK-P 9 1 5 5 5 5
a parent with two children           | size          | partner   | 1 sell 10 LINK-P 2 1 5 5 5 5 ; 2 buy 10 LINK-C 1 1 5 5 5 5 ; 3 buy 10 LINK-C 1 1 5 5 5 5
a loop of three                      | size          | partner   | 1 sell 10 LOOP-A 2 1 5 5 5 5 ; 2 buy 10 LOOP-B 1 1 5 5 5 5 ; 3 buy 10 LOOP-B 1 1 5 5 5 5
two parents                          | inconsistency | partner   | 1 sell 10 LINK-P 2 1 5 5 5 5 ; 2 buy 10 LINK-P 1 1 5 5 5 5
a parent with half a loop            | inconsistency | partner   | 1 sell 10 LINK-P 2 1 5 5 5 5 ; 2 buy 10 LOOP-B 1 1 5 5 5 5
two first halves                     | inconsistency | partner   | 1 sell 10 LOOP-A 2 1 5 5 5 5 ; 2 buy 10 LOOP-A 1 1 5 5 5 5
"""


@pytest.mark.parametrize("line", J21.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_the_form_of_a_block(line: str) -> None:
    _, code, field, blocks = (part.strip() for part in line.split("|"))
    with pytest.raises(MalformedInput) as refused:
        check_blocks([block(text) for text in blocks.split(";")], PERIODS)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.rule.en
    assert refused.value.rule.ja


SLOTS_OF = """
what is wrong    | error         | codes
repeated         | inconsistency | 1 2 2 3 4
a gap            | inconsistency | 1 2 4 5
descending       | inconsistency | 4 3 2 1
repeated, short  | inconsistency | 1 1
"""


@pytest.mark.parametrize("line", SLOTS_OF.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_the_product_codes_of_a_block(line: str) -> None:
    _, code, codes = (part.strip() for part in line.split("|"))
    wrong = Block(1, 2, 10, tuple((int(number), 5) for number in codes.split()))
    with pytest.raises(MalformedInput) as refused:
        check_blocks([wrong], PERIODS)
    assert (refused.value.code, refused.value.field) == (code, "slots")


def test_other_codes_of_a_block() -> None:
    good = block("1 sell 10 STANDARD - 1 50 100 50 50")
    check_blocks([good], PRODUCT_CODES, lot=50)
    cases = (("unit", "slots", good, 100), ("code", "side", Block(1, 3, 10, good.slots), 1))
    for code, field, wrong, lot in (*cases, ("code", "area", Block(1, 2, 10, good.slots, area=10), 1)):
        with pytest.raises(MalformedInput) as refused:
            check_blocks([wrong], PRODUCT_CODES, lot)
        assert (refused.value.code, refused.value.field) == (code, field)


def test_volumes_may_differ_by_slot_and_there_are_five_kinds() -> None:
    check_blocks([block("1 buy 99900 STANDARD - 1 1 2 3 4 5 6"), block("2 sell 1 STANDARD - 3 9 1 9 1")], PERIODS)
    assert sorted(KIND_CODE.values()) == ["LINK-C", "LINK-P", "LOOP-A", "LOOP-B", "STANDARD"]
    assert set(KIND_TEXT) == set(BlockKind)


def refused(orders: HourlyOrders, blocks: list[Block]) -> tuple[str, str]:
    with pytest.raises(MalformedInput) as caught:
        clear_with_blocks(orders, blocks, PERIODS)
    return caught.value.code, caught.value.field


def test_the_form_of_hourly_orders() -> None:
    def orders(**change: object) -> HourlyOrders:
        columns = {"period": 1, "area": 1, "side": 1, "price_sen": 5, "quantity": 5, "is_market": False, **change}
        return HourlyOrders(**{name: np.array([value]) for name, value in columns.items()})

    assert refused(orders(side=3), []) == ("code", "side")
    assert refused(orders(price_sen=0), []) == ("range", "price_sen")
    assert refused(orders(price_sen=99_901), []) == ("range", "price_sen")
    assert refused(orders(price_sen=0, is_market=True), []) == ("range", "price_sen")
    assert refused(orders(side=2, price_sen=1, is_market=True), []) == ("range", "price_sen")
    assert refused(orders(quantity=0), []) == ("range", "quantity")
    assert refused(orders(quantity=2**45 + 1), []) == ("range", "quantity")
    assert refused(orders(period=7), []) == ("code", "period")
    one = orders()
    short = HourlyOrders(one.period, one.area, one.side, one.price_sen, one.quantity[:0], one.is_market)
    assert refused(short, []) == ("COLUMNS_DIFFER", "orders")
    two = [np.concatenate((column, column)) for column in (one.period, one.area, one.side, one.price_sen)]
    large = HourlyOrders(*two, np.array([2**45, 1]), np.zeros(2, np.bool_))
    assert refused(large, []) == ("QUANTITY_TOO_LARGE", "quantity")
    many = [Block(number, 2, 5, tuple((code, 2**42 - 1) for code in (1, 2, 3, 4))) for number in range(9)]
    assert refused(orders(), many) == ("QUANTITY_TOO_LARGE", "slots")
    assert clear_with_blocks(orders(side=2, price_sen=0, is_market=True), [], PERIODS).price_sen.tolist() == [
        [NO_PRICE] * 6
    ]


FLAT = "*: 5x10 10x10 15x10 / 20x10 12x10 3x10"
"""Every period clears at 10, 20 traded; 10 fewer wanted make 10 as well, 10 more wanted 12."""

J22 = """
case                                        | hourly                                  | block                              | prices            | accepted
a sell below the price                      | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 sell 8 STANDARD - 1 2 2 2 2      | 10 10 10 10 10 10 | 1
a sell at the price                         | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 sell 10 STANDARD - 1 2 2 2 2     | 10 10 10 10 10 10 | 1
a sell one tick above it                    | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 sell 11 STANDARD - 1 2 2 2 2     | 10 10 10 10 10 10 |
a buy at the price                          | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 buy 12 STANDARD - 1 5 5 5 5      | 12 12 12 12 10 10 | 1
a buy one tick below it                     | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 buy 11 STANDARD - 1 5 5 5 5      | 10 10 10 10 10 10 |
its own size moves the price                | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 sell 5 STANDARD - 1 15 15 15 15  | 5 5 5 5 10 10     | 1
its own size takes it out of the money      | *: 5x10 10x10 15x10 / 20x10 12x10 3x10  | 1 sell 6 STANDARD - 1 15 15 15 15  | 10 10 10 10 10 10 |
mean of 4 prices, sums equal                | 1: 9x9 / 9x9 ; 2 3 4: 13x9 / 13x9       | 1 sell 12 STANDARD - 1 1 1 1 1     | 9 13 13 13 . .    | 1
mean of 4 prices, one sen short             | 1: 8x9 / 8x9 ; 2 3 4: 13x9 / 13x9       | 1 sell 12 STANDARD - 1 1 1 1 1     | 8 13 13 13 . .    |
the mean is weighted by volume              | 1: 8x9 / 8x9 ; 2 3 4: 13x9 / 13x9       | 1 sell 12 STANDARD - 1 1 1 2 1     | 8 13 13 13 . .    | 1
the dear slot weighs more                   | 1: 20x9 / 20x9 ; 2 3 4: 10x9 / 10x9     | 1 buy 12 STANDARD - 1 1 1 1 1      | 20 10 10 10 . .   |
the cheap slots weigh more                  | 1: 20x9 / 20x9 ; 2 3 4: 10x9 / 10x9     | 1 buy 12 STANDARD - 1 1 2 1 1      | 20 10 10 10 . .   | 1
nobody buys in one slot                     | 1 2 3: 5x9 / 9x9 ; 4: 5x9 /             | 1 sell 1 STANDARD - 1 1 1 1 1      | 5 5 5 . . .       |
nobody sells enough in one slot             | 1 2 3: 5x9 / 9x9 ; 4: 5x1 / 9x9         | 1 buy 99900 STANDARD - 1 2 2 2 2   | 5 5 5 9 . .       |
all a slot sells, and no more               | 1 2 3: 5x9 / 9x9 ; 4: 5x2 / 9x9         | 1 buy 99900 STANDARD - 1 2 2 2 2   | 9 9 9 9 . .       | 1
before a market order of its side           | 1 2 3 4: Mx5 / 9x9                      | 1 sell 1 STANDARD - 1 6 6 6 6      | 1 1 1 1 . .       | 1
all that is wanted: the block is the price  | 1 2 3 4: 5x9 / 9x9                      | 1 sell 1 STANDARD - 1 9 9 9 9      | 1 1 1 1 . .       | 1
all that is wanted, for more than 0.01      | 1 2 3 4: 5x9 / 9x9                      | 1 sell 2 STANDARD - 1 9 9 9 9      | 5 5 5 5 . .       |
"""


def shown(result: BlockResult) -> str:
    return " ".join("." if price == NO_PRICE else str(price) for price in result.price_sen[0].tolist())


@pytest.mark.parametrize("line", J22.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_a_block_is_accepted_whole_or_not_at_all(line: str) -> None:
    _, orders, blocks, prices, accepted = (part.strip() for part in line.split("|"))
    result = run(orders.replace(";", "\n"), blocks)
    assert shown(result) == prices
    assert result.accepted == tuple(int(name) for name in accepted.split())
    if result.accepted:
        quantity = block(blocks).quantity
        side = 2 if block(blocks).side == 2 else 1
        hourly_of_side = result.accepted_quantity[hourly(orders.replace(";", "\n")).side == side].sum()
        assert hourly_of_side + quantity == result.sold.sum() == result.bought.sum()


def test_a_block_stands_before_market_orders_and_they_before_limits() -> None:
    """J16, J17, J22: 9 wanted; the block's 6 are whole, the market orders share 3, the limit order gets nothing."""
    result = run("1 2 3 4: Mx4 Mx2 1x5 / 9x9", "1 sell 1 STANDARD - 1 6 6 6 6")
    assert result.accepted_quantity.tolist() == [2, 1, 0, 9] * 4
    assert result.accepted == (1,)


def test_j23_a_block_in_the_money_may_be_rejected_and_is_counted() -> None:
    """Either sell block fits, both together do not: the later one stays out though the price is above its limit."""
    blocks = "1 sell 8 STANDARD - 1 8 8 8 8\n2 sell 8 STANDARD - 1 8 8 8 8"
    result = run(FLAT, blocks)
    assert (result.accepted, result.rejected) == ((1,), (2,))
    assert result.paradoxically_rejected == (2,)
    assert result.rejected_share() == (1, 2)
    assert shown(result) == "10 10 10 10 10 10"


J24 = """
case                                         | blocks                                                                       | accepted
a child in the money follows its parent      | 1 sell 8 LINK-P 2 1 2 2 2 2 ; 2 sell 9 LINK-C 1 3 2 2 2 2                    | 1 2
a child out of the money does not hold it    | 1 sell 8 LINK-P 2 1 2 2 2 2 ; 2 sell 99 LINK-C 1 3 2 2 2 2                   | 1
no child without its parent                  | 1 sell 99 LINK-P 2 1 2 2 2 2 ; 2 sell 1 LINK-C 1 3 2 2 2 2                   |
a child's gain does not heal its parent      | 1 sell 11 LINK-P 2 1 2 2 2 2 ; 2 sell 1 LINK-C 1 1 2 2 2 2                   |
the child may have the lower id              | 2 sell 8 LINK-P 1 1 2 2 2 2 ; 1 sell 9 LINK-C 2 3 2 2 2 2                    | 1 2
a loop in the money                          | 1 buy 12 LOOP-A 2 1 2 2 2 2 ; 2 sell 8 LOOP-B 1 3 2 2 2 2                    | 1 2
a loop of which one loses                    | 1 buy 9 LOOP-A 2 1 2 2 2 2 ; 2 sell 1 LOOP-B 1 3 2 2 2 2                     |
and the other one loses                      | 1 buy 99 LOOP-A 2 1 2 2 2 2 ; 2 sell 11 LOOP-B 1 3 2 2 2 2                   |
"""


@pytest.mark.parametrize("line", J24.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_links_and_loops(line: str) -> None:
    _, blocks, accepted = (part.strip() for part in line.split("|"))
    result = run(FLAT, blocks.replace(";", "\n"))
    assert result.accepted == tuple(int(name) for name in accepted.split())


def test_a_loop_counts_as_rejected_in_the_money_only_whole_and_a_child_only_with_its_parent() -> None:
    loop = run(FLAT, "1 buy 9 LOOP-A 2 1 2 2 2 2\n2 sell 1 LOOP-B 1 3 2 2 2 2")
    assert loop.paradoxically_rejected == ()
    link = run(FLAT, "1 sell 99 LINK-P 2 1 2 2 2 2\n2 sell 1 LINK-C 1 3 2 2 2 2")
    assert (link.rejected, link.paradoxically_rejected) == ((1, 2), ())


J25 = """
case                                        | blocks                                                                                              | accepted
the greatest loss goes first                | 1 sell 9 STANDARD - 1 8 8 8 8 ; 2 sell 8 STANDARD - 1 8 8 8 8                                       | 2
equal losses: the latest id                 | 1 sell 8 STANDARD - 1 8 8 8 8 ; 2 sell 8 STANDARD - 1 8 8 8 8                                       | 1
the same by hand of ids                     | 7 sell 8 STANDARD - 1 8 8 8 8 ; 3 sell 8 STANDARD - 1 8 8 8 8                                       | 3
loss is in money: the larger one goes       | 1 sell 8 STANDARD - 1 9 9 9 9 ; 2 sell 8 STANDARD - 1 4 4 4 4                                       | 2
a loop goes as one, its losses summed       | 1 sell 7 LOOP-A 2 1 4 4 4 4 ; 2 sell 7 LOOP-B 1 1 4 4 4 4 ; 3 sell 8 STANDARD - 1 4 4 4 4           | 3
a parent's loss is its own                  | 1 sell 7 LINK-P 2 1 4 4 4 4 ; 2 sell 7 LINK-C 1 1 4 4 4 4 ; 3 sell 8 STANDARD - 1 4 4 4 4           | 1 2
what was dropped too early comes back       | 1 sell 8 STANDARD - 1 8 8 8 8 ; 2 sell 7 STANDARD - 1 2 2 2 2 ; 3 sell 9 STANDARD - 1 2 2 2 2       | 2 3
too many to trade whole, none loses         | 1 sell 1 STANDARD - 1 25 25 25 25 ; 2 sell 1 STANDARD - 1 10 10 10 10                               | 1
"""


@pytest.mark.parametrize("line", J25.strip().splitlines()[1:], ids=lambda line: line.split("|")[0].strip())
def test_the_search(line: str) -> None:
    _, blocks, accepted = (part.strip() for part in line.split("|"))
    result = run(FLAT, blocks.replace(";", "\n"))
    assert result.accepted == tuple(int(name) for name in accepted.split())


BETTER = "1 sell 8 STANDARD - 1 9 9 9 9\n2 sell 9 STANDARD - 1 5 5 5 5\n3 sell 9 STANDARD - 1 4 4 4 4"


def test_the_policy_decides_when_the_best_selection_is_looked_for_and_whether_it_counts() -> None:
    blocks = [block(line) for line in BETTER.splitlines()]
    orders = hourly(FLAT)

    def clear(policy: BlockPolicy):
        return clear_by_policy(orders, blocks, policy, PERIODS)

    quiet = clear(BlockPolicy())
    assert (quiet.best, quiet.proven) == (None, False)
    assert quiet.published is quiet.by_rule
    shown_only = clear(BlockPolicy(look=LookForBest.ALWAYS))
    assert shown_only.best is not None
    assert shown_only.proven
    assert shown_only.published is shown_only.by_rule
    assert shown_only.best.surplus >= shown_only.by_rule.surplus
    adopted = clear(BlockPolicy(look=LookForBest.ALWAYS, adopt=True))
    assert adopted.published.surplus == max(adopted.best.surplus, adopted.by_rule.surplus)
    assert clear(BlockPolicy(look=LookForBest.ALWAYS, max_choices=3)).best is None
    looked = clear(BlockPolicy(look=LookForBest.WHEN_REJECTED))
    assert (looked.best is not None) == bool(looked.by_rule.paradoxically_rejected)


def test_equal_surplus_goes_to_the_earliest_ids_and_few_proposals_prove_nothing() -> None:
    """Two twins of which one fits: whichever the search starts from, the earlier one is the answer."""
    blocks = [block(f"{name} sell 8 STANDARD - 1 8 8 8 8") for name in (1, 2, 3)]
    market = separate_areas(hourly(FLAT), blocks, PERIODS)
    table = BlockTable.of(blocks, market)
    book = search(table, market)
    book.change((0,), accept=False)
    book.change((2,), accept=True)
    best = best_selection(table, market, book)
    assert best.book.accepted.tolist() == [True, False, False]
    assert best.proven
    assert not best_selection(table, market, book, max_proposals=1).proven
