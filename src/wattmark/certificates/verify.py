"""Offline verification of a certificate: nothing but the file and the log's public key.

The steps, each cited by number in the code:

1. Strict JSON of a known version; every member has its form (``bundle``).
2. Each record lies in the log: its leaf hash, its index and the hashes lead to a checkpoint of the
   pinned log, signed by the pinned key, and all proofs end in the same checkpoint.
3. RETIRE and ISSUE were accepted, in this order, and nothing was withheld.
4. The retired bundle is the issued one, and the serials lie inside what was issued.
5. A same-slot claim is for the very period of production (B2); only such a claim and a certificate
   speak of origin, a banked token never (K1, K2).
6. The plant's record, if attached, is that of the issuing device, and its text has the recorded hash.
7. The meter's key, if attached, is registered for that device, before the issue.
8. The reading, if attached, is the one whose hash was issued on: period, register and meter agree, its
   seal covers it, and with the key its signature holds.
9. The facts for people equal what the records say.
"""

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from wattmark.certificates import fields
from wattmark.certificates.bundle import LoggedRecord, ProofBundle, parse_bundle
from wattmark.certificates.reading import MeterKey, verify_reading
from wattmark.certificates.records import WITHHELD_FLAG, Record, RecordKind, read_record
from wattmark.core.codes import Area, Source
from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.ledger.checkpoint import Checkpoint
from wattmark.ledger.merkle import leaf_hash
from wattmark.ledger.note import Verifier, parse_vkey
from wattmark.ledger.proof import verify_log_proof

CLAIMS: Final = {1: "SAME_SLOT", 2: "BANKED", 3: "CERTIFICATE"}
SAME_SLOT: Final = 1
BANKED: Final = 2
PRODUCTION: Final = 1


class Evidence(Enum):
    """How far a certificate leads back."""

    HASH = "hash"
    """The hash of the reading is in the issue record; the reading itself is not attached."""
    READING = "reading"
    """The reading is attached and is the one issued on; its signature could not be checked."""
    SIGNED = "signed"
    """The reading is attached and signed by the key registered for the meter."""


EVIDENCE_TEXT: Final = {
    Evidence.HASH: Text(en="hash of the reading", ja="検針値のハッシュのみ"),
    Evidence.READING: Text(en="the reading, signature not checked", ja="検針値(署名は未検証)"),
    Evidence.SIGNED: Text(en="the reading, signed by the registered meter", ja="登録計器の署名付き検針値"),
}


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """What a bundle proves.

    Attributes:
        origin: the log.
        size: entries under the checkpoint.
        position: log index of the retirement.
        bundle: number of the bundle.
        start: first serial.
        end: serial after the last.
        produced: when it was produced.
        used: the period it was claimed for, ``None`` for a certificate without one.
        claim: name of the claim.
        beneficiary: account it was retired for.
        retired_ms: when it was retired [ms].
        device: number of the producing device.
        tier: evidence tier of the issue.
        area: market area, if the device's record is attached.
        source: energy source, if the device's record is attached.
        plant: name of the plant, if the device's record is attached and names it.
        evidence: how far it leads back to the meter.
    """

    origin: str
    size: int
    position: int
    bundle: int
    start: int
    end: int
    produced: Period
    used: Period | None
    claim: str
    beneficiary: int
    retired_ms: int
    device: int
    tier: int
    area: Area | None
    source: Source | None
    plant: Text | None
    evidence: Evidence

    @property
    def quantity_wh(self) -> int:
        """Return the energy [Wh]."""
        return self.end - self.start

    @property
    def claims_origin(self) -> bool:
        """Return whether origin is claimed; a banked token carries energy only (K1)."""
        return self.claim != CLAIMS[BANKED]

    def facts(self) -> dict[str, Any]:
        """Return the facts for people, as they stand in a bundle."""
        return {
            "beneficiary_account": self.beneficiary,
            "bundle": self.bundle,
            "claim": self.claim,
            "claims_origin": self.claims_origin,
            "device": self.device,
            "area": None if self.area is None else int(self.area),
            "source": None if self.source is None else int(self.source),
            "plant": None if self.plant is None else self.plant.to_dict(),
            "produced": {"start_s": self.produced.start_s, "duration_s": self.produced.duration_s},
            "used": None if self.used is None else {"start_s": self.used.start_s, "duration_s": self.used.duration_s},
            "quantity_wh": self.quantity_wh,
            "retired_ms": self.retired_ms,
            "serials": [self.start, self.end],
            "tier": self.tier,
        }


def verify(data: bytes, vkey: str | Verifier, origin: str | None = None) -> VerifiedCertificate:
    """Return what a certificate file proves; see the steps above.

    Args:
        data: the file.
        vkey: public key of the log, pinned by the reader, never taken from the file.
        origin: the log's origin; the key's name when ``None``.

    Raises:
        Refused: the first step that does not hold; nothing of the file is to be believed then.
    """
    bundle = parse_bundle(data)  # 1
    certificate = derive(bundle, vkey, origin)
    expected = certificate.facts()
    stated = bundle.facts or {}
    for name in sorted(set(expected) | set(stated)):  # 9
        if name not in stated or name not in expected or not fields.same(stated[name], expected[name]):
            rule = Text(en=f"what the records say: {expected.get(name)!r}", ja=f"記録の内容: {expected.get(name)!r}")
            raise RuleViolated("FACTS_DIFFER", f"facts.{name}", stated.get(name), rule)
    return certificate


def seal_bundle(bundle: ProofBundle, vkey: str | Verifier, origin: str | None = None) -> bytes:
    """Return the file of a bundle, its facts derived from its records; what cannot be verified is not made.

    Raises:
        Refused: as ``verify``.
    """
    data = bundle.with_facts(derive(bundle, vkey, origin).facts()).to_json()
    verify(data, vkey, origin)
    return data


def derive(bundle: ProofBundle, vkey: str | Verifier, origin: str | None = None) -> VerifiedCertificate:
    """Return what a bundle's records prove, whatever its facts say (steps 2 to 8).

    Raises:
        Refused: the first step that does not hold.
    """
    verifier = parse_vkey(vkey) if isinstance(vkey, str) else vkey
    checkpoint = _in_one_log(bundle, verifier, origin)  # 2
    retire = read_record(bundle.retire.entry, RecordKind.RETIRE)  # 3
    issue = read_record(bundle.issue.entry, RecordKind.ISSUE)
    _expect(bundle.issue.proof.index < bundle.retire.proof.index, "ISSUED_AFTER", "issue", bundle.issue.proof.index)
    _expect(not issue.flags & WITHHELD_FLAG, "WITHHELD", "issue", issue.flags)
    issued_wh = issue.fields["reg_to_wh"] - issue.fields["reg_from_wh"]
    start, end = retire.fields["start"], retire.fields["end"]
    _expect(retire.result1 == issue.result0, "OTHER_BUNDLE", "bundle", retire.result1)  # 4
    _expect(0 <= start < end <= issued_wh, "SERIALS_OUTSIDE", "serials", (start, end))
    produced = Period(issue.fields["period_start_s"], issue.fields["duration_s"])
    claim = retire.fields["claim"]
    _expect(claim in CLAIMS, "CLAIM_UNKNOWN", "claim", claim)
    claimed = Period(retire.fields["period_start_s"], retire.fields["duration_s"])
    _expect(claim != SAME_SLOT or claimed == produced, "OTHER_PERIOD", "period", claimed)  # 5
    area, source, plant, meter = _device(bundle.device, issue)  # 6
    key = _meter_key(bundle, issue)  # 7
    evidence = _reading(bundle, issue, key, meter)  # 8
    return VerifiedCertificate(
        origin=checkpoint.origin,
        size=checkpoint.size,
        position=bundle.retire.proof.index,
        bundle=issue.result0,
        start=start,
        end=end,
        produced=produced,
        used=claimed if claimed.duration_s else None,
        claim=CLAIMS[claim],
        beneficiary=retire.fields["beneficiary_account"],
        retired_ms=retire.timestamp_ms,
        device=issue.fields["device"],
        tier=issue.fields["tier"],
        area=area,
        source=source,
        plant=plant,
        evidence=evidence,
    )


def verify_logged(logged: LoggedRecord, verifier: Verifier, origin: str | None = None) -> Checkpoint:
    """Return the checkpoint that covers a record (step 2).

    Raises:
        MalformedInput: not a checkpoint, or of another log.
        SignatureInvalid: not signed by the key.
        ProofInvalid: the record is not in that log at that index.
    """
    return verify_log_proof(logged.proof, leaf_hash(logged.entry), verifier, origin)


def _in_one_log(bundle: ProofBundle, verifier: Verifier, origin: str | None) -> Checkpoint:
    attached = [bundle.retire, bundle.issue, bundle.device, bundle.meter_key]
    found = [verify_logged(logged, verifier, origin) for logged in attached if logged is not None]
    one = all((other.size, other.root) == (found[0].size, found[0].root) for other in found)
    _expect(one, "CHECKPOINTS_DIFFER", "proof", [other.size for other in found])
    return found[0]


def _device(
    logged: LoggedRecord | None, issue: Record
) -> tuple[Area | None, Source | None, Text | None, tuple[str, int] | None]:
    """Return area, source, name and (meter id, channel) of the plant."""
    if logged is None:
        return None, None, None, None
    device = read_record(logged.entry, RecordKind.REGISTER_DEVICE)
    _expect(device.result0 == issue.fields["device"], "OTHER_DEVICE", "device", device.result0)
    _expect(device.fields["channel_role"] == PRODUCTION, "NOT_PRODUCTION", "device", device.fields["channel_role"])
    content = _payload(logged, device, "device.payload")
    name, meter_id, channel = content.get("name"), content.get("meter_id"), content.get("channel", 0)
    plant = Text(en=str(name.get("en", "")), ja=str(name.get("ja", ""))) if isinstance(name, dict) else None
    meter = (meter_id, channel) if isinstance(meter_id, str) and type(channel) is int else None
    try:
        return Area(device.fields["area"]), Source(device.fields["source"]), plant, meter
    except ValueError as error:
        rule = Text(en="a known area and source", ja="既知のエリアと電源種別")
        raise MalformedInput("CODE_UNKNOWN", "device", str(error), rule) from error


def _meter_key(bundle: ProofBundle, issue: Record) -> MeterKey | None:
    logged = bundle.meter_key
    if logged is None:
        return None
    record = read_record(logged.entry, RecordKind.REGISTER_METER_KEY)
    _expect(record.fields["device"] == issue.fields["device"], "OTHER_DEVICE", "meter_key", record.fields["device"])
    _expect(logged.proof.index < bundle.issue.proof.index, "KEY_TOO_LATE", "meter_key", logged.proof.index)
    valid = record.fields["valid_from_ms"] <= issue.timestamp_ms
    _expect(valid, "KEY_TOO_LATE", "meter_key.valid_from_ms", record.fields["valid_from_ms"])
    content = _payload(logged, record, "meter_key.payload")
    try:
        kid, public_key = bytes.fromhex(content["kid"]), bytes.fromhex(content["public_key"])
    except (KeyError, TypeError, ValueError) as error:
        rule = Text(en="hexadecimal kid and public_key", ja="16進数のkidとpublic_key")
        raise MalformedInput("KEY_MALFORMED", "meter_key.payload", str(error), rule) from error
    return MeterKey(record.fields["alg"], kid, public_key)


def _reading(bundle: ProofBundle, issue: Record, key: MeterKey | None, meter: tuple[str, int] | None) -> Evidence:
    if bundle.reading is None:
        return Evidence.HASH
    named = leaf_hash(bundle.reading.leaf) == issue.digest
    _expect(named, "OTHER_READING", "reading", leaf_hash(bundle.reading.leaf).hex())
    leaf = verify_reading(bundle.reading, key)
    end_s = issue.fields["period_start_s"] + issue.fields["duration_s"]
    same_period = (leaf.end_s, leaf.duration_s) == (end_s, issue.fields["duration_s"])
    _expect(same_period, "OTHER_PERIOD", "reading.t_end", leaf.end_s)
    same_register = leaf.register_wh == issue.fields["reg_to_wh"]
    _expect(same_register, "OTHER_REGISTER", "reading.register_wh", leaf.register_wh)
    if meter is not None:
        found = (leaf.meter_id.hex(), leaf.channel)
        _expect(found == meter, "OTHER_METER", "reading.meter_id", found)
    return Evidence.READING if key is None else Evidence.SIGNED


def _payload(logged: LoggedRecord, record: Record, field: str) -> dict[str, Any]:
    named = sha256(logged.payload).digest() == record.digest
    _expect(named, "OTHER_PAYLOAD", field, sha256(logged.payload).hexdigest())
    content = json_decode_strict(logged.payload)
    if not isinstance(content, dict):
        raise MalformedInput(
            "PAYLOAD_MALFORMED", field, type(content).__name__, Text(en="an object", ja="オブジェクト")
        )
    return content


_RULES: Final = {
    "ISSUED_AFTER": Text(en="issued before it was retired", ja="償却より前に発行されていること"),
    "WITHHELD": Text(en="tokens that were issued, not withheld", ja="保留ではなく発行されたトークン"),
    "OTHER_BUNDLE": Text(en="the bundle of the issue record", ja="発行記録と同じ証書ロット"),
    "SERIALS_OUTSIDE": Text(en="serials inside what was issued", ja="発行された番号の範囲内"),
    "CLAIM_UNKNOWN": Text(en="a known claim", ja="既知の用途"),
    "OTHER_PERIOD": Text(en="the period of production", ja="発電した期間と同じ期間"),
    "CHECKPOINTS_DIFFER": Text(en="one checkpoint for all records", ja="すべての記録が同じチェックポイント"),
    "OTHER_DEVICE": Text(en="the device of the issue record", ja="発行記録と同じ設備"),
    "NOT_PRODUCTION": Text(en="a production channel", ja="発電側のチャネル"),
    "KEY_TOO_LATE": Text(en="a key registered before the issue", ja="発行より前に登録された鍵"),
    "OTHER_READING": Text(en="the reading whose hash was issued on", ja="発行の根拠となった検針値"),
    "OTHER_REGISTER": Text(en="the register of the issue record", ja="発行記録と同じ指示数"),
    "OTHER_METER": Text(en="the meter of the device", ja="設備に登録された計器"),
    "OTHER_PAYLOAD": Text(en="the text whose hash is in the record", ja="記録のハッシュと一致する本文"),
}


def _expect(holds: bool, code: str, field: str, value: object) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise RuleViolated(code, field, value, _RULES[code])
