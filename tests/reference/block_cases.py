"""Random small auctions with blocks, for the property tests and the table tests."""

from hypothesis import strategies as st

from reference.blocks import BUY, SELL, Order
from wattmark.market.blocks import Block, BlockKind

PERIODS = tuple(range(1, 7))
AREAS = (1, 2)
FEW = st.integers(1, 9)
ANY = st.one_of(FEW, st.integers(1, 99_900))


@st.composite
def hourly_orders(draw: st.DrawFn, most: int = 24) -> list[Order]:
    """A few orders per period, with heavy ties and some market orders."""
    order = st.tuples(
        st.sampled_from(PERIODS),
        st.sampled_from((1, 1, 1, 2)),
        st.sampled_from((BUY, SELL)),
        ANY if draw(st.booleans()) else FEW,
        st.integers(1, 12),
        st.sampled_from((False, False, False, False, True)),
    )
    return [_standing(*one) for one in draw(st.lists(order, max_size=most))]


def _standing(period: int, area: int, side: int, price: int, quantity: int, is_market: bool) -> Order:
    """A market sell stands at 0, a market buy at its price, which is often 999.00 (J17)."""
    if is_market and (side == SELL or price % 2):
        price = 0 if side == SELL else 99_900
    return period, area, side, price, quantity, is_market


@st.composite
def some_blocks(draw: st.DrawFn, most: int = 5) -> list[Block]:
    """Standard blocks, links and loops with ids in no order."""
    count = draw(st.integers(1, most))
    names = draw(st.permutations(range(10, 10 + 2 * count)))
    found: list[Block] = []
    limits = ANY if draw(st.booleans()) else FEW
    while len(found) < count:
        kind = draw(st.sampled_from((BlockKind.STANDARD, BlockKind.LINK_PARENT, BlockKind.LOOP_A)))
        if len(found) == count - 1 or kind is BlockKind.STANDARD:
            found.append(draw(_block(limits, names[len(found)], BlockKind.STANDARD, None)))
            continue
        first, second = names[len(found)], names[len(found) + 1]
        other = BlockKind.LINK_CHILD if kind is BlockKind.LINK_PARENT else BlockKind.LOOP_B
        found += [draw(_block(limits, first, kind, second)), draw(_block(limits, second, other, first))]
    return found


@st.composite
def _block(draw: st.DrawFn, limits: st.SearchStrategy[int], name: int, kind: BlockKind, partner: int | None) -> Block:
    first = draw(st.integers(PERIODS[0], PERIODS[-1] - 3))
    last = draw(st.integers(first + 3, PERIODS[-1]))
    slots = tuple((code, draw(st.integers(1, 8))) for code in range(first, last + 1))
    side = draw(st.sampled_from((BUY, SELL)))
    return Block(name, side, draw(limits), slots, draw(st.sampled_from((1, 1, 1, 2))), kind, partner)
