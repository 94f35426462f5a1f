"""Meters sign what the world says, and everything an attacker sends fails by itself."""

from collections import Counter

import pytest

from wattmark.core.errors import Refused
from wattmark.metering.keys import KeyRing
from wattmark.metering.verify import verify_day, verify_slot
from wattmark.simulation.community import make_community
from wattmark.simulation.meters import Fault, _bad_envelope, channels_of, fault_of, slot_envelopes
from wattmark.simulation.synthetic import synthetic_world
from wattmark.simulation.world import MISSING, Parameters

WORLD = synthetic_world(Parameters(days=2, homes=4, plants=3, seed=9))
COMMUNITY = make_community(WORLD)


@pytest.fixture(scope="module")
def channels():
    return channels_of(COMMUNITY, WORLD)


@pytest.fixture(scope="module")
def ring(channels):
    return KeyRing([channel.signer.key(device, 0) for device, channel in enumerate(channels)])


def received_ms(period):
    return (WORLD.period(period).end_s + 60) * 1_000


def test_every_slot_and_every_day_verifies_in_order(channels, ring):
    for device, channel in enumerate(channels):
        state = channel.commissioning.open_channel(device)
        for day in range(2):
            for period in range(day * 48, day * 48 + 48):
                envelope = channel.slot_envelope(period)
                if envelope is not None:
                    _, state = verify_slot(envelope, ring, state, received_ms(period))
            sealed = channel.day_envelope(day)
            assert sealed is not None
            _, state = verify_day(sealed, ring, state, received_ms(day * 48 + 47) + 1)
        table = WORLD.consumption_wh if not channel.meter.produces else WORLD.solar_wh
        series = (table if channel.meter.plant is None else WORLD.plant_wh)[channel.meter.row]
        counted = int(series[series != MISSING].sum())
        assert state.last_register_wh - channel.commissioning.register_open_wh == counted


def test_a_meter_that_is_off_signs_nothing_and_skips_no_number(channels):
    (plant,) = (channel for channel in channels if channel.meter.plant is not None and channel.meter.row == 2)
    off = [period for period in range(WORLD.periods) if plant.leaf(period) is None]
    assert len(off) == 5
    before, after = plant.leaf(off[0] - 1), plant.leaf(off[-1] + 1)
    assert after.seq == before.seq + 1
    assert after.t_end - before.t_end == 6 * 1_800


def test_days_do_not_depend_on_the_order_of_asking(channels):
    again = channels_of(COMMUNITY, WORLD)
    assert [channel.day_envelope(1) for channel in again] == [channel.day_envelope(1) for channel in channels]


@pytest.mark.parametrize("fault", list(Fault))
def test_a_bad_envelope_is_refused_and_the_honest_one_still_accepted(channels, ring, fault):
    codes = {
        Fault.TAMPERED: "SIGNATURE_INVALID",
        Fault.REPLAYED: "REPLAYED",
        Fault.FOREIGN_KEY: "KEY_OF_ANOTHER_METER",
    }
    for device, channel in enumerate(channels):
        state = channel.commissioning.open_channel(device)
        _, state = verify_slot(channel.slot_envelope(0), ring, state, received_ms(0))
        bad = _bad_envelope(fault, channels, device, 1)
        with pytest.raises(Refused) as caught:
            verify_slot(bad, ring, state, received_ms(1))
        assert caught.value.code == codes[fault]
        verify_slot(channel.slot_envelope(1), ring, state, received_ms(1))


def test_faults_are_rare_seeded_and_of_every_kind():
    found = Counter(fault_of(9, meter, period) for meter in range(40) for period in range(200))
    assert set(found) == {None, *Fault}
    assert 20 < sum(found[fault] for fault in Fault) < 90
    assert found == Counter(fault_of(9, meter, period) for meter in range(40) for period in range(200))


def test_what_is_on_the_line_is_a_function_of_the_seed(channels):
    first = [slot_envelopes(9, channels[:4], period) for period in range(20)]
    again = [slot_envelopes(9, channels_of(COMMUNITY, WORLD)[:4], period) for period in range(20)]
    assert first == again
