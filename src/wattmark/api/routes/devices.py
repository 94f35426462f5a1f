"""Devices, meter keys, readings."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from wattmark.api.authorisation import API, Caller, MaybeCaller
from wattmark.api.bodies import StrictRoute
from wattmark.api.context import Served
from wattmark.api.models import RegisterDevice, RegisterMeterKey, Row
from wattmark.api.routes.shapes import accepted, day_of, shape
from wattmark.api.security import Principal, not_theirs
from wattmark.core.codes import Role
from wattmark.core.encoding import cbor_decode_strict
from wattmark.core.errors import MalformedInput, Refused, RuleViolated
from wattmark.core.ids import id_hex, parse_id
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import words_hash
from wattmark.engine.outcomes import RULES, Outcome
from wattmark.flows.bulk import payload_files, read_checked
from wattmark.flows.ingest_slots import SlotIngest, bulk_id, plan_ingest_slots
from wattmark.flows.platform import Done, Platform
from wattmark.flows.queries import plants
from wattmark.flows.register_device import plan_register_device, plan_register_meter_key, register_device
from wattmark.flows.seal_day import DaySeal, plan_seal_day
from wattmark.metering.errors import Code
from wattmark.tokens import layout as k

router = APIRouter(tags=["devices"], route_class=StrictRoute)

MAX_ENVELOPES: Final = 10_000
PROOFS_OF_FRAUD: Final = frozenset({Code.EQUIVOCATION, Code.SLOT_DIFFERS})
"""Two signed readings that contradict each other are kept, and freeze the channel, though they are refused."""
MAX_BULK_BYTES: Final = 16 * 1_024 * 1_024
BULK: Final = Text(
    en=f"a deterministic CBOR array of 1 to {MAX_ENVELOPES} byte strings",
    ja=f"1〜{MAX_ENVELOPES}個のバイト列からなる決定的CBOR配列",
)
BODY: Final = Text(en="one COSE_Sign1 envelope", ja="COSE_Sign1の封筒ひとつ")
Form = Annotated[Literal["slot", "day"], Query(description="slot: one period, day: the seal of a day")]
IdOfDelivery = Annotated[
    str, Query(alias="id", pattern="^[0-9a-f]{32}$", description="id of the delivery, chosen by you")
]


@router.get(f"{API}/devices", summary="Plants, by number")
async def list_plants(
    context: Served,
    after: Annotated[int, Query(ge=-1, le=(1 << 31) - 1)] = -1,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """Return the producing devices with their stories; meters of consumption are not listed."""
    found = await context.read(lambda platform: plants.plants(platform, after=after, limit=limit))
    return {"devices": [_public(item) for item in found], "next": found[-1].device if len(found) == limit else None}


@router.post(f"{API}/devices", status_code=201, summary="Register one channel of a metered device")
async def register(body: RegisterDevice, context: Served, caller: Caller) -> dict[str, Any]:
    """Register a device; a meter channel can be registered once."""
    text = {
        "meter_id": body.meter_id,
        "channel": body.channel,
        "name": body.name.model_dump(),
        "story": body.story.model_dump(),
    }
    plan = plan_register_device(
        identity=parse_id(body.id),
        account=body.account,
        area=body.area,
        source=body.source,
        capacity_w=body.capacity_w,
        channel_role=body.channel_role,
        tier=body.tier,
        text=text,
        resolution_s=body.resolution_s,
        register_open_wh=body.register_open_wh,
        actor=caller.account,
    )

    def work() -> Done:
        platform = context.platform
        with platform.sequencer.reading():
            number = register_device(platform, plan, context.clock())
            found = platform.sequencer.find(parse_id(body.id))
            assert found is not None, "an accepted command is on record"
            return Done(int(found[1][e.V_TIMESTAMP_MS]), number, 0)

    return accepted(body.id, await run_in_threadpool(work), "device")


@router.get(f"{API}/devices/{{device}}", summary="A device")
async def get_device(device: Row, context: Served, caller: MaybeCaller) -> dict[str, Any]:
    """Return a plant to everybody, a meter of consumption to its owner, operator and auditors."""
    found = await context.read(lambda platform: visible_device(platform, device, caller))
    return shape(found) if _is_theirs(found, caller) else _public(found)


@router.get(f"{API}/devices/{{device}}/production", summary="What a plant made on a day")
async def get_production(
    device: Row, context: Served, caller: MaybeCaller, day: Annotated[str, Query()]
) -> dict[str, Any]:
    """Return the minted energy of each period of a JST day, and what became of all its tokens."""
    wanted = day_of(day)

    def read(platform: Platform) -> dict[str, Any]:
        visible_device(platform, device, caller)
        return {
            "day": wanted.isoformat(),
            "periods": shape(plants.production(platform, device, wanted)),
            "tokens": shape(plants.token_totals(platform, device)),
        }

    return await context.read(read)


@router.post(f"{API}/devices/{{device}}/meter-keys", status_code=201, summary="Let a public key sign for a device")
async def register_meter_key(device: Row, body: RegisterMeterKey, context: Served, caller: Caller) -> dict[str, Any]:
    """Register a meter's public key."""
    plan = plan_register_meter_key(
        identity=parse_id(body.id),
        device=device,
        alg=body.alg,
        kid=bytes.fromhex(body.kid),
        public_key=bytes.fromhex(body.public_key),
        valid_from_ms=body.valid_from_ms,
        actor=caller.account,
    )
    return accepted(body.id, await context.order(plan.commands[0], plan.payloads), "meter_key")


@router.post(f"{API}/readings", tags=["readings"], summary="Upload one signed envelope (COSE_Sign1)")
async def upload(
    request: Request, context: Served, caller: Caller, identity: IdOfDelivery, form: Form = "slot"
) -> dict[str, Any]:
    """Verify an envelope and mint what it proves; refused ones change nothing."""
    body = await request.body()
    if not body:
        raise MalformedInput("ENVELOPE_EMPTY", "body", "", BODY)
    outcomes = await run_in_threadpool(_ingest, context, caller, [body], parse_id(identity), form, single=True)
    return {"id": identity, "outcome": "OK", **outcomes[0]}


@router.post(f"{API}/readings/bulk", tags=["readings"], summary="Upload many signed envelopes as one CBOR array")
async def upload_many(
    request: Request, context: Served, caller: Caller, identity: IdOfDelivery, form: Form = "day"
) -> dict[str, Any]:
    """Verify envelopes and mint what they prove; each has an outcome of its own, in the order given."""
    envelopes = _envelopes(await request.body())
    outcomes = await run_in_threadpool(_ingest, context, caller, envelopes, parse_id(identity), form, single=False)
    count = sum(item["code"] == "OK" for item in outcomes)
    return {"id": identity, "accepted": count, "refused": len(outcomes) - count, "outcomes": outcomes}


def visible_device(platform: Platform, number: int, caller: Principal | None) -> plants.Device:
    """Return a device the caller may see.

    Raises:
        UnknownReference: there is none, or it is somebody's meter of consumption.
    """
    found = plants.device(platform, number)
    if found.is_plant or _is_theirs(found, caller):
        return found
    raise not_theirs("device", number)


def _is_theirs(found: plants.Device, caller: Principal | None) -> bool:
    return caller is not None and (caller.sees_all or caller.account == found.account)


def _public(found: plants.Device) -> dict[str, Any]:
    answer: dict[str, Any] = shape(found)
    del answer["account"]
    return answer


def _envelopes(body: bytes) -> list[bytes]:
    items = cbor_decode_strict(body, MAX_BULK_BYTES)
    if isinstance(items, list) and 1 <= len(items) <= MAX_ENVELOPES and all(type(item) is bytes for item in items):
        return items
    raise MalformedInput("ENVELOPES_INVALID", "body", len(body), BULK)


def _ingest(
    context: Served, caller: Principal, envelopes: list[bytes], identity: int, form: str, *, single: bool
) -> list[dict[str, Any]]:
    """Take in envelopes; when not one is accepted nothing is written, unless they prove that a meter lied."""
    platform = context.platform
    with platform.sequencer.reading():
        if platform.is_done(bulk_id(identity)):
            return _repeated(platform, identity, envelopes)
        now_ms = context.clock()
        planned: SlotIngest | DaySeal
        if form == "slot":
            planned = plan_ingest_slots(platform, envelopes, identity=identity, received_ms=now_ms)
        else:
            planned = plan_seal_day(platform, envelopes, identity=identity, received_ms=now_ms)
        outcomes = [_check_owner(platform, caller, outcome) for outcome in planned.outcomes]
        if planned.accepted or any(outcome.code in PROOFS_OF_FRAUD for outcome in planned.outcomes):
            platform.execute_all(planned.plan, now_ms)
        if single and planned.outcomes[0].refusal is not None:
            raise planned.outcomes[0].refusal
        return outcomes


def _repeated(platform: Platform, identity: int, envelopes: list[bytes]) -> list[dict[str, Any]]:
    """Return what became of a delivery that was taken in before, as it stands in the lake.

    Raises:
        RuleViolated: the same id with other envelopes.
    """
    found = platform.sequencer.find(bulk_id(identity))
    assert found is not None, "is_done has said so"
    named = words_hash(platform.sequencer.record(found[0]).command[e.W_HASH :])
    payload = platform.views.payload(named)
    assert payload is not None, "every BULK_ROOT has its payload beside it"
    table = read_checked(payload_files(payload)[0][0], platform.lake.get)
    rows = table.select(["envelope", "code", "device"]).to_pylist()
    if [row["envelope"] for row in rows] != envelopes:
        raise RuleViolated("ID_REUSED", "id", id_hex(identity), RULES[Outcome.ID_REUSED].text)
    return [{"code": row["code"]} | ({"device": row["device"]} if row["code"] == Code.OK else {}) for row in rows]


def _check_owner(platform: Platform, caller: Principal, outcome: Any) -> dict[str, Any]:  # noqa: ANN401 - slot or day
    """Return an envelope's answer; one of another's meter is refused for all but operators and collectors.

    Raises:
        UnknownReference: the meter is not the caller's.
    """
    if outcome.refusal is not None:
        error: Refused = outcome.refusal
        return {"code": str(outcome.code), "error": error.to_dict()}
    device = outcome.reading.device
    owner = int(platform.state.devices[device, k.D_OWNER])
    if owner != caller.account and not caller.roles & (Role.OPERATOR | Role.COLLECTOR):
        raise not_theirs("device", device)
    return {"code": "OK", "device": device}
