"""The bank's rules: three kinds without a way back (K1, K2), redemption fixed at deposit (K3), cover (K4, L9)."""

import pytest

from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.engine import layout as e
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.engine.outcomes import Outcome
from wattmark.tokens import layout as k

ALICE, BOB = 3, 4
YEAR_S = 365 * DAY


def world(*, forward: int = 10**6, stored: int = 0, stress: int = 25_100) -> SmallWorld:
    """Alice owns one lot of 1 MWh of the period that has just ended."""
    w = SmallWorld()
    w.at(NOW_S)
    w.account("alice", 6, cash=10**8)
    w.account("bob", 6, cash=10**8)
    w.do(Kind.SET_COVER, forward_wh=forward, stored_wh=stored, stress_price_sen=stress)
    device = w.device("sun", ALICE, 1, capacity_w=10**7)
    assert w.issue(device, 10**6, NOW_S - SLOT) == 0
    return w


def bank(start: int, end: int, **changes: int) -> dict[str, int]:
    return {"lot": 0, "start": start, "end": end, "rule": 1, "redeem_until_s": NOW_S + DAY} | changes


def redeem(lot: int, start: int, end: int, period_s: int, **changes: int) -> dict[str, int]:
    fields = {"lot": lot, "start": start, "end": end, "beneficiary_account": ALICE, "claim": 2}
    return fields | {"period_start_s": period_s, "duration_s": SLOT} | changes


def outstanding(w: SmallWorld) -> int:
    return int(w.state.header[e.H_OUTSTANDING_WH])


COVER = """
forward  stored  collateral_e5jpy  stress_sen | cover_wh
      0       0                 0      25100  |       0
 200000   95000                 0      25100  |  295000
 200000   95000         500000000      25100  |  314920   # K4: C buys 19,920 Wh
 200000   95000         500000000       1000  |  795000   # K4: 2.208 x 360,000
 200000   95000        1631508000      25100  |  360000   # K4: exactly 1
 200000   95000        1631500000      25100  |  360000   # the fraction of a Wh above buys nothing
 200000   95000        1631499999      25100  |  359999
      0       0             25099      25100  |       0
      0       0             25100      25100  |       1
      0       0                99          1  |      99
"""


@pytest.mark.parametrize("line", COVER.strip().splitlines()[1:])
def test_deposits_stop_exactly_where_the_cover_ends(line: str) -> None:
    figures, cover = line.split("#", maxsplit=1)[0].split("|")
    forward, stored, collateral, stress = map(int, figures.split())
    w = world(forward=forward, stored=stored, stress=stress)
    if collateral:
        w.do(Kind.DEPOSIT, account=e.COLLATERAL, amount_e5jpy=collateral)
    limit = int(cover)
    assert w.refused(Kind.BANK, ALICE, **bank(0, limit + 1)) is Outcome.COVER_SHORT
    if limit:
        w.do(Kind.BANK, ALICE, **bank(0, limit))
    w.names["now"] += 1
    assert w.refused(Kind.BANK, ALICE, **bank(limit, limit + 1)) is Outcome.COVER_SHORT
    assert outstanding(w) == limit
    assert audit_state(w.state) == []


def test_cover_comes_free_when_claims_are_used_or_lapse() -> None:
    w = world(forward=300)
    claim, _ = w.do(Kind.BANK, ALICE, **bank(0, 300))
    w.at(NOW_S + 2 * SLOT)
    assert w.refused(Kind.BANK, ALICE, **bank(300, 301)) is Outcome.COVER_SHORT
    w.do(Kind.RETIRE, ALICE, **redeem(claim, 0, 100, NOW_S))
    assert outstanding(w) == 200
    w.do(Kind.BANK, ALICE, **bank(300, 400))
    w.at(NOW_S + DAY)
    w.do(Kind.EXPIRE, lot=claim)
    assert outstanding(w) == 100
    assert audit_state(w.state) == []


def test_no_cover_is_no_bank() -> None:
    """A fresh platform has none (unbacked banking is a debt, L9)."""
    w = SmallWorld()
    w.at(NOW_S)
    w.account("alice", 6)
    w.issue(w.device("sun", ALICE, 1), 10, NOW_S - SLOT)
    assert w.refused(Kind.BANK, ALICE, **bank(0, 1)) is Outcome.COVER_SHORT


def test_cover_lowered_below_the_claims_stops_deposits_and_takes_nothing_away() -> None:
    w = world(forward=500)
    w.do(Kind.BANK, ALICE, **bank(0, 500))
    w.do(Kind.SET_COVER, forward_wh=100, stored_wh=0, stress_price_sen=25_100)
    assert w.refused(Kind.BANK, ALICE, **bank(500, 501)) is Outcome.COVER_SHORT
    assert outstanding(w) == 500
    assert audit_state(w.state) == []


WINDOW = """
after the period | outcome
0                | OK
172800000        | OK                   # two days, to the millisecond
172800001        | BANK_WINDOW_CLOSED
"""


@pytest.mark.parametrize("line", WINDOW.strip().splitlines()[1:])
def test_a_token_is_banked_while_its_energy_can_still_be_sold_for_its_slot(line: str) -> None:
    after_ms, outcome = line.split("#", maxsplit=1)[0].split("|")
    w = world()
    w.names["now"] = NOW_S * 1000 + int(after_ms)
    fields = bank(0, 10, redeem_until_s=NOW_S + 9 * DAY)
    if outcome.strip() == "OK":
        w.do(Kind.BANK, ALICE, **fields)
    else:
        assert w.refused(Kind.BANK, ALICE, **fields).name == outcome.strip()


REDEEM = """
deposited  redeem until  period begins  used at  | outcome
0          86400         0              1800000  | OK                # begins with the deposit
1          86400         0              1800000  | REDEEM_TOO_EARLY  # began a millisecond before it
1          86400         1800           3600000  | OK
0          86400         -1800          1800000  | REDEEM_TOO_EARLY  # the slot just measured: a look-back
0          86400         1800           3599999  | PERIOD_NOT_OVER
0          3600          1800           3600000  | OK                # ends with the date, settled after it
0          3600          1800           9999999  | OK
0          3599          1800           3600000  | REDEEM_TOO_LATE
0          3600          3600           9999999  | REDEEM_TOO_LATE
"""
"""Seconds after NOW_S; deposit and use in milliseconds after it."""


@pytest.mark.parametrize("line", REDEEM.strip().splitlines()[1:])
def test_which_periods_a_claim_reaches_is_fixed_at_its_deposit(line: str) -> None:
    figures, outcome = line.split("#", maxsplit=1)[0].split("|")
    deposited, until, begins, used = map(int, figures.split())
    w = world()
    w.names["now"] = NOW_S * 1000 + deposited
    claim, _ = w.do(Kind.BANK, ALICE, **bank(0, 100, redeem_until_s=NOW_S + until))
    w.names["now"] = NOW_S * 1000 + used
    fields = redeem(claim, 0, 50, NOW_S + begins)
    if outcome.strip() == "OK":
        taken, _ = w.do(Kind.RETIRE, ALICE, **fields)
        assert w.state.lots[taken, [k.L_STATE, k.L_CLAIM, k.L_CLAIM_PERIOD_S]].tolist() == [3, 2, NOW_S + begins]
    else:
        assert w.refused(Kind.RETIRE, ALICE, **fields).name == outcome.strip()


KINDS = """
kind of lot  | same slot       banked          certificate     | bank again     withdraw       | sold as
generation   | OK              KIND_MISMATCH   OK              | OK             OK             | period certificates
claim        | KIND_MISMATCH   OK              KIND_MISMATCH   | KIND_MISMATCH  KIND_MISMATCH  | banked
storage      | OK              KIND_MISMATCH   OK              | KIND_MISMATCH  OK             | period certificates
"""


@pytest.mark.parametrize("line", KINDS.strip().splitlines()[1:])
def test_the_three_kinds_are_kept_apart(line: str) -> None:
    """K1: a claim carries energy and no attribute; a certificate never energy; a discharge both at its time."""
    kind, claims, moves, markets = (part.split() for part in line.split("|"))
    w = world()
    lot, start = 0, 0
    if kind == ["claim"]:
        lot, _ = w.do(Kind.BANK, ALICE, **bank(0, 500))
    if kind == ["storage"]:
        lot = w.issue(w.device("battery", ALICE, 6), 500, NOW_S - SLOT)
    span = {"lot": lot, "start": start, "end": start + 100}
    w.at(NOW_S + SLOT)
    periods = {1: (NOW_S - SLOT, SLOT), 2: (NOW_S, SLOT), 3: (0, 0)}
    wishes = [
        (Kind.RETIRE, span | {"beneficiary_account": BOB, "claim": claim, "period_start_s": at, "duration_s": length})
        for claim, (at, length) in periods.items()
    ]
    wishes.append((Kind.BANK, span | {"rule": 1, "redeem_until_s": NOW_S + DAY}))
    wishes.append((Kind.WITHDRAW, span | {"reason": 1}))
    for (wish, fields), expected in zip(wishes, claims + moves, strict=True):
        actor = 0 if wish is Kind.WITHDRAW else ALICE
        copy = w.copy()
        if expected == "OK":
            copy.do(wish, actor, **fields)
        else:
            assert copy.refused(wish, actor, **fields).name == expected
    year = {"period_start_s": NOW_S - DAY, "duration_s": YEAR_S}
    products = {
        "period": w.product("period", lot),
        "banked": w.product("banked", lot, scope=1, **year),
        "certificates": w.product("certificates", lot, scope=2, **year),
    }
    for name, product in products.items():
        copy = w.copy()
        if name in markets:
            copy.sell("order", ALICE, 100, product, lot, 100)
        else:
            fields = {"product": product, "side": 2, "price_sen_per_kwh": 100, "quantity_wh": 100, "tif": 0}
            refused = copy.refused(Kind.PLACE_ORDER, ALICE, lot=lot, start=start, **fields)
            assert refused is Outcome.PRODUCT_MISMATCH


def test_a_claim_keeps_its_terms_through_split_transfer_and_trade() -> None:
    w = world()
    claim, _ = w.do(Kind.BANK, ALICE, **bank(0, 100, rule=9))
    terms = w.state.lots[claim, [k.L_KIND, k.L_RULE, k.L_FROM_S, k.L_UNTIL_S]].tolist()
    assert terms == [k.ENERGY_CLAIM, 9, NOW_S, NOW_S + DAY]
    w.names["now"] += 12_345
    part, _ = w.do(Kind.SPLIT, ALICE, lot=claim, start=40, end=60)
    given, _ = w.do(Kind.TRANSFER, ALICE, lot=part, start=40, end=50, to_account=BOB)
    product = w.product("banked", claim, scope=1, period_start_s=NOW_S - DAY, duration_s=YEAR_S)
    w.sell("ask", BOB, 100, product, given)
    w.order("bid", ALICE, 1, 100, 5, product)
    for lot in range(len(w.state.lots)):
        if w.state.lots[lot, k.L_KIND] == k.ENERGY_CLAIM:
            assert w.state.lots[lot, [k.L_KIND, k.L_RULE, k.L_FROM_S, k.L_UNTIL_S]].tolist() == terms
    assert outstanding(w) == 100
    assert audit_state(w.state) == []


def test_past_its_slot_a_token_serves_only_its_own_slot_or_as_a_certificate() -> None:
    """K2: no retirement of generation names another period of consumption."""
    w = world()
    w.at(NOW_S + DAY)
    for period in (NOW_S - 2 * SLOT, NOW_S, NOW_S + SLOT):
        refused = w.refused(Kind.RETIRE, ALICE, **redeem(0, 0, 10, period, claim=1))
        assert refused is Outcome.PERIOD_MISMATCH
    w.do(Kind.RETIRE, ALICE, **redeem(0, 0, 10, NOW_S - SLOT, claim=1))
