import base64
import json
import random
from dataclasses import replace

import pytest

from reference.certificate_world import (
    BUNDLE,
    DAY,
    DEVICE,
    KEY,
    KOMA,
    ORIGIN,
    SLOT,
    STRANGER,
    Log,
    changed,
    entry,
    world,
)
from wattmark.certificates.bundle import LoggedRecord, ProofBundle, parse_bundle
from wattmark.certificates.check import verify_file
from wattmark.certificates.reading import Reading, slot_reading
from wattmark.certificates.records import RecordKind, read_record
from wattmark.certificates.verify import EVIDENCE_TEXT, Evidence, derive, seal_bundle, verify
from wattmark.core.encoding import json_canonical
from wattmark.core.errors import Refused
from wattmark.core.periods import Period, jst_day_start_s
from wattmark.crypto.signing import ed25519_sign
from wattmark.engine.commands import Kind, command, payload_hash
from wattmark.metering.cose import EDDSA, ES256, encode_sign1, protected_header, signed_bytes
from wattmark.metering.sign import MeterSigner
from wattmark.testing.meters import SeededMeter

VKEY = KEY.vkey
PRODUCED = Period(jst_day_start_s(DAY) + SLOT * KOMA, KOMA)


def sealed(**choices) -> bytes:
    return seal_bundle(world().bundle(**choices), VKEY)


@pytest.mark.parametrize("alg", [EDDSA, ES256])
@pytest.mark.parametrize("reading", ["slot", "day"])
def test_a_retirement_leads_back_to_the_signed_reading(alg: int, reading: str) -> None:
    data = seal_bundle(world(alg).bundle(reading=reading), VKEY)
    found = verify(data, VKEY)
    assert found.evidence is Evidence.SIGNED
    assert (found.bundle, found.start, found.end, found.quantity_wh) == (BUNDLE, 0, 100, 100)
    assert (found.device, found.beneficiary, found.tier, found.claim) == (DEVICE, 12, 3, "SAME_SLOT")
    assert found.produced == found.used == PRODUCED
    assert found.plant is not None
    assert (found.plant.en, found.plant.ja) == ("Hillside roof", "丘の屋根")
    assert (found.origin, found.size, found.position) == (ORIGIN, 13, 3)
    assert verify_file(data, VKEY, ORIGIN) == found
    assert parse_bundle(data).to_json() == data


def test_what_is_attached_decides_how_far_it_leads_back() -> None:
    bundle = world().bundle()
    assert derive(replace(bundle, reading=None), VKEY).evidence is Evidence.HASH
    assert derive(replace(bundle, meter_key=None), VKEY).evidence is Evidence.READING
    least = derive(ProofBundle(bundle.retire, bundle.issue), VKEY)
    assert (least.evidence, least.plant, least.area, least.source) == (Evidence.HASH, None, None, None)
    assert all(EVIDENCE_TEXT[evidence].ja for evidence in Evidence)


def test_a_banked_token_claims_no_origin_and_a_certificate_no_period() -> None:
    banked, certificate = verify(sealed(retire=4), VKEY), verify(sealed(retire=5), VKEY)
    assert (banked.claim, banked.claims_origin) == ("BANKED", False)
    assert banked.used == Period(PRODUCED.start_s + 10 * KOMA, KOMA)
    assert (certificate.claim, certificate.claims_origin, certificate.used) == ("CERTIFICATE", True, None)


def retired(**changes: int) -> Log:
    """The log with another retirement at index 3."""
    values = {
        "lot": 33,
        "start": 0,
        "end": 100,
        "beneficiary_account": 12,
        "claim": 1,
        "period_start_s": PRODUCED.start_s,
        "duration_s": KOMA,
    }
    verdict = (1, 0, 41, changes.pop("bundle", BUNDLE))
    row = command(Kind.RETIRE, id=11, actor=0, **{**values, **changes})
    entries = list(world().log.entries)
    entries[3] = entry(row, verdict, 3)
    return Log(entries)


def swapped(log: Log, **names: int) -> ProofBundle:
    """The usual bundle over another log, some records taken from other places."""
    place = {"retire": 3, "issue": 2, "device": 0, "meter_key": 1, **names}
    one = world()
    return ProofBundle(
        log.logged(place["retire"]),
        log.logged(place["issue"]),
        log.logged(place["device"], one.device_text),
        log.logged(place["meter_key"], one.key_text),
        slot_reading(one.slot),
    )


def world_issue(name: str) -> int:
    return read_record(world().log.entries[2], RecordKind.ISSUE).fields[name]


def renamed(changes: dict[str, object]) -> ProofBundle:
    """The usual bundle of a plant registered with another text."""
    text = json_canonical({**json.loads(world().device_text), **changes})
    entries = list(world().log.entries)
    entries[0] = entries[0][:96] + payload_hash(text) + entries[0][128:]
    return replace(swapped(Log(entries)), device=Log(entries).logged(0, text))


def other_slot() -> bytes:
    return SeededMeter(device=DEVICE).day(DAY, [100 + 7 * slot for slot in range(48)]).slots[SLOT + 1]


def other_meter() -> Reading:
    return slot_reading(SeededMeter("stranger", device=DEVICE).day(DAY, [9] * 48).slots[SLOT])


def resealed(kid: bytes | None = None) -> Reading:
    """The right leaf, sealed with a stranger's key, under its own key id or a borrowed one."""
    payload = slot_reading(world().slot).leaf
    secret = bytes(range(32))
    stranger = MeterSigner(world().meter.signer.meter_id, 1, EDDSA, secret).key(DEVICE, 0)
    protected = protected_header(EDDSA, kid or stranger.kid)
    return slot_reading(encode_sign1(protected, payload, ed25519_sign(secret, signed_bytes(protected, payload))))


def twice(log: Log, **changes) -> Log:
    return Log([*log.entries, *(changes.values())])


MISMATCHES = {
    "other bundle": (lambda: swapped(retired(bundle=BUNDLE + 1)), "OTHER_BUNDLE"),
    "serials beyond the issue": (lambda: swapped(retired(end=100_000)), "SERIALS_OUTSIDE"),
    "no serials": (lambda: swapped(retired(end=0)), "SERIALS_OUTSIDE"),
    "negative serials": (lambda: swapped(retired(start=-1)), "SERIALS_OUTSIDE"),
    "another period": (lambda: swapped(retired(period_start_s=PRODUCED.start_s + KOMA)), "OTHER_PERIOD"),
    "unknown claim": (lambda: swapped(retired(claim=4)), "CLAIM_UNKNOWN"),
    "retirement that is no retirement": (lambda: swapped(world().log, retire=2), "RECORD_KIND"),
    "issue that is no issue": (lambda: swapped(world().log, issue=3), "RECORD_KIND"),
    "register of another reading": (
        lambda: swapped(changed(world().log, 2, reg_to_wh=world_issue("reg_to_wh") + 1)),
        "OTHER_REGISTER",
    ),
    "reading of another period": (
        lambda: swapped(
            changed(
                changed(world().log, 2, period_start_s=PRODUCED.start_s + KOMA),
                3,
                period_start_s=PRODUCED.start_s + KOMA,
            )
        ),
        "OTHER_PERIOD",
    ),
    "device of another number": (lambda: swapped(changed(world().log, 0, result0=DEVICE + 1)), "OTHER_DEVICE"),
    "consumption device": (lambda: swapped(changed(world().log, 0, channel_role=2)), "NOT_PRODUCTION"),
    "unknown source": (lambda: swapped(changed(world().log, 0, source=99)), "CODE_UNKNOWN"),
    "key of another device": (lambda: swapped(changed(world().log, 1, device=DEVICE + 1)), "OTHER_DEVICE"),
    "key valid later": (lambda: swapped(changed(world().log, 1, valid_from_ms=1 << 50)), "KEY_TOO_LATE"),
    "meter of another plant": (lambda: renamed({"meter_id": "00" * 8}), "OTHER_METER"),
    "channel of another plant": (lambda: renamed({"channel": 2}), "OTHER_METER"),
    "seal over another slot": (
        lambda: replace(world().bundle(), reading=Reading(world().leaves[SLOT], other_slot())),
        "READING_MISMATCH",
    ),
    "two checkpoints": (
        lambda: replace(world().bundle(), issue=twice(world().log, more=bytes(176)).logged(2)),
        "CHECKPOINTS_DIFFER",
    ),
    "device's text": (lambda: replace(world().bundle(), device=world().log.logged(0, b"{}")), "OTHER_PAYLOAD"),
    "key's text": (lambda: replace(world().bundle(), meter_key=world().log.logged(1, b"{}")), "OTHER_PAYLOAD"),
    "another reading": (lambda: replace(world().bundle(), reading=other_meter()), "OTHER_READING"),
    "a stranger's seal": (lambda: replace(world().bundle(), reading=resealed()), "READING_MISMATCH"),
    "a stranger's seal under the meter's key id": (
        lambda: replace(world().bundle(), reading=resealed(world().meter.signer.key(DEVICE, 0).kid)),
        "SIGNATURE_INVALID",
    ),
    "leaf at another index": (
        lambda: replace(world().bundle(), reading=replace(world().bundle(reading="day").reading, index=SLOT + 1)),
        "READING_MISMATCH",
    ),
    "path of another leaf": (
        lambda: replace(
            world().bundle(),
            reading=replace(world().bundle(reading="day").reading, path=(bytes(32),) * 6),
        ),
        "PROOF_INVALID",
    ),
    "signed log of a stranger": (
        lambda: replace(world().bundle(), retire=world().log.logged(3, key=STRANGER)),
        "SIGNATURE",
    ),
    "another log": (lambda: replace(world().bundle(), retire=world().log.logged(3, origin="else")), "OTHER_LOG"),
    "wrong index": (
        lambda: replace(world().bundle(), retire=shifted(world().log.logged(3))),
        "PROOF_INVALID",
    ),
    "truncated proof": (
        lambda: replace(world().bundle(), retire=shortened(world().log.logged(3))),
        "PROOF_INVALID",
    ),
}


def shifted(logged: LoggedRecord) -> LoggedRecord:
    return replace(logged, proof=replace(logged.proof, index=logged.proof.index + 1))


def shortened(logged: LoggedRecord) -> LoggedRecord:
    return replace(logged, proof=replace(logged.proof, hashes=logged.proof.hashes[:-1]))


@pytest.mark.parametrize("case", MISMATCHES, ids=str)
def test_what_does_not_belong_together_is_refused(case: str) -> None:
    make, code = MISMATCHES[case]
    with pytest.raises(Refused) as refused:
        derive(make(), VKEY)
    assert code in refused.value.code
    assert refused.value.rule.ja


def test_records_out_of_order_are_refused() -> None:
    entries = list(world().log.entries)
    entries[2], entries[3] = entries[3], entries[2]
    with pytest.raises(Refused, match="ISSUED_AFTER"):
        derive(swapped(Log(entries), retire=2, issue=3), VKEY)
    entries = list(world().log.entries)
    entries[1], entries[2] = entries[2], entries[1]
    with pytest.raises(Refused, match="KEY_TOO_LATE"):
        derive(swapped(Log(entries), issue=1, meter_key=2), VKEY)


def test_withheld_energy_is_no_certificate() -> None:
    entries = list(world().log.entries)
    issue = bytearray(entries[2])
    issue[18] = 1
    entries[2] = bytes(issue)
    with pytest.raises(Refused, match="WITHHELD"):
        derive(swapped(Log(entries)), VKEY)


def test_facts_are_re_derived_not_believed() -> None:
    content = json.loads(sealed())
    for name, value in content["facts"].items():
        for lie in (value, None, True, 1, "x", {}, [0, 101]):
            changed = {**content, "facts": {**content["facts"], name: lie}}
            if lie is value or (lie == value and type(lie) is type(value)):
                verify(json.dumps(changed).encode(), VKEY)
                continue
            with pytest.raises(Refused, match=f"FACTS_DIFFER|facts.{name}"):
                verify(json.dumps(changed).encode(), VKEY)
        less = {key: other for key, other in content["facts"].items() if key != name}
        with pytest.raises(Refused, match="FACTS_DIFFER"):
            verify(json.dumps({**content, "facts": less}).encode(), VKEY)
    with pytest.raises(Refused, match="FACTS_DIFFER"):
        verify(json.dumps({**content, "facts": {**content["facts"], "more": 1}}).encode(), VKEY)


def test_a_key_that_is_not_the_reader_s_proves_nothing() -> None:
    with pytest.raises(Refused, match="SIGNATURE"):
        verify(sealed(), STRANGER.vkey)
    with pytest.raises(Refused, match="OTHER_LOG"):
        verify(sealed(), VKEY, "log.example/other")


def loose_base64(text: str) -> str:
    """Another spelling of the same bytes: the unused bits of the last letter set."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = text[:-2] + letters[letters.index(text[-2]) | 1] + "="
    assert loose != text
    assert base64.b64decode(loose) == base64.b64decode(text)
    return loose


def text_cases() -> dict[str, bytes]:
    data = sealed()
    content = json.loads(data)

    def with_(**members) -> bytes:
        return json.dumps({**content, **members}).encode()

    return {
        "duplicate key": data.replace(b'{"device"', b'{"format":"wattmark-certificate@v1","device"', 1),
        "unknown version": data.replace(b"certificate@v1", b"certificate@v2"),
        "unknown member": with_(more=1),
        "no retirement": json.dumps({name: value for name, value in content.items() if name != "retire"}).encode(),
        "facts are a list": with_(facts=[]),
        "record is a number": with_(retire=7),
        "record is no base64": with_(retire={**content["retire"], "record": "*"}),
        "base64 with another tail": with_(
            retire={**content["retire"], "record": loose_base64(content["retire"]["record"])}
        ),
        "proof with extra": with_(
            retire={**content["retire"], "proof": content["retire"]["proof"].replace("\nindex", "\nextra AA==\nindex")}
        ),
        "hash not of 32 bytes": with_(
            retire={**content["retire"], "proof": content["retire"]["proof"].replace("index 3\n", "index 3\nAA==\n")}
        ),
        "index without path": with_(reading={**content["reading"], "index": 3}),
        "payload where none belongs": with_(retire={**content["retire"], "payload": ""}),
        "half of a file": data[: len(data) // 2],
        "not UTF-8": b"\xff" + data,
        "a list": b"[]",
        "nothing": b"",
        "too long": data + b" " * (1 << 19),
        "huge number": with_(facts={"quantity_wh": 1e400}).replace(b"Infinity", b"1e400"),
    }


@pytest.mark.parametrize("case", text_cases(), ids=str)
def test_a_malformed_file_is_refused(case: str) -> None:
    with pytest.raises(Refused):
        verify_file(text_cases()[case], VKEY)


def test_no_flipped_bit_is_accepted() -> None:
    """2,000 seeded flips: refused each, or the file still says exactly the same (a base64 letter's case never does)."""
    data, draw = sealed(), random.Random(4)
    whole = verify(data, VKEY)
    for _ in range(2_000):
        at, bit = draw.randrange(len(data)), draw.randrange(8)
        flipped = bytearray(data)
        flipped[at] ^= 1 << bit
        try:
            found = verify(bytes(flipped), VKEY)
        except Refused:
            continue
        assert found == whole
        assert json.loads(flipped.decode()) == json.loads(data) or at == len(data) - 1
