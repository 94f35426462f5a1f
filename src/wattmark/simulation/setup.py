"""Setting the community up: accounts, keys, devices, money, the bank's cover, the year's products."""

from collections.abc import Mapping
from typing import Any, Final

from wattmark.core.codes import Role, Source, Tier
from wattmark.core.ids import derive_id
from wattmark.engine.layout import COLLATERAL, OPERATOR
from wattmark.flows.bank_deposit import plan_deposit_cash, plan_set_cover
from wattmark.flows.issue_key import plan_issue_key
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.open_account import plan_open_account
from wattmark.flows.plan import Plan, join
from wattmark.flows.register_device import plan_register_device, plan_register_meter_key
from wattmark.market.layout import MODE_CALL, MODE_CONTINUOUS, SCOPE_BANKED_YEAR, SCOPE_CERTIFICATE_YEAR
from wattmark.simulation import policy
from wattmark.simulation.community import Community, Member, Meter, Part, account_salt, api_key, operator_key
from wattmark.simulation.meters import MeterChannel
from wattmark.simulation.world import World, year_period

PART_CASH_E5: Final[Mapping[Part, int]] = {
    Part.COLLECTOR: policy.COLLECTOR_CASH_E5,
    Part.TOWN_HALL: policy.TOWN_HALL_CASH_E5,
    Part.HOME: policy.HOME_CASH_E5,
}
"""What each kind of member brings; the retailer's share grows with the homes it serves."""


PARAMETERS_FIELD: Final = "demonstration"
"""Member of the retailer's profile that holds the parameters, so that a home says what was run in it."""


def account_id(seed: int, member: int) -> int:
    """Return the id of the command that opens a member's account."""
    return derive_id("demo account", seed, member)


def device_id(seed: int, meter: int) -> int:
    """Return the id of the command that registers a meter's device."""
    return derive_id("demo device", seed, meter)


def open_accounts(world: World, community: Community) -> Plan:
    """Return the plan that opens every member's account; the retailer's profile tells what is simulated."""
    return join(
        plan_open_account(
            identity=account_id(community.seed, member.index),
            roles=member.roles,
            profile=_profile(world, member),
            salt=account_salt(community.seed, member),
            credit_limit_e5jpy=_credit_e5(member),
        )
        for member in community.members
    )


def register(
    world: World, community: Community, channels: tuple[MeterChannel, ...], account_of: Mapping[int, int]
) -> Plan:
    """Return the plan that registers every device and every log-in key."""
    seed = community.seed
    operator = plan_issue_key(
        identity=derive_id("demo key", seed, "operator"),
        account=OPERATOR,
        roles=int(Role.OPERATOR),
        secret=operator_key(seed),
    )
    keys = [
        plan_issue_key(
            identity=derive_id("demo key", seed, member.index),
            account=account_of[member.index],
            roles=member.roles,
            secret=api_key(seed, member),
        )
        for member in community.members
    ]
    devices = [
        plan_register_device(
            identity=device_id(seed, channel.meter.index),
            account=account_of[channel.meter.member],
            area=int(world.area),
            source=int(channel.meter.source or 0),
            capacity_w=channel.meter.capacity_w,
            channel_role=channel.meter.channel,
            tier=int(Tier.T3),
            text=device_text(community, channel.meter),
            resolution_s=world.duration_s,
            register_open_wh=channel.commissioning.register_open_wh,
        )
        for channel in channels
    ]
    return join([operator, *keys, *devices])


def device_text(community: Community, meter: Meter) -> dict[str, Any]:
    """Return what a device's payload tells of it."""
    return {
        "meter_id": meter.meter_id.hex(),
        "channel": meter.channel,
        "name": meter.name.to_dict(),
        "story": meter.story.to_dict(),
        "location": meter.place.to_dict(),
        "kind": meter.kind.to_dict(),
        "owner_label": community.members[meter.member].name.to_dict(),
    }


def fund(
    world: World,
    community: Community,
    channels: tuple[MeterChannel, ...],
    account_of: Mapping[int, int],
    device_of: Mapping[int, int],
) -> Plan:
    """Return the plan that registers meter keys, brings the money, backs the bank and lists the year."""
    seed, homes = community.seed, world.parameters.homes
    plans = [
        plan_register_meter_key(
            identity=derive_id("demo meter key", seed, channel.meter.index),
            device=device_of[channel.meter.index],
            alg=channel.meter.alg,
            kid=channel.signer.kid,
            public_key=channel.signer.public_key,
            valid_from_ms=0,
        )
        for channel in channels
    ]
    for member in community.members:
        if amount := _cash_e5(community, member):
            identity = derive_id("demo deposit", seed, member.index)
            plans.append(plan_deposit_cash(identity=identity, account=account_of[member.index], amount_e5jpy=amount))
    plans += [
        plan_deposit_cash(
            identity=derive_id("demo collateral", seed),
            account=COLLATERAL,
            amount_e5jpy=policy.COLLATERAL_PER_HOME_E5 * homes,
        ),
        plan_set_cover(
            identity=derive_id("demo cover", seed),
            forward_wh=policy.FORWARD_PER_HOME_WH * homes,
            stored_wh=policy.STORED_PER_HOME_WH * homes,
            stress_price_sen=policy.STRESS_PRICE_SEN,
        ),
    ]
    years = sorted({year_period(world.day(day)) for day in range(world.parameters.days)})
    plans += [
        plan_list_products(
            area=int(world.area),
            sources=sources_of(community),
            periods=[year],
            gate_open_ms=0,
            # Banked tokens outlive the year they were generated in.
            gate_close_ms=(year.end_s + year.duration_s) * 1_000,
            mode=MODE_CONTINUOUS,
            scope=scope,
        )
        for scope in (SCOPE_BANKED_YEAR, SCOPE_CERTIFICATE_YEAR)
        for year in years
    ]
    return join(plans)


def list_day(world: World, community: Community, day: int) -> Plan:
    """Return the plan that lists a call auction per source and period of a day."""
    first = day * world.periods_per_day
    periods = [world.period(index) for index in range(first, first + world.periods_per_day)]
    return join(
        plan_list_products(
            area=int(world.area),
            sources=sources_of(community),
            periods=[period],
            gate_open_ms=period.start_s * 1_000,
            gate_close_ms=(period.end_s + policy.GATE_DELAY_S) * 1_000,
            mode=MODE_CALL,
        )
        for period in periods
    )


def sources_of(community: Community) -> list[Source]:
    """Return the sources anybody in the community produces from, in order of their code."""
    return sorted({meter.source for meter in community.production if meter.source is not None})


def run_profile(world: World) -> dict[str, Any]:
    """Return what is simulated: the parameters and the digest of every series."""
    return {**world.parameters.to_dict(), "world": world.digest()}


def _profile(world: World, member: Member) -> dict[str, Any]:
    profile: dict[str, Any] = {"name": member.name.to_dict(), "part": member.part.value}
    if member.part is Part.RETAILER:
        profile[PARAMETERS_FIELD] = run_profile(world)
    return profile


def _credit_e5(member: Member) -> int:
    if member.part is Part.RETAILER:
        return 10 * policy.RETAILER_CASH_PER_HOME_E5
    return policy.HOME_CREDIT_E5 if member.part in {Part.HOME, Part.PLAN_HOME} else 0


def _cash_e5(community: Community, member: Member) -> int:
    if member.part is Part.RETAILER:
        served = len(community.of_part(Part.PLAN_HOME))
        return policy.RETAILER_CASH_PER_HOME_E5 * max(1, served)
    return PART_CASH_E5.get(member.part, 0)
