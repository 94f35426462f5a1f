"""Seeded streams of commands that look like a busy platform with people who make mistakes.

The generator reads the model (`state_machine.py`), so that most commands name things that exist; about one in
five is spoiled in one or two words, repeated, or sent with another's id.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

from reference.state_machine import BANKED, BUY, CALL, CERTIFICATE, ENERGY_CLAIM, HELD, MAX_S, SAME_SLOT, SELL, Model
from wattmark.engine.commands import FIELDS, HASHED, PAYLOAD_KINDS, Kind, command, kind_of, payload_hash, words_hash

SLOT_S = 1_800
START_S = 1_700_001_000 // SLOT_S * SLOT_S
DAY_MS = 86_400_000
JUNK = (-(2**63), -(2**40), -1, 0, 1, 2, 3, 7, 8, 1_800, 99_901, 2**38 + 1, 2**40 + 1, 2**60 + 1, 2**63 - 1)
WEIGHTS = {
    Kind.OPEN_ACCOUNT: 2,
    Kind.REGISTER_KEY: 2,
    Kind.REVOKE_KEY: 1,
    Kind.REGISTER_DEVICE: 2,
    Kind.REGISTER_METER_KEY: 1,
    Kind.LIST_PRODUCT: 8,
    Kind.ISSUE: 30,
    Kind.WITHDRAW: 3,
    Kind.TRANSFER: 15,
    Kind.SPLIT: 8,
    Kind.RESERVE: 6,
    Kind.RELEASE: 6,
    Kind.RETIRE: 15,
    Kind.EXPIRE: 8,
    Kind.BANK: 12,
    Kind.SET_COVER: 1,
    Kind.DEPOSIT: 6,
    Kind.PAYOUT: 3,
    Kind.PAY: 4,
    Kind.PLACE_ORDER: 90,
    Kind.CANCEL: 14,
    Kind.CLEAR_AUCTION: 5,
    Kind.BULK_ROOT: 1,
    Kind.STATE_HASH: 1,
    Kind.CLOSE_PRODUCT: 2,
    Kind.AMEND: 12,
    Kind.CANCEL_ALL: 2,
    Kind.SET_LIMITS: 2,
    Kind.SET_TRADING: 4,
    Kind.ANSWER_CAPACITY: 6,
    Kind.OPEN_ROUTE: 2,
}


class World:
    """Draws commands; `model` must be the state they will meet."""

    def __init__(self, seed: int, model: Model) -> None:
        self.random = Random(seed)
        self.model = model
        self.count = 0
        self.sent: list[np.ndarray] = []
        self.payloads: dict[bytes, bytes] = {}

    def batches(self, commands: int, largest: int = 40) -> Iterator[tuple[list[list[int]], int]]:
        """Yield (rows, now) until so many commands are drawn; apply each batch before drawing the next."""
        now = START_S * 1000
        yield self.founding(), now
        drawn = 0
        while drawn < commands:
            now += self.random.choices((0, 1, 999, 60_000, SLOT_S * 1000, DAY_MS), (8, 4, 4, 8, 6, 1))[0]
            rows = [self.draw(now) for _ in range(min(commands - drawn, self.random.randint(1, largest)))]
            drawn += len(rows)
            self.sent += rows
            yield [row.tolist() for row in rows], now

    def founding(self) -> list[list[int]]:
        rows = [
            self.make(Kind.OPEN_ACCOUNT, roles=roles, credit_limit_e5jpy=credit)
            for roles, credit in ((6, 0), (6, 10**9), (4, 0), (20, 0), (8, 0), (1, 0), (16, 5), (6, 10**12))
        ]
        rows += [self.make(Kind.DEPOSIT, account=account, amount_e5jpy=10**11) for account in (2, 3, 4, 5, 6, 8, 9, 10)]
        for owner, source, resolution in ((3, 1, 1800), (4, 2, 1800), (5, 6, 3600), (3, 1, 300), (3, 0, 1800)):
            rows.append(
                self.make(
                    Kind.REGISTER_DEVICE,
                    account=owner,
                    area=self.random.choice((3, 3, 9)),
                    source=source,
                    capacity_w=50_000,
                    channel_role=1 if source else 2,
                    register_open_wh=self.random.randint(0, 10**6),
                    resolution_s=resolution,
                    tier=3,
                )
            )
        rows.append(self.make(Kind.SET_COVER, forward_wh=20_000, stored_wh=5_000, stress_price_sen=25_100))
        return [row.tolist() for row in rows]

    def make(self, kind: Kind, *, actor: int = 0, flags: int = 0, **fields: int) -> np.ndarray:
        self.count += 1
        payload = self.random.randbytes(self.random.randint(0, 40))
        digest = payload_hash(payload) if kind in HASHED else None
        if digest is not None:
            self.payloads[digest] = payload
        root = self.random.randbytes(32) if kind is Kind.BULK_ROOT else None
        identity = self.random.getrandbits(127) | 1 << 70
        return command(kind, id=identity, actor=actor, flags=flags, hash=digest, root=root, **fields)

    def draw(self, now: int) -> np.ndarray:
        random = self.random
        dice = random.random()
        if self.sent and dice < 0.04:  # a retry
            return random.choice(self.sent)
        kind = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        actor, fields = getattr(self, kind.name.lower())(now)
        flags = 1 if kind is Kind.ISSUE and random.random() < 0.1 else 0
        row = self.make(kind, actor=actor, flags=flags, **fields)
        if dice < 0.2:
            self.spoil(row, kind)
        if dice > 0.99 and self.sent:  # another's id
            row[:2] = random.choice(self.sent)[:2]
        return row

    def spoil(self, row: np.ndarray, kind: Kind) -> None:
        random = self.random
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            where = random.random()
            if where < 0.75:
                row[3 + random.randrange(len(FIELDS[kind]))] = random.choice(JUNK)
            elif where < 0.85:
                row[2] = (int(row[2]) & 0xFFFF_FFFF) | random.choice((0, 1, 2, 3, 4, 7, 99, -1)) << 32
            elif where < 0.9:
                row[2] = int(row[2]) | 1 << random.randrange(16, 24)
            elif where < 0.95:
                row[random.randrange(3, 16)] = random.choice(JUNK)
            elif where < 0.97:
                row[2] = (int(row[2]) & ~0xFFFF) | random.choice((0, 40, 65_535))
            else:
                row[:2] = 0

    # ---------------------------------------------------------------------- one valid wish per kind

    def account(self) -> int:
        return self.random.randrange(len(self.model.accounts))

    def member(self) -> int:
        return self.random.choice((3, 4, 5, 6, 10))

    def product(self, now: int) -> int:
        for _ in range(10):
            row = self.row_of(self.model.products)
            if row < len(self.model.products):
                product = self.model.products[row]
                if product["state"] != 2 and product["opens"] <= now < product["closes"]:
                    return row
        return self.row_of(self.model.products)

    def row_of(self, table: list[Any]) -> int:
        """Recent rows are asked for more often."""
        if not table:
            return 0
        if self.random.random() < 0.1:
            return self.random.randrange(len(table))
        last = len(table) - 1
        return last - min(last, int(self.random.expovariate(1 / 15)))

    def lot(self, *, kind: int = 0, state: int = HELD) -> tuple[int, dict[str, int] | None]:
        for _ in range(30):
            row = self.row_of(self.model.lots)
            if row < len(self.model.lots):
                lot = self.model.lots[row]
                if lot["state"] == state and kind in (0, lot["kind"]):
                    return row, lot
        return self.row_of(self.model.lots), None

    def range_of(self, lot: dict[str, int] | None) -> tuple[int, int]:
        if lot is None:
            return 0, 1
        start, end = lot["start"], lot["end"]
        shape = self.random.random()
        if shape < 0.3:
            return start, end
        cut = sorted(self.random.randint(start, end) for _ in range(2))
        if shape < 0.5:
            return start, max(cut[1], start + 1)
        if shape < 0.7:
            return min(cut[0], end - 1), end
        return cut[0], cut[1]

    def owner_of(self, lot: dict[str, int] | None) -> int:
        return self.account() if lot is None or self.random.random() < 0.05 else lot["owner"]

    def open_account(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {"roles": self.random.randint(1, 31), "credit_limit_e5jpy": self.random.choice((0, 10**8, 2**59))}

    def register_key(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {"account": self.account(), "roles": self.random.choice((1, 2, 4, 6))}

    def revoke_key(self, now: int) -> tuple[int, dict[str, int]]:
        key = self.row_of(self.model.keys)
        owner = self.model.keys[key]["account"] if self.model.keys else 0
        return self.random.choice((0, owner, self.member())), {"key": key}

    def register_device(self, now: int) -> tuple[int, dict[str, int]]:
        source = self.random.randint(0, 7)
        return 0, {
            "account": self.member(),
            "area": 3,
            "source": source,
            "capacity_w": self.random.choice((1_000, 50_000, 2**36)),
            "channel_role": 1 if source else 2,
            "register_open_wh": self.random.choice((0, 2**40 - 1_000)),
            "resolution_s": self.random.choice((300, 900, 1800, 3600)),
            "tier": self.random.randint(0, 4),
        }

    def register_meter_key(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {"device": self.row_of(self.model.devices), "alg": self.random.choice((-7, -8)), "valid_from_ms": now}

    def list_product(self, now: int) -> tuple[int, dict[str, int]]:
        bundle = self.model.bundles[self.row_of(self.model.bundles)] if self.model.bundles else None
        scope = self.random.choice((0, 0, 0, 1, 2))
        year = {"period_start_s": START_S - 86_400, "duration_s": 366 * 86_400}
        period = {"period_start_s": bundle["period"], "duration_s": bundle["duration"]} if bundle else year
        mode = self.random.choice((1, 1, 2))
        area = bundle["area"] if bundle else 3
        if mode == 1 and self.random.random() < 0.4:
            area = 0
        return 0, {
            "area": area,
            "source": bundle["source"] if bundle else 1,
            **(year if scope else period),
            "gate_open_ms": now - self.random.choice((0, 1, -60_000)),
            "gate_close_ms": now + self.random.choice((60_001, 2 * SLOT_S * 1000, 4 * SLOT_S * 1000, 30 * DAY_MS)),
            "mode": mode,
            "scope": scope,
        }

    def issue(self, now: int) -> tuple[int, dict[str, int]]:
        row = self.random.choice((0, 0, 0, 1, 1, 2, 3, self.row_of(self.model.devices)))
        device = self.model.devices[row]
        duration = device["resolution"]
        latest = now // 1000 // duration * duration - duration
        start = max(device["next_period"], latest - duration * self.random.choice((0, 0, 0, 1, 3)))
        most = device["capacity"] * duration * 105 // 360_000
        ahead = self.random.choice((0,) * 20 + (1, -1))
        quantity = self.random.choice((0, 1, 10, most // 2, most // 2, most, most + 1))
        expiry = start + duration + self.random.choice((0, SLOT_S * 10, 86_400, 4 * 86_400, 365 * 86_400, 365 * 86_400))
        return 0, {
            "device": row,
            "period_start_s": start,
            "duration_s": duration,
            "reg_from_wh": device["register"] + ahead,
            "reg_to_wh": device["register"] + ahead + quantity,
            "expiry_s": expiry,
            "tier": 3,
        }

    def withdraw(self, now: int) -> tuple[int, dict[str, int]]:
        row, lot = self.lot()
        start, end = self.range_of(lot)
        return 0, {"lot": row, "start": start, "end": end, "reason": 1}

    def transfer(self, now: int) -> tuple[int, dict[str, int]]:
        row, lot = self.lot()
        start, end = self.range_of(lot)
        return self.owner_of(lot), {"lot": row, "start": start, "end": end, "to_account": self.member()}

    def split(self, now: int) -> tuple[int, dict[str, int]]:
        row, lot = self.lot()
        start, end = self.range_of(lot)
        return self.owner_of(lot), {"lot": row, "start": start, "end": end}

    def reserve(self, now: int) -> tuple[int, dict[str, int]]:
        row, lot = self.lot()
        start, end = self.range_of(lot)
        timeout = now + self.random.choice((1, 60_000, DAY_MS))
        return self.owner_of(lot), {"lot": row, "start": start, "end": end, "timeout_ms": timeout}

    def release(self, now: int) -> tuple[int, dict[str, int]]:
        row, lot = self.lot(state=2)
        return self.random.choice((self.owner_of(lot), 0)), {"lot": row}

    def retire(self, now: int) -> tuple[int, dict[str, int]]:
        kind = self.random.choice((0, 0, ENERGY_CLAIM))
        row, lot = self.lot(kind=kind)
        start, end = self.range_of(lot)
        period = (0, 0)
        claim = CERTIFICATE
        if lot is not None and lot["kind"] == ENERGY_CLAIM:
            claim = BANKED
            first = -(-lot["from"] // SLOT_S) * SLOT_S
            last = min(now // 1000, lot["until"]) // SLOT_S * SLOT_S - SLOT_S
            period = (self.random.choice((first, last, first - SLOT_S, last + SLOT_S)), SLOT_S)
        elif lot is not None and self.random.random() < 0.6:
            claim = SAME_SLOT
            bundle = self.model.bundles[lot["bundle"]]
            period = (bundle["period"], bundle["duration"])
        return self.random.choice((self.owner_of(lot), 0)), {
            "lot": row,
            "start": start,
            "end": end,
            "beneficiary_account": self.account(),
            "claim": claim,
            "period_start_s": max(period[0], 0),
            "duration_s": period[1],
        }

    def expire(self, now: int) -> tuple[int, dict[str, int]]:
        row, _ = self.lot()
        for _ in range(20):
            other = self.random.randrange(len(self.model.lots)) if self.model.lots else 0
            if self.model.lots and self.model.is_expired(self.model.lots[other], now):
                return 0, {"lot": other}
        return 0, {"lot": row}

    def bank(self, now: int) -> tuple[int, dict[str, int]]:
        row, lot = self.lot(kind=self.random.choice((0, 1, 1, 1)))
        start, end = self.range_of(lot)
        until = now // 1000 + self.random.choice((0, 1, 4 * SLOT_S, 86_400, 30 * 86_400))
        return self.random.choice((self.owner_of(lot), 0)), {
            "lot": row,
            "start": start,
            "end": end,
            "rule": 1,
            "redeem_until_s": until,
        }

    def set_cover(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {
            "forward_wh": self.random.choice((0, 100_000)),
            "stored_wh": self.random.randint(0, 9_000),
            "stress_price_sen": 25_100,
        }

    def deposit(self, now: int) -> tuple[int, dict[str, int]]:
        amount = self.random.choice((1, 10**9, 10**12, 2**60))
        return 0, {"account": self.random.choice((2, self.account())), "amount_e5jpy": amount}

    def payout(self, now: int) -> tuple[int, dict[str, int]]:
        account = self.account()
        free = self.model.accounts[account]["cash"] - self.model.accounts[account]["held"]
        return 0, {"account": account, "amount_e5jpy": max(1, free + self.random.choice((0, 1, -1, -(free // 2))))}

    def pay(self, now: int) -> tuple[int, dict[str, int]]:
        payer = self.member()
        amount = max(1, self.model.free_cash(payer) + self.random.choice((0, 1, -(10**9))))
        return self.random.choice((payer, 0, self.member())), {
            "from_account": payer,
            "to_account": self.account(),
            "amount_e5jpy": amount if self.random.random() < 0.3 else 10**6,
            "reason": 1,
            "period_start_s": START_S,
            "duration_s": SLOT_S,
        }

    def place_order(self, now: int) -> tuple[int, dict[str, int]]:
        product = self.product(now)
        side = self.random.choice((BUY, SELL, SELL))
        price = self.random.choice((1, 99_900, *range(990, 1_010), *range(990, 1_010), 1_200, 800))
        buy = {
            "product": product,
            "side": BUY,
            "price_sen_per_kwh": price,
            "quantity_wh": self.random.choice((1, 7, 500, 3_000, 20_000)),
            "lot": 0,
            "start": 0,
            "tif": 0,
        }
        asks = [order for order in self.model.orders[-80:] if order["state"] in (1, 4) and order["side"] == SELL]
        if side == BUY and asks and self.random.random() < 0.7:
            ask = self.random.choice(asks)
            buy["product"] = ask["product"]
            buy["price_sen_per_kwh"] = max(price, ask["price"])
        if side == BUY or not self.model.products:
            return self.member(), self.terms(buy, now)
        row, lot = self.lot(kind=self.random.choice((0, 0, ENERGY_CLAIM)))
        for _ in range(10):
            if lot is not None and not self.model.is_expired(lot, now):
                break
            row, lot = self.lot()
        if lot is None:
            return self.member(), self.terms(buy, now)
        recent = range(max(0, len(self.model.products) - 60), len(self.model.products))
        fitting = [i for i in recent if self.model.fits(lot, self.model.products[i])]
        fitting = [i for i in fitting if self.model.products[i]["closes"] > now] or [product]
        start, end = self.range_of(lot)
        sell = {
            "product": self.random.choice(fitting),
            "side": SELL,
            "quantity_wh": end - start,
            "lot": row,
            "start": start,
        }
        return self.owner_of(lot), self.terms(buy | sell, now)

    def terms(self, order: dict[str, int], now: int) -> dict[str, int]:
        """Give an order a time in force and now and then more: most combinations are allowed, some are not."""
        random, quantity = self.random, order["quantity_wh"]
        product = self.model.products[order["product"]] if self.model.has("products", order["product"]) else None
        if product and product["area"] == 0 and order["side"] == BUY:
            order["area"] = random.choice((3, 9, 9, 1))
        if product and product["mode"] == CALL:
            order["price_sen_per_kwh"] *= random.random() > 0.15
            return order
        order["tif"] = random.choices((0, 1, 2, 3), (16, 3, 2, 2))[0]
        order["self_trade"] = random.choice((0, 1, 2, 3))
        order["session"] = random.choice((0, 0, 7, 8))
        if order["tif"] in (1, 2) and random.random() < 0.4:
            order["price_sen_per_kwh"] = 0
        if order["tif"] in (0, 3) and random.random() < 0.25:
            order["expires_ms"] = now + random.choice((1, 1_000, 60_001, SLOT_S * 1000))
        if order["tif"] in (0, 3) and random.random() < 0.3:
            order["display_wh"] = max(1, quantity // random.choice((1, 2, 3, 7, 20)))
        if order["tif"] != 3 and random.random() < 0.15:
            order["min_quantity_wh"] = random.choice((1, quantity // 2, quantity))
        known_before = order["tif"] == 2 or order.get("min_quantity_wh") or not order["price_sen_per_kwh"]
        if known_before and order["self_trade"] == 3 and random.random() < 0.9:
            order["self_trade"] = 1
        return order

    def cancel(self, now: int) -> tuple[int, dict[str, int]]:
        orders = self.model.orders
        if not orders or self.random.random() < 0.05:
            return self.account(), {"target_id_low": 5, "target_id_high": self.random.choice((0, -5))}
        order = orders[self.row_of(orders)]
        target, _ = self.model.log[order["position"]]
        actor = self.random.choice((order["account"], order["account"], 0, self.member()))
        return actor, {"target_id_low": target.words[0], "target_id_high": target.words[1]}

    def amend(self, now: int) -> tuple[int, dict[str, int]]:
        random = self.random
        live = [row for row, order in enumerate(self.model.orders[-300:]) if order["state"] in (1, 4)]
        if not live or random.random() < 0.1:
            actor, target = self.cancel(now)
            return actor, target | {"price_sen_per_kwh": 1_000, "quantity_wh": 5}
        order = self.model.orders[max(0, len(self.model.orders) - 300) + random.choice(live)]
        target, _ = self.model.log[order["position"]]
        done = order["quantity"] - order["remaining"]
        price = order["price"] + random.choice((0, 0, 0, -3, -1, 1, 4, 20))
        quantity = order["quantity"] + random.choice((0, -1, -order["remaining"] // 2, -order["remaining"], 1, 500))
        return random.choice((order["account"],) * 6 + (0, self.member())), {
            "target_id_low": target.words[0],
            "target_id_high": target.words[1],
            "price_sen_per_kwh": 0 if order["terms"] >> 24 else max(price, 1),
            "quantity_wh": max(quantity, done),
        }

    def cancel_all(self, now: int) -> tuple[int, dict[str, int]]:
        account = self.member()
        product = self.random.choice((-1, self.product(now), self.product(now)))
        return self.random.choice((account, account, 0, self.member())), {
            "account": account,
            "product": product,
            "session": self.random.choice((0, 7, 7)),
        }

    def set_limits(self, now: int) -> tuple[int, dict[str, int]]:
        low, high = self.random.choice(((1, 99_900), (1, 99_900), (995, 1_200), (1, 1_005), (900, 1_100)))
        return 0, {
            "product": self.product_to_end(now, None),
            "low_sen_per_kwh": low,
            "high_sen_per_kwh": high,
            "position_wh": self.random.choice((0, 0, 0, 100, 25_000)),
        }

    def in_state(self, now: int, state: int) -> int:
        rows = [row for row, product in enumerate(self.model.products) if product["state"] == state]
        return self.random.choice(rows) if rows else self.product(now)

    def set_trading(self, now: int) -> tuple[int, dict[str, int]]:
        halted = [row for row, product in enumerate(self.model.products) if product["state"] == 3]
        if halted and self.random.random() < 0.6:
            return 0, {"product": self.random.choice(halted), "trading_state": 1, "reason": 1}
        return 0, {"product": self.product(now), "trading_state": self.random.choice((3, 3, 3, 1)), "reason": 1}

    def answer_capacity(self, now: int) -> tuple[int, dict[str, int]]:
        number = self.in_state(now, 4)
        asked = self.model.products[number]["ask_wh"] if self.model.has("products", number) else 0
        granted = self.random.choice((0, asked, asked, asked, asked // 2, min(1, asked), asked + 1))
        return 0, {"product": number, "granted_wh": granted}

    def open_route(self, now: int) -> tuple[int, dict[str, int]]:
        rows = [row for row, product in enumerate(self.model.products) if any(product["blocked"])]
        number = self.random.choice(rows) if rows else self.product(now)
        from_area, to_area = self.random.choice(((3, 9), (9, 3), (3, 1), (9, 1), (3, 3)))
        return 0, {"product": number, "from_area": from_area, "to_area": to_area}

    def product_to_end(self, now: int, mode: int | None) -> int:
        for _ in range(20):
            row = self.row_of(self.model.products)
            if row < len(self.model.products):
                product = self.model.products[row]
                if product["state"] != 2 and mode in (None, product["mode"]):
                    return row
        return self.row_of(self.model.products)

    def clear_auction(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {"product": self.product_to_end(now, CALL)}

    def close_product(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {"product": self.product_to_end(now, None)}

    def bulk_root(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {
            "bulk_kind": self.random.randint(1, 8),
            "rows": self.random.randint(0, 9),
            "total_wh": self.random.choice((0, 2**62)),
            "period_start_s": START_S,
            "duration_s": self.random.choice((0, MAX_S)),
        }

    def state_hash(self, now: int) -> tuple[int, dict[str, int]]:
        return 0, {"frame_sequence": self.count}

    def payloads_of(self, rows: np.ndarray) -> list[bytes] | None:
        """The payloads a sequencer must be given with the rows; ``None`` when it would not take the batch."""
        digests = [words_hash(row[12:]) for row in rows if kind_of(row) in PAYLOAD_KINDS]
        if any(kind_of(row) == Kind.STATE_HASH for row in rows) or any(
            digest not in self.payloads for digest in digests
        ):
            return None
        return [self.payloads[digest] for digest in digests]


def as_array(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.int64).reshape(-1, 16)
