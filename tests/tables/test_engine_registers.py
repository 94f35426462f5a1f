"""Minting: a device's bundles tile its register line (L4), up to 105 % of capacity x time (V10)."""

import pytest

from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.engine.outcomes import Outcome
from wattmark.tokens import layout as k

STORIES = {
    "one after the other": """
        slot  from   to    | outcome
        0     1000   1500  | OK
        1     1500   2500  | OK
        2     2500   2501  | OK
    """,
    "the same reading twice": """
        0     1000   1500  | OK
        0     1000   1500  | PERIOD_OVERLAP     # another id, the same mint
        1     1000   1500  | REGISTER_OVERLAP   # said to be of the next period
        1     1500   1600  | OK
    """,
    "overlapping registers": """
        0     1000   1500  | OK
        1     1499   1600  | REGISTER_OVERLAP
        1     999    1600  | REGISTER_OVERLAP
    """,
    "a gap in the registers": """
        0     1001   1500  | REGISTER_GAP
        0     1000   1500  | OK
        2     1600   1700  | REGISTER_GAP
        2     1500   1700  | OK                 # what was produced in the gap belongs to the next bundle
    """,
    "a register that stands still or falls": """
        0     1000   1000  | NOTHING_MEASURED
        0     1000   999   | REGISTER_INVALID
        1     1000   1500  | OK
        2     1500   1500  | NOTHING_MEASURED
    """,
    "an earlier period after a later one": """
        3     1000   1500  | OK
        2     1500   1600  | PERIOD_OVERLAP
        3     1500   1600  | PERIOD_OVERLAP
        4     1500   1600  | OK
    """,
    "withheld: measured, not minted, and never minted later": """
        0     1000   90000 | ABOVE_CAPACITY
        0     1000   90000 withhold | OK
        1     1000   2000  | REGISTER_OVERLAP
        1     90000  90001 | OK
    """,
    "a period that has not ended": """
        8     1000   1500  | PERIOD_NOT_OVER
        7     1000   1500  | OK
    """,
}


def meter(**changes: int) -> SmallWorld:
    w = SmallWorld()
    w.at(NOW_S + 8 * SLOT)
    w.account("alice", 2)
    w.device("sun", 3, 1, **changes)
    return w


def mint(slot: int, reg_from: int, reg_to: int, *, duration: int = SLOT) -> dict[str, int]:
    start = NOW_S // duration * duration + slot * duration
    return {
        "device": 0,
        "period_start_s": start,
        "duration_s": duration,
        "reg_from_wh": reg_from,
        "reg_to_wh": reg_to,
        "expiry_s": NOW_S + 365 * DAY,
        "tier": 3,
    }


@pytest.mark.parametrize("story", STORIES)
def test_stories_of_a_register(story: str) -> None:
    w = meter()
    measured = minted = 0
    for line in STORIES[story].strip().splitlines():
        figures, outcome = line.split("#")[0].split("|")
        if figures.split()[0] == "slot":
            continue
        slot, reg_from, reg_to, *how = figures.split()
        fields = mint(int(slot), int(reg_from), int(reg_to))
        flags = k.WITHHELD_FLAG if how else 0
        if outcome.strip() == "OK":
            w.do(Kind.ISSUE, flags=flags, **fields)
            measured += int(reg_to) - int(reg_from)
            minted += 0 if how else int(reg_to) - int(reg_from)
        else:
            assert w.refused(Kind.ISSUE, flags=flags, **fields).name == outcome.strip()
        device = w.state.devices[0]
        assert device[k.D_REG_NEXT_WH] - device[k.D_REG_OPEN_WH] == measured
        assert (device[k.D_ISSUED_WH], device[k.D_WITHHELD_WH]) == (minted, measured - minted)
        assert int(w.state.bundles[:, k.B_ISSUED_WH].sum()) == minted
        assert audit_state(w.state) == []


CAPACITY = """
capacity_w   resolution_s | most Wh
50000        1800         | 26250
50000        3600         | 52500
1            3600         | 1         # 1.05 Wh
1            300          | 0         # 0.0875 Wh
11           300          | 0         # 0.9625 Wh
12           300          | 1
95           900          | 24        # 24.9375 Wh
68719476736  3600         | 72155450572
"""


@pytest.mark.parametrize("line", CAPACITY.strip().splitlines()[1:])
def test_at_most_105_percent_of_capacity_is_minted(line: str) -> None:
    figures, most = line.split("#", maxsplit=1)[0].split("|")
    capacity, resolution = map(int, figures.split())
    for extra, outcome in ((1, Outcome.ABOVE_CAPACITY), (0, Outcome.OK)):
        w = meter(capacity_w=capacity, resolution_s=resolution)
        fields = mint(0, 1_000, 1_000 + int(most) + extra, duration=resolution)
        if outcome is Outcome.OK and int(most):
            w.do(Kind.ISSUE, **fields)
        elif outcome is not Outcome.OK:
            assert w.refused(Kind.ISSUE, **fields) is outcome
            w.do(Kind.ISSUE, flags=k.WITHHELD_FLAG, **fields)  # it was measured, after all


def test_a_register_ends_at_2_to_the_40_and_not_one_beyond() -> None:
    w = meter(register_open_wh=2**40 - 10, capacity_w=2**36)
    assert w.refused(Kind.ISSUE, **mint(0, 2**40 - 10, 2**40 + 1)) is Outcome.REGISTER_INVALID
    w.do(Kind.ISSUE, **mint(0, 2**40 - 10, 2**40))
    assert w.refused(Kind.ISSUE, **mint(1, 2**40, 2**40)) is Outcome.NOTHING_MEASURED


def test_devices_do_not_mix_their_registers() -> None:
    w = meter()
    w.device("second", 3, 2, register_open_wh=0)
    w.do(Kind.ISSUE, **mint(0, 1_000, 1_500))
    w.do(Kind.ISSUE, **(mint(0, 0, 700) | {"device": 1}))
    w.do(Kind.ISSUE, **mint(1, 1_500, 1_600))
    assert w.state.bundles[:, [k.B_DEVICE, k.B_REG_FROM_WH, k.B_REG_TO_WH]].tolist() == [
        [0, 1_000, 1_500],
        [1, 0, 700],
        [0, 1_500, 1_600],
    ]
    assert audit_state(w.state) == []


def test_a_bundle_keeps_area_source_tier_and_evidence_of_its_mint() -> None:
    w = meter(area=8, tier=2)
    bundle, lot = w.do(Kind.ISSUE, **mint(0, 1_000, 1_010))
    row = w.state.bundles[bundle]
    assert row[[k.B_AREA, k.B_SOURCE, k.B_TIER]].tolist() == [8, 1, 3]
    assert row[k.B_EVIDENCE :].tobytes() == bytes([w.count] * 32)
    assert w.state.lots[lot, [k.L_BUNDLE, k.L_START, k.L_END, k.L_OWNER, k.L_STATE]].tolist() == [0, 0, 10, 3, 1]
