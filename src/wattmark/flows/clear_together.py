"""Clear call auctions of many periods and areas together: blocks over periods, link limits between areas (J21 to J29).

What the bids come to is computed outside the engine, by the libraries for blocks and for market splitting, and put on
record in one batch: the inputs and the result as a bulk record, then the commands that store the prices, accept blocks,
trade and reject what is left. The engine checks what it is given; ``wattmark audit`` computes the result again from the
journal and compares. Bids of an auction stand from its gate (J10), so both see the same ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from wattmark.core.codes import Area
from wattmark.core.encoding import json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine.commands import BulkKind, Kind, Words, command
from wattmark.engine.layout import MS_PER_S, OPERATOR
from wattmark.engine.state import State
from wattmark.flows.plan import Plan, join, plan_of
from wattmark.market import layout as m
from wattmark.market.blocks import Block, BlockKind
from wattmark.market.blocks_book import BlockTable
from wattmark.market.blocks_coupled import CoupledAreas
from wattmark.market.blocks_market import NO_PRICE, HourlyOrders
from wattmark.market.blocks_search import BlockResult, result_of, search
from wattmark.market.coupling import Links, japan_links
from wattmark.tokens import layout as k

AREAS: Final = len(Area)
FORMAT: Final = "wattmark-auctions-1"


@dataclass(frozen=True, slots=True)
class AuctionPolicy:
    """What the operator gives to auctions that clear together.

    Attributes:
        capacity_wh: free capacity per directed pair of areas that a link joins (J28), in every period [Wh]; a pair
            left out has none.
        by_period: the same for periods that differ: start [POSIX s] -> pair -> capacity [Wh].
        income_account: where the congestion income is booked (J29).
    """

    capacity_wh: Mapping[tuple[int, int], int] = field(default_factory=dict)
    by_period: Mapping[int, Mapping[tuple[int, int], int]] = field(default_factory=dict)
    income_account: int = OPERATOR

    @classmethod
    def parse(cls, data: bytes) -> "AuctionPolicy":
        """Return the policy of a JSON file.

        ``{"links": [{"from": 1, "to": 2, "capacity_wh": 500000, "period_start_s": 1700000000}], "income_account": 0}``;
        a link without a period is for all that are not named.

        Raises:
            MalformedInput: not of this form, or a negative number.
        """
        value: Any = json_decode_strict(data, field="capacity")
        try:
            usual: dict[tuple[int, int], int] = {}
            named: dict[int, dict[tuple[int, int], int]] = {}
            for one in value["links"]:
                into = usual if "period_start_s" not in one else named.setdefault(_number(one["period_start_s"]), {})
                into[_number(one["from"]), _number(one["to"])] = _number(one["capacity_wh"])
            account = _number(value.get("income_account", OPERATOR))
        except (LookupError, TypeError, AttributeError) as error:
            rule = Text(
                en="an object with links of from, to, capacity_wh and perhaps period_start_s",
                ja="from・to・capacity_wh(任意でperiod_start_s)からなるlinksのオブジェクト",
            )
            raise MalformedInput("CAPACITY_INVALID", "capacity", str(error), rule) from error
        return cls(usual, {start: usual | own for start, own in named.items()}, account)

    def links(self, start_s: int) -> Links:
        """Return the limits of a period.

        Raises:
            MalformedInput: a pair that no link joins.
        """
        return japan_links(dict(self.by_period.get(start_s, self.capacity_wh)))


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(value)
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Bids:
    """All bids of the due auctions of one source and duration.

    Attributes:
        source: energy source.
        duration_s: length of each period [s].
        starts_s: the periods, ascending [POSIX s]; their index is the product code of the libraries.
        product: (area, index of the period) -> product.
        rows: int64[n] order row of each hourly order, by arrival.
        orders: the hourly orders [Wh].
        blocks: complete blocks of which every slot is in these auctions.
        undecided: every block with a slot in them, complete or not.
    """

    source: int
    duration_s: int
    starts_s: tuple[int, ...]
    product: Mapping[tuple[int, int], int]
    rows: Words
    orders: HourlyOrders
    blocks: tuple[Block, ...]
    undecided: tuple[int, ...]


def plan_clear_together(state: State, policy: AuctionPolicy, now_ms: int) -> Plan:
    """Return the plan that clears every due call auction for a period, all areas and blocks together.

    One batch per source and duration. Products that take tokens of any period of a year stay with
    ``plan_clear_auctions``.

    Args:
        state: what is on record.
        policy: limits between areas, and who gets the congestion income.
        now_ms: time; bids and tokens whose time is over do not take part.

    Raises:
        MalformedInput: limits between areas that no link joins, or below zero.
    """
    found = []
    for source, duration_s in due_groups(state, now_ms):
        bids = gather(state, source, duration_s, now_ms)
        limits = [policy.links(start) for start in bids.starts_s]
        found.append(_plan(bids, limits, clear(bids, limits), policy.income_account, now_ms, state))
    return join(found)


def due_groups(state: State, now_ms: int) -> list[tuple[int, int]]:
    """Return (source, duration [s]) of the call auctions for a period whose gate has closed and that are not over."""
    rows = state.products[_due(state, now_ms)]
    return sorted({(int(row[m.P_SOURCE]), int(row[m.P_DURATION_S])) for row in rows})


def _due(state: State, now_ms: int) -> Words:
    products = state.products
    due = (
        (products[:, m.P_MODE] == m.MODE_CALL)
        & (products[:, m.P_SCOPE] == m.SCOPE_PERIOD)
        & np.isin(products[:, m.P_STATE], (m.PRODUCT_OPEN, m.PRODUCT_PRICED))
        & (products[:, m.P_CLOSE_MS] <= now_ms)
    )
    return np.flatnonzero(due)


def gather(state: State, source: int, duration_s: int, now_ms: int) -> Bids:
    """Return the bids of the due auctions of a source and duration.

    Of two products for the same area and period the first counts; the other one is left for ``plan_clear_auctions``.
    """
    products = state.products
    due = _due(state, now_ms)
    due = due[(products[due, m.P_SOURCE] == source) & (products[due, m.P_DURATION_S] == duration_s)]
    starts = tuple(sorted({int(start) for start in products[due, m.P_PERIOD_S]}))
    index = {start: place for place, start in enumerate(starts)}
    product: dict[tuple[int, int], int] = {}
    for row in due.tolist():
        product.setdefault((int(products[row, m.P_AREA]), index[int(products[row, m.P_PERIOD_S])]), row)
    cell_of = np.full((len(products), 2), -1, np.int64)
    for (area, period), row in product.items():
        cell_of[row] = area, period
    table = state.orders
    rows = np.flatnonzero((table[:, m.O_STATE] == m.ORDER_OPEN) & (cell_of[table[:, m.O_PRODUCT], 0] > 0))
    rows = rows[_standing(state, rows, now_ms)]
    rows = rows[np.argsort(table[rows, m.O_ARRIVAL], kind="stable")]
    found = table[rows]
    is_market = (found[:, m.O_TERMS] >> m.TERMS_MARKET) & m.TERMS_MASK != 0
    orders = HourlyOrders(
        cell_of[found[:, m.O_PRODUCT], 1],
        cell_of[found[:, m.O_PRODUCT], 0],
        found[:, m.O_SIDE].copy(),
        found[:, m.O_PRICE_SEN].copy(),
        found[:, m.O_REMAINING_WH].copy(),
        is_market,
    )
    slots = np.flatnonzero((table[:, m.O_STATE] == m.ORDER_IN_BLOCK) & (cell_of[table[:, m.O_PRODUCT], 0] > 0))
    undecided = tuple(sorted({int(block) for block in table[slots, m.O_GROUP]}))
    blocks = _complete(state, undecided, slots, cell_of, now_ms)
    return Bids(source, duration_s, starts, product, rows, orders, blocks, undecided)


def _standing(state: State, rows: Words, now_ms: int) -> Words:
    """Return which orders, and the tokens they sell, are not past their time."""
    orders = state.orders[rows]
    selling = orders[:, m.O_SIDE] == m.SELL
    lots = (
        state.lots[np.where(selling, orders[:, m.O_LOT], 0)] if len(state.lots) else np.zeros((len(rows), 14), np.int64)
    )
    until_s = np.where(
        lots[:, k.L_KIND] == k.ENERGY_CLAIM,
        lots[:, k.L_UNTIL_S],
        state.bundles[lots[:, k.L_BUNDLE], k.B_EXPIRY_S] if len(state.bundles) else 0,
    )
    ends_ms = orders[:, m.O_EXPIRES_MS]
    stays: Words = ((ends_ms == 0) | (ends_ms > now_ms)) & (~selling | (until_s * MS_PER_S > now_ms))
    return stays


def _complete(state: State, undecided: Iterable[int], slots: Words, cell_of: Words, now_ms: int) -> tuple[Block, ...]:
    """Return the blocks that may be accepted: all slots there and alive, and both of a link or loop (J21)."""
    table, orders = state.blocks, state.orders
    alive = _standing(state, slots, now_ms)
    found: dict[int, Block] = {}
    for number in undecided:
        row = table[number]
        mine = orders[slots, m.O_GROUP] == number
        whole = int(mine.sum()) == row[m.BL_SLOTS] == row[m.BL_PLACED]
        if not whole or not alive[mine].all() or row[m.BL_STATE] > m.BLOCK_ACCEPTED:
            continue
        cells = cell_of[orders[slots[mine], m.O_PRODUCT]]
        partner = int(row[m.BL_PARTNER])
        found[number] = Block(
            number,
            int(row[m.BL_SIDE]),
            int(row[m.BL_LIMIT_SEN]),
            tuple(zip(cells[:, 1].tolist(), orders[slots[mine], m.O_QUANTITY_WH].tolist(), strict=True)),
            int(cells[0, 0]),
            BlockKind(int(row[m.BL_KIND])),
            None if partner == m.NO_BLOCK else partner,
        )
    return tuple(block for block in found.values() if block.kind is BlockKind.STANDARD or block.partner in found)


def clear(bids: Bids, limits: list[Links]) -> BlockResult:
    """Return what bids come to under the limits of each period: market splitting with blocks (J25, J26, J27)."""
    market = CoupledAreas(bids.orders, AREAS, tuple(range(len(bids.starts_s))), limits)
    return result_of(search(BlockTable.of(bids.blocks, market), market))


def result_payload(bids: Bids, limits: list[Links], result: BlockResult, income_account: int, now_ms: int) -> bytes:
    """Return the canonical JSON (RFC 8785) of the inputs that are not bids, and of the result.

    Amounts of money, which may be beyond 2^53, are decimal text.
    """
    first = limits[0]
    pairs = zip(first.from_area.tolist(), first.to_area.tolist(), strict=True)
    value = {
        "format": FORMAT,
        "at_ms": now_ms,
        "source": bids.source,
        "duration_s": bids.duration_s,
        "period_start_s": list(bids.starts_s),
        "income_account": income_account,
        "links": [
            {
                "from": start,
                "to": end,
                "capacity_wh": [int(one.capacity[row]) for one in limits],
                "flow_wh": result.flow[row].tolist(),
            }
            for row, (start, end) in enumerate(pairs)
        ],
        "products": _products(bids, result),
        "blocks": {
            "accepted": list(result.accepted),
            "rejected": sorted(set(bids.undecided) - set(result.accepted)),
            "paradoxically_rejected": list(result.paradoxically_rejected),
        },
        "income_e5jpy": [str(income) for income in result.income],
        "surplus_e5jpy": str(result.surplus),
        "files": [],
    }
    return json_canonical(value)


def _products(bids: Bids, result: BlockResult) -> list[dict[str, Any]]:
    found = []
    for (area, period), product in sorted(bids.product.items(), key=lambda item: item[1]):
        sold, bought = int(result.sold[area - 1, period]), int(result.bought[area - 1, period])
        price = int(result.price_sen[area - 1, period])
        traded = sold > 0 or bought > 0
        found.append(
            {
                "product": product,
                "area": area,
                "period": period,
                "price_sen": price if traded and price != NO_PRICE else None,
                "sold_wh": sold,
                "bought_wh": bought,
            }
        )
    return found


def _plan(bids: Bids, limits: list[Links], result: BlockResult, income_account: int, now_ms: int, state: State) -> Plan:
    payload = result_payload(bids, limits, result, income_account, now_ms)
    digest = sha256(payload)

    def identity(what: str, number: int) -> int:
        return derive_id("auctions", digest, what, number)

    rows = [
        command(
            Kind.BULK_ROOT,
            id=identity("record", 0),
            actor=OPERATOR,
            bulk_kind=int(BulkKind.AUCTIONS),
            rows=len(bids.product),
            total_wh=int(result.bought.sum()),
            period_start_s=bids.starts_s[0],
            duration_s=bids.starts_s[-1] + bids.duration_s - bids.starts_s[0],
            root=digest,
            hash=digest,
        )
    ]
    rows += [
        command(
            Kind.PRICE_AUCTION,
            id=identity("price", one["product"]),
            actor=OPERATOR,
            product=one["product"],
            price_sen_per_kwh=one["price_sen"] or 0,
            net_export_wh=one["sold_wh"] - one["bought_wh"],
        )
        for one in _products(bids, result)
    ]
    rows += [
        command(Kind.DECIDE_BLOCK, id=identity("accept", number), actor=OPERATOR, block=number, accept=1)
        for number in _to_accept(state, result.accepted)
    ]
    for period in range(len(bids.starts_s)):
        lowest = min(product for (_, at), product in bids.product.items() if at == period)
        rows.append(
            command(
                Kind.CLEAR_COUPLED,
                id=identity("clear", lowest),
                actor=OPERATOR,
                product=lowest,
                income_account=income_account,
            )
        )
    rows += [
        command(Kind.DECIDE_BLOCK, id=identity("reject", number), actor=OPERATOR, block=number, accept=0)
        for number in _to_reject(state, set(bids.undecided) - set(result.accepted))
    ]
    return plan_of(rows, [payload])


def _to_accept(state: State, accepted: Iterable[int]) -> list[int]:
    """Return the decisions to make: parents before their children, of a loop one; not what is accepted already."""
    open_ones = [number for number in accepted if state.blocks[number, m.BL_STATE] == m.BLOCK_OPEN]
    kinds = {number: int(state.blocks[number, m.BL_KIND]) for number in open_ones}
    first = [number for number in open_ones if kinds[number] not in {m.BLOCK_LINK_CHILD, m.BLOCK_LOOP_B}]
    return first + [number for number in open_ones if kinds[number] == m.BLOCK_LINK_CHILD]


def _to_reject(state: State, rejected: set[int]) -> list[int]:
    """Return the decisions to make: what goes with another one is left out (J24)."""
    goes_along = {
        int(state.blocks[number, m.BL_PARTNER])
        for number in rejected
        if state.blocks[number, m.BL_KIND] in {m.BLOCK_LINK_PARENT, m.BLOCK_LOOP_A}
    }
    return sorted(rejected - goes_along)
