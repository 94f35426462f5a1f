"""Commands on tokens: issue, transfer, split, reserve, release, retire, expire, withdraw, bank.

Rows of ``t`` and words of ``c`` as in ``layout.py``; a handler changes nothing unless it returns ``OK``.
"""

import numba

from wattmark.engine import layout as e
from wattmark.tokens import layout as k
from wattmark.tokens.kernels import set_claim, set_owner, set_state, take_range


@numba.njit(cache=True, nogil=True, _nrt=False)
def lot_is_expired(t, lot, now):
    """Return whether a lot is past its date: that of its bank deposit (K5) or of its bundle."""
    if t.lots[lot, k.L_KIND] == k.ENERGY_CLAIM:
        return t.lots[lot, k.L_UNTIL_S] * e.MS_PER_S <= now
    return t.bundles[t.lots[lot, k.L_BUNDLE], k.B_EXPIRY_S] * e.MS_PER_S <= now


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_spend(t, lot, start, end, actor, operator_may, now):
    """Check that [start, end) of a lot may be spent: exists, range, owner, state, date; in that order."""
    if lot < 0 or lot >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    if start >= end:
        return e.RANGE_EMPTY
    owner = t.lots[lot, k.L_OWNER]
    if owner != actor and not (operator_may and t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR):
        return e.NOT_OWNER
    if t.lots[lot, k.L_STATE] != k.HELD:
        return e.LOT_NOT_HELD
    if start < t.lots[lot, k.L_START] or end > t.lots[lot, k.L_END]:
        return e.RANGE_NOT_IN_LOT
    if lot_is_expired(t, lot, now):
        return e.LOT_EXPIRED
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def cut(t, lot, start, end):
    """Take a checked range out of a lot; return its row."""
    taken, count = take_range(t.lots, t.header[e.H_N_LOTS], lot, start, end)
    t.header[e.H_N_LOTS] = count
    return taken


@numba.njit(cache=True, nogil=True, _nrt=False)
def issue(t, c, now, r):
    """Mint a bundle: its registers continue the device's register line without gap or overlap (L4)."""
    device, start, duration, reg_from, reg_to, expiry, tier = c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    withheld = (c[e.W_HEAD] >> e.FLAGS_SHIFT) & k.WITHHELD_FLAG
    if device < 0 or device >= t.header[e.H_N_DEVICES]:
        return e.UNKNOWN_DEVICE
    if tier < 0 or tier > 4:
        return e.TIER_INVALID
    if start < 0 or start > e.MAX_TIME_S or expiry < 0 or expiry > e.MAX_TIME_S:
        return e.TIME_INVALID
    if duration <= 0 or start % duration:
        return e.PERIOD_INVALID
    if reg_from < 0 or reg_to < reg_from or reg_to > e.MAX_QUANTITY_WH:
        return e.REGISTER_INVALID
    d = t.devices[device]
    if d[k.D_ROLE] != k.CHANNEL_PRODUCTION:
        return e.NOT_PRODUCTION
    if duration != d[k.D_RESOLUTION_S]:
        return e.DURATION_MISMATCH
    if (start + duration) * e.MS_PER_S > now:
        return e.PERIOD_NOT_OVER
    if start < d[k.D_PERIOD_NEXT_S]:
        return e.PERIOD_OVERLAP
    if reg_from < d[k.D_REG_NEXT_WH]:
        return e.REGISTER_OVERLAP
    if reg_from > d[k.D_REG_NEXT_WH]:
        return e.REGISTER_GAP
    quantity = reg_to - reg_from
    if quantity == 0:
        return e.NOTHING_MEASURED
    if not withheld and quantity * 3_600 * 100 > d[k.D_CAPACITY_W] * duration * k.CAPACITY_PERCENT:
        return e.ABOVE_CAPACITY
    if expiry <= start + duration:
        return e.EXPIRY_INVALID
    bundle = t.header[e.H_N_BUNDLES]
    t.header[e.H_N_BUNDLES] = bundle + 1
    d[k.D_REG_NEXT_WH] = reg_to
    d[k.D_PERIOD_NEXT_S] = start + duration
    b = t.bundles[bundle]
    b[k.B_DEVICE] = device
    b[k.B_PERIOD_S] = start
    b[k.B_DURATION_S] = duration
    b[k.B_REG_FROM_WH] = reg_from
    b[k.B_REG_TO_WH] = reg_to
    b[k.B_EXPIRY_S] = expiry
    b[k.B_TIER] = tier
    b[k.B_AREA] = d[k.D_AREA]
    b[k.B_SOURCE] = d[k.D_SOURCE]
    b[k.B_FLAGS] = withheld
    for word in range(4):
        b[k.B_EVIDENCE + word] = c[e.W_HASH + word]
    r[0] = bundle
    if withheld:
        d[k.D_WITHHELD_WH] += quantity
        r[1] = -1
        return e.OK
    d[k.D_ISSUED_WH] += quantity
    b[k.B_ISSUED_WH] = quantity
    b[k.B_HELD_WH] = quantity
    lot = t.header[e.H_N_LOTS]
    t.header[e.H_N_LOTS] = lot + 1
    row = t.lots[lot]
    for word in range(k.LOT_WORDS):
        row[word] = 0
    row[k.L_BUNDLE] = bundle
    row[k.L_END] = quantity
    row[k.L_OWNER] = d[k.D_OWNER]
    row[k.L_STATE] = k.HELD
    row[k.L_KIND] = k.STORAGE_DISCHARGE if d[k.D_SOURCE] == k.SOURCE_STORAGE else k.GENERATION
    row[k.L_REF] = k.NO_REF
    row[k.L_SINCE_MS] = now
    r[1] = lot
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def transfer(t, c, actor, now, r):
    """Give a range to another account; only its owner may."""
    lot, start, end, to = c[3], c[4], c[5], c[6]
    if to < 0 or to >= t.header[e.H_N_ACCOUNTS] or to == e.OUTSIDE or to == e.COLLATERAL:
        return e.UNKNOWN_ACCOUNT
    outcome = check_spend(t, lot, start, end, actor, False, now)
    if outcome != e.OK:
        return outcome
    if to == actor:
        return e.SAME_ACCOUNT
    taken = cut(t, lot, start, end)
    set_owner(t.lots, taken, to, now)
    r[0] = taken
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def split(t, c, actor, now, r):
    """Cut a range out of a lot; only its owner may."""
    outcome = check_spend(t, c[3], c[4], c[5], actor, False, now)
    if outcome != e.OK:
        return outcome
    r[0] = cut(t, c[3], c[4], c[5])
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def reserve(t, c, actor, now, r):
    """Hold a range back until released or timed out; only its owner may."""
    timeout = c[6]
    if c[3] < 0 or c[3] >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    if timeout <= now or timeout > e.MAX_TIME_S * e.MS_PER_S:
        return e.TIME_INVALID
    outcome = check_spend(t, c[3], c[4], c[5], actor, False, now)
    if outcome != e.OK:
        return outcome
    taken = cut(t, c[3], c[4], c[5])
    set_state(t.lots, t.bundles, taken, k.RESERVED, now)
    t.lots[taken, k.L_TIMEOUT_MS] = timeout
    r[0] = taken
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def release(t, c, actor, now, r):
    """Give a reserved lot back to its owner: the owner at any time, the operator after the time-out."""
    lot = c[3]
    if lot < 0 or lot >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    timed_out = t.lots[lot, k.L_TIMEOUT_MS] <= now and t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR
    if t.lots[lot, k.L_OWNER] != actor and not timed_out:
        return e.NOT_OWNER
    if t.lots[lot, k.L_STATE] != k.RESERVED:
        return e.LOT_NOT_RESERVED
    if t.lots[lot, k.L_REF] != k.NO_REF:
        return e.LOT_IN_ORDER
    set_state(t.lots, t.bundles, lot, k.HELD, now)
    t.lots[lot, k.L_TIMEOUT_MS] = 0
    r[0] = lot
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_claim(t, lot, claim, start, duration):
    """Check that a lot's kind carries the claim for the period (K1, K2, K3, B2)."""
    kind = t.lots[lot, k.L_KIND]
    if (claim == k.CLAIM_BANKED) != (kind == k.ENERGY_CLAIM):
        return e.KIND_MISMATCH
    if claim == k.CLAIM_BANKED:
        if start < t.lots[lot, k.L_FROM_S]:
            return e.REDEEM_TOO_EARLY
        if start + duration > t.lots[lot, k.L_UNTIL_S]:
            return e.REDEEM_TOO_LATE
        return e.OK
    b = t.bundles[t.lots[lot, k.L_BUNDLE]]
    if claim == k.CLAIM_SAME_SLOT and (start != b[k.B_PERIOD_S] or duration != b[k.B_DURATION_S]):
        return e.PERIOD_MISMATCH
    if claim == k.CLAIM_CERTIFICATE and (start != 0 or duration != 0):
        return e.PERIOD_MISMATCH
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def retire(t, c, actor, now, r):
    """Use a range up for a beneficiary; it can never be used again."""
    lot, start, end, beneficiary, claim, period, duration = c[3], c[4], c[5], c[6], c[7], c[8], c[9]
    if beneficiary < 0 or beneficiary >= t.header[e.H_N_ACCOUNTS]:
        return e.UNKNOWN_ACCOUNT
    if lot < 0 or lot >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    if claim < k.CLAIM_SAME_SLOT or claim > k.CLAIM_CERTIFICATE:
        return e.CLAIM_INVALID
    if period < 0 or period > e.MAX_TIME_S or duration < 0 or duration > 3_600:
        return e.TIME_INVALID
    if claim == k.CLAIM_BANKED and (duration == 0 or period % duration):
        return e.PERIOD_INVALID
    outcome = check_spend(t, lot, start, end, actor, True, now)
    # a banked claim on a period before its date may be settled after it
    if outcome == e.LOT_EXPIRED and claim == k.CLAIM_BANKED and t.lots[lot, k.L_KIND] == k.ENERGY_CLAIM:
        outcome = e.OK
    if outcome != e.OK:
        return outcome
    if (period + duration) * e.MS_PER_S > now:
        return e.PERIOD_NOT_OVER
    outcome = check_claim(t, lot, claim, period, duration)
    if outcome != e.OK:
        return outcome
    taken = cut(t, lot, start, end)
    set_state(t.lots, t.bundles, taken, k.RETIRED, now)
    set_claim(t.lots, taken, beneficiary, claim, period)
    if claim == k.CLAIM_BANKED:
        t.header[e.H_OUTSTANDING_WH] -= end - start
    r[0] = taken
    r[1] = t.lots[taken, k.L_BUNDLE]  # so that the record alone says which serials were used (L7)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def expire(t, c, now, r):
    """Expire a held lot past its date (operator only)."""
    lot = c[3]
    if lot < 0 or lot >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    if t.lots[lot, k.L_STATE] != k.HELD:
        return e.LOT_NOT_HELD
    if not lot_is_expired(t, lot, now):
        return e.LOT_NOT_EXPIRED
    set_state(t.lots, t.bundles, lot, k.EXPIRED, now)
    quantity = t.lots[lot, k.L_END] - t.lots[lot, k.L_START]
    if t.lots[lot, k.L_KIND] == k.ENERGY_CLAIM:
        t.header[e.H_OUTSTANDING_WH] -= quantity
    r[0] = lot
    r[1] = quantity
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def withdraw(t, c, now, r):
    """Take tokens back that are still with their producer (operator only; corrections)."""
    lot, start, end = c[3], c[4], c[5]
    if lot < 0 or lot >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    owner = t.lots[lot, k.L_OWNER]
    outcome = check_spend(t, lot, start, end, owner, False, now)
    if outcome != e.OK:
        return outcome
    if owner != t.devices[t.bundles[t.lots[lot, k.L_BUNDLE], k.B_DEVICE], k.D_OWNER]:
        return e.NOT_WITH_PRODUCER
    if t.lots[lot, k.L_KIND] == k.ENERGY_CLAIM:
        return e.KIND_MISMATCH
    taken = cut(t, lot, start, end)
    set_state(t.lots, t.bundles, taken, k.WITHDRAWN, now)
    r[0] = taken
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def bank(t, c, actor, now, r):
    """Deposit unused generation with the bank: the lot becomes a claim on energy (K1), if covered (K4).

    The redemption rule and its last moment are fixed here (K3); slots that have begun are out of reach.
    """
    lot, start, end, rule, until = c[3], c[4], c[5], c[6], c[7]
    if lot < 0 or lot >= t.header[e.H_N_LOTS]:
        return e.UNKNOWN_LOT
    if until < 0 or until > e.MAX_TIME_S:
        return e.TIME_INVALID
    if rule <= 0 or rule > e.HALF_MASK:
        return e.RULE_INVALID
    outcome = check_spend(t, lot, start, end, actor, True, now)
    if outcome != e.OK:
        return outcome
    b = t.bundles[t.lots[lot, k.L_BUNDLE]]
    period_end = b[k.B_PERIOD_S] + b[k.B_DURATION_S]
    if until * e.MS_PER_S <= now:
        return e.EXPIRY_INVALID
    if t.lots[lot, k.L_KIND] != k.GENERATION:
        return e.KIND_MISMATCH
    if (period_end + k.BANK_WINDOW_S) * e.MS_PER_S < now:
        return e.BANK_WINDOW_CLOSED
    stress = t.header[e.H_STRESS_PRICE_SEN]
    cover = t.header[e.H_COVER_FORWARD_WH] + t.header[e.H_COVER_STORED_WH]
    if stress > 0 and t.accounts[e.COLLATERAL, e.A_CASH_E5] > 0:
        cover += t.accounts[e.COLLATERAL, e.A_CASH_E5] // stress
    if t.header[e.H_OUTSTANDING_WH] + end - start > cover:
        return e.COVER_SHORT
    taken = cut(t, lot, start, end)
    t.lots[taken, k.L_KIND] = k.ENERGY_CLAIM
    t.lots[taken, k.L_RULE] = rule
    t.lots[taken, k.L_FROM_S] = (now + e.MS_PER_S - 1) // e.MS_PER_S
    t.lots[taken, k.L_UNTIL_S] = until
    t.header[e.H_OUTSTANDING_WH] += end - start
    r[0] = taken
    return e.OK
