"""Settlement of one day: every account's 48 half hours against its own tokens and its banked claims.

Demand rows per second through ``settle_day``, checks and serial ranges included. The totals must equal those
of a plain Python loop over a sample of the accounts, and consumption must be covered exactly.
"""

import time
from typing import Final

import numpy as np

from wattmark.settlement.columns import DaySettlement, Demand, Lots, SpotPrices
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff
from wattmark.simulation.benchmarks.report import Report, median_rate, seconds_of

ACCOUNTS: Final = 50_000
QUICK_ACCOUNTS: Final = 2_000
SAMPLE: Final = 500
SLOTS: Final = 48
SLOT_S: Final = 1_800
DAY_S: Final = 1_789_916_400
AREA: Final = 3
BANKED_LOTS: Final = 3
TARIFF: Final = Tariff(version=1, energy_adder_sen=700)


def day(accounts: int) -> tuple[Demand, Lots, SpotPrices]:
    """Return a seeded day: 48 demands per account, a same-slot lot in 4 of 10 slots, three banked lots."""
    draw = np.random.default_rng(20210115)
    account = np.repeat(np.arange(accounts), SLOTS)
    start_s = np.tile(DAY_S + SLOT_S * np.arange(SLOTS), accounts)
    demand = Demand(
        account, _full(account, AREA), start_s, _full(account, SLOT_S), draw.integers(20, 900, len(account))
    )
    own = np.flatnonzero(draw.random(len(account)) < 0.4)
    banked = np.repeat(np.arange(accounts), BANKED_LOTS)
    owner = np.concatenate((account[own], banked))
    size = np.concatenate((draw.integers(10, 900, len(own)), draw.integers(100, 3_000, len(banked))))
    made_s = np.concatenate((start_s[own], _full(banked, DAY_S - 20 * SLOT_S)))
    kind = np.concatenate((_full(own, 1), _full(banked, 2)))
    claims = kind == 2
    lots = Lots(
        lot=np.arange(len(owner)),
        account=owner,
        bundle=np.arange(len(owner)),
        area=_full(owner, AREA),
        start=_full(owner, 0),
        end=size,
        period_start_s=made_s,
        duration_s=_full(owner, SLOT_S),
        kind=kind,
        expiry_s=_full(owner, DAY_S + 31_536_000),
        redeem_rule=np.where(claims, 1, 0),
        redeem_from_s=np.where(claims, DAY_S - 10 * SLOT_S, 0),
        redeem_until_s=np.where(claims, DAY_S + 864_000 + SLOT_S * np.arange(len(owner)) % 864_000, 0),
    )
    prices = SpotPrices(
        _full(start_s[:SLOTS], AREA), start_s[:SLOTS], _full(start_s[:SLOTS], SLOT_S), draw.integers(500, 5_000, SLOTS)
    )
    return demand, lots, prices


def _full(like: np.ndarray, value: int) -> np.ndarray:
    return np.full(len(like), value, np.int64)


def sample(demand: Demand, lots: Lots) -> tuple[Demand, Lots]:
    """Return the rows of the first accounts."""
    return demand.take(np.flatnonzero(demand.account < SAMPLE)), lots.take(np.flatnonzero(lots.account < SAMPLE))


def plain_same_slot(demand: Demand, lots: Lots) -> int:
    """Return the Wh that own same-slot lots cover, by a loop over plain numbers."""
    offered: dict[tuple[int, int], int] = {}
    rows = zip(lots.account.tolist(), lots.period_start_s.tolist(), lots.end.tolist(), lots.kind.tolist(), strict=True)
    for account, start_s, size, kind in rows:
        if kind == 1:
            offered[account, start_s] = offered.get((account, start_s), 0) + size
    wanted = zip(
        demand.account.tolist(),
        demand.period_start_s.tolist(),
        demand.consumption_wh.tolist(),
        strict=True,
    )
    return sum(min(quantity, offered.get((account, start_s), 0)) for account, start_s, quantity in wanted)


def check(result: DaySettlement, demand: Demand, lots: Lots) -> None:
    """Assert that every Wh is covered exactly once and no lot is used beyond its size."""
    residual = result.residual
    covered = residual.same_slot_wh + residual.banked_wh + residual.residual_wh
    assert int(covered.sum()) == int(demand.consumption_wh.sum())
    used = np.bincount(result.allocation.lot, result.allocation.quantity_wh, len(lots)).astype(np.int64)
    assert bool(np.all(used <= lots.end))
    first = result.residual.account < SAMPLE
    assert int(residual.same_slot_wh[first].sum()) == plain_same_slot(*sample(demand, lots))


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` settles 2,000 accounts instead of 50,000."""
    begun = time.perf_counter()
    settle_day(*day(10), TARIFF)  # compile
    accounts = QUICK_ACCOUNTS if quick else ACCOUNTS
    demand, lots, prices = day(accounts)
    result = settle_day(demand, lots, prices, TARIFF)
    check(result, demand, lots)
    columns = [*demand.columns().values(), *lots.columns().values()]

    def copy() -> None:
        for column in columns:
            column.copy()

    few = sample(demand, lots)
    plain_seconds = seconds_of(lambda: plain_same_slot(*few))
    return Report(
        bench="settle",
        figure=median_rate(len(demand), lambda: settle_day(demand, lots, prices, TARIFF)),
        unit="demand rows/s",
        limit=median_rate(len(demand), copy),
        limit_is="copying the input columns once in memory (numpy)",
        peers={f"plain Python, same slot only, {SAMPLE} accounts": SAMPLE * SLOTS / plain_seconds},
        seconds=time.perf_counter() - begun,
        detail={
            "accounts": accounts,
            "demand_rows": len(demand),
            "lots": len(lots),
            "allocations": len(result.allocation),
        },
    )
