"""Seeded commands of a small town: mostly possible, sometimes refused, sometimes sent twice."""

from random import Random
from typing import Any, Final

import numpy as np

from wattmark.engine.commands import Kind, Words, command, payload_hash, stack
from wattmark.market import layout as m
from wattmark.simulation.faults.oracle import Oracle
from wattmark.tokens import layout as k

SLOT_S: Final = 1_800
START_MS: Final = 1_700_001_000 // SLOT_S * SLOT_S * 1_000
YEAR_S: Final = 365 * 86_400
PEOPLE: Final = (3, 4, 5)
MONEY_E5: Final = 10**11
WEIGHTS: Final = {
    "issue": 10,
    "transfer": 8,
    "split": 3,
    "reserve": 3,
    "release": 2,
    "retire": 5,
    "bank": 2,
    "sell": 8,
    "buy": 8,
    "cancel": 3,
    "deposit": 3,
    "pay": 2,
    "list_product": 1,
    "open_account": 1,
    "again": 4,
}

Batch = tuple[Words, list[bytes]]


class Workload:
    """Draws batches; the oracle says what exists."""

    def __init__(self, random: Random, oracle: Oracle) -> None:
        """Draw from a seeded generator."""
        self._random, self._oracle = random, oracle
        self._sent: list[Words] = []
        self._payloads: dict[bytes, bytes] = {}
        self._tables: dict[str, Any] = {}

    def founding(self) -> Batch:
        """Return the first batch: people, their money, their plants, one product of the year."""
        rows = [self._open_account() for _ in PEOPLE]
        rows += [self._make(Kind.DEPOSIT, account=who, amount_e5jpy=MONEY_E5) for who in PEOPLE]
        rows += [self._device(who) for who in PEOPLE[:2]]
        rows.append(self._list_product())
        return self._batch(rows)

    def draw(self, count: int, now_ms: int) -> Batch:
        """Return a batch of ``count`` commands, for a time [ms]."""
        self._tables = self._oracle.tables()
        kinds = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
        rows = [getattr(self, f"_{kind}")(now_ms) for kind in kinds]
        return self._batch(rows)

    def _batch(self, rows: list[Words]) -> Batch:
        self._sent += rows
        named = [row[12:].astype("<i8").tobytes() for row in rows]
        payloads = {digest: self._payloads[digest] for digest in named if digest in self._payloads}
        return stack(rows), list(payloads.values())

    def _make(self, kind: Kind, actor: int = 0, payload: bytes | None = None, **fields: Any) -> Words:  # noqa: ANN401 - integers
        identity = self._random.getrandbits(126) | 1
        if payload is not None:
            self._payloads[payload_hash(payload)] = payload
        digest = (
            self._random.randbytes(32) if kind is Kind.ISSUE else None if payload is None else payload_hash(payload)
        )
        return command(kind, id=identity, actor=actor, hash=digest, **fields)

    def _open_account(self, _: int = 0) -> Words:
        payload = self._random.randbytes(self._random.randint(1, 60))
        return self._make(Kind.OPEN_ACCOUNT, payload=payload, roles=6, credit_limit_e5jpy=0)

    def _device(self, who: int) -> Words:
        return self._make(
            Kind.REGISTER_DEVICE,
            payload=self._random.randbytes(30),
            account=who,
            area=3,
            source=1,
            capacity_w=50_000,
            channel_role=k.CHANNEL_PRODUCTION,
            register_open_wh=self._random.randrange(1_000),
            resolution_s=SLOT_S,
            tier=3,
        )

    def _list_product(self, now_ms: int = START_MS) -> Words:
        return self._make(
            Kind.LIST_PRODUCT,
            area=3,
            source=1,
            period_start_s=START_MS // 1_000 - 86_400,
            duration_s=YEAR_S,
            gate_open_ms=now_ms - 1,
            gate_close_ms=now_ms + YEAR_S * 1_000,
            mode=m.MODE_CONTINUOUS,
            scope=m.SCOPE_CERTIFICATE_YEAR,
        )

    def _issue(self, now_ms: int) -> Words:
        devices = self._tables["devices"]
        row = self._random.randrange(len(devices)) if len(devices) else 0
        device = devices[row] if len(devices) else np.zeros(k.DEVICE_WORDS, np.int64)
        latest = now_ms // 1_000 // SLOT_S * SLOT_S - SLOT_S * self._random.choice((1, 1, 2, 3))
        start = max(int(device[k.D_PERIOD_NEXT_S]), latest)
        register = int(device[k.D_REG_NEXT_WH])
        return self._make(
            Kind.ISSUE,
            device=row,
            period_start_s=start,
            duration_s=SLOT_S,
            reg_from_wh=register,
            reg_to_wh=register + self._random.choice((1, 40, 600, 5_000, 20_000)),
            expiry_s=start + YEAR_S,
            tier=3,
        )

    def _lot(self, state: int = k.HELD) -> tuple[int, int, int, int]:
        """Return (row, owner, start, end) of a part of some lot."""
        lots = self._tables["lots"]
        rows = [row for row in range(len(lots)) if lots[row][k.L_STATE] == state]
        if not rows:
            return 0, 3, 0, 1
        row = self._random.choice(rows)
        start, end = int(lots[row][k.L_START]), int(lots[row][k.L_END])
        if self._random.random() < 0.5 and end - start > 2:
            start, end = sorted(self._random.sample(range(start, end + 1), 2))
        return row, int(lots[row][k.L_OWNER]), start, end

    def _transfer(self, _: int) -> Words:
        lot, owner, start, end = self._lot()
        return self._make(Kind.TRANSFER, owner, lot=lot, start=start, end=end, to_account=self._random.choice(PEOPLE))

    def _split(self, _: int) -> Words:
        lot, owner, start, end = self._lot()
        return self._make(Kind.SPLIT, owner, lot=lot, start=start, end=end)

    def _reserve(self, now_ms: int) -> Words:
        lot, owner, start, end = self._lot()
        return self._make(Kind.RESERVE, owner, lot=lot, start=start, end=end, timeout_ms=now_ms + 60_000)

    def _release(self, _: int) -> Words:
        lot, owner, _start, _end = self._lot(k.RESERVED)
        return self._make(Kind.RELEASE, owner, lot=lot)

    def _retire(self, _: int) -> Words:
        lot, owner, start, end = self._lot()
        return self._make(
            Kind.RETIRE,
            owner,
            lot=lot,
            start=start,
            end=end,
            beneficiary_account=self._random.choice(PEOPLE),
            claim=k.CLAIM_CERTIFICATE,
            period_start_s=0,
            duration_s=0,
        )

    def _bank(self, now_ms: int) -> Words:
        lot, owner, start, end = self._lot()
        until = now_ms // 1_000 + 86_400
        return self._make(Kind.BANK, owner, lot=lot, start=start, end=end, rule=1, redeem_until_s=until)

    def _sell(self, _: int) -> Words:
        lot, owner, start, end = self._lot()
        return self._order(owner, m.SELL, end - start, lot, start)

    def _buy(self, _: int) -> Words:
        return self._order(self._random.choice(PEOPLE), m.BUY, self._random.choice((1, 30, 500)), 0, 0)

    def _order(self, who: int, side: int, quantity_wh: int, lot: int, start: int) -> Words:
        products = self._tables["products"]
        return self._make(
            Kind.PLACE_ORDER,
            who,
            product=self._random.randrange(max(1, len(products))),
            side=side,
            price_sen_per_kwh=self._random.randrange(990, 1_010),
            quantity_wh=quantity_wh,
            lot=lot,
            start=start,
            tif=m.TIF_REST,
        )

    def _cancel(self, _: int) -> Words:
        low, high = (int(word) for word in self._random.choice(self._sent)[:2])
        return self._make(Kind.CANCEL, self._random.choice(PEOPLE), target_id_low=low, target_id_high=high)

    def _deposit(self, _: int) -> Words:
        amount = self._random.randrange(1, 10**9)
        return self._make(Kind.DEPOSIT, account=self._random.choice(PEOPLE), amount_e5jpy=amount)

    def _pay(self, _: int) -> Words:
        payer, payee = self._random.sample(PEOPLE, 2)
        amount = self._random.randrange(1, 10**9)
        return self._make(
            Kind.PAY,
            payer,
            from_account=payer,
            to_account=payee,
            amount_e5jpy=amount,
            reason=1,
            period_start_s=START_MS // 1_000,
            duration_s=SLOT_S,
        )

    def _again(self, _: int) -> Words:
        return self._random.choice(self._sent)
