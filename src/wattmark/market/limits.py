"""Between which prices a product may trade, and how much of it one account may hold: pure functions of the policy."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.market.layout import (
    P_AREA,
    P_DURATION_S,
    P_LAST_PRICE_SEN,
    P_PERIOD_S,
    P_SCOPE,
    P_SOURCE,
    SCOPE_BANKED_YEAR,
    SCOPE_CERTIFICATE_YEAR,
)
from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance.day import Column
from wattmark.market.surveillance.policy import PER_MILLE

PERIOD_BITS: Final = 40
"""Starts of periods [POSIX s] are below two to this power."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one product.

    Attributes:
        low_sen: lowest price of an order [sen/kWh].
        high_sen: highest price of an order [sen/kWh].
        position_wh: largest position of one account, 0 for any [Wh].
    """

    low_sen: int
    high_sen: int
    position_wh: int


def limits_of(policy: MarketPolicy, scope: int, reference_sen: int | None) -> Limits:
    """Return the limits of a product.

    The collar is rounded outwards to whole sen, so that it never forbids a price the policy allows, and lies inside
    floor and ceiling; a reference outside of them leaves the nearest price.

    Args:
        policy: the operator's.
        scope: 0 one period, 1 banked of a year, 2 certificates of a year.
        reference_sen: price the collar lies around [sen/kWh], ``None`` for no collar.
    """
    low, high = policy.floor_sen, policy.ceiling_sen
    if reference_sen is not None and policy.collar_down:
        low = max(low, reference_sen * (PER_MILLE - policy.collar_down) // PER_MILLE)
    if reference_sen is not None and policy.collar_up:
        high = min(high, -(-reference_sen * (PER_MILLE + policy.collar_up) // PER_MILLE))
    positions = {SCOPE_BANKED_YEAR: policy.position_banked_wh, SCOPE_CERTIFICATE_YEAR: policy.position_certificate_wh}
    low, high = min(low, policy.ceiling_sen), max(high, policy.floor_sen)
    return Limits(low, high, positions.get(scope, policy.position_period_wh))


def reference_prices(products: Column, wanted: Column) -> Column:
    """Return for each wanted product the last price of the latest earlier one of its kind, 0 without one [sen/kWh].

    Products are of a kind when area, source, scope and length are equal; the one whose period starts last before the
    wanted one counts, if anything was traded in it.

    Args:
        products: the product table, ``int64 [n, 22]``.
        wanted: numbers of products.
    """
    kinds = products[:, [P_AREA, P_SOURCE, P_SCOPE, P_DURATION_S]]
    _, kind = np.unique(kinds, axis=0, return_inverse=True)
    key = (kind.reshape(-1).astype(np.int64) << PERIOD_BITS) | products[:, P_PERIOD_S]
    traded = np.flatnonzero(products[:, P_LAST_PRICE_SEN] > 0)
    traded = traded[np.argsort(key[traded], kind="stable")]
    if not len(traded):
        return np.zeros(len(wanted), np.int64)
    before = np.searchsorted(key[traded], key[wanted], side="left") - 1
    found = traded[np.maximum(before, 0)]
    is_kind = (before >= 0) & (key[found] >> PERIOD_BITS == key[wanted] >> PERIOD_BITS)
    return np.where(is_kind, products[found, P_LAST_PRICE_SEN], 0)
