import numpy as np
import pytest

from wattmark.core.errors import MalformedInput, Refused, UnknownReference
from wattmark.settlement import kernels
from wattmark.settlement.columns import Demand, Lots, SpotPrices
from wattmark.settlement.settle import settle_day
from wattmark.settlement.tariff import Tariff

KOMA = 1_800
TARIFF = Tariff(1, 700)
DEMAND = Demand([1], [3], [0], [KOMA], [500])
PRICES = SpotPrices([3], [0], [KOMA], [1_000])
NO_LOTS = Lots.empty()
LOT = {
    "lot": 0,
    "account": 1,
    "bundle": 0,
    "area": 3,
    "start": 0,
    "end": 100,
    "period_start_s": 0,
    "duration_s": KOMA,
    "kind": 1,
    "expiry_s": 10**6,
    "redeem_rule": 0,
    "redeem_from_s": 0,
    "redeem_until_s": 0,
}


def lots(*changes: dict[str, int]) -> Lots:
    rows = [{**LOT, "lot": number, **change} for number, change in enumerate(changes)]
    return Lots(*([row[name] for row in rows] for name in LOT))


def test_without_tokens_everything_is_bought() -> None:
    result = settle_day(DEMAND, NO_LOTS, PRICES, TARIFF)
    assert len(result.allocation) == 0
    assert result.totals == {
        "consumption_wh": 500,
        "same_slot_wh": 0,
        "banked_wh": 0,
        "residual_wh": 500,
        "spot_amount_e5": 500_000,
        "tariff_amount_e5": 350_000,
    }


def test_nothing_to_settle_gives_empty_tables() -> None:
    result = settle_day(Demand.empty(), NO_LOTS, SpotPrices.empty(), TARIFF)
    assert (len(result.allocation), len(result.residual)) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [{"area": 4}, {"account": 2}, {"period_start_s": KOMA}, {"duration_s": KOMA // 2}, {"duration_s": 2 * KOMA}],
)
def test_a_token_of_another_area_account_or_period_serves_nothing(change: dict[str, int]) -> None:
    assert len(settle_day(DEMAND, lots(change), PRICES, TARIFF).allocation) == 0


def test_a_storage_token_serves_its_discharge_period() -> None:
    assert settle_day(DEMAND, lots({"kind": 3}), PRICES, TARIFF).totals["same_slot_wh"] == 100


def test_demand_of_one_period_is_added_up() -> None:
    demand = Demand([1, 1], [3, 3], [0, 0], [KOMA, KOMA], [200, 300])
    assert (
        settle_day(demand, NO_LOTS, PRICES, TARIFF).tobytes() == settle_day(DEMAND, NO_LOTS, PRICES, TARIFF).tobytes()
    )


def test_the_largest_amounts_are_exact() -> None:
    demand = Demand([1], [3], [0], [KOMA], [1 << 40])
    result = settle_day(demand, NO_LOTS, SpotPrices([3], [0], [KOMA], [99_900]), TARIFF)
    assert result.totals["spot_amount_e5"] == (1 << 40) * 99_900


def test_a_price_serves_finer_periods_inside_it() -> None:
    demand = Demand([1, 1], [3, 3], [0, 900], [900, 900], [1, 1])
    assert settle_day(demand, NO_LOTS, PRICES, TARIFF).residual.price_sen.tolist() == [1_000, 1_000]


def test_the_room_for_banked_rows_suffices_where_every_rule_meets_its_cap() -> None:
    """The kernel writes without looking: its bound must hold in the worst case, one row per rule and period."""
    periods = 48
    starts = [(at + 1) * KOMA for at in range(periods)]
    demand = Demand([1] * periods, [3] * periods, starts, [KOMA] * periods, [5_000] * periods)
    claim = {"kind": 2, "end": 1 << 30, "redeem_until_s": 10**9, "expiry_s": 10**9}
    held = lots(*({**claim, "redeem_rule": rule, "lot": 9 - rule} for rule in (3, 2, 1)))
    prices = SpotPrices([3], [0], [KOMA * (periods + 1)], [2_000])
    result = settle_day(demand, held, prices, TARIFF)
    assert len(result.allocation) == 3 * periods
    columns = kernels.DemandColumns(*demand.columns().values())
    table = kernels.LotColumns(*([held.account, held.area] + [held.start] * 6))
    assert kernels.most_banked_rows(columns, table, np.arange(3), 3) >= 3 * periods


REFUSALS = {
    "period without price": ((Demand([1], [3], [KOMA], [KOMA], [5]), NO_LOTS, PRICES), "PRICE_MISSING"),
    "area without price": ((Demand([1], [4], [0], [KOMA], [5]), NO_LOTS, PRICES), "PRICE_MISSING"),
    "period longer than its price": ((Demand([1], [3], [0], [2 * KOMA], [5]), NO_LOTS, PRICES), "PRICE_MISSING"),
    "two prices": ((DEMAND, NO_LOTS, SpotPrices([3, 3], [0, 0], [KOMA] * 2, [1, 2])), "PRICES_OVERLAP"),
    "overlapping periods": (
        (Demand([1, 1], [3, 3], [0, 900], [KOMA, 900], [1, 1]), NO_LOTS, PRICES),
        "PERIODS_OVERLAP",
    ),
    "one start, two durations": (
        (Demand([1, 1], [3, 3], [0, 0], [KOMA, 900], [1, 1]), NO_LOTS, PRICES),
        "PERIODS_OVERLAP",
    ),
    "a lot twice": ((DEMAND, lots({}, {"lot": 0}), PRICES), "LOT_TWICE"),
    "unknown rule": (
        (DEMAND, lots({"kind": 2, "redeem_rule": 77, "redeem_until_s": 9}), PRICES),
        "REDEMPTION_RULE_UNKNOWN",
    ),
    "unknown kind": ((DEMAND, lots({"kind": 4}), PRICES), "COLUMN_RANGE"),
    "empty range": ((DEMAND, lots({"end": 0}), PRICES), "COLUMN_RANGE"),
    "negative consumption": ((Demand([1], [3], [0], [KOMA], [-1]), NO_LOTS, PRICES), "COLUMN_RANGE"),
    "unknown area": ((Demand([1], [10], [0], [KOMA], [1]), NO_LOTS, PRICES), "COLUMN_RANGE"),
    "price below the limit": ((DEMAND, NO_LOTS, SpotPrices([3], [0], [KOMA], [0])), "COLUMN_RANGE"),
    "sum beyond the limit": (
        (Demand([1, 1], [3, 3], [0, 0], [KOMA] * 2, [1 << 40, 1]), NO_LOTS, PRICES),
        "COLUMN_RANGE",
    ),
}


@pytest.mark.parametrize("case", REFUSALS, ids=str)
def test_what_is_refused(case: str) -> None:
    (demand, held, prices), code = REFUSALS[case]
    with pytest.raises(Refused) as refused:
        settle_day(demand, held, prices, TARIFF)
    assert refused.value.code == code
    assert refused.value.rule.ja
    assert isinstance(refused.value, (MalformedInput, UnknownReference))


def test_columns_are_whole_numbers_of_one_length() -> None:
    with pytest.raises(MalformedInput, match="COLUMN_TYPE"):
        Demand([1.0], [3], [0], [KOMA], [500])
    with pytest.raises(MalformedInput, match="COLUMN_TYPE"):
        Demand(np.array([1 << 63], np.uint64), [3], [0], [KOMA], [500])
    with pytest.raises(MalformedInput, match="COLUMN_LENGTH"):
        Demand([1, 2], [3], [0], [KOMA], [500])


@pytest.mark.parametrize(("field", "value"), [("version", 0), ("energy_adder_sen", -1), ("fixed_per_day_e5", -1)])
def test_a_tariff_outside_its_range_is_refused(field: str, value: int) -> None:
    terms = {"version": 1, "energy_adder_sen": 0, "fixed_per_day_e5": 0}
    with pytest.raises(MalformedInput) as refused:
        Tariff(**{**terms, field: value})
    assert refused.value.field == field
