"""Who lives in the demo community: members, their roles, their meters and their keys.

Everything here is invented, and everything is derived from the seed: the same community always has
the same people, the same meters and the same keys. Keys that anybody can derive guard nothing, which
is right for a demonstration and for nothing else.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattmark.core.codes import Role, Source
from wattmark.core.text import Text
from wattmark.simulation.chance import uniform
from wattmark.simulation.plants import PLANTS, Plant
from wattmark.simulation.world import World

PLAN_SHARE: Final = 0.2
"""About one home in five buys a plan and never trades."""
ES256_EVERY: Final = 4
"""Every fourth meter signs ES256, the others EdDSA."""
ALG_ES256: Final = -7
ALG_EDDSA: Final = -8
CHANNEL_PRODUCTION: Final = 1
CHANNEL_CONSUMPTION: Final = 2
METER_ID_BYTES: Final = 8
FUSE_W: Final = 14_000
"""What a home's connection can carry: 60 A at 200 V and a little [W]."""

_FAMILIES: Final = (
    ("Sato", "佐藤"),
    ("Suzuki", "鈴木"),
    ("Takahashi", "高橋"),
    ("Tanaka", "田中"),
    ("Ito", "伊藤"),
    ("Watanabe", "渡辺"),
    ("Yamamoto", "山本"),
    ("Nakamura", "中村"),
    ("Kobayashi", "小林"),
    ("Kato", "加藤"),
    ("Yoshida", "吉田"),
    ("Yamada", "山田"),
    ("Sasaki", "佐々木"),
    ("Yamaguchi", "山口"),
    ("Matsumoto", "松本"),
    ("Inoue", "井上"),
    ("Kimura", "木村"),
    ("Hayashi", "林"),
    ("Saito", "斎藤"),
    ("Shimizu", "清水"),
    ("Yamazaki", "山崎"),
    ("Mori", "森"),
    ("Abe", "阿部"),
    ("Ikeda", "池田"),
    ("Hashimoto", "橋本"),
    ("Yamashita", "山下"),
    ("Ishikawa", "石川"),
    ("Nakajima", "中島"),
    ("Maeda", "前田"),
    ("Fujita", "藤田"),
    ("Ogawa", "小川"),
    ("Goto", "後藤"),
)


class Part(StrEnum):
    """What a member does in the community."""

    RETAILER = "retailer"
    COLLECTOR = "collector"
    TOWN_HALL = "town_hall"
    AUDITOR = "auditor"
    PLANT_OWNER = "plant_owner"
    HOME = "home"
    PLAN_HOME = "plan_home"


@dataclass(frozen=True, slots=True)
class Member:
    """One account of the community.

    Attributes:
        index: position among the members, the order in which accounts are opened.
        part: what the member does.
        name: what the member is called.
        roles: roles of the account.
        row: row of the world's arrays: the home's, or the plant's for its owner; -1 otherwise.
    """

    index: int
    part: Part
    name: Text
    roles: Role
    row: int


@dataclass(frozen=True, slots=True)
class Meter:
    """One metered channel of the community.

    Attributes:
        index: position among the meters, the order in which devices are registered.
        member: index of the account it counts for: the owner's, or the retailer's for a plan home.
        channel: 1 production, 2 consumption.
        source: what is produced; ``None`` for consumption.
        capacity_w: most the channel can carry [W].
        row: row of the world's array.
        plant: the plant, or ``None`` for a home's channel.
        alg: COSE algorithm of the meter's key, -7 ES256 or -8 EdDSA.
        meter_id: identity of the meter [8 bytes].
        key_seed: private seed of the meter's key [32 bytes].
        name: what the device is called.
        story: what the device's page tells.
        place: town.
        kind: technology in words.
    """

    index: int
    member: int
    channel: int
    source: Source | None
    capacity_w: int
    row: int
    plant: Plant | None
    alg: int
    meter_id: bytes
    key_seed: bytes
    name: Text
    story: Text
    place: Text
    kind: Text

    @property
    def produces(self) -> bool:
        """Return whether the channel is minted."""
        return self.channel == CHANNEL_PRODUCTION


@dataclass(frozen=True, slots=True)
class Community:
    """Members and meters, production meters first."""

    seed: int
    members: tuple[Member, ...]
    meters: tuple[Meter, ...]

    def of_part(self, *parts: Part) -> tuple[Member, ...]:
        """Return the members that do one of the parts, in order."""
        return tuple(member for member in self.members if member.part in parts)

    def only(self, part: Part) -> Member:
        """Return the one member of a part that exists once."""
        (member,) = self.of_part(part)
        return member

    @property
    def production(self) -> tuple[Meter, ...]:
        """Return the production channels in order."""
        return tuple(meter for meter in self.meters if meter.produces)

    @property
    def consumption(self) -> tuple[Meter, ...]:
        """Return the consumption channels in order."""
        return tuple(meter for meter in self.meters if not meter.produces)


def make_community(world: World) -> Community:
    """Return the community that lives in a world; a pure function of its parameters."""
    seed = world.parameters.seed
    members = _members(world, seed)
    by_part = {(member.part, member.row): member.index for member in members}
    meters: list[Meter] = []
    for row in range(world.parameters.plants):
        plant = PLANTS[row % len(PLANTS)]
        owner = by_part[Part.PLANT_OWNER, row]
        name = _numbered(plant.name, row // len(PLANTS))
        capacity = int(world.plant_capacity_w[row])
        meters.append(
            _meter(
                seed, len(meters), owner, plant.source, capacity, row, plant, name, plant.story, plant.place, plant.kind
            )
        )
    retailer = by_part[Part.RETAILER, -1]
    homes = [member for member in members if member.part in {Part.HOME, Part.PLAN_HOME}]
    for home in homes:
        if world.solar_capacity_w[home.row] > 0:
            capacity = int(world.solar_capacity_w[home.row])
            meters.append(
                _meter(
                    seed, len(meters), home.index, Source.SOLAR, capacity, home.row, None,
                    Text(en=f"Roof of the {home.name.en}", ja=f"{home.name.ja}の屋根"), _ROOF_STORY, _TOWN, _ROOF_KIND,
                )
            )  # fmt: skip
    for home in homes:
        # A plan home has no tokens of its own: the retailer answers for what it uses.
        answering = retailer if home.part is Part.PLAN_HOME else home.index
        meters.append(
            _meter(
                seed, len(meters), answering, None, FUSE_W, home.row, None,
                Text(en=f"Use of the {home.name.en}", ja=f"{home.name.ja}の使用電力"), _HOME_STORY, _TOWN, _HOME_KIND,
            )
        )  # fmt: skip
    return Community(seed, members, tuple(meters))


def api_key(seed: int, member: Member) -> str:
    """Return the log-in key of a demo member: derived from the seed, so known to everybody [64 hex digits]."""
    return _digest(seed, "api key", member.index).hex()


def operator_key(seed: int) -> str:
    """Return the log-in key of the demo's operator [64 hex digits]."""
    return _digest(seed, "operator key", 0).hex()


def secret_bytes(seed: int, name: str) -> bytes:
    """Return 32 bytes derived from the seed: what a demo uses in place of a secret."""
    return _digest(seed, "secret " + name, 0)


def account_salt(seed: int, member: Member) -> bytes:
    """Return the salt of a demo member's profile payload [16 bytes]."""
    return _digest(seed, "salt", member.index)[:16]


def plan_pseudonym(seed: int, day: int, member: Member) -> bytes:
    """Return what a plan customer is called in the bulk record of a day (yyyymmdd); new every day [16 bytes]."""
    return _digest(seed, f"plan {day}", member.index)[:16]


_ROOF_STORY: Final = Text(
    en="Panels on the roof of a home: first for those who live under them, the rest for the neighbours.",
    ja="わが家の屋根のパネル。まず自分たちで使い、余りはご近所へ。",
)
_ROOF_KIND: Final = Text(en="solar panels on a home", ja="住宅の太陽光パネル")
_HOME_STORY: Final = Text(en="What this home used, half hour by half hour.", ja="この家が使った電気を三十分ごとに。")
_HOME_KIND: Final = Text(en="consumption meter", ja="使用量メーター")
_TOWN: Final = Text(en="Minato town", ja="みなと町")


def _members(world: World, seed: int) -> tuple[Member, ...]:
    fixed = (
        (Part.RETAILER, Text(en="Minato Community Power", ja="みなと地域電力"), Role.CONSUMER),
        (Part.COLLECTOR, Text(en="Kinugasa Stamp Cabinet", ja="衣笠切手室"), Role.CONSUMER | Role.COLLECTOR),
        (Part.TOWN_HALL, Text(en="Minato Town Hall", ja="みなと町役場"), Role.CONSUMER),
        (Part.AUDITOR, Text(en="Kaede Audit Office", ja="楓監査事務所"), Role.AUDITOR),
    )
    members = [Member(index, part, name, roles, -1) for index, (part, name, roles) in enumerate(fixed)]
    for row in range(world.parameters.plants):
        name = _numbered(PLANTS[row % len(PLANTS)].owner, row // len(PLANTS))
        members.append(Member(len(members), Part.PLANT_OWNER, name, Role.PRODUCER, row))
    plan = plan_homes(seed, world)
    for row in range(world.parameters.homes):
        family = _FAMILIES[row % len(_FAMILIES)]
        name = _numbered(Text(en=f"{family[0]} home", ja=f"{family[1]}家"), row // len(_FAMILIES))
        part = Part.PLAN_HOME if row in plan else Part.HOME
        roles = Role.CONSUMER | Role.PRODUCER if world.solar_capacity_w[row] > 0 else Role.CONSUMER
        members.append(Member(len(members), part, name, roles, row))
    return tuple(members)


def plan_homes(seed: int, world: World) -> frozenset[int]:
    """Return the rows of the homes that buy a plan: without panels, at least one where possible."""
    candidates = [row for row in range(world.parameters.homes) if world.solar_capacity_w[row] == 0]
    order = uniform(seed, "plan homes", world.parameters.homes)
    count = max(1, round(PLAN_SHARE * world.parameters.homes))
    chosen = sorted(candidates, key=lambda row: (float(order[row]), row))[:count]
    # Somebody has to trade: never take the last home.
    return frozenset(chosen[: world.parameters.homes - 1])


def _numbered(name: Text, again: int) -> Text:
    return name if again == 0 else Text(en=f"{name.en} {again + 1}", ja=f"{name.ja}{again + 1}")


def _meter(  # noqa: PLR0913, PLR0917 - one call site per kind of meter, all fields of the record
    seed: int,
    index: int,
    member: int,
    source: Source | None,
    capacity_w: int,
    row: int,
    plant: Plant | None,
    name: Text,
    story: Text,
    place: Text,
    kind: Text,
) -> Meter:
    return Meter(
        index=index,
        member=member,
        channel=CHANNEL_CONSUMPTION if source is None else CHANNEL_PRODUCTION,
        source=source,
        capacity_w=capacity_w,
        row=row,
        plant=plant,
        alg=ALG_ES256 if index % ES256_EVERY == ES256_EVERY - 1 else ALG_EDDSA,
        meter_id=_digest(seed, "meter id", index)[:METER_ID_BYTES],
        key_seed=_digest(seed, "meter key", index),
        name=name,
        story=story,
        place=place,
        kind=kind,
    )


def _digest(seed: int, name: str, index: int) -> bytes:
    return hashlib.sha256(f"wattmark demo/{seed}/{name}/{index}".encode()).digest()
