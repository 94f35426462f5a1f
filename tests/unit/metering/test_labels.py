"""Labels and mint policy, every cell of the reference's table."""

import pytest

from wattmark.core.codes import Tier
from wattmark.metering.envelope import Quality, Status
from wattmark.metering.labels import LABEL_TEXT, MINTING_LABELS, TIER_TEXT, Label, MintPolicy, slot_label

TABLE = """
    quality      status        bridged late -> label
    GOOD         NONE          no      no   -> ACTUAL
    GOOD         NONE          no      yes  -> ACTUAL_LATE
    GOOD         NONE          yes     no   -> REGISTER_ONLY
    GOOD         NONE          yes     yes  -> REGISTER_ONLY
    GOOD         POWER_OUTAGE  no      no   -> ACTUAL
    GOOD         CLOCK_SET     no      no   -> ACTUAL
    GOOD         BATTERY_LOW   no      no   -> ACTUAL
    GOOD         OVERLOAD      no      no   -> ACTUAL
    GOOD         COVER_OPEN    no      no   -> QUESTIONABLE
    GOOD         MAGNET        yes     yes  -> QUESTIONABLE
    SUBSTITUTED  NONE          no      no   -> ESTIMATED
    ESTIMATED    NONE          yes     no   -> ESTIMATED
    QUESTIONABLE NONE          no      yes  -> QUESTIONABLE
    NO_READING   MAGNET        no      no   -> MISSING
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines()[1:])
def test_label_of_a_slot(line):
    given, label = line.split("->")
    quality, status, bridged, late = given.split()
    found = slot_label(Quality[quality], Status[status], bridged=bridged == "yes", late=late == "yes")
    assert found is Label[label.strip()]


def test_what_mints_by_default():
    policy = MintPolicy()
    minting = {(tier.name, label.name) for tier in Tier for label in Label if policy.mints(tier, label)}
    assert minting == {
        (tier, label) for tier in ("T2", "T3", "T4") for label in ("ACTUAL", "ACTUAL_LATE", "REGISTER_ONLY")
    }
    assert {label.name for label in MINTING_LABELS} == {"ACTUAL", "ACTUAL_LATE", "REGISTER_ONLY"}


def test_every_label_and_tier_has_words():
    assert set(LABEL_TEXT) == set(Label)
    assert set(TIER_TEXT) == set(Tier)
