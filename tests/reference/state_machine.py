"""The whole state machine in plain Python: dictionaries, integers of any size, no arrays.

Written from the documented rules, not from the kernels. A command is judged by collecting *every* rule it
breaks; its outcome is the broken rule with the lowest number (`outcomes.py`). Only a command that breaks
none changes anything.
"""

from dataclasses import dataclass, field
from typing import Any

from reference import auction
from reference.block_rules import BlockRules
from wattmark.engine.commands import FIELDS, HASHED, Kind
from wattmark.engine.outcomes import Outcome as Out

Row = dict[str, Any]
Words = list[int]

OPERATOR, OUTSIDE, COLLATERAL = 0, 1, 2
HELD, RESERVED, RETIRED, EXPIRED, WITHDRAWN = 1, 2, 3, 4, 5
GENERATION, ENERGY_CLAIM, STORAGE = 1, 2, 3
SAME_SLOT, BANKED, CERTIFICATE = 1, 2, 3
BUY, SELL = 1, 2
OPEN, FILLED, CANCELLED, QUEUED = 1, 2, 3, 4
CLOSED, HALTED, ASKING, PRICED = 2, 3, 4, 5
IN_BLOCK = 5
REST, IOC, FOK, POST_ONLY = 0, 1, 2, 3
NEWEST, OLDEST, BOTH, DECREMENT = 0, 1, 2, 3
CONTINUOUS, CALL = 1, 2
NOBODY = -1
MAX_WH = 2**40
MAX_E5 = 2**60
MAX_S = 2**38
STATE_NAMES = {HELD: "held", RESERVED: "reserved", RETIRED: "retired", EXPIRED: "expired", WITHDRAWN: "withdrawn"}
OPERATOR_KINDS = {
    Kind.OPEN_ACCOUNT,
    Kind.REGISTER_KEY,
    Kind.REGISTER_DEVICE,
    Kind.REGISTER_METER_KEY,
    Kind.LIST_PRODUCT,
    Kind.ISSUE,
    Kind.WITHDRAW,
    Kind.EXPIRE,
    Kind.SET_COVER,
    Kind.DEPOSIT,
    Kind.PAYOUT,
    Kind.CLEAR_AUCTION,
    Kind.BULK_ROOT,
    Kind.STATE_HASH,
    Kind.CLOSE_PRODUCT,
    Kind.SET_LIMITS,
    Kind.SET_TRADING,
    Kind.ANSWER_CAPACITY,
    Kind.OPEN_ROUTE,
    Kind.PRICE_AUCTION,
    Kind.DECIDE_BLOCK,
    Kind.CLEAR_COUPLED,
}


@dataclass
class Command:
    """A record taken apart."""

    words: Words
    identity: tuple[int, int] = field(init=False)
    kind: int = field(init=False)
    flags: int = field(init=False)
    actor: int = field(init=False)

    def __post_init__(self) -> None:
        self.identity = (self.words[0], self.words[1])
        self.kind = self.words[2] & 0xFFFF
        self.flags = self.words[2] >> 16 & 0xFFFF
        self.actor = self.words[2] >> 32

    def fields(self) -> Row:
        names = FIELDS[Kind(self.kind)]
        return dict(zip(names, self.words[3 : 3 + len(names)], strict=True))

    def digest(self) -> Words:
        return self.words[12:16]

    def unused(self) -> Words:
        kind = Kind(self.kind)
        last = 12 if kind in HASHED else 16
        first = 3 + len(FIELDS[kind])
        # a bulk record also holds its root, in words 8 to 11
        return [] if kind is Kind.BULK_ROOT else self.words[first:last]


class Model(BlockRules):
    """State and rules."""

    def __init__(self) -> None:
        self.accounts: list[Row] = [
            {"roles": 1 if row == OPERATOR else 0, "cash": 0, "held": 0, "credit": 0, "opened": 0, "payload": [0] * 4}
            for row in range(3)
        ]
        self.devices: list[Row] = []
        self.meter_keys: list[Row] = []
        self.bundles: list[Row] = []
        self.lots: list[Row] = []
        self.orders: list[Row] = []
        self.products: list[Row] = []
        self.keys: list[Row] = []
        self.bulks: list[Row] = []
        self.blocks: list[Row] = []
        self.slot_rows: set[int] = set()
        self.forward = self.stored = self.stress = self.outstanding = 0
        self.now = 0
        self.log: list[tuple[Command, list[int]]] = []
        self.known: dict[tuple[int, int], int] = {}
        self.order_of: dict[tuple[int, int], int] = {}
        self.trades: list[list[int]] = []
        self.changes: list[list[int]] = []
        self.arrivals = 0

    # ------------------------------------------------------------------------------------- batches

    def apply(self, rows: list[Words], now_ms: int) -> tuple[list[list[int]], list[bool], list[list[int]]]:
        """Return (verdicts, which are new records, trades); `changes` holds what visible levels showed."""
        now = max(now_ms, self.now)
        self.trades, self.changes = [], []
        verdicts, fresh = [], []
        for words in rows:
            verdict, new = self.one(Command(words), now)
            verdicts.append(verdict)
            fresh.append(new)
        if any(fresh):
            self.now = now
        return verdicts, fresh, self.trades

    def one(self, c: Command, now: int) -> tuple[list[int], bool]:
        if c.identity == (0, 0):
            return [now, Out.ID_IS_ZERO, 0, 0], False
        if c.identity in self.known:
            stored, verdict = self.log[self.known[c.identity]]
            if stored.words != c.words:
                return [now, Out.ID_REUSED, 0, 0], False
            return verdict, False
        self.expire_orders(now)
        outcome, results = self.judge(c, now)
        verdict = [now, outcome, *(results if outcome is Out.OK else (0, 0))]
        self.known[c.identity] = len(self.log)
        self.log.append((c, verdict))
        return verdict, True

    def judge(self, c: Command, now: int) -> tuple[Out, tuple[int, int]]:
        broken = self.broken_rules(c, now)
        if broken:
            return min(broken), (0, 0)
        effect = getattr(self, f"do_{Kind(c.kind).name.lower()}")
        return Out.OK, effect(c, c.fields(), now) or (0, 0)

    def broken_rules(self, c: Command, now: int) -> set[Out]:
        """Every rule the command breaks, as far as it can be judged."""
        if c.kind not in list(Kind):
            return {Out.UNKNOWN_KIND}
        kind = Kind(c.kind)
        f = c.fields()
        broken = set()
        if c.flags and (kind is not Kind.ISSUE or c.flags != 1):
            broken.add(Out.WORD_NOT_ZERO)
        if any(c.unused()):
            broken.add(Out.WORD_NOT_ZERO)
        if kind is Kind.PLACE_ORDER and f["side"] == BUY and (f["lot"] or f["start"]):
            broken.add(Out.WORD_NOT_ZERO)
        if not 0 <= c.actor < len(self.accounts):
            return broken | {Out.UNKNOWN_ACTOR}
        if self.accounts[c.actor]["roles"] in (0, 8) or (kind in OPERATOR_KINDS and not self.is_operator(c.actor)):
            broken.add(Out.NOT_AUTHORISED)
        return broken | getattr(self, f"check_{kind.name.lower()}")(c, f, now)

    # --------------------------------------------------------------------------------- small things

    def is_operator(self, account: int) -> bool:
        return bool(self.accounts[account]["roles"] & 1)

    def has(self, table: str, row: int) -> bool:
        return 0 <= row < len(getattr(self, table))

    def free_cash(self, account: int) -> int:
        a = self.accounts[account]
        return a["cash"] + a["credit"] - a["held"]

    def end_of_period(self, lot: Row) -> int:
        bundle = self.bundles[lot["bundle"]]
        return bundle["period"] + bundle["duration"]

    def is_expired(self, lot: Row, now: int) -> bool:
        date = lot["until"] if lot["kind"] == ENERGY_CLAIM else self.bundles[lot["bundle"]]["expiry"]
        return date * 1000 <= now

    def lot_rules(
        self, lot_row: int, start: int, end: int, who: int | None, now: int, *, operator_may=False
    ) -> set[Out]:
        """Rules on spending serials [start, end) of a lot; ``who`` None skips the owner."""
        broken = set()
        if start >= end:
            broken.add(Out.RANGE_EMPTY)
        if not self.has("lots", lot_row):
            return broken | {Out.UNKNOWN_LOT}
        lot = self.lots[lot_row]
        if who is not None and lot["owner"] != who and not (operator_may and self.is_operator(who)):
            broken.add(Out.NOT_OWNER)
        if lot["state"] != HELD:
            broken.add(Out.LOT_NOT_HELD)
        if not (lot["start"] <= start and end <= lot["end"]):
            broken.add(Out.RANGE_NOT_IN_LOT)
        if self.is_expired(lot, now):
            broken.add(Out.LOT_EXPIRED)
        return broken

    def take(self, row: int, start: int, end: int) -> int:
        """Cut [start, end) out of a lot: the taken part is a new row unless it is the whole lot; the left
        remainder keeps the row, a right remainder is a new row, or keeps the row when there is no left one."""
        lot = self.lots[row]
        left, right = lot["start"] < start, end < lot["end"]
        if not left and not right:
            return row
        taken = len(self.lots)
        self.lots.append({**lot, "start": start, "end": end})
        if left and right:
            self.lots.append({**lot, "start": end})
        if left:
            lot["end"] = start
        else:
            lot["start"] = end
        return taken

    def move(self, row: int, state: int, now: int) -> None:
        lot = self.lots[row]
        bundle = self.bundles[lot["bundle"]]
        bundle[STATE_NAMES[lot["state"]]] -= lot["end"] - lot["start"]
        bundle[STATE_NAMES[state]] += lot["end"] - lot["start"]
        lot.update(state=state, since=now)

    # --------------------------------------------------------------------------- accounts and keys

    def check_open_account(self, c, f, now):
        broken = set()
        if not 1 <= f["roles"] <= 31:
            broken.add(Out.ROLES_INVALID)
        if f["credit_limit_e5jpy"] < 0:
            broken.add(Out.AMOUNT_NOT_POSITIVE)
        if sum(a["credit"] for a in self.accounts) + f["credit_limit_e5jpy"] > MAX_E5:
            broken.add(Out.AMOUNT_TOO_LARGE)
        return broken

    def do_open_account(self, c, f, now):
        self.accounts.append(
            {
                "roles": f["roles"],
                "cash": 0,
                "held": 0,
                "credit": f["credit_limit_e5jpy"],
                "opened": now,
                "payload": c.digest(),
            }
        )
        return len(self.accounts) - 1, 0

    def check_register_key(self, c, f, now):
        if not self.has("accounts", f["account"]):
            return {Out.UNKNOWN_ACCOUNT}
        roles = self.accounts[f["account"]]["roles"]
        return {Out.ROLES_INVALID} if f["roles"] <= 0 or f["roles"] | roles != roles else set()

    def do_register_key(self, c, f, now):
        self.keys.append(
            {"account": f["account"], "roles": f["roles"], "status": 1, "created": now, "digest": c.digest()}
        )
        return len(self.keys) - 1, 0

    def check_revoke_key(self, c, f, now):
        if not self.has("keys", f["key"]):
            return {Out.UNKNOWN_KEY}
        key = self.keys[f["key"]]
        broken = set()
        if key["account"] != c.actor and not self.is_operator(c.actor):
            broken.add(Out.NOT_OWNER)
        if key["status"] != 1:
            broken.add(Out.KEY_NOT_ACTIVE)
        return broken

    def do_revoke_key(self, c, f, now):
        self.keys[f["key"]]["status"] = 2
        return f["key"], 0

    # ------------------------------------------------------------------------------------- devices

    def check_register_device(self, c, f, now):
        broken = set()
        producing, consuming = f["channel_role"] == 1, f["channel_role"] == 2
        if not self.has("accounts", f["account"]):
            broken.add(Out.UNKNOWN_ACCOUNT)
        if f["area"] not in range(1, 10):
            broken.add(Out.AREA_INVALID)
        if f["source"] not in range(8) or (producing and f["source"] == 0) or (consuming and f["source"] != 0):
            broken.add(Out.SOURCE_INVALID)
        if not producing and not consuming:
            broken.add(Out.CHANNEL_INVALID)
        if f["tier"] not in range(5):
            broken.add(Out.TIER_INVALID)
        if f["resolution_s"] not in (300, 900, 1800, 3600):
            broken.add(Out.PERIOD_INVALID)
        if not 1 <= f["capacity_w"] <= 2**36:
            broken.add(Out.CAPACITY_INVALID)
        if not 0 <= f["register_open_wh"] <= MAX_WH:
            broken.add(Out.REGISTER_INVALID)
        return broken

    def do_register_device(self, c, f, now):
        self.devices.append(
            {
                "owner": f["account"],
                "area": f["area"],
                "source": f["source"],
                "capacity": f["capacity_w"],
                "role": f["channel_role"],
                "tier": f["tier"],
                "resolution": f["resolution_s"],
                "opening": f["register_open_wh"],
                "register": f["register_open_wh"],
                "next_period": 0,
                "issued": 0,
                "withheld": 0,
                "payload": c.digest(),
            }
        )
        return len(self.devices) - 1, 0

    def check_register_meter_key(self, c, f, now):
        broken = set()
        if not self.has("devices", f["device"]):
            broken.add(Out.UNKNOWN_DEVICE)
        if f["alg"] not in (-7, -8):
            broken.add(Out.ALGORITHM_INVALID)
        if not 0 <= f["valid_from_ms"] <= MAX_S * 1000:
            broken.add(Out.TIME_INVALID)
        return broken

    def do_register_meter_key(self, c, f, now):
        self.meter_keys.append(
            {"device": f["device"], "alg": f["alg"], "from": f["valid_from_ms"], "revoked": 0, "payload": c.digest()}
        )
        return len(self.meter_keys) - 1, 0

    # -------------------------------------------------------------------------------------- tokens

    def check_issue(self, c, f, now):
        broken = set()
        start, duration, expiry = f["period_start_s"], f["duration_s"], f["expiry_s"]
        reg_from, reg_to = f["reg_from_wh"], f["reg_to_wh"]
        if f["tier"] not in range(5):
            broken.add(Out.TIER_INVALID)
        if not 0 <= start <= MAX_S or not 0 <= expiry <= MAX_S:
            broken.add(Out.TIME_INVALID)
        if duration <= 0 or start % duration:
            broken.add(Out.PERIOD_INVALID)
        if not 0 <= reg_from <= reg_to <= MAX_WH:
            broken.add(Out.REGISTER_INVALID)
        if (start + duration) * 1000 > now:
            broken.add(Out.PERIOD_NOT_OVER)
        if reg_to == reg_from:
            broken.add(Out.NOTHING_MEASURED)
        if expiry <= start + duration:
            broken.add(Out.EXPIRY_INVALID)
        if not self.has("devices", f["device"]):
            return broken | {Out.UNKNOWN_DEVICE}
        device = self.devices[f["device"]]
        if device["role"] != 1:
            broken.add(Out.NOT_PRODUCTION)
        if duration != device["resolution"]:
            broken.add(Out.DURATION_MISMATCH)
        if start < device["next_period"]:
            broken.add(Out.PERIOD_OVERLAP)
        if reg_from < device["register"]:
            broken.add(Out.REGISTER_OVERLAP)
        if reg_from > device["register"]:
            broken.add(Out.REGISTER_GAP)
        # V10: Wh <= 1.05 x W x h
        if c.flags != 1 and (reg_to - reg_from) * 3600 * 100 > 105 * device["capacity"] * duration:
            broken.add(Out.ABOVE_CAPACITY)
        return broken

    def do_issue(self, c, f, now):
        device = self.devices[f["device"]]
        quantity = f["reg_to_wh"] - f["reg_from_wh"]
        withheld = c.flags == 1
        device.update(register=f["reg_to_wh"], next_period=f["period_start_s"] + f["duration_s"])
        device["withheld" if withheld else "issued"] += quantity
        self.bundles.append(
            {
                "device": f["device"],
                "period": f["period_start_s"],
                "duration": f["duration_s"],
                "from": f["reg_from_wh"],
                "to": f["reg_to_wh"],
                "expiry": f["expiry_s"],
                "tier": f["tier"],
                "area": device["area"],
                "source": device["source"],
                "issued": 0 if withheld else quantity,
                "held": 0 if withheld else quantity,
                "reserved": 0,
                "retired": 0,
                "expired": 0,
                "withdrawn": 0,
                "flags": c.flags,
                "evidence": c.digest(),
            }
        )
        bundle = len(self.bundles) - 1
        if withheld:
            return bundle, -1
        self.lots.append(
            {
                "bundle": bundle,
                "start": 0,
                "end": quantity,
                "owner": device["owner"],
                "state": HELD,
                "kind": STORAGE if device["source"] == 6 else GENERATION,
                "ref": NOBODY,
                "claim": 0,
                "claim_period": 0,
                "rule": 0,
                "from": 0,
                "until": 0,
                "since": now,
                "timeout": 0,
            }
        )
        return bundle, len(self.lots) - 1

    def check_withdraw(self, c, f, now):
        broken = self.lot_rules(f["lot"], f["start"], f["end"], None, now)
        if self.has("lots", f["lot"]):
            lot = self.lots[f["lot"]]
            if lot["owner"] != self.devices[self.bundles[lot["bundle"]]["device"]]["owner"]:
                broken.add(Out.NOT_WITH_PRODUCER)
            if lot["kind"] == ENERGY_CLAIM:
                broken.add(Out.KIND_MISMATCH)
        return broken

    def do_withdraw(self, c, f, now):
        taken = self.take(f["lot"], f["start"], f["end"])
        self.move(taken, WITHDRAWN, now)
        return taken, 0

    def check_transfer(self, c, f, now):
        broken = self.lot_rules(f["lot"], f["start"], f["end"], c.actor, now)
        if not self.has("accounts", f["to_account"]) or f["to_account"] in (OUTSIDE, COLLATERAL):
            broken.add(Out.UNKNOWN_ACCOUNT)
        if f["to_account"] == c.actor:
            broken.add(Out.SAME_ACCOUNT)
        return broken

    def do_transfer(self, c, f, now):
        taken = self.take(f["lot"], f["start"], f["end"])
        self.lots[taken].update(owner=f["to_account"], ref=NOBODY, since=now)
        return taken, 0

    def check_split(self, c, f, now):
        return self.lot_rules(f["lot"], f["start"], f["end"], c.actor, now)

    def do_split(self, c, f, now):
        return self.take(f["lot"], f["start"], f["end"]), 0

    def check_reserve(self, c, f, now):
        broken = self.lot_rules(f["lot"], f["start"], f["end"], c.actor, now)
        if not now < f["timeout_ms"] <= MAX_S * 1000:
            broken.add(Out.TIME_INVALID)
        return broken

    def do_reserve(self, c, f, now):
        taken = self.take(f["lot"], f["start"], f["end"])
        self.move(taken, RESERVED, now)
        self.lots[taken]["timeout"] = f["timeout_ms"]
        return taken, 0

    def check_release(self, c, f, now):
        if not self.has("lots", f["lot"]):
            return {Out.UNKNOWN_LOT}
        lot = self.lots[f["lot"]]
        broken = set()
        if lot["owner"] != c.actor and not (self.is_operator(c.actor) and lot["timeout"] <= now):
            broken.add(Out.NOT_OWNER)
        if lot["state"] != RESERVED:
            broken.add(Out.LOT_NOT_RESERVED)
        elif lot["ref"] != NOBODY:
            broken.add(Out.LOT_IN_ORDER)
        return broken

    def do_release(self, c, f, now):
        self.move(f["lot"], HELD, now)
        self.lots[f["lot"]]["timeout"] = 0
        return f["lot"], 0

    def check_retire(self, c, f, now):
        claim, period, duration = f["claim"], f["period_start_s"], f["duration_s"]
        broken = self.lot_rules(f["lot"], f["start"], f["end"], c.actor, now, operator_may=True)
        if not self.has("accounts", f["beneficiary_account"]):
            broken.add(Out.UNKNOWN_ACCOUNT)
        if claim not in (SAME_SLOT, BANKED, CERTIFICATE):
            broken.add(Out.CLAIM_INVALID)
        if not 0 <= period <= MAX_S or not 0 <= duration <= 3600:
            broken.add(Out.TIME_INVALID)
        if claim == BANKED and (duration <= 0 or period % duration):
            broken.add(Out.PERIOD_INVALID)
        if (period + duration) * 1000 > now:
            broken.add(Out.PERIOD_NOT_OVER)
        if not self.has("lots", f["lot"]):
            return broken
        lot = self.lots[f["lot"]]
        bundle = self.bundles[lot["bundle"]]
        if claim == BANKED and lot["kind"] == ENERGY_CLAIM:
            broken.discard(Out.LOT_EXPIRED)  # a period before the date may be settled after it
        if (claim == BANKED) != (lot["kind"] == ENERGY_CLAIM):
            broken.add(Out.KIND_MISMATCH)
        if claim == SAME_SLOT and (period, duration) != (bundle["period"], bundle["duration"]):
            broken.add(Out.PERIOD_MISMATCH)
        if claim == CERTIFICATE and (period, duration) != (0, 0):
            broken.add(Out.PERIOD_MISMATCH)
        if claim == BANKED and period < lot["from"]:
            broken.add(Out.REDEEM_TOO_EARLY)
        if claim == BANKED and period + duration > lot["until"]:
            broken.add(Out.REDEEM_TOO_LATE)
        return broken

    def do_retire(self, c, f, now):
        taken = self.take(f["lot"], f["start"], f["end"])
        self.move(taken, RETIRED, now)
        self.lots[taken].update(ref=f["beneficiary_account"], claim=f["claim"], claim_period=f["period_start_s"])
        if f["claim"] == BANKED:
            self.outstanding -= f["end"] - f["start"]
        return taken, self.lots[taken]["bundle"]

    def check_expire(self, c, f, now):
        if not self.has("lots", f["lot"]):
            return {Out.UNKNOWN_LOT}
        lot = self.lots[f["lot"]]
        broken = set()
        if lot["state"] != HELD:
            broken.add(Out.LOT_NOT_HELD)
        if not self.is_expired(lot, now):
            broken.add(Out.LOT_NOT_EXPIRED)
        return broken

    def do_expire(self, c, f, now):
        lot = self.lots[f["lot"]]
        quantity = lot["end"] - lot["start"]
        self.move(f["lot"], EXPIRED, now)
        if lot["kind"] == ENERGY_CLAIM:
            self.outstanding -= quantity
        return f["lot"], quantity

    # ---------------------------------------------------------------------------------------- bank

    def cover(self) -> int:
        """K4: F + S + C // p [Wh]."""
        collateral = self.accounts[COLLATERAL]["cash"]
        return self.forward + self.stored + (collateral // self.stress if self.stress and collateral > 0 else 0)

    def check_bank(self, c, f, now):
        broken = self.lot_rules(f["lot"], f["start"], f["end"], c.actor, now, operator_may=True)
        if not 0 <= f["redeem_until_s"] <= MAX_S:
            broken.add(Out.TIME_INVALID)
        if not 1 <= f["rule"] <= 65_535:
            broken.add(Out.RULE_INVALID)
        if f["redeem_until_s"] * 1000 <= now:
            broken.add(Out.EXPIRY_INVALID)
        if self.outstanding + f["end"] - f["start"] > self.cover():
            broken.add(Out.COVER_SHORT)
        if self.has("lots", f["lot"]):
            lot = self.lots[f["lot"]]
            if lot["kind"] != GENERATION:
                broken.add(Out.KIND_MISMATCH)
            if self.end_of_period(lot) + 2 * 86_400 < now / 1000:
                broken.add(Out.BANK_WINDOW_CLOSED)
        return broken

    def do_bank(self, c, f, now):
        taken = self.take(f["lot"], f["start"], f["end"])
        # K3: no period that has begun; the second after now when now is not on one
        self.lots[taken].update(
            kind=ENERGY_CLAIM, rule=f["rule"], until=f["redeem_until_s"], **{"from": -(-now // 1000)}
        )
        self.outstanding += f["end"] - f["start"]
        return taken, 0

    def check_set_cover(self, c, f, now):
        broken = set()
        if f["forward_wh"] < 0 or f["stored_wh"] < 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        if f["forward_wh"] > MAX_WH or f["stored_wh"] > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        if not 1 <= f["stress_price_sen"] <= 99_900:
            broken.add(Out.PRICE_OUT_OF_RANGE)
        return broken

    def do_set_cover(self, c, f, now):
        self.forward, self.stored, self.stress = f["forward_wh"], f["stored_wh"], f["stress_price_sen"]

    # --------------------------------------------------------------------------------------- money

    def check_deposit(self, c, f, now):
        broken = set()
        if not self.has("accounts", f["account"]) or f["account"] == OUTSIDE:
            broken.add(Out.UNKNOWN_ACCOUNT)
        if f["amount_e5jpy"] <= 0:
            broken.add(Out.AMOUNT_NOT_POSITIVE)
        if max(f["amount_e5jpy"], f["amount_e5jpy"] - self.accounts[OUTSIDE]["cash"]) > MAX_E5:
            broken.add(Out.AMOUNT_TOO_LARGE)
        return broken

    def do_deposit(self, c, f, now):
        self.accounts[OUTSIDE]["cash"] -= f["amount_e5jpy"]
        self.accounts[f["account"]]["cash"] += f["amount_e5jpy"]

    def check_payout(self, c, f, now):
        broken = set()
        if f["amount_e5jpy"] <= 0:
            broken.add(Out.AMOUNT_NOT_POSITIVE)
        if not self.has("accounts", f["account"]) or f["account"] == OUTSIDE:
            return broken | {Out.UNKNOWN_ACCOUNT}
        account = self.accounts[f["account"]]
        if account["cash"] - account["held"] < f["amount_e5jpy"]:
            broken.add(Out.INSUFFICIENT_CASH)
        return broken

    def do_payout(self, c, f, now):
        self.accounts[OUTSIDE]["cash"] += f["amount_e5jpy"]
        self.accounts[f["account"]]["cash"] -= f["amount_e5jpy"]

    def check_pay(self, c, f, now):
        broken = set()
        payer, payee, amount = f["from_account"], f["to_account"], f["amount_e5jpy"]
        for account in (payer, payee):
            if not self.has("accounts", account) or account == OUTSIDE:
                broken.add(Out.UNKNOWN_ACCOUNT)
        if not 0 <= f["period_start_s"] <= MAX_S or not 0 <= f["duration_s"] <= MAX_S:
            broken.add(Out.TIME_INVALID)
        if amount <= 0:
            broken.add(Out.AMOUNT_NOT_POSITIVE)
        if amount > MAX_E5:
            broken.add(Out.AMOUNT_TOO_LARGE)
        if payer != c.actor and not self.is_operator(c.actor):
            broken.add(Out.NOT_OWNER)
        if payer == payee:
            broken.add(Out.SAME_ACCOUNT)
        if self.has("accounts", payer) and self.free_cash(payer) < amount:
            broken.add(Out.INSUFFICIENT_CASH)
        return broken

    def do_pay(self, c, f, now):
        self.accounts[f["from_account"]]["cash"] -= f["amount_e5jpy"]
        self.accounts[f["to_account"]]["cash"] += f["amount_e5jpy"]

    # ------------------------------------------------------------------------------------ products

    def check_list_product(self, c, f, now):
        broken = set()
        area, start, duration = f["area"], f["period_start_s"], f["duration_s"]
        if area not in range(10) or (area == 0 and f["mode"] == CALL):
            broken.add(Out.AREA_INVALID)
        if f["source"] not in range(1, 8):
            broken.add(Out.SOURCE_INVALID)
        if f["mode"] not in (CONTINUOUS, CALL):
            broken.add(Out.MODE_INVALID)
        if f["scope"] not in (0, 1, 2):
            broken.add(Out.SCOPE_INVALID)
        if not 0 <= start <= MAX_S:
            broken.add(Out.TIME_INVALID)
        if not 1 <= duration <= MAX_S:
            broken.add(Out.PERIOD_INVALID)
        if f["scope"] == 0 and (duration not in (300, 900, 1800, 3600) or start % duration):
            broken.add(Out.PERIOD_INVALID)
        if not 0 <= f["gate_open_ms"] < f["gate_close_ms"] <= MAX_S * 1000:
            broken.add(Out.GATE_INVALID)
        return broken

    def do_list_product(self, c, f, now):
        self.products.append(
            {
                "area": f["area"],
                "source": f["source"],
                "period": f["period_start_s"],
                "duration": f["duration_s"],
                "scope": f["scope"],
                "opens": f["gate_open_ms"],
                "closes": f["gate_close_ms"],
                "mode": f["mode"],
                "state": OPEN,
                "last_price": 0,
                "volume": 0,
                "open_orders": 0,
                "low": 1,
                "high": 99_900,
                "position": 0,
                "ask_buy": 0,
                "ask_sell": 0,
                "ask_wh": 0,
                "blocked": [0, 0],
                "result": 0,
                "net": 0,
                "slot_head": 0,
                "open_slots": 0,
            }
        )
        return len(self.products) - 1, 0

    def check_set_limits(self, c, f, now):
        broken = set()
        if f["position_wh"] < 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        if f["position_wh"] > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        if not 1 <= f["low_sen_per_kwh"] <= f["high_sen_per_kwh"] <= 99_900:
            broken.add(Out.PRICE_OUT_OF_RANGE)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        state = self.products[f["product"]]["state"]
        if state == CLOSED:
            broken.add(Out.PRODUCT_CLOSED)
        if state == ASKING:
            broken.add(Out.PRODUCT_HALTED)
        product = self.products[f["product"]]
        if state == PRICED or (product["mode"] == CALL and now >= product["closes"]):
            broken.add(Out.AUCTION_LOCKED)
        return broken

    def do_set_limits(self, c, f, now):
        product = self.products[f["product"]]
        product.update(low=f["low_sen_per_kwh"], high=f["high_sen_per_kwh"], position=f["position_wh"])
        uncovered = 0
        for row in self.resting(f["product"], BUY):
            order = self.orders[row]
            if order["terms"] >> 24 & 1 and order["price"] != product["high"]:
                if self.restand(order):
                    self.arrivals += 1
                    order["arrival"] = self.arrivals
                else:
                    self.end(row, now)
                    uncovered += 1
        stopped = [
            row
            for side in (BUY, SELL)
            for row in self.resting(f["product"], side)
            if not self.inside(product, self.orders[row]["price"])
        ]
        for row in stopped:
            self.end(row, now)
        return f["product"], uncovered + len(stopped)

    def restand(self, order: Row) -> bool:
        """A market order gets the price its product's limits give it now (J17); whether that is covered."""
        product = self.products[order["product"]]
        if not order["terms"] >> 24 & 1:
            return True
        if order["side"] == SELL:
            order["price"] = 0 if product["mode"] == CALL else product["low"]
            return True
        top = product["high"] if product["mode"] == CALL else min(order["price"], product["high"])
        more = (top - order["price"]) * order["remaining"]
        if more > 0 and self.free_cash(order["account"]) < more:
            return False
        self.accounts[order["account"]]["held"] += more
        order["price"] = top
        return True

    def inside(self, product: Row, price: int) -> bool:
        return product["low"] <= price <= product["high"] or price == 0

    def position_of(self, account: int, product: int) -> int:
        """Bought and still bid for, less sold."""
        total = 0
        for order in self.orders:
            if order["account"] == account and order["product"] == product:
                done = order["quantity"] - order["remaining"]
                live = order["state"] in (OPEN, QUEUED, IN_BLOCK)
                total += -done if order["side"] == SELL else (order["quantity"] if live else done)
        return total

    def within_position(self, account: int, number: int, more: int) -> bool:
        limit = self.products[number]["position"]
        return not limit or self.position_of(account, number) + more <= limit

    def check_set_trading(self, c, f, now):
        broken = set()
        if f["trading_state"] not in (OPEN, HALTED):
            broken.add(Out.TRADING_STATE_INVALID)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        state = self.products[f["product"]]["state"]
        if state == CLOSED:
            broken.add(Out.PRODUCT_CLOSED)
        if f["trading_state"] == HALTED and state in (HALTED, ASKING):
            broken.add(Out.PRODUCT_HALTED)
        if f["trading_state"] == HALTED and state == PRICED:
            broken.add(Out.AUCTION_LOCKED)
        if f["trading_state"] == OPEN and state in (OPEN, ASKING, PRICED):
            broken.add(Out.PRODUCT_NOT_HALTED)
        return broken

    def do_set_trading(self, c, f, now):
        self.products[f["product"]]["state"] = f["trading_state"]
        return f["product"], self.go_on(f["product"], now) if f["trading_state"] == OPEN else 0

    def go_on(self, number: int, now: int) -> int:
        """What waited enters by arrival, until trading stops again (J38)."""
        product = self.products[number]
        left = 0
        while product["state"] == OPEN:
            waiting = [row for row, order in enumerate(self.orders) if order["product"] == number]
            waiting = [row for row in waiting if self.orders[row]["state"] == QUEUED]
            if not waiting:
                break
            row = min(waiting, key=lambda row: self.orders[row]["arrival"])
            order = self.orders[row]
            covered = self.restand(order)
            late = now >= product["closes"] and product["mode"] == CONTINUOUS
            inside = self.inside(product, order["price"])
            if late or not covered or not inside or not self.still_holds(row, now):
                self.end(row, now)
            else:
                self.enter(row, now)
            left += order["state"] != QUEUED
        if product["state"] == OPEN and product["area"] == 0 and now < product["closes"]:
            self.meet_again(number)
        return left

    def still_holds(self, row: int, now: int) -> bool:
        order = self.orders[row]
        product = self.products[order["product"]]
        tif = order["terms"] & 255
        if order["side"] == SELL and self.is_expired(self.lots[order["lot"]], now):
            return False
        if product["mode"] == CALL:
            return True
        if tif == POST_ONLY:
            return not self.would_meet(row, now)
        least = order["quantity"] if tif == FOK else order["min"]
        return self.reach(order, order["price"], now)[0] >= least

    def meet_again(self, number: int) -> None:
        for buy in self.resting(number, BUY):
            for sell in self.resting(number, SELL):
                b, s = self.orders[buy], self.orders[sell]
                if s["price"] > b["price"] or s["account"] == b["account"]:
                    continue
                if not self.blocked(number, self.area_of(s), self.area_of(b)):
                    self.ask(number, buy, sell, min(self.shown(b), self.shown(s)))
                    return

    def ask(self, number: int, buy: int, sell: int, wh: int) -> None:
        self.products[number].update(state=ASKING, ask_buy=buy, ask_sell=sell, ask_wh=wh)

    def area_of(self, order: Row) -> int:
        if order["side"] == SELL:
            return self.bundles[self.lots[order["lot"]]["bundle"]]["area"]
        return order["terms"] >> 16 & 255

    def route_bit(self, from_area: int, to_area: int) -> tuple[int, int]:
        return divmod((from_area - 1) * 9 + to_area - 1, 63)

    def blocked(self, number: int, from_area: int, to_area: int) -> bool:
        word, bit = self.route_bit(from_area, to_area)
        return bool(self.products[number]["blocked"][word] >> bit & 1)

    def check_answer_capacity(self, c, f, now):
        broken = set()
        if f["granted_wh"] < 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        product = self.products[f["product"]]
        if product["state"] == ASKING and f["granted_wh"] > product["ask_wh"]:
            broken.add(Out.QUANTITY_TOO_LARGE)
        if product["state"] == CLOSED:
            broken.add(Out.PRODUCT_CLOSED)
        if product["state"] in (OPEN, HALTED):
            broken.add(Out.NOTHING_ASKED)
        return broken

    def do_answer_capacity(self, c, f, now):
        number, granted = f["product"], f["granted_wh"]
        product = self.products[number]
        pair, asked = (product["ask_buy"], product["ask_sell"]), product["ask_wh"]
        product.update(state=OPEN, ask_buy=0, ask_sell=0, ask_wh=0)
        buy, sell = (self.orders[row] for row in pair)
        if granted < asked:
            word, bit = self.route_bit(self.area_of(sell), self.area_of(buy))
            product["blocked"][word] |= 1 << bit
        executed = 0
        if self.is_expired(self.lots[sell["lot"]], now):
            self.end(pair[1], now)
        elif granted and now < product["closes"]:
            executed = granted
            resting = [order for order in (buy, sell) if order["state"] == OPEN]
            price = min(resting, key=lambda order: order["arrival"])["price"]  # one of them was there first (J37)
            self.fill(*pair, price, granted, now)
            for row in pair:
                self.after_fill(row, now)
        for row in pair:
            order = self.orders[row]
            if order["state"] in (OPEN, QUEUED) and 0 < order["expires"] <= now:
                self.end(row, now)
        return executed, self.go_on(number, now)

    def check_open_route(self, c, f, now):
        broken = set()
        if f["from_area"] not in range(1, 10) or f["to_area"] not in range(1, 10) or f["from_area"] == f["to_area"]:
            broken.add(Out.AREA_INVALID)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        product = self.products[f["product"]]
        if product["state"] == CLOSED:
            broken.add(Out.PRODUCT_CLOSED)
        if product["area"] != 0:
            broken.add(Out.WRONG_MODE)
        return broken

    def do_open_route(self, c, f, now):
        product = self.products[f["product"]]
        word, bit = self.route_bit(f["from_area"], f["to_area"])
        product["blocked"][word] &= ~(1 << bit)
        return f["product"], self.go_on(f["product"], now) if product["state"] == OPEN else 0

    def check_close_product(self, c, f, now):
        if not self.has("products", f["product"]):
            return {Out.UNKNOWN_PRODUCT}
        product = self.products[f["product"]]
        if product["state"] == CLOSED:
            return {Out.PRODUCT_CLOSED}
        return {Out.SLOTS_OPEN} if product["open_slots"] else set()

    def do_close_product(self, c, f, now):
        number = f["product"]
        self.products[number].update(state=CLOSED, ask_buy=0, ask_sell=0, ask_wh=0)
        waiting = [row for row, order in enumerate(self.orders) if order["product"] == number]
        waiting = [row for row in waiting if self.orders[row]["state"] == QUEUED]
        waiting.sort(key=lambda row: self.orders[row]["arrival"])
        rows = waiting + self.resting(number, SELL) + self.resting(number, BUY)
        for row in rows:
            self.end(row, now)
        return number, len(rows)

    # -------------------------------------------------------------------------------------- orders

    def fits(self, lot: Row, product: Row) -> bool:
        bundle = self.bundles[lot["bundle"]]
        if product["area"] not in (0, bundle["area"]) or bundle["source"] != product["source"]:
            return False
        if product["scope"] == 0:
            same = (bundle["period"], bundle["duration"]) == (product["period"], product["duration"])
            return same and lot["kind"] != ENERGY_CLAIM
        inside = product["period"] <= bundle["period"] < product["period"] + product["duration"]
        return inside and (lot["kind"] == ENERGY_CLAIM) == (product["scope"] == 1)

    def check_place_order(self, c, f, now):
        broken = set()
        side, quantity, price, tif = f["side"], f["quantity_wh"], f["price_sen_per_kwh"], f["tif"]
        display, least, expires = f["display_wh"], f["min_quantity_wh"], f["expires_ms"]
        if side not in (BUY, SELL):
            broken.add(Out.SIDE_INVALID)
        if tif not in range(4):
            broken.add(Out.TIF_INVALID)
        if f["self_trade"] not in range(4):
            broken.add(Out.SELF_TRADE_INVALID)
        if expires and not now < expires <= MAX_S * 1000:
            broken.add(Out.TIME_INVALID)
        if quantity <= 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        if quantity > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        if not 0 <= price <= 99_900:
            broken.add(Out.PRICE_OUT_OF_RANGE)
        if not 0 <= least <= quantity:
            broken.add(Out.MIN_QUANTITY_INVALID)
        if display and not quantity <= 20 * display <= 20 * quantity:
            broken.add(Out.DISPLAY_INVALID)
        if (tif not in (REST, POST_ONLY) and (expires or display)) or (tif == POST_ONLY and least):
            broken.add(Out.TERMS_MISMATCH)
        if f["self_trade"] == DECREMENT and (tif == FOK or least > 0 or price == 0):
            broken.add(Out.TERMS_MISMATCH)
        if side == SELL:
            broken |= self.lot_rules(f["lot"], f["start"], f["start"] + quantity, c.actor, now)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        product = self.products[f["product"]]
        if product["mode"] == CALL and expires > product["closes"]:
            broken.add(Out.TIME_INVALID)  # from the gate on a bid stands (J10)
        if f["area"] not in range(10) or bool(f["area"]) != (product["area"] == 0 and side == BUY):
            broken.add(Out.AREA_INVALID)
        if product["state"] == CLOSED or now >= product["closes"]:
            broken.add(Out.PRODUCT_CLOSED)
        if now < product["opens"]:
            broken.add(Out.PRODUCT_NOT_OPEN)
        if product["mode"] == CALL and (tif != REST or least or display or f["self_trade"]):
            broken.add(Out.WRONG_MODE)
        if product["mode"] == CONTINUOUS and price == 0 and tif in (REST, POST_ONLY):
            broken.add(Out.WRONG_MODE)
        if side == SELL and self.has("lots", f["lot"]) and not self.fits(self.lots[f["lot"]], product):
            broken.add(Out.PRODUCT_MISMATCH)
        if not self.inside(product, price):
            broken.add(Out.PRICE_OUTSIDE_COLLAR)
        if side == BUY and not self.within_position(c.actor, f["product"], quantity):
            broken.add(Out.POSITION_LIMIT)
        if broken:
            return broken  # what could trade at once is asked only of an order that is right so far
        order = self.draft(c, f)
        if product["state"] == OPEN and product["mode"] == CONTINUOUS:
            if tif == POST_ONLY and self.would_meet(order, now):
                broken.add(Out.WOULD_TRADE)
            if self.reach(order, order["price"], now)[0] < (quantity if tif == FOK else least):
                broken.add(Out.NOT_FILLABLE)
        limit, covered = self.limit_and_cover(order, now)
        if side == BUY and self.free_cash(c.actor) < limit * covered:
            broken.add(Out.INSUFFICIENT_CASH)
        return broken

    def draft(self, c: Command, f: Row) -> Row:
        """The order a command asks for, before it reserves anything."""
        product = self.products[f["product"]]
        price, market = f["price_sen_per_kwh"], f["price_sen_per_kwh"] == 0
        if market and f["side"] == BUY:
            price = product["high"]
        elif market and product["mode"] == CONTINUOUS:
            price = product["low"]
        terms = f["tif"] | f["self_trade"] << 8 | f["area"] << 16 | market << 24
        return {
            "account": c.actor,
            "product": f["product"],
            "side": f["side"],
            "price": price,
            "quantity": f["quantity_wh"],
            "remaining": f["quantity_wh"],
            "lot": f["lot"] if f["side"] == SELL else NOBODY,
            "state": OPEN,
            "position": len(self.log),
            "arrival": 0,
            "value": 0,
            "terms": terms,
            "expires": f["expires_ms"],
            "min": f["min_quantity_wh"],
            "display": f["display_wh"],
            "group": f["session"],
        }

    def limit_and_cover(self, order: Row, now: int) -> tuple[int, int]:
        """The limit an order gets and the Wh that cash must cover: a market buy's at the worst price it reaches."""
        product = self.products[order["product"]]
        at_once = product["state"] == OPEN and product["mode"] == CONTINUOUS
        if order["terms"] >> 24 & 255 and order["side"] == BUY and at_once:
            found, worst = self.reach(order, order["price"], now)
            return (worst, found) if found else (order["price"], 0)
        return order["price"], order["quantity"]

    def do_place_order(self, c, f, now):
        product = self.products[f["product"]]
        order = self.draft(c, f)
        order["price"], _ = self.limit_and_cover(order, now)
        row = len(self.orders)
        if f["side"] == BUY:
            self.accounts[c.actor]["held"] += order["price"] * order["quantity"]
        else:
            order["lot"] = self.take(f["lot"], f["start"], f["start"] + f["quantity_wh"])
            self.move(order["lot"], RESERVED, now)
            self.lots[order["lot"]]["ref"] = row
        self.orders.append(order)
        self.order_of[c.identity] = row
        product["open_orders"] += 1
        if product["state"] == OPEN:
            self.enter(row, now)
        else:
            self.wait(row)
        return row, order["quantity"] - order["remaining"]

    def wait(self, row: int) -> None:
        if self.orders[row]["state"] != QUEUED:
            self.arrivals += 1
            self.orders[row].update(state=QUEUED, arrival=self.arrivals)

    def enter(self, row: int, now: int) -> None:
        """Trade, then rest, end, or wait for capacity."""
        order = self.orders[row]
        product = self.products[order["product"]]
        goes_on = self.trade(row, now) if product["mode"] == CONTINUOUS else True
        if order["remaining"] and product["state"] == ASKING:
            self.wait(row)
        elif not order["remaining"] or not goes_on or order["terms"] & 255 in (IOC, FOK):
            self.end(row, now, booked=False)
        else:
            self.arrivals += 1
            order.update(min=0, state=OPEN, arrival=self.arrivals)
            self.show(order)

    def is_local(self, order: Row) -> bool:
        return order["terms"] & 255 == FOK or order["min"] > 0 or bool(order["terms"] >> 24 & 255)

    def may_meet(self, order: Row, other: Row) -> bool:
        if self.products[order["product"]]["area"] != 0:
            return True
        buy, sell = (order, other) if order["side"] == BUY else (other, order)
        areas = self.area_of(sell), self.area_of(buy)
        if areas[0] == areas[1]:
            return True
        return not self.is_local(order) and not self.blocked(order["product"], *areas)

    def met(self, order: Row, limit: int, now: int) -> list[int]:
        """Resting orders an order may trade with now, in the order in which it meets them."""
        buying = order["side"] == BUY
        found = []
        for row in self.resting(order["product"], SELL if buying else BUY):
            other = self.orders[row]
            if (other["price"] > limit if buying else other["price"] < limit) or not self.may_meet(order, other):
                continue
            if not (buying and self.is_expired(self.lots[other["lot"]], now)):
                found.append(row)
        return found

    def would_meet(self, order: Row | int, now: int) -> bool:
        order = self.orders[order] if isinstance(order, int) else order
        return bool(self.met(order, order["price"], now))

    def reach(self, order: Row, limit: int, now: int) -> tuple[int, int]:
        """(Wh, worst price) that would trade at once: found by playing it, slice by slice, up to its own order."""
        left = [dict(self.orders[row], row=row) for row in self.met(order, limit, now)]
        wanted, worst = order["quantity"], 0
        while wanted and left:
            other = left.pop(0)
            if other["account"] == order["account"]:
                if order["terms"] >> 8 & 255 == OLDEST:
                    continue
                break
            part = min(wanted, self.shown(other))
            wanted -= part
            worst = other["price"]
            other["remaining"] -= part
            if other["remaining"]:  # the next slice goes behind its level
                behind = [i for i, one in enumerate(left) if one["price"] == other["price"]]
                left.insert(behind[-1] + 1 if behind else 0, other)
        return order["quantity"] - wanted, worst

    def trade(self, row: int, now: int) -> bool:
        """Trade with the book at the price of the order entered earlier (J37); whether the rest may go on."""
        order = self.orders[row]
        buying = order["side"] == BUY
        while order["remaining"]:
            self.drop_expired(order, now)
            met = self.met(order, order["price"], now)
            if not met:
                return True
            other = self.orders[met[0]]
            if other["account"] == order["account"]:
                if not self.prevent(row, met[0], now):
                    return False
                continue
            buy, sell = (row, met[0]) if buying else (met[0], row)
            if self.products[order["product"]]["area"] == 0 and self.area_of(order) != self.area_of(other):
                self.ask(order["product"], buy, sell, min(order["remaining"], self.shown(other)))
                return True
            self.fill(buy, sell, other["price"], min(order["remaining"], self.shown(other)), now)
            self.after_fill(met[0], now)
        return True

    def drop_expired(self, order: Row, now: int) -> None:
        """What has expired ends when a buy comes to it: before the first order it may trade with."""
        if order["side"] != BUY:
            return
        for row in self.resting(order["product"], SELL):
            other = self.orders[row]
            if other["price"] > order["price"]:
                return
            if self.is_expired(self.lots[other["lot"]], now):
                self.end(row, now)
            elif self.may_meet(order, other):
                return

    def prevent(self, row: int, other: int, now: int) -> bool:
        """Self-trade prevention; whether the new order may go on."""
        order, its = self.orders[row], self.orders[other]
        mode = order["terms"] >> 8 & 255
        if mode == NEWEST:
            return False
        if mode in (OLDEST, BOTH):
            self.end(other, now)
            return mode == OLDEST
        wh = min(order["remaining"], its["remaining"])
        if wh == its["remaining"]:
            self.end(other, now)
        else:
            self.reduce(other, wh, now)
            self.show(its)
        if wh == order["remaining"]:
            return False
        self.reduce(row, wh, now)
        return True

    def reduce(self, row: int, wh: int, now: int) -> None:
        order = self.orders[row]
        order["quantity"] -= wh
        order["remaining"] -= wh
        if order["side"] == BUY:
            self.accounts[order["account"]]["held"] -= order["price"] * wh
            return
        last = self.lots[order["lot"]]["end"]
        freed = self.take(order["lot"], last - wh, last)
        self.move(freed, HELD, now)
        self.lots[freed]["ref"] = NOBODY

    def shown(self, order: Row) -> int:
        if not order["display"]:
            return order["remaining"]
        done = order["quantity"] - order["remaining"]
        return min((done // order["display"] + 1) * order["display"], order["quantity"]) - done

    def show(self, order: Row) -> None:
        """Note what an order's level shows now (J42); an auction is blind (J11)."""
        if self.products[order["product"]]["mode"] == CALL:
            return
        level = [self.orders[row] for row in self.resting(order["product"], order["side"])]
        level = [one for one in level if one["price"] == order["price"]]
        shown = sum(self.shown(one) for one in level)
        self.changes.append([order["product"], order["side"], order["price"], shown, len(level), len(self.log)])

    def resting(self, product: int, side: int) -> list[int]:
        """Open orders, best price first, then earliest (J37)."""
        rows = [
            row
            for row, order in enumerate(self.orders)
            if order["state"] == OPEN
            and order["product"] == product
            and order["side"] == side
            and order["arrival"]  # it is in the book
        ]
        return sorted(
            rows, key=lambda row: (self.orders[row]["price"] * (-1 if side == BUY else 1), self.orders[row]["arrival"])
        )

    def fill(self, buy: int, sell: int, price: int, quantity: int, now: int) -> None:
        b, s = self.orders[buy], self.orders[sell]
        front = self.lots[s["lot"]]["start"]
        lot = self.take(s["lot"], front, front + quantity)
        self.move(lot, HELD, now)
        self.lots[lot].update(owner=b["account"], ref=NOBODY)
        buyer, seller = self.accounts[b["account"]], self.accounts[s["account"]]
        buyer["held"] -= b["price"] * quantity
        buyer["cash"] -= price * quantity
        seller["cash"] += price * quantity
        for order in (b, s):
            order["remaining"] -= quantity
            order["value"] += price * quantity
        product = self.products[b["product"]]
        product["last_price"] = price
        product["volume"] += quantity
        self.trades.append([b["product"], buy, sell, lot, quantity, price, len(self.log), now, self.lots[lot]["start"]])

    def after_fill(self, row: int, now: int) -> None:
        """A resting order that has traded: it ends, goes behind its level with the next slice, or keeps its place."""
        order = self.orders[row]
        done = order["quantity"] - order["remaining"]
        if not order["remaining"]:
            self.end(row, now)
        elif order["state"] == OPEN:
            if order["display"] and done % order["display"] == 0:
                self.arrivals += 1
                order["arrival"] = self.arrivals
            self.show(order)

    def end(self, row: int, now: int, *, booked: bool = True) -> None:
        order = self.orders[row]
        in_book = booked and order["state"] == OPEN
        if order["remaining"] == 0:
            order["state"] = FILLED
        else:
            order["state"] = CANCELLED
            if order["side"] == BUY:
                self.accounts[order["account"]]["held"] -= order["price"] * order["remaining"]
            else:
                self.move(order["lot"], HELD, now)
                self.lots[order["lot"]]["ref"] = NOBODY
        self.products[order["product"]]["open_orders"] -= 1
        if in_book:
            self.show(order)

    def is_candidate(self, row: int) -> bool:
        product = self.products[self.orders[row]["product"]]
        return product["state"] == ASKING and row in (product["ask_buy"], product["ask_sell"])

    def is_locked(self, row: int, now: int) -> bool:
        product = self.products[self.orders[row]["product"]]
        return product["mode"] == CALL and now >= product["closes"]

    def expire_orders(self, now: int) -> None:
        due = [
            (order["expires"], row)
            for row, order in enumerate(self.orders)
            if order["state"] in (OPEN, QUEUED) and 0 < order["expires"] <= now
        ]
        for _, row in sorted(due):
            if not self.is_candidate(row):
                self.end(row, now)

    def check_cancel(self, c, f, now):
        row = self.order_of.get((f["target_id_low"], f["target_id_high"]))
        if row is None:
            return {Out.UNKNOWN_ORDER}
        broken = set()
        if self.orders[row]["account"] != c.actor and not self.is_operator(c.actor):
            broken.add(Out.NOT_OWNER)
        if self.orders[row]["state"] not in (OPEN, QUEUED):
            broken.add(Out.ORDER_NOT_OPEN)
        if self.is_candidate(row):
            broken.add(Out.ORDER_IS_CANDIDATE)
        if self.is_locked(row, now):
            broken.add(Out.AUCTION_LOCKED)
        return broken

    def do_cancel(self, c, f, now):
        row = self.order_of[f["target_id_low"], f["target_id_high"]]
        self.end(row, now)
        return row, self.orders[row]["remaining"]

    def check_cancel_all(self, c, f, now):
        broken = set()
        if f["account"] != c.actor and not self.is_operator(c.actor):
            broken.add(Out.NOT_OWNER)
        if not self.has("accounts", f["account"]):
            broken.add(Out.UNKNOWN_ACCOUNT)
        if not -1 <= f["product"] < len(self.products):
            broken.add(Out.UNKNOWN_PRODUCT)
        return broken

    def do_cancel_all(self, c, f, now):
        count = wh = 0
        for row in reversed(range(len(self.orders))):
            order = self.orders[row]
            mine = order["account"] == f["account"] and order["state"] in (OPEN, QUEUED)
            wanted = f["product"] in (-1, order["product"]) and f["session"] in (0, order["group"])
            if mine and wanted and not self.is_candidate(row) and not self.is_locked(row, now):
                count, wh = count + 1, wh + order["remaining"]
                self.end(row, now)
        return count, wh

    def check_amend(self, c, f, now):
        broken = set()
        price, quantity = f["price_sen_per_kwh"], f["quantity_wh"]
        if quantity <= 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        if quantity > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        row = self.order_of.get((f["target_id_low"], f["target_id_high"]))
        if row is None:
            return broken | {Out.UNKNOWN_ORDER}
        order = self.orders[row]
        product = self.products[order["product"]]
        market, buying = bool(order["terms"] >> 24 & 255), order["side"] == BUY
        done = order["quantity"] - order["remaining"]
        more = quantity - order["quantity"]
        if not 0 <= price <= 99_900:
            broken.add(Out.PRICE_OUT_OF_RANGE)
        if order["account"] != c.actor:
            return broken | {Out.NOT_OWNER}  # what an order hides is asked of its owner only
        if market != (price == 0):
            broken.add(Out.PRICE_OUT_OF_RANGE)
        if order["display"] and not quantity <= 20 * order["display"] <= 20 * quantity:
            broken.add(Out.DISPLAY_INVALID)
        if not buying and order["state"] in (OPEN, QUEUED) and self.is_expired(self.lots[order["lot"]], now):
            broken.add(Out.LOT_EXPIRED)
        if product["state"] == CLOSED or now >= product["closes"]:
            broken.add(Out.PRODUCT_CLOSED)
        if product["state"] in (HALTED, ASKING):
            broken.add(Out.PRODUCT_HALTED)
        if order["state"] not in (OPEN, QUEUED):
            broken.add(Out.ORDER_NOT_OPEN)
        if not self.inside(product, price):
            broken.add(Out.PRICE_OUTSIDE_COLLAR)
        if buying and more > 0 and not self.within_position(c.actor, order["product"], more):
            broken.add(Out.POSITION_LIMIT)
        if quantity <= done:
            broken.add(Out.BELOW_FILLED)
        if not buying and more > 0:
            broken.add(Out.ABOVE_RESERVED)
        if broken:
            return broken
        limit = order["price"] if market else price
        if order["terms"] & 255 == POST_ONLY and self.met(order, limit, now):
            broken.add(Out.WOULD_TRADE)
        needed = limit * (quantity - done) - order["price"] * order["remaining"]
        if buying and needed > 0 and self.free_cash(c.actor) < needed:
            broken.add(Out.INSUFFICIENT_CASH)
        return broken

    def do_amend(self, c, f, now):
        row = self.order_of[f["target_id_low"], f["target_id_high"]]
        order = self.orders[row]
        price = order["price"] if order["terms"] >> 24 & 255 else f["price_sen_per_kwh"]
        less = order["quantity"] - f["quantity_wh"]
        stays = price == order["price"] and less >= 0
        if not stays:
            order["arrival"] = 0
            self.show(order)
        if less > 0:
            self.reduce(row, less, now)
        elif less < 0:
            self.accounts[c.actor]["held"] -= order["price"] * less
            order["quantity"] -= less
            order["remaining"] -= less
        done = order["quantity"] - order["remaining"]
        if stays:
            self.show(order)
        else:
            if order["side"] == BUY:
                self.accounts[c.actor]["held"] += (price - order["price"]) * order["remaining"]
            order["price"] = price
            self.enter(row, now)
        return row, order["quantity"] - order["remaining"] - done

    def check_clear_auction(self, c, f, now):
        if not self.has("products", f["product"]):
            return {Out.UNKNOWN_PRODUCT}
        product = self.products[f["product"]]
        broken = set()
        if product["state"] == CLOSED:
            broken.add(Out.PRODUCT_CLOSED)
        if product["mode"] != CALL:
            broken.add(Out.WRONG_MODE)
        if product["state"] in (HALTED, ASKING):
            broken.add(Out.PRODUCT_HALTED)
        if now < product["closes"]:
            broken.add(Out.GATE_NOT_CLOSED)
        if product["state"] == PRICED or product["open_slots"]:
            broken.add(Out.CLEARS_TOGETHER)
        return broken

    def do_clear_auction(self, c, f, now):
        product = self.products[f["product"]]
        for row in self.resting(f["product"], SELL):
            if self.is_expired(self.lots[self.orders[row]["lot"]], now):
                self.end(row, now)
        sells, buys = self.resting(f["product"], SELL), self.resting(f["product"], BUY)
        books = [[(self.orders[row]["price"], self.orders[row]["remaining"]) for row in rows] for rows in (sells, buys)]
        market = tuple(
            {i for i, row in enumerate(rows) if self.orders[row]["terms"] >> 24 & 255} for rows in (sells, buys)
        )
        price, total, sold, bought = auction.clear(*books, market, high=0)
        price = price and max(price, product["low"])  # where market sells alone would set it
        left = dict(zip(buys, bought, strict=True))
        for sell, accepted in zip(sells, sold, strict=True):
            unsold = accepted
            while unsold:
                buy = next(row for row in buys if left[row])
                part = min(unsold, left[buy])
                self.fill(buy, sell, price, part, now)
                left[buy] -= part
                unsold -= part
        for row in sells + buys:
            self.end(row, now)
        product["state"] = 2
        return price or 0, total

    # ------------------------------------------------------------------------------------- records

    def check_bulk_root(self, c, f, now):
        broken = set()
        if f["bulk_kind"] not in range(1, 9):
            broken.add(Out.BULK_KIND_INVALID)
        if not 0 <= f["period_start_s"] <= MAX_S or not 0 <= f["duration_s"] <= MAX_S:
            broken.add(Out.TIME_INVALID)
        if f["rows"] < 0:
            broken.add(Out.ROWS_INVALID)
        if f["total_wh"] < 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        return broken

    def do_bulk_root(self, c, f, now):
        self.bulks.append({**f, "position": len(self.log), "root": c.words[8:12]})
        return len(self.bulks) - 1, 0

    def check_state_hash(self, c, f, now):
        return set()

    def do_state_hash(self, c, f, now):
        return None

    # -------------------------------------------------------------------------------------- tables

    def tables(self) -> dict[str, list[list[int]]]:
        """Rows as the engine lays them out (`layout.py`); every dictionary above is in that order."""
        bulks = [
            [b["bulk_kind"], b["rows"], b["total_wh"], b["period_start_s"], b["duration_s"], b["position"], *b["root"]]
            for b in self.bulks
        ]
        flat = {
            name: [flatten(row) for row in getattr(self, name)]
            for name in ("accounts", "devices", "meter_keys", "bundles", "lots", "orders", "products", "keys", "blocks")
        }
        return flat | {"bulks": bulks}

    def bank(self) -> list[int]:
        return [self.forward, self.stored, self.stress, self.outstanding, self.arrivals]


def flatten(row: Row) -> list[int]:
    found: list[int] = []
    for value in row.values():
        found.extend(value if isinstance(value, list) else [value])
    return found
