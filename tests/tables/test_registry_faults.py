"""Faults that were proved on other registries, each as a test of its own (tokens reference, section 3).

The figures are those of the report: 8,919,000 Wh split by 25; 8,942,757 Wh spent twice.
"""

import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from reference.log_home import LogHome
from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.core.ids import derive_id
from wattmark.engine import layout as e
from wattmark.engine.audit import audit_state
from wattmark.engine.batch import decode_batch, leaf_entries
from wattmark.engine.commands import Kind, Words, command, payload_hash, stack
from wattmark.engine.outcomes import Outcome
from wattmark.ledger.merkle import MerkleTree, leaf_hash
from wattmark.ledger.proof import verify_log_proof
from wattmark.tokens import layout as k
from wattmark.tokens.lot import Bundle, Lot

ALICE, BOB, EVE = 3, 4, 5


def registry(quantity: int) -> SmallWorld:
    """Lot 0: so many Wh of alice's."""
    w = SmallWorld()
    w.at(NOW_S)
    for name in ("alice", "bob", "eve"):
        w.account(name, 6, cash=10**12)
    w.do(Kind.SET_COVER, forward_wh=10**9, stored_wh=0, stress_price_sen=1)
    w.device("plant", ALICE, 2, capacity_w=10**9, register_open_wh=123_456)
    w.issue(0, quantity, NOW_S - SLOT)
    return w


def lots(w: SmallWorld) -> list[Lot]:
    return [Lot.from_row(row, w.state.lots[row]) for row in range(len(w.state.lots))]


# ------------------------------------------------------------------------------------ 1 split off by one


def assert_ids_match_quantities(w: SmallWorld) -> None:
    """Every lot has as many EnergyTag ids as Wh; together they are the bundle's, once each."""
    by_bundle: dict[int, list[tuple[int, int]]] = {}
    for lot in lots(w):
        bundle = Bundle.from_row(lot.bundle, w.state.bundles[lot.bundle])
        first, last = bundle.energytag_range(lot.start, lot.end)
        assert last - first + 1 == lot.quantity_wh > 0
        by_bundle.setdefault(lot.bundle, []).append((first, last))
    for row, ranges in by_bundle.items():
        bundle = Bundle.from_row(row, w.state.bundles[row])
        expected = bundle.reg_from_wh + 1
        for first, last in sorted(ranges):
            assert first == expected
            expected = last + 1
        assert expected == bundle.reg_to_wh + 1
    assert audit_state(w.state) == []


def test_fault_1_split_off_by_one() -> None:
    w = registry(8_919_000)
    child, _ = w.do(Kind.SPLIT, ALICE, lot=0, start=0, end=25)
    assert sorted(lot.quantity_wh for lot in lots(w)) == [25, 8_918_975]
    assert lots(w)[child].quantity_wh == 25
    bundle = Bundle.from_row(0, w.state.bundles[0])
    assert bundle.energytag_range(0, 25) == (123_457, 123_481)
    assert bundle.energytag_range(25, 8_919_000) == (123_482, 123_456 + 8_919_000)
    assert_ids_match_quantities(w)


def test_fault_1_holds_for_every_command_that_cuts_and_for_trades() -> None:
    w = registry(1_000)
    w.do(Kind.SPLIT, ALICE, lot=0, start=999, end=1_000)
    w.do(Kind.TRANSFER, ALICE, lot=0, start=10, end=11, to_account=BOB)
    w.do(Kind.RESERVE, ALICE, lot=0, start=0, end=1, timeout_ms=w.names["now"] + 1)
    right = next(lot.lot for lot in lots(w) if (lot.start, lot.end) == (11, 999))
    w.do(Kind.BANK, ALICE, lot=right, start=500, end=600, rule=1, redeem_until_s=NOW_S + DAY)
    w.do(Kind.WITHDRAW, lot=right, start=11, end=12, reason=1)
    left = next(lot.lot for lot in lots(w) if (lot.start, lot.end) == (12, 500))
    certificate = {"beneficiary_account": BOB, "claim": 3, "period_start_s": 0, "duration_s": 0}
    w.do(Kind.RETIRE, ALICE, lot=left, start=13, end=14, **certificate)
    rest = next(lot.lot for lot in lots(w) if (lot.start, lot.end) == (14, 500))
    product = w.product("zaraba", rest)
    w.sell("ask", ALICE, 10, product, rest, 101)
    for number, quantity in enumerate((1, 99, 1)):
        w.order(f"bid{number}", BOB, 1, 10, quantity, product)
    assert_ids_match_quantities(w)
    assert sum(lot.quantity_wh for lot in lots(w)) == 1_000


# ---------------------------------------------------------------------------------------- 2 resurrection


def test_fault_2_resurrection() -> None:
    """Cancel, claim, reserve, cancel, claim: the second use, and every way back, is refused."""
    w = registry(100)
    whole = {"lot": 0, "start": 0, "end": 100}
    claim = {"beneficiary_account": BOB, "claim": 1, "period_start_s": NOW_S - SLOT, "duration_s": SLOT}
    w.do(Kind.RETIRE, ALICE, **whole, **claim)
    product = w.product("zaraba", 0)
    attempts: list[tuple[Kind, int, dict[str, int], Outcome]] = [
        (Kind.RESERVE, ALICE, whole | {"timeout_ms": w.names["now"] + 1}, Outcome.LOT_NOT_HELD),
        (Kind.RELEASE, ALICE, {"lot": 0}, Outcome.LOT_NOT_RESERVED),
        (Kind.RELEASE, 0, {"lot": 0}, Outcome.LOT_NOT_RESERVED),
        (Kind.RETIRE, ALICE, whole | claim, Outcome.LOT_NOT_HELD),
        (Kind.RETIRE, 0, whole | claim | {"beneficiary_account": EVE}, Outcome.LOT_NOT_HELD),
        (Kind.RETIRE, ALICE, whole | claim | {"start": 99}, Outcome.LOT_NOT_HELD),
        (Kind.WITHDRAW, 0, whole | {"reason": 1}, Outcome.LOT_NOT_HELD),
        (Kind.SPLIT, ALICE, whole | {"end": 50}, Outcome.LOT_NOT_HELD),
        (Kind.TRANSFER, ALICE, whole | {"to_account": EVE}, Outcome.LOT_NOT_HELD),
        (Kind.BANK, ALICE, whole | {"rule": 1, "redeem_until_s": NOW_S + DAY}, Outcome.LOT_NOT_HELD),
        (Kind.EXPIRE, 0, {"lot": 0}, Outcome.LOT_NOT_HELD),
        (
            Kind.PLACE_ORDER,
            ALICE,
            {"product": product, "side": 2, "price_sen_per_kwh": 1, "quantity_wh": 100, "lot": 0, "start": 0, "tif": 0},
            Outcome.LOT_NOT_HELD,
        ),
    ]
    for kind, actor, fields, outcome in attempts:
        assert w.refused(kind, actor, **fields) is outcome, kind.name
    assert w.state.bundles[0, k.B_RETIRED_WH] == 100
    assert [lot.reference for lot in lots(w)] == [BOB]


# ------------------------------------------------------------------------------------------- 3 theft


def test_fault_3_spending_anothers_bundle() -> None:
    """Eve names herself in every action on alice's tokens; the lot decides, not the request."""
    w = registry(100)
    whole = {"lot": 0, "start": 0, "end": 100}
    now = w.names["now"]
    product = w.product("zaraba", 0)
    reserved, _ = w.do(Kind.RESERVE, ALICE, lot=0, start=0, end=10, timeout_ms=now + 1)
    w.sell("ask", ALICE, 50, product, 0, 10)
    low, high = w.names["ask_low"], w.names["ask_high"]
    whole |= {"start": 20}
    order = {"product": product, "side": 2, "price_sen_per_kwh": 1, "quantity_wh": 1, "start": 20, "tif": 0}
    certificate = {"beneficiary_account": EVE, "claim": 3, "period_start_s": 0, "duration_s": 0}
    payment = {"amount_e5jpy": 1, "reason": 1, "period_start_s": 0, "duration_s": 0}
    thefts: list[tuple[Kind, dict[str, int], Outcome]] = [
        (Kind.TRANSFER, whole | {"to_account": EVE}, Outcome.NOT_OWNER),
        (Kind.TRANSFER, whole | {"to_account": BOB}, Outcome.NOT_OWNER),
        (Kind.SPLIT, whole, Outcome.NOT_OWNER),
        (Kind.RESERVE, whole | {"timeout_ms": now + 1}, Outcome.NOT_OWNER),
        (Kind.RELEASE, {"lot": reserved}, Outcome.NOT_OWNER),
        (Kind.RETIRE, whole | certificate, Outcome.NOT_OWNER),
        (Kind.BANK, whole | {"rule": 1, "redeem_until_s": NOW_S + DAY}, Outcome.NOT_OWNER),
        (Kind.PLACE_ORDER, order | {"lot": 0}, Outcome.NOT_OWNER),
        (Kind.CANCEL, {"target_id_low": low, "target_id_high": high}, Outcome.NOT_OWNER),
        (Kind.PAY, payment | {"from_account": ALICE, "to_account": EVE}, Outcome.NOT_OWNER),
        (Kind.WITHDRAW, whole | {"reason": 1}, Outcome.NOT_AUTHORISED),
        (Kind.EXPIRE, {"lot": 0}, Outcome.NOT_AUTHORISED),
        (Kind.DEPOSIT, {"account": EVE, "amount_e5jpy": 1}, Outcome.NOT_AUTHORISED),
        (Kind.PAYOUT, {"account": ALICE, "amount_e5jpy": 1}, Outcome.NOT_AUTHORISED),
        (Kind.CLOSE_PRODUCT, {"product": product}, Outcome.NOT_AUTHORISED),
    ]
    for kind, fields, outcome in thefts:
        assert w.refused(kind, EVE, **fields) is outcome, kind.name
    assert {lot.owner for lot in lots(w)} == {ALICE}


# ----------------------------------------------------------------------------------- 4 double spend


def operator(kind: Kind, name: str, **fields: int) -> Words:
    return command(kind, id=derive_id(name), actor=0, **fields)


def founded(folder: Path, quantity: int) -> LogHome:
    """A log on disk in which account 3 holds lot 0."""
    log = LogHome(folder)
    payload = b"{}"
    digest = payload_hash(payload)
    accounts = [
        command(
            Kind.OPEN_ACCOUNT,
            id=derive_id("account", row),
            actor=0,
            hash=digest,
            roles=6,
            credit_limit_e5jpy=0,
        )
        for row in (ALICE, BOB, EVE)
    ]
    device = command(
        Kind.REGISTER_DEVICE,
        id=derive_id("device"),
        actor=0,
        hash=digest,
        account=ALICE,
        area=3,
        source=2,
        capacity_w=10**9,
        channel_role=1,
        register_open_wh=0,
        resolution_s=SLOT,
        tier=3,
    )
    mint = command(
        Kind.ISSUE,
        id=derive_id("mint"),
        actor=0,
        hash=digest,
        device=0,
        period_start_s=NOW_S - SLOT,
        duration_s=SLOT,
        reg_from_wh=0,
        reg_to_wh=quantity,
        expiry_s=NOW_S + DAY,
        tier=3,
    )
    verdicts = log.submit(stack([*accounts, device, mint]), [payload], now_ms=NOW_S * 1000)
    assert (verdicts[:, 1] == Outcome.OK).all()
    return log


def test_fault_4_concurrent_double_spend(tmp_path: Path) -> None:
    """Two threads transfer parts of the same bundle at once, again and again: no Wh is spent twice."""
    quantity = 8_942_757
    log = founded(tmp_path, quantity)
    start = threading.Barrier(2)
    passed: dict[int, list[tuple[int, int]]] = {BOB: [], EVE: []}

    def spend(thief: int) -> None:
        start.wait()
        for attempt in range(60):
            first, last = attempt * 100_000, attempt * 100_000 + 150_000  # overlaps the next one too
            row = command(
                Kind.TRANSFER,
                id=derive_id("spend", thief, attempt),
                actor=ALICE,
                lot=0 if attempt == 0 else len(log.state.lots) - 1,
                start=first,
                end=last,
                to_account=thief,
            )
            verdict = log.submit(stack([row]), now_ms=NOW_S * 1000)[0]
            if verdict[1] == Outcome.OK:
                passed[thief].append((first, last))

    threads = [threading.Thread(target=spend, args=(thief,)) for thief in (BOB, EVE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = sorted(passed[BOB] + passed[EVE])
    assert spent
    assert all(before[1] <= after[0] for before, after in pairwise(spent))
    assert audit_state(log.state) == []
    table = log.state.lots
    live = table[:, k.L_END] - table[:, k.L_START]
    assert int(live.sum()) == quantity
    assert int(live[table[:, k.L_OWNER] != ALICE].sum()) == sum(end - first for first, end in spent)
    state_hash = log.state.state_hash()
    log.close()
    again = LogHome(tmp_path)
    assert again.state.state_hash() == state_hash
    again.close()


def test_fault_4_two_partial_transfers_of_one_whole(tmp_path: Path) -> None:
    """The reported case: both ask for parts that together are more than there is."""
    log = founded(tmp_path, 8_942_757)
    verdicts = []

    def spend(thief: int) -> None:
        row = command(
            Kind.TRANSFER,
            id=derive_id("spend", thief),
            actor=ALICE,
            lot=0,
            start=0,
            end=5_000_000,
            to_account=thief,
        )
        verdicts.append(int(log.submit(stack([row]), now_ms=NOW_S * 1000)[0, 1]))

    threads = [threading.Thread(target=spend, args=(thief,)) for thief in (BOB, EVE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == [Outcome.OK, Outcome.RANGE_NOT_IN_LOT]
    assert int((log.state.lots[:, k.L_END] - log.state.lots[:, k.L_START]).sum()) == 8_942_757
    log.close()


# --------------------------------------------------------------------------------- 5 broken lineage

RECOMPUTE = """
import hashlib, json, struct, sys
entries = [bytes.fromhex(line) for line in json.load(sys.stdin)]
level = [hashlib.sha256(b"\\x00" + entry).digest() for entry in entries]
def root(nodes):
    if len(nodes) == 1: return nodes[0]
    half = 1 << (len(nodes) - 1).bit_length() - 1
    return hashlib.sha256(b"\\x01" + root(nodes[:half]) + root(nodes[half:])).digest()
print(root(level).hex())
words = [struct.unpack("<22q", entry) for entry in entries]
print(sum(word[2] & 0xFFFF == 9 for word in words))
"""


def test_fault_5_lineage_hashes_hold_after_a_restart(tmp_path: Path) -> None:
    """The hash of every record is of its bytes, so it is the same after a reload, and for a stranger.

    The stranger is a program of its own that knows only SHA-256 and the layout.
    """
    log = founded(tmp_path, 1_000)
    for number in range(5):
        row = command(
            Kind.TRANSFER,
            id=derive_id("child", number),
            actor=ALICE,
            lot=0 if number == 0 else log.state.count("lots") - 1,
            start=100 * number + 50,
            end=100 * number + 100,
            to_account=BOB,
        )
        assert log.submit(stack([row]), now_ms=NOW_S * 1000)[0, 1] == Outcome.OK
    log.publish()
    before = [(record.entry, leaf_hash(record.entry)) for record in log.records(0, log.position)]
    log.close()

    again = LogHome(tmp_path)
    after = list(again.records(0, again.position))
    assert [(record.entry, leaf_hash(record.entry)) for record in after] == before
    for record in after:
        verify_log_proof(again.inclusion(record.position), leaf_hash(record.entry), again._keys.vkey)
    tree = MerkleTree()
    for frame in again.frames():
        tree.append([leaf_hash(entry.tobytes()) for entry in leaf_entries(decode_batch(frame.payload))])
    text = "[" + ",".join(f'"{record.entry.hex()}"' for record in after) + "]"
    told = subprocess.run(
        [sys.executable, "-I", "-c", RECOMPUTE], input=text, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [tree.root().hex(), "5"]
    again.close()


def test_fault_5_a_lot_can_be_traced_to_its_mint_by_the_records_alone(tmp_path: Path) -> None:
    """Which serials went where is in the commands and their results: replay them on paper."""
    w = registry(1_000)
    first, _ = w.do(Kind.TRANSFER, ALICE, lot=0, start=100, end=900, to_account=BOB)
    second, _ = w.do(Kind.TRANSFER, BOB, lot=first, start=300, end=400, to_account=EVE)
    w.do(
        Kind.RETIRE,
        EVE,
        lot=second,
        start=350,
        end=360,
        beneficiary_account=EVE,
        claim=3,
        period_start_s=0,
        duration_s=0,
    )
    spans: dict[int, tuple[int, int, int]] = {}  # lot -> owner, start, end; from records only
    rows = 0
    for made, verdict in w.model.log:
        if verdict[1] != Outcome.OK:
            continue
        if made.kind == Kind.ISSUE:
            spans[verdict[3]] = (ALICE, 0, made.words[7] - made.words[6])
            rows += 1
        if made.kind in (Kind.TRANSFER, Kind.RETIRE):
            lot, start, end = made.words[3:6]
            owner, lot_start, lot_end = spans[lot]
            new_owner = made.words[6] if made.kind == Kind.TRANSFER else owner
            if (start, end) == (lot_start, lot_end):
                spans[lot] = (new_owner, start, end)
                continue
            spans[verdict[2]] = (new_owner, start, end)
            rows += 1
            spans[lot] = (owner, end, lot_end) if start == lot_start else (owner, lot_start, start)
            if lot_start < start and end < lot_end:
                spans[verdict[2] + 1] = (owner, end, lot_end)
                rows += 1
    assert {lot.lot: (lot.owner, lot.start, lot.end) for lot in lots(w)} == spans
    assert rows == len(spans) == len(w.state.lots)


# --------------------------------------------------------------------------------- others, seen elsewhere


def test_overlapping_issue_is_refused() -> None:
    """One Wh is minted once, whatever the request is called: by period, by register, by another id."""
    w = registry(500)
    mint = {
        "device": 0,
        "period_start_s": NOW_S - SLOT,
        "duration_s": SLOT,
        "reg_from_wh": 123_456,
        "reg_to_wh": 123_956,
        "expiry_s": NOW_S + DAY,
        "tier": 3,
    }
    assert w.refused(Kind.ISSUE, **mint) is Outcome.PERIOD_OVERLAP
    w.at(NOW_S + SLOT)
    assert w.refused(Kind.ISSUE, **(mint | {"period_start_s": NOW_S})) is Outcome.REGISTER_OVERLAP
    partly = mint | {"period_start_s": NOW_S, "reg_from_wh": 123_955, "reg_to_wh": 124_000}
    assert w.refused(Kind.ISSUE, **partly) is Outcome.REGISTER_OVERLAP
    assert w.refused(Kind.ISSUE, **(mint | {"period_start_s": NOW_S - 2 * SLOT})) is Outcome.PERIOD_OVERLAP


def test_a_refused_mint_marks_nothing_as_certified() -> None:
    """The registers move with the mint or not at all: a failed one can be tried again, corrected."""
    w = registry(500)
    w.at(NOW_S + SLOT)
    mint = {
        "device": 0,
        "period_start_s": NOW_S,
        "duration_s": SLOT,
        "reg_from_wh": 123_956,
        "reg_to_wh": 2**40,
        "expiry_s": NOW_S + DAY,
        "tier": 3,
    }
    assert w.refused(Kind.ISSUE, **mint) is Outcome.ABOVE_CAPACITY
    assert w.refused(Kind.ISSUE, **(mint | {"reg_to_wh": 124_000, "expiry_s": NOW_S})) is Outcome.EXPIRY_INVALID
    w.do(Kind.ISSUE, **(mint | {"reg_to_wh": 124_000}))


def test_expiry_is_enforced_and_counts_once() -> None:
    w = registry(100)
    w.at(NOW_S + 365 * DAY)
    assert w.refused(Kind.TRANSFER, ALICE, lot=0, start=0, end=1, to_account=BOB) is Outcome.LOT_EXPIRED
    w.do(Kind.EXPIRE, lot=0)
    assert w.refused(Kind.EXPIRE, lot=0) is Outcome.LOT_NOT_HELD
    assert w.state.bundles[0, [k.B_ISSUED_WH, k.B_EXPIRED_WH, k.B_HELD_WH]].tolist() == [100, 100, 0]


def test_a_meter_correction_after_sale_takes_nothing_from_the_buyer() -> None:
    """Sold tokens cannot be withdrawn; those still with the producer can, serial by serial."""
    w = registry(100)
    sold, _ = w.do(Kind.TRANSFER, ALICE, lot=0, start=0, end=60, to_account=BOB)
    assert w.refused(Kind.WITHDRAW, lot=sold, start=0, end=60, reason=1) is Outcome.NOT_WITH_PRODUCER
    w.do(Kind.WITHDRAW, lot=0, start=60, end=80, reason=1)
    assert w.state.bundles[0, [k.B_HELD_WH, k.B_WITHDRAWN_WH]].tolist() == [80, 20]
    assert audit_state(w.state) == []


@pytest.mark.parametrize("accounts", [9, 12])
def test_credit_cannot_be_piled_up_until_cash_overflows(accounts: int) -> None:
    """Credit limits are bounded together: nobody's cash can leave 64 bits."""
    w = SmallWorld()
    w.at(NOW_S)
    rich = w.account("rich", 4)
    w.do(Kind.OPEN_ACCOUNT, roles=4, credit_limit_e5jpy=2**60 - 1)
    for _ in range(accounts):
        assert w.refused(Kind.OPEN_ACCOUNT, roles=4, credit_limit_e5jpy=2) is Outcome.AMOUNT_TOO_LARGE
    w.do(Kind.OPEN_ACCOUNT, roles=4, credit_limit_e5jpy=1)
    w.do(Kind.DEPOSIT, account=rich, amount_e5jpy=2**60)
    payment = {"to_account": rich, "reason": 1, "period_start_s": 0, "duration_s": 0}
    w.do(Kind.PAY, 4, from_account=4, amount_e5jpy=2**60 - 1, **payment)
    assert w.state.accounts[rich, e.A_CASH_E5] == 2**61 - 1
    assert audit_state(w.state) == []
