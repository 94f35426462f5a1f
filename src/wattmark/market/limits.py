"""Between which prices a product may trade, and how much of it one account may hold: pure functions of the policy."""

from dataclasses import dataclass

from wattmark.market.layout import SCOPE_BANKED_YEAR, SCOPE_CERTIFICATE_YEAR
from wattmark.market.policy import MarketPolicy
from wattmark.market.surveillance.policy import PER_MILLE


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
