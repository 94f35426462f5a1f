"""Make the proof bundle of a retirement: its record, the issue's, the plant, the meter's key and the signed reading."""

from typing import Final

from wattmark.certificates.bundle import LoggedRecord, ProofBundle
from wattmark.certificates.reading import Reading, day_reading, slot_reading
from wattmark.certificates.verify import seal_bundle
from wattmark.core.errors import RuleViolated, Unavailable, UnknownReference
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import Kind, kind_of, words_hash
from wattmark.engine.outcomes import Outcome
from wattmark.flows.bulk import FORM_SLOT
from wattmark.flows.cosign import witnessed_proof
from wattmark.flows.lakefiles import read_row
from wattmark.flows.platform import Platform
from wattmark.ledger.note import parse_vkey
from wattmark.metering.cose import decode_sign1
from wattmark.metering.envelope import decode_day, leaf_bytes
from wattmark.metering.transport import MAX_SEAL_BYTES, decode_transport
from wattmark.metering.tree import leaf_hash
from wattmark.tokens import layout as k

TRIES: Final = 3
"""A checkpoint may be published between two proofs; then all are taken again."""


def prove_retirement(platform: Platform, position: int, *, witnessed: bool = False) -> bytes:
    """Return the certificate file of the retirement at a log index; it has been verified.

    Args:
        platform: the platform.
        position: log index of an accepted RETIRE, under the published checkpoint.
        witnessed: prove it under the last checkpoint that witnesses cosigned.

    Raises:
        UnknownReference: no such record, or not yet under a checkpoint.
        RuleViolated: the record is no accepted retirement.
    """
    record = platform.sequencer.record(position)
    if kind_of(record.command) != Kind.RETIRE or record.verdict[e.V_OUTCOME] != Outcome.OK:
        rule = Text(en="an accepted RETIRE record", ja="受理された償却記録")
        raise RuleViolated("NOT_A_RETIREMENT", "position", position, rule)
    for _ in range(TRIES):
        bundle = _bundle(platform, position, int(record.verdict[e.V_RESULT1]), witnessed=witnessed)
        logged = [bundle.retire, bundle.issue, bundle.device, bundle.meter_key]
        if len({one.proof.checkpoint_text for one in logged if one is not None}) == 1:
            return seal_bundle(bundle, platform.keys.vkey, platform.settings.origin)
    raise Unavailable(
        Text(en="checkpoints change too fast; try again", ja="チェックポイントの更新中です。再試行してください")
    )


def logged_record(platform: Platform, position: int, *, payload: bool = False, witnessed: bool = False) -> LoggedRecord:
    """Return a record with its inclusion proof, and its payload if asked for.

    Args:
        platform: the platform.
        position: log index.
        payload: attach the payload.
        witnessed: prove it under the last checkpoint that witnesses cosigned.

    Raises:
        UnknownReference: no such record, or not yet under a checkpoint.
    """
    record = platform.sequencer.record(position)
    content = platform.views.payload(words_hash(record.command[e.W_HASH :])) if payload else b""
    if witnessed:
        verifier = parse_vkey(platform.keys.vkey)
        proof = witnessed_proof(platform.witnessed.load(), verifier, platform.tiles, position)
    else:
        proof = platform.sequencer.inclusion(position)
    return LoggedRecord(record.entry, proof, content or b"")


def _bundle(platform: Platform, position: int, bundle: int, *, witnessed: bool) -> ProofBundle:
    device = int(platform.state.bundles[bundle, k.B_DEVICE])
    reading = _reading(platform, words_hash(platform.state.bundles[bundle, k.B_EVIDENCE : k.B_EVIDENCE + 4]))
    device_at = platform.views.registered_at(Kind.REGISTER_DEVICE, device)
    key_at = None if reading is None else _key_position(platform, device, reading)
    return ProofBundle(
        retire=logged_record(platform, position, witnessed=witnessed),
        issue=logged_record(platform, _issue_position(platform, bundle), witnessed=witnessed),
        device=None if device_at is None else logged_record(platform, device_at, payload=True, witnessed=witnessed),
        meter_key=None if key_at is None else logged_record(platform, key_at, payload=True, witnessed=witnessed),
        reading=reading,
    )


def _issue_position(platform: Platform, bundle: int) -> int:
    issued = [event.position for event in platform.views.events(bundle, limit=1) if event.kind == Kind.ISSUE]
    if issued:
        return issued[0]
    rule = Text(en="a bundle with an issue record", ja="発行記録のある証書ロット")
    raise UnknownReference("UNKNOWN_BUNDLE", "bundle", bundle, rule)


def _reading(platform: Platform, evidence: bytes) -> Reading | None:
    """Return the signed reading, ``None`` where the bundle comes from an unsigned import."""
    place = platform.views.evidence(evidence)
    if place is None:
        return None
    row = read_row(platform.lake.get(place.file), place.row)
    envelope: bytes = row["envelope"]
    return slot_reading(envelope) if row["form"] == FORM_SLOT else _of_day(envelope, evidence)


def _of_day(envelope: bytes, evidence: bytes) -> Reading:
    transport = decode_transport(envelope)
    leaves = [leaf_bytes(leaf) for leaf in transport.leaves(decode_day(transport.sign1.payload))]
    return day_reading(envelope, leaves, [leaf_hash(leaf) for leaf in leaves].index(evidence))


def _key_position(platform: Platform, device: int, reading: Reading) -> int | None:
    """Return the log index of the record that registered the signing key for the device."""
    kid = decode_sign1(reading.seal, MAX_SEAL_BYTES).kid.hex()
    keys = platform.state.meter_keys
    for row in range(len(keys)):
        if keys[row, k.M_DEVICE] != device:
            continue
        if platform.text_of(words_hash(keys[row, k.M_PAYLOAD : k.M_PAYLOAD + 4])).get("kid") == kid:
            return platform.views.registered_at(Kind.REGISTER_METER_KEY, row)
    return None
