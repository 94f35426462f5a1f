"""A small world in which every state, kind and role occurs, with a name for each thing; engine and model side by side."""

from copy import deepcopy
from functools import cache

import numpy as np

from reference.state_machine import Model
from wattmark.core.ids import derive_id, id_words
from wattmark.engine.apply import Applied, apply
from wattmark.engine.commands import HASHED, Kind, Words, command
from wattmark.engine.outcomes import Outcome
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import State

SLOT = 1_800
DAY = 86_400
BASE_S = 1_700_001_000 // SLOT * SLOT
NOW_S = BASE_S + 10 * DAY
YEAR = {"period_start_s": BASE_S - DAY, "duration_s": 365 * DAY}


class SmallWorld:
    """State, model and names; ``do`` runs one command on both and expects it to pass."""

    def __init__(self) -> None:
        self.state = State()
        self.model = Model()
        self.names: dict[str, int] = {"operator": 0, "outside": 1, "collateral": 2, "now": 0, "now_s": 0}
        self.count = 0

    def copy(self) -> "SmallWorld":
        other = SmallWorld()
        other.state = load(dump(Snapshot(0, bytes(32), np.zeros(1, np.int64), self.state))).state
        other.model = deepcopy(self.model)
        other.names = dict(self.names)
        other.count = self.count
        return other

    def at(self, time_s: int) -> None:
        self.names |= {"now": time_s * 1000, "now_s": time_s}

    def run(self, rows: Words) -> Applied:
        """Apply to both and compare."""
        applied = apply(self.state, rows, self.names["now"])
        verdicts, fresh, trades = self.model.apply(rows.tolist(), self.names["now"])
        assert applied.verdicts.tolist() == verdicts
        assert applied.fresh.tolist() == fresh
        assert applied.trades.tolist() == trades
        assert applied.changes.tolist() == self.model.changes
        return applied

    def make(self, kind: Kind, actor: int = 0, flags: int = 0, **fields: int) -> Words:
        self.count += 1
        digest = bytes([self.count % 256] * 32) if kind in HASHED else None
        root = bytes(32) if kind is Kind.BULK_ROOT else None
        identity = derive_id("small-world", self.count)
        return command(kind, id=identity, actor=actor, flags=flags, hash=digest, root=root, **fields)

    def do(self, kind: Kind, actor: int = 0, flags: int = 0, **fields: int) -> tuple[int, int]:
        """Run one command that must pass; return its two results."""
        row = self.make(kind, actor, flags, **fields)
        verdict = self.run(row[None, :]).verdicts[0].tolist()
        assert verdict[1] == Outcome.OK, (Outcome(verdict[1]).name, kind.name, fields)
        return verdict[2], verdict[3]

    def refused(self, kind: Kind, actor: int = 0, flags: int = 0, **fields: int) -> Outcome:
        """Run one command that must be refused and change nothing; return why."""
        before = self.state.state_hash()
        row = self.make(kind, actor, flags, **fields)
        verdict = self.run(row[None, :]).verdicts[0].tolist()
        assert verdict[1] != Outcome.OK
        assert self.state.state_hash() == before
        return Outcome(verdict[1])

    # ------------------------------------------------------------------------------------- shortcuts

    def account(self, name: str, roles: int, cash: int = 0, credit: int = 0) -> int:
        row, _ = self.do(Kind.OPEN_ACCOUNT, roles=roles, credit_limit_e5jpy=credit)
        if cash:
            self.do(Kind.DEPOSIT, account=row, amount_e5jpy=cash)
        self.names[name] = row
        return row

    def device(self, name: str, owner: int, source: int, **changes: int) -> int:
        fields = {
            "account": owner,
            "area": 3,
            "source": source,
            "capacity_w": 50_000,
            "channel_role": 1 if source else 2,
            "register_open_wh": 1_000,
            "resolution_s": SLOT,
            "tier": 3,
        }
        self.names[name], _ = self.do(Kind.REGISTER_DEVICE, **(fields | changes))
        return self.names[name]

    def issue(self, device: int, quantity: int, period_s: int, expiry_s: int = NOW_S + 365 * DAY) -> int:
        """Mint on the device's register and return the lot."""
        register = self.model.devices[device]["register"]
        _, lot = self.do(
            Kind.ISSUE,
            device=device,
            period_start_s=period_s,
            duration_s=self.model.devices[device]["resolution"],
            reg_from_wh=register,
            reg_to_wh=register + quantity,
            expiry_s=expiry_s,
            tier=3,
        )
        return lot

    def cut(self, lot: int, quantity: int) -> int:
        """Split so many Wh off the front."""
        row = self.model.lots[lot]
        return self.do(Kind.SPLIT, actor=row["owner"], lot=lot, start=row["start"], end=row["start"] + quantity)[0]

    def product(self, name: str, lot: int, **changes: int) -> int:
        bundle = self.model.bundles[self.model.lots[lot]["bundle"]]
        fields = {
            "area": bundle["area"],
            "source": bundle["source"],
            "period_start_s": bundle["period"],
            "duration_s": bundle["duration"],
            "gate_open_ms": 0,
            "gate_close_ms": (NOW_S + 2 * DAY) * 1000,
            "mode": 1,
            "scope": 0,
        }
        self.names[name], _ = self.do(Kind.LIST_PRODUCT, **(fields | changes))
        return self.names[name]

    def order(self, name: str, actor: int, side: int, price: int, quantity: int, product: int, **more: int) -> int:
        fields = {"lot": 0, "start": 0, "tif": 0} | more
        row, _ = self.do(
            Kind.PLACE_ORDER,
            actor=actor,
            product=product,
            side=side,
            price_sen_per_kwh=price,
            quantity_wh=quantity,
            **fields,
        )
        self.names[f"{name}_low"], self.names[f"{name}_high"] = id_words(derive_id("small-world", self.count))
        return row

    def sell(
        self, name: str, actor: int, price: int, product: int, lot: int, quantity: int | None = None, **more: int
    ) -> int:
        row = self.model.lots[lot]
        size = row["end"] - row["start"] if quantity is None else quantity
        return self.order(name, actor, 2, price, size, product, lot=lot, start=row["start"], **more)


def _halts_and_limits(w: SmallWorld, held: int, alice: int, erin: int) -> None:
    """Products that are halted, ask for capacity or have limits; orders that show themselves in parts."""
    parts = w.product("parts", held)
    w.sell("part_sell", alice, 900, parts, held, 40)
    w.order("part_buy", erin, 1, 900, 100, parts)
    w.sell("posted", alice, 2_000, parts, w.names["posted"], tif=3)
    w.order("iceberg", erin, 1, 1, 2_000, parts, display_wh=100)
    w.product("every", held, area=0)
    w.sell("asked_sell", alice, 700, w.product("asking", held, area=0), w.names["asked"])
    w.order("asked_buy", erin, 1, 700, 30, w.names["asking"], area=9)
    for name in ("halted", "due_halted"):
        gate = NOW_S if name == "due_halted" else NOW_S + DAY
        product = w.product(name, held, mode=1 + (name == "due_halted"), gate_close_ms=gate * 1000)
        w.do(Kind.SET_TRADING, product=product, trading_state=3, reason=1)
    w.order("waiting", alice, 1, 500, 10, w.names["halted"])
    limited = w.product("limited", held)
    w.do(Kind.SET_LIMITS, product=limited, low_sen_per_kwh=500, high_sen_per_kwh=1_500, position_wh=1_000)
    w.order("limited_buy", erin, 1, 600, 900, limited)


@cache
def _built() -> SmallWorld:
    w = SmallWorld()
    w.at(BASE_S)
    alice, bob = w.account("alice", 6, cash=10**9), w.account("bob", 4, cash=10**9)
    w.account("carol", 8)
    w.account("dave", 16)
    w.account("olga", 1)
    erin = w.account("erin", 4, cash=10**9)
    sun, battery = w.device("sun", alice, 1), w.device("battery", alice, 6)
    w.device("load", alice, 0)
    w.do(Kind.SET_COVER, forward_wh=5_000, stored_wh=0, stress_price_sen=25_100)
    w.do(Kind.REGISTER_KEY, account=bob, roles=4)
    w.do(Kind.REGISTER_KEY, account=bob, roles=4)
    w.do(Kind.REVOKE_KEY, actor=bob, key=1)
    w.names |= {"key": 0, "revoked_key": 1}

    w.at(BASE_S + DAY)  # tokens that will be past their date
    dated = w.issue(sun, 300, BASE_S, expiry_s=BASE_S + 2 * DAY)
    w.names["old"] = dated
    w.names["stale"] = w.issue(sun, 1_000, BASE_S + SLOT)  # too old to bank
    w.names["dated"] = w.cut(dated, 100)
    w.names["old_reserved"] = w.cut(dated, 100)
    w.do(
        Kind.RESERVE, actor=alice, lot=w.names["old_reserved"], start=100, end=200, timeout_ms=(BASE_S + 3 * DAY) * 1000
    )

    w.at(NOW_S - DAY)  # a deposit of yesterday, and one that has lapsed since
    banked = w.issue(sun, 600, NOW_S - DAY - SLOT)
    w.names["lapsed"] = w.cut(banked, 300)
    w.names["claim"] = banked
    for name, until in (("lapsed", NOW_S - DAY // 2), ("claim", NOW_S + DAY)):
        row = w.model.lots[w.names[name]]
        w.do(
            Kind.BANK, actor=alice, lot=w.names[name], start=row["start"], end=row["end"], rule=7, redeem_until_s=until
        )

    # an auction whose gate closes now, with a bid in it
    due = w.product("due", banked, mode=2, period_start_s=NOW_S - SLOT, gate_close_ms=NOW_S * 1000)
    w.order("due_bid", alice, 1, 500, 10, due)

    w.at(NOW_S)
    w.do(Kind.EXPIRE, lot=w.names.pop("dated"))
    w.names["expired"] = w.model.lots.index(next(lot for lot in w.model.lots if lot["state"] == 4))
    held = w.issue(sun, 10_000, NOW_S - SLOT)
    w.names["held"] = held
    w.names["storage"] = w.issue(battery, 500, NOW_S - SLOT)
    for name in ("reserved", "offered", "retired", "withdrawn", "given", "sold", "asked", "posted"):
        w.names[name] = w.cut(held, 100)
    spans = {
        name: (w.model.lots[w.names[name]]["start"], w.model.lots[w.names[name]]["end"])
        for name in w.names
        if name in ("reserved", "retired", "withdrawn", "given")
    }
    ranges = {name: {"lot": w.names[name], "start": start, "end": end} for name, (start, end) in spans.items()}
    w.do(Kind.RESERVE, actor=alice, timeout_ms=(NOW_S + 60) * 1000, **ranges["reserved"])
    w.do(
        Kind.RETIRE, actor=alice, beneficiary_account=bob, claim=3, period_start_s=0, duration_s=0, **ranges["retired"]
    )
    w.do(Kind.WITHDRAW, reason=1, **ranges["withdrawn"])
    w.do(Kind.TRANSFER, actor=alice, to_account=bob, **ranges["given"])

    zaraba = w.product("zaraba", held)
    w.product("call", held, mode=2)
    w.product("gone", held, gate_close_ms=NOW_S * 1000)
    w.product("early", held, gate_open_ms=NOW_S * 1000 + 1)
    w.product("elsewhere", held, area=4)
    w.product("other_period", held, period_start_s=NOW_S)
    w.product("banked_year", held, scope=1, **YEAR)
    w.product("certificates", held, scope=2, **YEAR)
    w.do(Kind.CLOSE_PRODUCT, product=w.product("shut", held))
    w.sell("open_sell", alice, 1_500, zaraba, w.names["offered"])
    w.order("open_buy", bob, 1, 1_000, 50, zaraba)
    w.sell("filled_sell", alice, 900, w.product("quiet", held), w.names["sold"])
    w.order("filled_buy", bob, 1, 900, 100, w.names["quiet"])
    w.order("cancelled", bob, 1, 800, 50, zaraba)
    w.do(Kind.CANCEL, actor=bob, target_id_low=w.names["cancelled_low"], target_id_high=w.names["cancelled_high"])
    _halts_and_limits(w, held, alice, erin)
    for name, lot in list(w.names.items()):
        if name in (
            "held",
            "reserved",
            "offered",
            "retired",
            "withdrawn",
            "given",
            "sold",
            "expired",
            "old",
            "old_reserved",
            "stale",
            "claim",
            "lapsed",
            "storage",
        ):
            row = w.model.lots[lot]
            w.names |= {f"{name}_start": row["start"], f"{name}_end": row["end"]}
    w.names |= {"device_register": w.model.devices[sun]["register"], "slot": SLOT, "day": DAY, "base_s": BASE_S}
    tables = {"account": "accounts", "device": "devices", "lot": "lots", "product": "products", "key": "keys"}
    w.names |= {f"no_{name}": w.state.count(table) for name, table in tables.items()}  # the first row that is not
    w.names |= {"big": 2**40, "max_time": 2**38, "max_amount": 2**60, "minimum": -(2**63), "maximum": 2**63 - 1}
    w.at(NOW_S)
    return w


def small_world() -> SmallWorld:
    """A copy of the world; changing it harms no other test."""
    return _built().copy()


class BlockWorld(SmallWorld):
    """A small world of block bids: six periods, products before and after their gate, blocks in every state."""

    def block(
        self, name: str, actor: int, side: int, limit: int, kind: int = 1, slots: int = 4, partner: int = -1
    ) -> int:
        self.names[name], _ = self.do(
            Kind.OPEN_BLOCK,
            actor=actor,
            block_kind=kind,
            side=side,
            price_sen_per_kwh=limit,
            slots=slots,
            partner=partner,
        )
        return self.names[name]

    def slot(self, block: int, product: int, quantity: int = 100) -> int:
        row = self.model.blocks[block]
        fields = {"lot": 0, "start": 0}
        if row["side"] == 2:
            fields = {"lot": self.lot_of(row["account"], product, quantity)}
            fields["start"] = self.model.lots[fields["lot"]]["start"]
        order, _ = self.do(
            Kind.PLACE_SLOT, actor=row["account"], block=block, product=product, quantity_wh=quantity, **fields
        )
        return order

    def lot_of(self, owner: int, product: int, quantity: int) -> int:
        return next(
            row
            for row, lot in enumerate(self.model.lots)
            if (lot["owner"], lot["state"]) == (owner, 1)
            and lot["end"] - lot["start"] >= quantity
            and self.model.fits(lot, self.model.products[product])
        )

    def slots(self, block: int, products: str, first: int, count: int) -> None:
        for period in range(first, first + count):
            self.slot(block, self.names[f"{products}{period}"])


@cache
def _block_world() -> BlockWorld:
    w = BlockWorld()
    first = NOW_S - 20 * SLOT
    w.at(NOW_S - 10 * SLOT)
    alice, bob = w.account("alice", 6), w.account("bob", 4, cash=10**9)
    w.account("dave", 16)
    erin = w.account("erin", 4, cash=10**5)
    w.account("carol", 8)
    sun = w.device("sun", alice, 1)
    lots = [w.issue(sun, 5_000, first + period * SLOT) for period in range(6)]
    spare = [w.cut(lot, 200) for lot in lots]
    for period, lot in enumerate(lots):
        w.product(f"call{period}", lot, mode=2)
        w.product(f"due{period}", lot, mode=2, gate_close_ms=NOW_S * 1000)
    w.product("zaraba", lots[1])
    w.product("elsewhere", lots[1], mode=2, area=4)
    w.product("early", lots[1], mode=2, gate_open_ms=NOW_S * 1000 + 1)
    w.product("year", lots[1], mode=2, scope=2, **YEAR)
    w.do(Kind.CLOSE_PRODUCT, product=w.product("shut", lots[1], mode=2))
    w.do(Kind.SET_TRADING, product=w.product("halted", lots[1], mode=2), trading_state=3, reason=1)
    limited = w.product("limited", lots[1], mode=2)
    w.do(Kind.SET_LIMITS, product=limited, low_sen_per_kwh=700, high_sen_per_kwh=800, position_wh=50)
    w.names |= {"lot": spare[1], "lot_start": w.model.lots[spare[1]]["start"], "wrong_lot": spare[4]}
    w.slots(w.block("begun", alice, 2, 500), "call", 0, 1)
    w.slots(w.block("bid", bob, 1, 900), "call", 0, 1)
    w.slots(w.block("poor", erin, 1, 900), "call", 0, 1)
    w.slots(w.block("full", bob, 1, 900), "call", 0, 4)
    w.slot(w.block("limited_bid", bob, 1, 750), limited, 40)
    w.block("more_bids", bob, 1, 750)
    w.names["slot_low"], w.names["slot_high"] = id_words(derive_id("small-world", w.count - 1))
    w.block("fresh", alice, 2, 500)
    w.block("ended", alice, 2, 500)
    w.do(Kind.CANCEL_BLOCK, actor=alice, block=w.names["ended"])
    w.block("parent", alice, 2, 500, kind=2)
    w.block("loop", bob, 1, 500, kind=4)
    w.block("wed_child", bob, 2, 500, kind=3, partner=w.block("wed", bob, 1, 500, kind=2))
    w.slots(w.block("good", alice, 2, 600), "due", 0, 4)
    w.slots(w.block("taken", alice, 2, 600), "due", 0, 4)
    w.slots(w.block("dear", alice, 2, 2_000), "due", 0, 4)
    w.slots(w.block("late", alice, 2, 600), "due", 2, 4)
    w.slots(w.block("part", alice, 2, 600, slots=5), "due", 0, 4)
    w.slots(w.block("single", alice, 2, 600, kind=2), "due", 0, 4)
    w.slots(w.block("pair", alice, 2, 600, kind=2), "due", 0, 4)
    w.slots(w.block("child", alice, 2, 600, kind=3, partner=w.names["pair"]), "due", 0, 4)
    w.slots(w.block("half", bob, 1, 2_000, kind=4), "due", 0, 4)
    w.slots(w.block("other_half", bob, 1, 999, kind=5, partner=w.names["half"]), "due", 0, 4)
    for period in range(4):
        w.order("hourly", bob, 1, 1_000, 100, w.names[f"due{period}"])
    w.at(NOW_S)
    for period in range(4):
        net = 5 if period == 1 else 0
        product = w.names[f"due{period}"]
        w.do(Kind.PRICE_AUCTION, product=product, price_sen_per_kwh=1_000, net_export_wh=net)
    w.do(Kind.DECIDE_BLOCK, block=w.names["taken"], accept=1)
    w.names |= {"max_net": 2**40, "no_block": 999, "no_product": 99, "no_lot": 999, "no_account": 99, "big": 2**40}
    w.names |= {"minimum": -(2**63)}
    return w


def block_world() -> BlockWorld:
    """A copy that a test may change."""
    made = _block_world()
    copied = made.copy()
    world = BlockWorld()
    world.state, world.model, world.names, world.count = copied.state, copied.model, copied.names, copied.count
    return world
