"""One batch of commands through the state machine: every check, every effect, one outcome each.

``t`` is the named tuple of tables made by ``state.py``; ``c`` one command row; ``r`` the two result words.
A handler checks in the order of the outcome numbers and changes nothing unless it returns ``OK``.

``_nrt=False`` stands where a function allocates nothing: the tables of ``t`` then pass without
reference counts, which would cost more than the work (docs/adr/0014). ``_nrt=True`` must be said where one
allocates, because numba inherits the flag from the caller.
"""

import numba
import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.auction_kernels import clear_auction
from wattmark.engine.block_kernels import cancel_block, decide_block, open_block, place_slot
from wattmark.engine.book_kernels import expire_orders
from wattmark.engine.coupled_kernels import clear_coupled, price_auction
from wattmark.engine.order_kernels import amend, cancel, cancel_all, id_slot, place_order
from wattmark.engine.product_kernels import (
    answer_capacity,
    close_product,
    list_product,
    open_route,
    set_limits,
    set_trading,
)
from wattmark.engine.token_kernels import bank, expire, issue, release, reserve, retire, split, transfer, withdraw
from wattmark.market import layout as m
from wattmark.tokens import layout as k


@numba.njit(cache=True, nogil=True, _nrt=False)
def is_operator(t, actor):
    """Return whether the actor's account has the operator role."""
    return t.accounts[actor, e.A_ROLES] & e.ROLE_OPERATOR != 0


@numba.njit(cache=True, nogil=True, _nrt=False)
def open_account(t, c, now, r):
    """Open an account (operator only)."""
    roles, credit = c[3], c[4]
    if roles <= 0 or roles > e.ROLE_ALL:
        return e.ROLES_INVALID
    if credit < 0:
        return e.AMOUNT_NOT_POSITIVE
    if credit > e.MAX_AMOUNT_E5 - t.header[e.H_CREDIT_E5]:
        return e.AMOUNT_TOO_LARGE
    t.header[e.H_CREDIT_E5] += credit
    row = t.header[e.H_N_ACCOUNTS]
    t.header[e.H_N_ACCOUNTS] = row + 1
    t.accounts[row, e.A_ROLES] = roles
    t.accounts[row, e.A_CREDIT_E5] = credit
    t.accounts[row, e.A_OPENED_MS] = now
    for word in range(4):
        t.accounts[row, e.A_PAYLOAD + word] = c[e.W_HASH + word]
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def register_key(t, c, now, r):
    """Register the digest of an API key; its roles must be among the account's."""
    account, roles = c[3], c[4]
    if account < 0 or account >= t.header[e.H_N_ACCOUNTS]:
        return e.UNKNOWN_ACCOUNT
    if roles <= 0 or roles & ~t.accounts[account, e.A_ROLES]:
        return e.ROLES_INVALID
    row = t.header[e.H_N_KEYS]
    t.header[e.H_N_KEYS] = row + 1
    t.keys[row, e.K_ACCOUNT] = account
    t.keys[row, e.K_ROLES] = roles
    t.keys[row, e.K_STATUS] = e.KEY_ACTIVE
    t.keys[row, e.K_CREATED_MS] = now
    for word in range(4):
        t.keys[row, e.K_DIGEST + word] = c[e.W_HASH + word]
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def revoke_key(t, c, actor, r):
    """Revoke an API key: the account it belongs to, or the operator."""
    key = c[3]
    if key < 0 or key >= t.header[e.H_N_KEYS]:
        return e.UNKNOWN_KEY
    if t.keys[key, e.K_ACCOUNT] != actor and not is_operator(t, actor):
        return e.NOT_OWNER
    if t.keys[key, e.K_STATUS] != e.KEY_ACTIVE:
        return e.KEY_NOT_ACTIVE
    t.keys[key, e.K_STATUS] = e.KEY_REVOKED
    r[0] = key
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def register_device(t, c, r):
    """Register one channel of a metered device with its opening register."""
    owner, area, source, capacity, role, register, resolution, tier = c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10]
    if owner < 0 or owner >= t.header[e.H_N_ACCOUNTS]:
        return e.UNKNOWN_ACCOUNT
    if area < 1 or area > 9:
        return e.AREA_INVALID
    if source < 0 or source > 7:
        return e.SOURCE_INVALID
    if (role == k.CHANNEL_PRODUCTION and source == 0) or (role == k.CHANNEL_CONSUMPTION and source != 0):
        return e.SOURCE_INVALID
    if role != k.CHANNEL_PRODUCTION and role != k.CHANNEL_CONSUMPTION:
        return e.CHANNEL_INVALID
    if tier < 0 or tier > 4:
        return e.TIER_INVALID
    if resolution != 300 and resolution != 900 and resolution != 1800 and resolution != 3600:
        return e.PERIOD_INVALID
    if capacity <= 0 or capacity > e.MAX_CAPACITY_W:
        return e.CAPACITY_INVALID
    if register < 0 or register > e.MAX_QUANTITY_WH:
        return e.REGISTER_INVALID
    row = t.header[e.H_N_DEVICES]
    t.header[e.H_N_DEVICES] = row + 1
    t.devices[row, k.D_OWNER] = owner
    t.devices[row, k.D_AREA] = area
    t.devices[row, k.D_SOURCE] = source
    t.devices[row, k.D_CAPACITY_W] = capacity
    t.devices[row, k.D_ROLE] = role
    t.devices[row, k.D_TIER] = tier
    t.devices[row, k.D_RESOLUTION_S] = resolution
    t.devices[row, k.D_REG_OPEN_WH] = register
    t.devices[row, k.D_REG_NEXT_WH] = register
    for word in range(4):
        t.devices[row, k.D_PAYLOAD + word] = c[e.W_HASH + word]
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def register_meter_key(t, c, r):
    """Bind a public key (in the payload) to a device from a time on."""
    device, algorithm, valid_from = c[3], c[4], c[5]
    if device < 0 or device >= t.header[e.H_N_DEVICES]:
        return e.UNKNOWN_DEVICE
    if algorithm != -7 and algorithm != -8:
        return e.ALGORITHM_INVALID
    if valid_from < 0 or valid_from > e.MAX_TIME_S * e.MS_PER_S:
        return e.TIME_INVALID
    row = t.header[e.H_N_METER_KEYS]
    t.header[e.H_N_METER_KEYS] = row + 1
    t.meter_keys[row, k.M_DEVICE] = device
    t.meter_keys[row, k.M_ALG] = algorithm
    t.meter_keys[row, k.M_VALID_FROM_MS] = valid_from
    for word in range(4):
        t.meter_keys[row, k.M_PAYLOAD + word] = c[e.W_HASH + word]
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def set_cover(t, c):
    """Declare what covers the bank besides its collateral account, and the stress price (K4)."""
    forward, stored, stress = c[3], c[4], c[5]
    if forward < 0 or stored < 0:
        return e.QUANTITY_NOT_POSITIVE
    if forward > e.MAX_QUANTITY_WH or stored > e.MAX_QUANTITY_WH:
        return e.QUANTITY_TOO_LARGE
    if stress < e.MIN_PRICE_SEN or stress > e.MAX_PRICE_SEN:
        return e.PRICE_OUT_OF_RANGE
    t.header[e.H_COVER_FORWARD_WH] = forward
    t.header[e.H_COVER_STORED_WH] = stored
    t.header[e.H_STRESS_PRICE_SEN] = stress
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def deposit(t, c):
    """Bring money in: the OUTSIDE account mirrors it, so that all cash sums to zero (L3)."""
    account, amount = c[3], c[4]
    if account < 0 or account >= t.header[e.H_N_ACCOUNTS] or account == e.OUTSIDE:
        return e.UNKNOWN_ACCOUNT
    if amount <= 0:
        return e.AMOUNT_NOT_POSITIVE
    if amount > e.MAX_AMOUNT_E5 or t.accounts[e.OUTSIDE, e.A_CASH_E5] - amount < -e.MAX_AMOUNT_E5:
        return e.AMOUNT_TOO_LARGE
    t.accounts[e.OUTSIDE, e.A_CASH_E5] -= amount
    t.accounts[account, e.A_CASH_E5] += amount
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def pay_out(t, c):
    """Pay money out; credit cannot be paid out."""
    account, amount = c[3], c[4]
    if account < 0 or account >= t.header[e.H_N_ACCOUNTS] or account == e.OUTSIDE:
        return e.UNKNOWN_ACCOUNT
    if amount <= 0:
        return e.AMOUNT_NOT_POSITIVE
    if t.accounts[account, e.A_CASH_E5] - t.accounts[account, e.A_HELD_E5] < amount:
        return e.INSUFFICIENT_CASH
    t.accounts[e.OUTSIDE, e.A_CASH_E5] += amount
    t.accounts[account, e.A_CASH_E5] -= amount
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def pay(t, c, actor):
    """Move cash between accounts: the payer, or the operator for a settlement charge."""
    payer, payee, amount = c[3], c[4], c[5]
    if payer < 0 or payer >= t.header[e.H_N_ACCOUNTS] or payer == e.OUTSIDE:
        return e.UNKNOWN_ACCOUNT
    if payee < 0 or payee >= t.header[e.H_N_ACCOUNTS] or payee == e.OUTSIDE:
        return e.UNKNOWN_ACCOUNT
    if c[7] < 0 or c[7] > e.MAX_TIME_S or c[8] < 0 or c[8] > e.MAX_TIME_S:
        return e.TIME_INVALID
    if amount <= 0:
        return e.AMOUNT_NOT_POSITIVE
    if amount > e.MAX_AMOUNT_E5:
        return e.AMOUNT_TOO_LARGE
    if payer != actor and not is_operator(t, actor):
        return e.NOT_OWNER
    account = t.accounts[payer]
    if account[e.A_CASH_E5] + account[e.A_CREDIT_E5] - account[e.A_HELD_E5] < amount:
        return e.INSUFFICIENT_CASH
    if payer == payee:
        return e.SAME_ACCOUNT
    t.accounts[payer, e.A_CASH_E5] -= amount
    t.accounts[payee, e.A_CASH_E5] += amount
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def bulk_root(t, c, position, r):
    """Record the root of a bulk step: kind, rows, total Wh, period, root of its tree."""
    kind, rows, total, start, duration = c[3], c[4], c[5], c[6], c[7]
    if kind < 1 or kind > e.LAST_BULK_KIND:
        return e.BULK_KIND_INVALID
    if start < 0 or start > e.MAX_TIME_S or duration < 0 or duration > e.MAX_TIME_S:
        return e.TIME_INVALID
    if rows < 0:
        return e.ROWS_INVALID
    if total < 0:
        return e.QUANTITY_NOT_POSITIVE
    row = t.header[e.H_N_BULKS]
    t.header[e.H_N_BULKS] = row + 1
    t.bulks[row, e.R_KIND] = kind
    t.bulks[row, e.R_ROWS] = rows
    t.bulks[row, e.R_TOTAL_WH] = total
    t.bulks[row, e.R_PERIOD_S] = start
    t.bulks[row, e.R_DURATION_S] = duration
    t.bulks[row, e.R_POSITION] = position
    for word in range(4):
        t.bulks[row, e.R_ROOT + word] = c[e.W_ROOT + word]
    r[0] = row
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def check_form(t, c):
    """Return the outcome of the checks that every command passes first."""
    head = c[e.W_HEAD]
    kind = head & e.HALF_MASK
    flags = (head >> e.FLAGS_SHIFT) & e.HALF_MASK
    actor = head >> e.ACTOR_SHIFT
    if kind < 1 or kind > e.LAST_KIND:
        return e.UNKNOWN_KIND
    if flags and (kind != e.ISSUE or flags != k.WITHHELD_FLAG):
        return e.WORD_NOT_ZERO
    last = e.W_HASH if e.HAS_HASH[kind] else e.COMMAND_WORDS
    for word in range(e.W_FIELDS + e.FIELD_COUNT[kind], last):
        if c[word]:
            return e.WORD_NOT_ZERO
    if kind == e.PLACE_ORDER and c[4] == m.BUY and (c[7] or c[8]):
        return e.WORD_NOT_ZERO
    if kind == e.PLACE_SLOT and (c[6] or c[7]) and c[3] >= 0 and c[3] < t.header[e.H_N_BLOCKS]:
        if t.blocks[c[3], m.BL_SIDE] == m.BUY:
            return e.WORD_NOT_ZERO
    if actor < 0 or actor >= t.header[e.H_N_ACCOUNTS]:
        return e.UNKNOWN_ACTOR
    if t.accounts[actor, e.A_ROLES] & ~e.ROLE_AUDITOR == 0 or (e.OPERATOR_ONLY[kind] and not is_operator(t, actor)):
        return e.NOT_AUTHORISED
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def apply_one(t, c, now, position, r):
    """Apply one new command; return its outcome."""
    outcome = check_form(t, c)
    if outcome != e.OK:
        return outcome
    head = c[e.W_HEAD]
    kind = head & e.HALF_MASK
    actor = head >> e.ACTOR_SHIFT
    if kind == e.PLACE_ORDER:
        return place_order(t, c, actor, now, position, r)
    if kind == e.CANCEL:
        return cancel(t, c, actor, now, position, r)
    if kind == e.AMEND:
        return amend(t, c, actor, now, position, r)
    if kind == e.CANCEL_ALL:
        return cancel_all(t, c, actor, now, position, r)
    if kind == e.TRANSFER:
        return transfer(t, c, actor, now, r)
    if kind == e.RETIRE:
        return retire(t, c, actor, now, r)
    if kind == e.ISSUE:
        return issue(t, c, now, r)
    if kind == e.PAY:
        return pay(t, c, actor)
    if kind == e.SPLIT:
        return split(t, c, actor, now, r)
    if kind == e.RESERVE:
        return reserve(t, c, actor, now, r)
    if kind == e.RELEASE:
        return release(t, c, actor, now, r)
    if kind == e.EXPIRE:
        return expire(t, c, now, r)
    if kind == e.BANK:
        return bank(t, c, actor, now, r)
    if kind == e.WITHDRAW:
        return withdraw(t, c, now, r)
    if kind == e.CLEAR_AUCTION:
        return clear_auction(t, c, now, position, r)
    if kind == e.LIST_PRODUCT:
        return list_product(t, c, r)
    if kind == e.CLOSE_PRODUCT:
        return close_product(t, c, now, position, r)
    if kind == e.DEPOSIT:
        return deposit(t, c)
    if kind == e.PAYOUT:
        return pay_out(t, c)
    if kind == e.OPEN_ACCOUNT:
        return open_account(t, c, now, r)
    if kind == e.REGISTER_DEVICE:
        return register_device(t, c, r)
    if kind == e.REGISTER_METER_KEY:
        return register_meter_key(t, c, r)
    if kind == e.REGISTER_KEY:
        return register_key(t, c, now, r)
    if kind == e.REVOKE_KEY:
        return revoke_key(t, c, actor, r)
    if kind == e.SET_COVER:
        return set_cover(t, c)
    if kind == e.SET_LIMITS:
        return set_limits(t, c, now, position, r)
    if kind == e.SET_TRADING:
        return set_trading(t, c, now, position, r)
    if kind == e.ANSWER_CAPACITY:
        return answer_capacity(t, c, now, position, r)
    if kind == e.OPEN_ROUTE:
        return open_route(t, c, now, position, r)
    if kind == e.OPEN_BLOCK:
        return open_block(t, c, actor, position, r)
    if kind == e.PLACE_SLOT:
        return place_slot(t, c, actor, now, position, r)
    if kind == e.CANCEL_BLOCK:
        return cancel_block(t, c, actor, now, r)
    if kind == e.PRICE_AUCTION:
        return price_auction(t, c, now, r)
    if kind == e.DECIDE_BLOCK:
        return decide_block(t, c, now, r)
    if kind == e.CLEAR_COUPLED:
        return clear_coupled(t, c, now, position, r)
    if kind == e.BULK_ROOT:
        return bulk_root(t, c, position, r)
    return e.OK


@numba.njit(cache=True, nogil=True, _nrt=False)
def find_id(ids, index, low, high, slot):
    """Return (row of the id or -1, slot of the index where the search ended)."""
    mask = index.size - 1
    slot &= mask
    while True:
        row = index[slot] - 1
        if row < 0 or (ids[row, e.I_LOW] == low and ids[row, e.I_HIGH] == high):
            return row, slot
        slot = (slot + 1) & mask


@numba.njit(cache=True, nogil=True, _nrt=False)
def index_ids(ids, first, last, index):
    """Enter rows [first, last) of the id table, none of which is there yet."""
    for row in range(first, last):
        low = ids[row, e.I_LOW]
        high = ids[row, e.I_HIGH]
        _, slot = find_id(ids, index, low, high, id_slot(low, high))
        index[slot] = row + 1


@numba.njit(cache=True, nogil=True, _nrt=False)
def body_print(c):
    """Return a 63-bit fingerprint of a command's fields, which with the head tells a retry from a reused id.

    The factors have 30 bits, so that neither product nor sum overflows.
    """
    mixed = np.int64(0)
    for word in range(e.W_FIELDS, e.COMMAND_WORDS):
        mixed ^= c[word]
        mixed = (mixed & 0xFFFFFFFF) * 0x39735A1D + ((mixed >> 32) & 0xFFFFFFFF) * 0x3289A387
    return mixed


@numba.njit(cache=True, nogil=True, _nrt=False)
def look_ahead(t, commands, first, slots, bodies):
    """Prepare the commands from ``first`` on, as many as ``slots`` holds: where ids are sought, what bodies are.

    It also reads the rows they name, so that their cache misses overlap instead of adding up; the number returned
    depends on every word read, or the compiler would leave the reads out.
    """
    mask = t.id_index.size - 1
    seen = mask
    for i in range(min(slots.size, commands.shape[0] - first)):
        c = commands[first + i]
        slots[i] = id_slot(c[e.W_ID_LOW], c[e.W_ID_HIGH])
        bodies[i] = body_print(c)
        seen ^= t.id_index[slots[i] & mask]
        kind = c[e.W_HEAD] & e.HALF_MASK
        actor = c[e.W_HEAD] >> e.ACTOR_SHIFT
        if actor >= 0 and actor < t.header[e.H_N_ACCOUNTS]:
            seen ^= t.accounts[actor, e.A_ROLES]
        lot = c[7] if kind == e.PLACE_ORDER else c[3]
        if kind >= 0 and kind <= e.LAST_KIND and e.NAMES_LOT[kind] and lot >= 0 and lot < t.header[e.H_N_LOTS]:
            seen ^= t.lots[lot, 0] ^ t.lots[lot, k.LOT_WORDS - 1]
        if kind == e.CANCEL or kind == e.AMEND:
            seen ^= t.id_index[id_slot(c[3], c[4]) & mask]
    return seen


@numba.njit(cache=True, nogil=True, _nrt=True)
def apply_batch(t, commands, now, verdicts, fresh):
    """Apply commands int64[n, 16] in order; write verdicts int64[n, 4] and which are new records.

    Good-till-time orders whose time has come end before the first new record. A known id with the same head and body is answered with its stored verdict; with another it is refused
    (``ID_REUSED``). Neither makes a record, and neither does the id zero.
    """
    r = np.zeros(2, np.int64)
    slots = np.zeros(e.LOOK_AHEAD, np.int64)
    bodies = np.zeros(e.LOOK_AHEAD, np.int64)
    seen = np.int64(0)
    for i in range(commands.shape[0]):
        ahead = i % e.LOOK_AHEAD
        if ahead == 0:
            seen ^= look_ahead(t, commands, i, slots, bodies)
        c = commands[i]
        low = c[e.W_ID_LOW]
        high = c[e.W_ID_HIGH]
        verdicts[i, e.V_TIMESTAMP_MS] = now
        if low == 0 and high == 0:
            verdicts[i, e.V_OUTCOME] = e.ID_IS_ZERO
            continue
        row, slot = find_id(t.ids, t.id_index, low, high, slots[ahead])
        if row >= 0:
            if t.ids[row, e.I_HEAD] != c[e.W_HEAD] or t.ids[row, e.I_BODY] != bodies[ahead]:
                verdicts[i, e.V_OUTCOME] = e.ID_REUSED
                continue
            verdicts[i, e.V_TIMESTAMP_MS] = t.ids[row, e.I_TIMESTAMP_MS]
            verdicts[i, e.V_OUTCOME] = t.ids[row, e.I_OUTCOME]
            verdicts[i, e.V_RESULT0] = t.ids[row, e.I_RESULT0]
            verdicts[i, e.V_RESULT1] = t.ids[row, e.I_RESULT1]
            continue
        position = t.header[e.H_N_IDS]
        r[0] = 0
        r[1] = 0
        if t.aux[m.X_EXPIRIES] > 0 and t.expiries[0, 0] <= now:
            expire_orders(t, now, position)
        outcome = apply_one(t, c, now, position, r)
        if outcome != e.OK:
            r[0] = 0
            r[1] = 0
        verdicts[i, e.V_OUTCOME] = outcome
        verdicts[i, e.V_RESULT0] = r[0]
        verdicts[i, e.V_RESULT1] = r[1]
        fresh[i] = True
        t.ids[position, e.I_LOW] = low
        t.ids[position, e.I_HIGH] = high
        t.ids[position, e.I_HEAD] = c[e.W_HEAD]
        t.ids[position, e.I_BODY] = bodies[ahead]
        t.ids[position, e.I_TIMESTAMP_MS] = now
        t.ids[position, e.I_OUTCOME] = outcome
        t.ids[position, e.I_RESULT0] = r[0]
        t.ids[position, e.I_RESULT1] = r[1]
        t.id_index[slot] = position + 1
        t.header[e.H_N_IDS] = position + 1
    return seen
