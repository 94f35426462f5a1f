"""Register one channel of a metered device, and the public keys that sign for it."""

from collections.abc import Mapping
from typing import Any

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.text import Text
from wattmark.engine.commands import Kind, command, id_of, payload_hash
from wattmark.engine.layout import OPERATOR
from wattmark.flows.channels import device_commissioning
from wattmark.flows.open_account import checked_json
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.platform import Platform
from wattmark.metering.channel import ChannelKey
from wattmark.metering.keys import MeterKey


def plan_register_device(  # noqa: PLR0913 - the fields of the command
    *,
    identity: int,
    account: int,
    area: int,
    source: int,
    capacity_w: int,
    channel_role: int,
    tier: int,
    text: Mapping[str, Any],
    resolution_s: int = 1_800,
    register_open_wh: int = 0,
    actor: int = OPERATOR,
) -> Plan:
    """Return the plan that registers a device; result0 is its number.

    Args:
        identity: 128-bit id of the command.
        account: owner.
        area: market area 1..9 (J8).
        source: ``core.codes.Source``, 0 for a consumption channel.
        capacity_w: nameplate power [W].
        channel_role: 1 production, 2 consumption; one role per channel (A15).
        tier: evidence tier 0..4.
        text: ``{"meter_id": hex, "channel": int, "name": {en, ja}, "story": {en, ja}, ...}``; a device without a
            ``meter_id`` has no signed readings.
        resolution_s: slot length [s].
        register_open_wh: register when commissioned [Wh].
        actor: account that asks; an operator.

    Raises:
        MalformedInput: the text is no JSON object of moderate size, or its meter is malformed.
    """
    commissioning = device_commissioning(dict(text), resolution_s=resolution_s, register_open_wh=register_open_wh)
    if commissioning is not None:
        commissioning.open_channel(0)
    elif "meter_id" in text:
        rule = Text(en="8 to 16 bytes in hexadecimal, channel 0 to 255", ja="16進数で8〜16バイト、チャネルは0〜255")
        raise MalformedInput("METER_INVALID", "meter_id", text["meter_id"], rule)
    payload = checked_json("text", text)
    row = command(
        Kind.REGISTER_DEVICE,
        id=identity,
        actor=actor,
        account=account,
        area=int(area),
        source=int(source),
        capacity_w=capacity_w,
        channel_role=channel_role,
        register_open_wh=register_open_wh,
        resolution_s=resolution_s,
        tier=int(tier),
        hash=payload_hash(payload),
    )
    return plan_of([row], [payload])


def plan_register_meter_key(
    *, identity: int, device: int, alg: int, kid: bytes, public_key: bytes, valid_from_ms: int, actor: int = OPERATOR
) -> Plan:
    """Return the plan that lets a public key sign for a device from a log time on; result0 is the key's row.

    Args:
        identity: 128-bit id of the command.
        device: number of the device.
        alg: -7 (ES256) or -8 (EdDSA).
        kid: key id, 4..32 bytes.
        public_key: 65-byte uncompressed P-256 point or 32-byte Ed25519 key.
        valid_from_ms: first log time [ms].
        actor: account that asks; an operator.

    Raises:
        MalformedInput: a key that could never verify anything.
    """
    MeterKey(kid, alg, public_key, device, valid_from_ms)
    payload = checked_json("meter_key", {"kid": kid.hex(), "public_key": public_key.hex()})
    row = command(
        Kind.REGISTER_METER_KEY,
        id=identity,
        actor=actor,
        device=device,
        alg=alg,
        valid_from_ms=valid_from_ms,
        hash=payload_hash(payload),
    )
    return plan_of([row], [payload])


def register_device(platform: Platform, plan: Plan, now_ms: int) -> int:
    """Carry out ``plan_register_device`` and return the device's number.

    Raises:
        RuleViolated: the meter channel is registered already (A16), or the command was refused.
    """
    platform.channels.refresh(platform.state)
    for payload in plan.payloads:
        key = _channel_of(payload)
        if key is not None and platform.channels.device_of(key) is not None and not _is_retry(platform, plan):
            rule = Text(en="a meter channel that is not registered yet", ja="未登録の計器チャネルであること")
            raise RuleViolated("METER_REGISTERED", "meter_id", f"{key.meter_id.hex()}/{key.channel}", rule)
    return platform.execute_one(plan, now_ms).result0


def _channel_of(payload: bytes) -> ChannelKey | None:
    commissioning = device_commissioning(json_decode_strict(payload), resolution_s=1_800, register_open_wh=0)
    return None if commissioning is None else ChannelKey(commissioning.meter_id, commissioning.channel)


def _is_retry(platform: Platform, plan: Plan) -> bool:
    return platform.sequencer.find(id_of(plan.commands[0])) is not None
