"""The same seed makes the same community, and every member has what its part needs."""

import pytest

from wattmark.core.codes import Role
from wattmark.simulation.community import FUSE_W, Part, api_key, make_community
from wattmark.simulation.plants import PLANTS
from wattmark.simulation.synthetic import synthetic_world
from wattmark.simulation.world import Parameters


@pytest.fixture(scope="module")
def community():
    return make_community(synthetic_world(Parameters(days=1, homes=40, plants=14, seed=3)))


def test_it_is_a_function_of_the_world(community):
    world = synthetic_world(Parameters(days=1, homes=40, plants=14, seed=3))
    assert make_community(world) == community
    other = make_community(synthetic_world(Parameters(days=1, homes=40, plants=14, seed=4)))
    assert other.meters[0].key_seed != community.meters[0].key_seed
    assert other.meters[0].meter_id != community.meters[0].meter_id


def test_every_home_consumes_and_every_roof_produces(community):
    homes = community.of_part(Part.HOME, Part.PLAN_HOME)
    assert len(homes) == 40
    retailer = community.only(Part.RETAILER).index
    answering = [retailer if home.part is Part.PLAN_HOME else home.index for home in homes]
    assert [meter.member for meter in community.consumption] == answering
    assert all(meter.source is None and meter.capacity_w == FUSE_W for meter in community.consumption)
    roofs = [meter for meter in community.production if meter.plant is None]
    assert roofs
    assert all(Role.PRODUCER in community.members[meter.member].roles for meter in roofs)


def test_meters_and_keys_are_nobody_elses(community):
    assert len({meter.meter_id for meter in community.meters}) == len(community.meters)
    assert len({meter.key_seed for meter in community.meters}) == len(community.meters)
    assert {meter.alg for meter in community.meters} == {-7, -8}
    keys = {api_key(community.seed, member) for member in community.members}
    assert len(keys) == len(community.members)


def test_some_homes_buy_a_plan_and_never_have_panels(community):
    plan = community.of_part(Part.PLAN_HOME)
    assert len(plan) == 8
    owners = {meter.member for meter in community.production}
    assert not owners & {member.index for member in plan}


def test_names_are_told_apart(community):
    for language in ("en", "ja"):
        names = [member.name.get(language) for member in community.members]
        assert len(set(names)) == len(names)


def test_every_plant_tells_its_story_in_both_languages():
    for plant in PLANTS:
        for text in (plant.name, plant.owner, plant.story, plant.place, plant.kind):
            assert text.en
            assert text.ja
            assert text.en.isascii()
            assert not text.ja.isascii()


def test_two_homes_are_enough():
    community = make_community(synthetic_world(Parameters(days=1, homes=2, plants=1, seed=1)))
    assert len(community.of_part(Part.HOME)) >= 1
