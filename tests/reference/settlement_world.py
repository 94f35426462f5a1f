"""Random little settlement worlds for properties, as lists of dicts and as columns."""

import numpy as np
from hypothesis import strategies as st

from wattmark.settlement.columns import Demand, Lots, SpotPrices
from wattmark.tokens.lot import LotKind

KOMA = 1_800
AREAS = (3, 6)


def columns(kind, rows):
    return kind(*(np.array([row[name] for row in rows], np.int64) for name in kind.__dataclass_fields__))


@st.composite
def worlds(draw, accounts=3, periods=5, most_lots=10):
    """(demand, lots, prices): every account may use both areas; some rows repeat a period."""
    account = st.integers(0, accounts - 1)
    period = st.integers(0, periods - 1).map(lambda number: number * KOMA)
    area = st.sampled_from(AREAS)
    wh = st.integers(0, 60) | st.integers(0, 3_000)
    demand = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "account": account,
                    "area": area,
                    "period_start_s": period,
                    "duration_s": st.just(KOMA),
                    "consumption_wh": wh,
                }
            ),
            max_size=12,
        )
    )
    count = draw(st.integers(0, most_lots))
    lots = []
    free = dict.fromkeys(range(21), 0)  # the lots of a bundle never overlap (L2)
    for number in draw(st.permutations(range(count))):
        bundle = draw(st.sampled_from(sorted(free)))
        start = free[bundle] + draw(st.integers(0, 50))
        free[bundle] = start + draw(st.integers(1, 90) | st.integers(1, 4_000))
        kind = draw(st.sampled_from(list(LotKind)))
        claim = kind == LotKind.ENERGY_CLAIM
        lots.append(
            {
                "lot": number,
                "account": draw(account),
                "bundle": bundle,
                "area": draw(area),
                "start": start,
                "end": free[bundle],
                "period_start_s": draw(st.integers(-3, 3)) * KOMA + 3 * KOMA if claim else draw(period),
                "duration_s": draw(st.sampled_from([KOMA, KOMA, KOMA, 2 * KOMA])),
                "kind": int(kind),
                "expiry_s": draw(st.integers(1, 8)) * KOMA,
                "redeem_rule": draw(st.integers(1, 3)) if claim else 0,
                "redeem_from_s": draw(st.integers(0, 6)) * KOMA if claim else 0,
                "redeem_until_s": draw(st.integers(1, 9)) * KOMA if claim else 0,
            }
        )
    prices = [
        {
            "area": one,
            "period_start_s": number * KOMA,
            "duration_s": KOMA,
            "price_sen": draw(st.sampled_from([1, 1_999, 2_000, 25_100])),
        }
        for one in AREAS
        for number in range(periods)
    ]
    return demand, lots, prices


def as_columns(world):
    demand, lots, prices = world
    return columns(Demand, demand), columns(Lots, lots), columns(SpotPrices, prices)
