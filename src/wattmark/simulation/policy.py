"""The operator's policy in the demo: every number that is a decision and not a fact, in one place.

Token lives are short on purpose, so that a fortnight shows the whole life of a token: sold and used,
banked and redeemed, retired as a certificate, or expired.
"""

from typing import Final

from wattmark.core.money import E5_PER_YEN
from wattmark.core.text import Text
from wattmark.flows.settings import Settings
from wattmark.simulation.world import Parameters, World

ORIGIN: Final = "demo.wattmark.example/minato"
NAME: Final = Text(en="Minato Community Power (demonstration)", ja="みなと地域電力(実演)")
TARIFF_SEN: Final = 700
"""What the retailer adds to the spot price: grid use, balancing, its own work [sen/kWh]."""
BANK_RULE: Final = 1
"""Redemption rule of every deposit in the demo: any later period, 80 per mille in kind."""
LONGEST_EXPIRY_DAYS: Final = 4
STRESS_PRICE_SEN: Final = 25_100
"""The highest system price of January 2021, 251.00 JPY/kWh (K4) [sen/kWh]."""
GATE_DELAY_S: Final = 600
"""A period's auction closes ten minutes after the period [s]."""
HOME_CASH_E5: Final = 20_000 * E5_PER_YEN
"""What a home brings, and is topped up to [10^-5 JPY]."""
HOME_LOW_E5: Final = 8_000 * E5_PER_YEN
"""Below this a home is topped up by direct debit [10^-5 JPY]."""
HOME_CREDIT_E5: Final = 20_000 * E5_PER_YEN
"""How far a home's cash may go below zero within a day [10^-5 JPY]."""
RETAILER_CASH_PER_HOME_E5: Final = 40_000 * E5_PER_YEN
COLLECTOR_CASH_E5: Final = 50_000 * E5_PER_YEN
TOWN_HALL_CASH_E5: Final = 30_000 * E5_PER_YEN
COLLATERAL_PER_HOME_E5: Final = 1_500 * E5_PER_YEN
"""Collateral behind the bank, for each home of the community [10^-5 JPY]."""
FORWARD_PER_HOME_WH: Final = 3_000
"""Energy the retailer bought forward for the bank, for each home [Wh]."""
STORED_PER_HOME_WH: Final = 500
"""What the community battery can deliver, for each home [Wh]."""


def demo_settings(world: World) -> Settings:
    """Return the platform's settings for a world."""
    return Settings(
        origin=ORIGIN,
        name=NAME,
        area=int(world.area),
        resolution_s=world.duration_s,
        token_expiry_days=token_expiry_days(world.parameters),
        tariff_sen_per_kwh=TARIFF_SEN,
        bank_rule=BANK_RULE,
        segment_bytes=8 << 20,
    )


def token_expiry_days(parameters: Parameters) -> int:
    """Return how long an unbanked token lives: at most four days, and less than the run where it can be."""
    return max(1, min(LONGEST_EXPIRY_DAYS, parameters.days - 1))
