"""Plan customers: the retailer's tokens of a period divided among those who do not trade (bulk path).

1. Per period, what the retailer holds is divided by consumption: all of it where tokens suffice, else
   floors and one Wh each to the largest remainders, equal ones to the lowest customer (B4, J16).
2. The shares and the retailer's lots are laid end to end; each overlap is a serial range (B5).
3. Each range is one row of a salted Merkle sum tree, whose root and total go into one record (L7, L8).

So the rows never exceed the retailer's tokens, each customer can check that theirs are in the total,
and nobody sees another's: a row hides behind its salt, and a proof reveals sums of siblings only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.encoding import cbor_encode
from wattmark.core.energy import MAX_WH
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.text import Text
from wattmark.ledger.sumtree import SumProof, SumTree, verify_sum_proof
from wattmark.settlement import kernels
from wattmark.settlement.columns import NEVER_S, Columns, Int64s, check_range

PSEUDONYM_BYTES: Final = 16
"""Length of a customer's pseudonym in a row [bytes]."""
MAX_ASKED_WH: Final = 1 << 60
"""Most that all customers of one period may consume together [Wh]."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanDemand(Columns):
    """Consumption of plan customers: number of the customer, period start [POSIX s], duration [s], [Wh]."""

    customer: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    consumption_wh: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class PlanLots(Columns):
    """The retailer's tokens for its plan: lot, bundle, serials ``[start, end)``, period start [POSIX s]."""

    lot: Int64s
    bundle: Int64s
    start: Int64s
    end: Int64s
    period_start_s: Int64s


@dataclass(frozen=True, slots=True, eq=False)
class PlanAllocation(Columns):
    """Serials ``[start, end)`` of the retailer's lots given to a customer, in order of (period, customer, serials)."""

    customer: Int64s
    period_start_s: Int64s
    duration_s: Int64s
    lot: Int64s
    bundle: Int64s
    start: Int64s
    end: Int64s
    quantity_wh: Int64s


def pro_rata(asked_wh: Int64s, pot_wh: int) -> Int64s:
    """Return how a pot is divided by what is asked, in whole Wh (J16).

    Everybody gets all they ask if the pot suffices. Else row i gets floor(q_i R / T), and the rest goes
    one each to the largest remainders, equal remainders to the earliest row.

    Raises:
        MalformedInput: a negative figure, or more than ``MAX_ASKED_WH`` asked.
    """
    check_range("asked_wh", asked_wh, 0, MAX_WH)
    total = sum(asked_wh.tolist())
    if not pot_wh >= 0 or total > MAX_ASKED_WH:
        rule = Text(
            en=f"a pot of at least 0, at most {MAX_ASKED_WH} Wh asked", ja=f"0以上、要求は{MAX_ASKED_WH} Wh以下"
        )
        raise MalformedInput("PRO_RATA_RANGE", "pot_wh", pot_wh, rule)
    if total <= pot_wh:
        return asked_wh.copy()
    share, remainder = kernels.floor_shares(asked_wh, pot_wh, total)
    rest = pot_wh - int(share.sum())
    order = np.lexsort((np.arange(len(share)), -remainder))
    share[order[:rest]] += 1
    return share


def allocate_plan(demand: PlanDemand, lots: PlanLots) -> PlanAllocation:
    """Return the serial ranges of every plan customer.

    Args:
        demand: at most one row per customer and period.
        lots: the retailer's tokens; those of a period serve that period only (B2 e).

    Raises:
        MalformedInput: a value outside its range.
        RuleViolated: a customer twice in a period, or serials of one bundle twice.
    """
    check_range("demand.period_start_s", demand.period_start_s, 0, NEVER_S)
    check_range("demand.duration_s", demand.duration_s, 1, NEVER_S)
    check_range("lots.start", lots.start, 0, MAX_WH)
    check_range("lots.end - lots.start", lots.end - lots.start, 1, MAX_WH)
    demand = demand.take(np.lexsort((demand.customer, demand.period_start_s)).astype(np.int64))
    lots = lots.take(np.lexsort((lots.start, lots.bundle, lots.lot, lots.period_start_s)).astype(np.int64))
    _refuse_twice(demand, lots)
    parts = [PlanAllocation.empty()]
    starts, first = np.unique(demand.period_start_s, return_index=True)
    edges = [*first.tolist(), len(demand)]
    pool_first = np.searchsorted(lots.period_start_s, starts).tolist()
    pool_last = np.searchsorted(lots.period_start_s, starts, "right").tolist()
    for at in range(len(starts)):
        mine, pool = slice(edges[at], edges[at + 1]), slice(pool_first[at], pool_last[at])
        parts.append(_allocate_period(demand.take(mine), lots.take(pool)))
    names = PlanAllocation.empty().columns()
    return PlanAllocation(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _allocate_period(demand: PlanDemand, lots: PlanLots) -> PlanAllocation:
    share = pro_rata(demand.consumption_wh, sum((lots.end - lots.start).tolist()))
    who, which, quantity_wh = kernels.overlap(share, lots.end - lots.start)
    before_lot = np.cumsum(np.concatenate((np.zeros(1, np.int64), lots.end - lots.start)))[which]
    axis = np.cumsum(quantity_wh) - quantity_wh
    start = lots.start[which] + axis - before_lot
    return PlanAllocation(
        customer=demand.customer[who],
        period_start_s=demand.period_start_s[who],
        duration_s=demand.duration_s[who],
        lot=lots.lot[which],
        bundle=lots.bundle[which],
        start=start,
        end=start + quantity_wh,
        quantity_wh=quantity_wh,
    )


def _refuse_twice(demand: PlanDemand, lots: PlanLots) -> None:
    again = (np.diff(demand.period_start_s) == 0) & (np.diff(demand.customer) == 0)
    if again.any():
        rule = Text(en="a customer once per period", ja="需要家は期間ごとに1行")
        raise RuleViolated("CUSTOMER_TWICE", "demand.customer", int(demand.customer[int(np.argmax(again))]), rule)
    order = np.lexsort((lots.start, lots.bundle))
    bundle, start, end = lots.bundle[order], lots.start[order], lots.end[order]
    overlap = (np.diff(bundle) == 0) & (end[:-1] > start[1:])
    if overlap.any():
        rule = Text(en="each serial once (L2)", ja="各番号は1回のみ(L2)")
        raise RuleViolated("SERIALS_TWICE", "lots.bundle", int(bundle[int(np.argmax(overlap))]), rule)


def plan_row(pseudonym: bytes, period_start_s: int, duration_s: int, bundle: int, serials: tuple[int, int]) -> bytes:
    """Return the canonical bytes of one row: CBOR ``[pseudonym, period, duration, bundle, start, end]``.

    The row's Wh is not among them: the sum tree hashes it beside the row.
    """
    return cbor_encode([pseudonym, period_start_s, duration_s, bundle, *serials])


def plan_rows(allocation: PlanAllocation, pseudonyms: Sequence[bytes]) -> list[bytes]:
    """Return the canonical bytes of every row.

    Args:
        allocation: rows to encode.
        pseudonyms: 16 bytes for each customer number; new ones for every period in which a customer
            should not be recognised again.

    Raises:
        MalformedInput: a pseudonym of another length, or a customer without one.
    """
    if len(allocation):
        check_range("allocation.customer", allocation.customer, 0, len(pseudonyms) - 1)
    for pseudonym in pseudonyms:
        if len(pseudonym) != PSEUDONYM_BYTES:
            rule = Text(en=f"{PSEUDONYM_BYTES} bytes", ja=f"{PSEUDONYM_BYTES}バイト")
            raise MalformedInput("PSEUDONYM_LENGTH", "pseudonym", pseudonym.hex(), rule)
    columns = (
        allocation.customer,
        allocation.period_start_s,
        allocation.duration_s,
        allocation.bundle,
        allocation.start,
        allocation.end,
    )
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        plan_row(pseudonyms[customer], start_s, duration_s, bundle, (start, end))
        for customer, start_s, duration_s, bundle, start, end in rows
    ]


def plan_tree(allocation: PlanAllocation, pseudonyms: Sequence[bytes], salts: npt.NDArray[np.uint8]) -> SumTree:
    """Return the salted Merkle sum tree over all rows.

    Args:
        allocation: rows.
        pseudonyms: by customer number.
        salts: uint8[n, 16], secret until a row is shown to its customer (L8).
    """
    return SumTree(plan_rows(allocation, pseudonyms), allocation.quantity_wh, salts)


@dataclass(frozen=True, slots=True)
class RowProof:
    """One row of a customer with its own Wh, salt and path to the root."""

    row: bytes
    quantity_wh: int
    salt: bytes
    proof: SumProof


@dataclass(frozen=True, slots=True)
class CustomerProof:
    """Everything a customer needs to check their part of the plan against the record's root.

    Attributes:
        rows: the customer's rows, in order of the tree.
        root: root of the sum tree, as in the BULK_ROOT record.
        total_wh: Wh of all rows, as in the record; never above what the plants produced.
    """

    rows: tuple[RowProof, ...]
    root: bytes
    total_wh: int

    @property
    def quantity_wh(self) -> int:
        """Return the customer's own energy [Wh]."""
        return sum(row.quantity_wh for row in self.rows)


def customer_proof(
    tree: SumTree,
    allocation: PlanAllocation,
    pseudonyms: Sequence[bytes],
    salts: npt.NDArray[np.uint8],
    customer: int,
) -> CustomerProof:
    """Return a customer's own proof; it holds no other customer's row."""
    mine = np.flatnonzero(allocation.customer == customer)
    encoded = plan_rows(allocation.take(mine), pseudonyms)
    rows = tuple(
        RowProof(row, int(allocation.quantity_wh[at]), salts[at].tobytes(), tree.proof(at))
        for row, at in zip(encoded, mine.tolist(), strict=True)
    )
    return CustomerProof(rows, tree.root, tree.total_wh)


def verify_customer_proof(proof: CustomerProof, root: bytes, total_wh: int) -> None:
    """Check every row against the root and total that the log holds.

    1. Root and total are the record's.
    2. Each row leads to them, with its own Wh (``verify_sum_proof``).
    3. No row is shown twice.

    Raises:
        ProofInvalid: a row does not lead to the root.
        RuleViolated: another root or total, or a row twice.
    """
    if (proof.root, proof.total_wh) != (root, total_wh):
        rule = Text(en="root and total of the record", ja="記録の根と合計")
        raise RuleViolated("OTHER_ROOT", "root", proof.root.hex(), rule)
    if len({row.proof.index for row in proof.rows}) != len(proof.rows):
        rule = Text(en="each row once", ja="各行は1回のみ")
        raise RuleViolated("ROW_TWICE", "rows", len(proof.rows), rule)
    for row in proof.rows:
        verify_sum_proof(row.row, row.quantity_wh, row.salt, row.proof, root, total_wh)
