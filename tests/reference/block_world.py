"""Seeded days of a call auction with blocks in two areas, as commands: bids, blocks, the operator's results, mistakes."""

from collections.abc import Iterator
from random import Random

import numpy as np

from reference.engine_world import JUNK
from reference.state_machine import BUY, SELL, Model
from wattmark.engine.commands import FIELDS, HASHED, Kind, command
from wattmark.market.blocks import Block, BlockKind
from wattmark.market.blocks_book import BlockTable
from wattmark.market.blocks_coupled import CoupledAreas
from wattmark.market.blocks_market import NO_PRICE, HourlyOrders
from wattmark.market.blocks_search import BlockResult, result_of, search
from wattmark.market.coupling import Links

SLOT_S = 1_800
FIRST_S = 1_700_002_800 // SLOT_S * SLOT_S
DAY_S = 86_400
PERIODS = 6
GATE_MS = (FIRST_S + DAY_S) * 1000
AREAS = (1, 2)
SELLERS = {1: 3, 2: 4}
BUYERS = (5, 6)
NEW_KINDS = (
    Kind.OPEN_BLOCK,
    Kind.PLACE_SLOT,
    Kind.CANCEL_BLOCK,
    Kind.PRICE_AUCTION,
    Kind.DECIDE_BLOCK,
    Kind.CLEAR_COUPLED,
)


class BlockDay:
    """Draws one day; `model` must be the state the commands will meet."""

    def __init__(self, seed: int, model: Model, *, mistakes: float = 0.15) -> None:
        self.random = Random(seed)
        self.model = model
        self.mistakes = mistakes
        self.spoilt = 0
        self.product: dict[tuple[int, int], int] = {}

    def make(self, kind: Kind, *, actor: int = 0, **fields: int) -> list[int]:
        return command(
            kind,
            id=self.random.getrandbits(127) | 1 << 70,
            actor=actor,
            hash=self.random.randbytes(32) if kind in HASHED else None,
            **fields,
        ).tolist()

    def day(self) -> Iterator[tuple[list[list[int]], int]]:
        """Yield batches (rows, now); apply each one before asking for the next."""
        now = (FIRST_S + PERIODS * SLOT_S) * 1000
        yield self.founding(now), now
        yield self.minting(), now
        for _ in range(90):
            now += 1
            yield self.wishes(now), now
        yield self.wrong_times(), now
        now = GATE_MS
        yield self.mistaken(), now
        yield self.results(now), now
        yield self.mistaken(), now + 1
        yield self.clearings(), now + 1
        yield self.rejections(), now + 2
        yield self.mistaken(), now + 3

    def founding(self, now: int) -> list[list[int]]:
        rows = [self.make(Kind.OPEN_ACCOUNT, roles=6, credit_limit_e5jpy=0) for _ in range(5)]
        cash = dict(zip(BUYERS, (10**8, 30_000), strict=True))
        rows += [self.make(Kind.DEPOSIT, account=buyer, amount_e5jpy=cash[buyer]) for buyer in BUYERS]
        rows += [self.make(Kind.DEPOSIT, account=seller, amount_e5jpy=10**7) for seller in SELLERS.values()]
        for area in AREAS:
            device = {"area": area, "source": 1, "capacity_w": 10**6, "channel_role": 1, "register_open_wh": 0}
            rows.append(self.make(Kind.REGISTER_DEVICE, account=SELLERS[area], resolution_s=SLOT_S, tier=1, **device))
        for period in range(PERIODS):
            for area in AREAS:
                self.product[area, period] = len(self.product)
                rows.append(
                    self.make(
                        Kind.LIST_PRODUCT,
                        area=area,
                        source=1,
                        period_start_s=FIRST_S + period * SLOT_S,
                        duration_s=SLOT_S,
                        gate_open_ms=now,
                        gate_close_ms=GATE_MS,
                        mode=2,
                        scope=0,
                    )
                )
        return rows

    def minting(self) -> list[list[int]]:
        return [
            self.make(
                Kind.ISSUE,
                device=device,
                period_start_s=FIRST_S + period * SLOT_S,
                duration_s=SLOT_S,
                reg_from_wh=period * 4_000,
                reg_to_wh=(period + 1) * 4_000,
                expiry_s=FIRST_S + (3 if self.random.random() < 0.9 else 1) * DAY_S + 2,
                tier=1,
            )
            for device in range(2)
            for period in range(PERIODS)
        ]

    def lot_for(self, seller: int, product: int, quantity: int) -> tuple[int, int]:
        for row, lot in enumerate(self.model.lots):
            fits = lot["owner"] == seller and lot["state"] == 1 and self.model.fits(lot, self.model.products[product])
            if fits and lot["end"] - lot["start"] >= quantity:
                return row, lot["start"]
        return 0, 0

    def wishes(self, now: int) -> list[list[int]]:
        """One bid, block, slot or cancel; now and then a spoilt one with it."""
        random = self.random
        incomplete = [row for row, block in enumerate(self.model.blocks) if block["placed"] < block["slots"]]
        incomplete = [row for row in incomplete if self.model.blocks[row]["state"] == 1]
        dice = random.random()
        if incomplete and dice < 0.6:
            row = self.slot(random.choice(incomplete))
        elif len(self.model.blocks) < 8 and dice < 0.75:
            row = self.block()
        elif self.model.blocks and dice > 0.985:
            number = random.randrange(len(self.model.blocks))
            actor = random.choice((self.model.blocks[number]["account"], 0))
            row = self.make(Kind.CANCEL_BLOCK, actor=actor, block=number)
        else:
            row = self.bid()
        return [row, *self.mistaken(row)]

    def bid(self) -> list[int]:
        random = self.random
        side, area, period = random.choice((BUY, SELL)), random.choice(AREAS), random.randrange(PERIODS)
        product, quantity = self.product[area, period], random.randint(1, 400)
        seller = SELLERS[area]
        lot, start = self.lot_for(seller, product, quantity) if side == SELL else (0, 0)
        return self.make(
            Kind.PLACE_ORDER,
            actor=seller if side == SELL else random.choice(BUYERS),
            product=product,
            side=side,
            price_sen_per_kwh=random.choice((0, 1, *range(5, 20))),
            quantity_wh=quantity,
            lot=lot,
            start=start,
            tif=0,
        )

    def block(self) -> list[int]:
        random = self.random
        waiting = [
            row
            for row, block in enumerate(self.model.blocks)
            if block["kind"] in (2, 4) and block["partner"] == -1 and block["state"] == 1
        ]
        kind, partner, side = random.choice((1, 1, 2, 4)), -1, random.choice((BUY, SELL))
        actor = random.choice(BUYERS) if side == BUY else SELLERS[random.choice(AREAS)]
        if waiting and random.random() < 0.7:
            partner = random.choice(waiting)
            first = self.model.blocks[partner]
            kind, actor = first["kind"] + 1, first["account"]
            side = SELL if actor in SELLERS.values() and random.random() < 0.7 else BUY
        return self.make(
            Kind.OPEN_BLOCK,
            actor=actor,
            block_kind=kind,
            side=side,
            price_sen_per_kwh=random.randint(8, 20) if side == BUY else random.randint(3, 14),
            slots=random.choice((4, 4, 4, 5, 6)),
            partner=partner,
        )

    def slot(self, number: int) -> list[int]:
        random = self.random
        block = self.model.blocks[number]
        before = self.model.block_slots(number)
        sellers = {account: area for area, account in SELLERS.items()}
        area = sellers.get(block["account"], random.choice(AREAS))
        period = random.randrange(PERIODS - block["slots"] + 1)
        if before:
            last = self.model.products[self.model.orders[before[-1]]["product"]]
            area, period = last["area"], (last["period"] - FIRST_S) // SLOT_S + 1
        product, quantity = self.product[area, min(period, PERIODS - 1)], random.randint(1, 150)
        lot, start = self.lot_for(block["account"], product, quantity) if block["side"] == SELL else (0, 0)
        return self.make(
            Kind.PLACE_SLOT,
            actor=block["account"],
            block=number,
            product=product,
            quantity_wh=quantity,
            lot=lot,
            start=start,
        )

    def mistaken(self, row: list[int] | None = None) -> list[list[int]]:
        """Spoilt copies of a command, or commands drawn from nowhere."""
        random = self.random
        found = []
        if row is not None and random.random() < self.mistakes:
            found.append(self.spoil(list(row)))
        while row is None and len(found) < 8:
            kind = random.choice((*NEW_KINDS, Kind.CLEAR_AUCTION, Kind.CLOSE_PRODUCT, Kind.SET_TRADING))
            fields = {name: random.choice((-1, 0, 0, 1, 2, 3, 5, 11, 12, *JUNK)) for name in FIELDS[kind]}
            found.append(self.make(kind, actor=random.choice((0, 3, 4, 5)), **fields))
            if kind not in (Kind.OPEN_BLOCK, Kind.PLACE_SLOT, Kind.CANCEL_BLOCK):
                found[-1][2] = int(kind) | random.choice((3, 5)) << 32  # not the operator: it would be done
        return found

    def spoil(self, row: list[int]) -> list[int]:
        random = self.random
        row[0] ^= 1 << random.randrange(40)
        names = FIELDS[Kind(row[2] & 0xFFFF)]
        for _ in range(random.choice((1, 1, 2))):
            row[3 + random.randrange(len(names))] = random.choice((*JUNK, 2, 4, 5, 6))
        if random.random() < 0.2:
            row[2] = (row[2] & 0xFFFF_FFFF) | random.choice((0, 3, 5, 6)) << 32
        return row

    def wrong_times(self) -> list[list[int]]:
        return [
            self.make(Kind.PRICE_AUCTION, product=0, price_sen_per_kwh=10, net_export_wh=0),
            self.make(Kind.CLEAR_COUPLED, product=0, income_account=0),
            *([self.make(Kind.DECIDE_BLOCK, block=0, accept=1)] if self.model.blocks else []),
        ]

    # --------------------------------------------------------------------------------- the operator

    def cleared(self, now: int) -> BlockResult:
        """The library's result for the bids of the model."""
        rows = []
        for order in self.model.orders:
            if order["state"] != 1 or (
                order["side"] == SELL and self.model.is_expired(self.model.lots[order["lot"]], now)
            ):
                continue
            product = self.model.products[order["product"]]
            period = (product["period"] - FIRST_S) // SLOT_S
            market = order["terms"] >> 24 & 1
            rows.append(
                (order["arrival"], period, product["area"], order["side"], order["price"], order["remaining"], market)
            )
        table = np.array(sorted(rows), np.int64).reshape(-1, 7)
        orders = HourlyOrders(*(table[:, word].copy() for word in range(1, 6)), table[:, 6] == 1)
        blocks = self.complete_blocks(now)
        capacity = np.array([self.random.choice((0, 50, 400, 10**6)) for _ in range(2)])
        links = [Links(np.array([1, 2]), np.array([2, 1]), capacity)] * PERIODS
        market = CoupledAreas(orders, len(AREAS), tuple(range(PERIODS)), links)
        self.result = result_of(search(BlockTable.of(blocks, market), market))
        return self.result

    def complete_blocks(self, now: int) -> list[Block]:
        model, found = self.model, {}
        for number, block in enumerate(model.blocks):
            slots = [model.orders[row] for row in model.block_slots(number)]
            expired = block["side"] == SELL and any(model.is_expired(model.lots[slot["lot"]], now) for slot in slots)
            if block["state"] == 1 and block["placed"] == block["slots"] and not expired:
                products = [model.products[slot["product"]] for slot in slots]
                found[number] = Block(
                    number,
                    block["side"],
                    block["limit"],
                    tuple(
                        ((product["period"] - FIRST_S) // SLOT_S, slot["quantity"])
                        for product, slot in zip(products, slots, strict=True)
                    ),
                    products[0]["area"],
                    BlockKind(block["kind"]),
                    None if block["partner"] == -1 else block["partner"],
                )
        return [block for block in found.values() if block.kind is BlockKind.STANDARD or block.partner in found]

    def results(self, now: int) -> list[list[int]]:
        result = self.cleared(now)
        rows = [
            self.make(
                Kind.PRICE_AUCTION,
                product=product,
                price_sen_per_kwh=max(0, int(result.price_sen[area - 1, period])),
                net_export_wh=int(result.sold[area - 1, period] - result.bought[area - 1, period]),
            )
            for (area, period), product in self.product.items()
        ]
        assert NO_PRICE < 0
        done = set()
        for number in result.accepted:
            block = self.model.blocks[number]
            if number not in done and block["kind"] != 3:
                rows.append(self.make(Kind.DECIDE_BLOCK, block=number, accept=1))
                done.add(block["partner"] if block["kind"] in (4, 5) else number)
        rows += [
            self.make(Kind.DECIDE_BLOCK, block=number, accept=1)
            for number in result.accepted
            if self.model.blocks[number]["kind"] == 3
        ]
        return rows

    def clearings(self) -> list[list[int]]:
        """Each group, once with a wrong result and then with the right one."""
        rows = []
        for period in range(PERIODS):
            first = self.product[1, period]
            if self.random.random() < 0.4:
                right = self.model.products[first]
                wrong = {"price_sen_per_kwh": right["result"] + 1, "net_export_wh": right["net"]}
                if self.random.random() < 0.5:
                    wrong = {
                        "price_sen_per_kwh": right["result"],
                        "net_export_wh": right["net"] + self.random.choice((-1, 1)),
                    }
                rows.append(self.make(Kind.PRICE_AUCTION, product=first, **wrong))
                rows.append(self.make(Kind.CLEAR_COUPLED, product=first, income_account=7))
                again = {"price_sen_per_kwh": right["result"], "net_export_wh": right["net"]}
                rows.append(self.make(Kind.PRICE_AUCTION, product=first, **again))
            rows.append(self.make(Kind.CLEAR_COUPLED, product=self.product[2, period], income_account=7))
            rows.append(self.make(Kind.CLEAR_COUPLED, product=first, income_account=7))
        return rows

    def rejections(self) -> list[list[int]]:
        return [self.make(Kind.DECIDE_BLOCK, block=number, accept=0) for number in range(len(self.model.blocks))]
