"""Lots: serial ranges with an owner, as holdings, as stamps, as what can be sold."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import RuleViolated, UnknownReference
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.flows.platform import Platform
from wattmark.market import layout as m
from wattmark.tokens import layout as k

LOT: Final = Text(en="an existing lot", ja="存在する保有ロット")
RETIRED: Final = Text(en="a retired lot", ja="償却済みのロット")
EVENTS: Final = 1 << 20
"""Steps looked through in the life of one bundle."""
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lot:
    """A serial range of one bundle with what it is a part of.

    Attributes:
        lot: its number.
        bundle: number of the bundle.
        device: where it was made.
        start: first serial.
        end: serial after the last.
        bundle_wh: everything made in the period [Wh].
        owner: account.
        state: held, reserved, retired, expired or withdrawn (``tokens.layout``).
        kind: generation, energy claim or storage (``tokens.layout``).
        claim: what a retired lot was retired for, else 0.
        beneficiary: for whom a retired lot was retired, else -1.
        period: when it was made.
        claim_period_s: start of the period it was used in, 0 if none [POSIX s].
        area: market area (J8).
        source: what it was made from.
        tier: evidence tier.
        expiry_s: usable until [POSIX s].
        since_ms: when it got into this state [ms].
        evidence: SHA-256 of the reading behind it.
    """

    lot: int
    bundle: int
    device: int
    start: int
    end: int
    bundle_wh: int
    owner: int
    state: int
    kind: int
    claim: int
    beneficiary: int
    period: Period
    claim_period_s: int
    area: int
    source: int
    tier: int
    expiry_s: int
    since_ms: int
    evidence: bytes

    @property
    def quantity_wh(self) -> int:
        """Return the energy [Wh]."""
        return self.end - self.start

    @property
    def used_in(self) -> Period | None:
        """Return the period it was used in, ``None`` for a lot that names none."""
        return Period(self.claim_period_s, self.period.duration_s) if self.claim_period_s else None


def lot(platform: Platform, number: int) -> Lot:
    """Return a lot.

    Raises:
        UnknownReference: there is none with this number.
    """
    if not 0 <= number < platform.state.count("lots"):
        raise UnknownReference("UNKNOWN_LOT", "lot", number, LOT)
    row = platform.state.lots[number]
    bundle = platform.state.bundles[row[k.L_BUNDLE]]
    is_retired = int(row[k.L_STATE]) == k.RETIRED
    until_s = int(row[k.L_UNTIL_S]) if int(row[k.L_KIND]) == k.ENERGY_CLAIM else int(bundle[k.B_EXPIRY_S])
    return Lot(
        number,
        int(row[k.L_BUNDLE]),
        int(bundle[k.B_DEVICE]),
        int(row[k.L_START]),
        int(row[k.L_END]),
        int(bundle[k.B_ISSUED_WH]),
        int(row[k.L_OWNER]),
        int(row[k.L_STATE]),
        int(row[k.L_KIND]),
        int(row[k.L_CLAIM]) if is_retired else 0,
        int(row[k.L_REF]) if is_retired else -1,
        Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S])),
        int(row[k.L_CLAIM_PERIOD_S]) if is_retired else 0,
        int(bundle[k.B_AREA]),
        int(bundle[k.B_SOURCE]),
        int(bundle[k.B_TIER]),
        until_s,
        int(row[k.L_SINCE_MS]),
        bundle[k.B_EVIDENCE : k.B_EVIDENCE + 4].astype("<i8").tobytes(),
    )


def retired_at(platform: Platform, number: int) -> int:
    """Return the log index of the record that retired a lot.

    Raises:
        UnknownReference: there is no such lot.
        RuleViolated: it is not retired.
    """
    found = lot(platform, number)
    for event in platform.views.events(found.bundle, limit=EVENTS):
        if event.kind == e.RETIRE and event.new_lot == number:
            return event.position
    raise RuleViolated("LOT_NOT_RETIRED", "lot", number, RETIRED)


def holdings(platform: Platform, account: int, *, after: int | None = None, limit: int = 100) -> list[Lot]:
    """Return an account's live lots, newest first, from before lot ``after`` on."""
    lots = platform.state.lots
    live = (lots[:, k.L_STATE] == k.HELD) | (lots[:, k.L_STATE] == k.RESERVED)
    rows = np.flatnonzero(live & (lots[:, k.L_OWNER] == account))[::-1]
    if after is not None:
        rows = rows[rows < after]
    return [lot(platform, int(row)) for row in rows[:limit]]


def holdings_total(platform: Platform, account: int) -> tuple[int, int]:
    """Return (number of live lots, their energy [Wh]) of an account."""
    lots = platform.state.lots
    live = ((lots[:, k.L_STATE] == k.HELD) | (lots[:, k.L_STATE] == k.RESERVED)) & (lots[:, k.L_OWNER] == account)
    return int(live.sum()), int((lots[live, k.L_END] - lots[live, k.L_START]).sum())


def latest_used(platform: Platform, *, device: int | None = None, limit: int = 12) -> list[Lot]:
    """Return the lots that were matched with use last, newest first; of one device, or of many so that faces vary."""
    lots, bundles = platform.state.lots, platform.state.bundles
    rows = np.flatnonzero((lots[:, k.L_STATE] == k.RETIRED) & (lots[:, k.L_CLAIM] == k.CLAIM_SAME_SLOT))
    rows = _by_age(lots, rows)
    makers = bundles[lots[rows, k.L_BUNDLE], k.B_DEVICE]
    if device is not None:
        return [lot(platform, int(row)) for row in rows[makers == device][:limit]]
    return [lot(platform, int(row)) for row in _spread(rows, makers, limit)]


def latest_of_device(platform: Platform, device: int, limit: int = 12) -> list[Lot]:
    """Return a device's lots whose state changed last, newest first; the largest of each bundle."""
    lots, bundles = platform.state.lots, platform.state.bundles
    rows = np.flatnonzero(bundles[lots[:, k.L_BUNDLE], k.B_DEVICE] == device)
    rows = rows[np.argsort(-bundles[lots[rows, k.L_BUNDLE], k.B_PERIOD_S], kind="stable")]
    best: dict[int, int] = {}
    for row in rows.tolist():
        bundle = int(lots[row, k.L_BUNDLE])
        if bundle not in best and len(best) == limit:
            break
        held = best.get(bundle)
        if held is None or _size(lots, row) > _size(lots, held):
            best[bundle] = row
    return [lot(platform, row) for row in best.values()]


def sellable(platform: Platform, account: int, product: int, *, now_ms: int, limit: int = 50) -> list[Lot]:
    """Return an account's held lots that fit a product: area, source, period and kind."""
    lots, bundles = platform.state.lots, platform.state.bundles
    terms = platform.state.products[product]
    mine = lots[:, k.L_BUNDLE]
    fits = (lots[:, k.L_STATE] == k.HELD) & (lots[:, k.L_OWNER] == account)
    fits &= (bundles[mine, k.B_AREA] == terms[m.P_AREA]) & (bundles[mine, k.B_SOURCE] == terms[m.P_SOURCE])
    starts = bundles[mine, k.B_PERIOD_S]
    if terms[m.P_SCOPE] == m.SCOPE_PERIOD:
        fits &= (starts == terms[m.P_PERIOD_S]) & (lots[:, k.L_KIND] != k.ENERGY_CLAIM)
    else:
        fits &= (starts >= terms[m.P_PERIOD_S]) & (starts < terms[m.P_PERIOD_S] + terms[m.P_DURATION_S])
        fits &= (lots[:, k.L_KIND] == k.ENERGY_CLAIM) == (terms[m.P_SCOPE] == m.SCOPE_BANKED_YEAR)
    found = [lot(platform, int(row)) for row in np.flatnonzero(fits)[::-1][:limit]]
    return [item for item in found if item.expiry_s * 1_000 > now_ms]


def _size(lots: Rows, row: int) -> int:
    return int(lots[row, k.L_END] - lots[row, k.L_START])


def _by_age(lots: Rows, rows: Rows) -> Rows:
    return rows[np.lexsort((-rows, -lots[rows, k.L_SINCE_MS]))]


def _spread(rows: Rows, makers: Rows, limit: int) -> list[int]:
    """Return up to ``limit`` rows, one of each maker before a second of the same, the newest of each first."""
    turns: dict[int, int] = {}
    ranked = []
    for index, maker in enumerate(makers.tolist()):
        turns[maker] = turn = turns.get(maker, -1) + 1
        if turn * len(turns) < limit:
            ranked.append((turn, index))
    return [int(rows[index]) for _, index in sorted(ranked)[:limit]]
