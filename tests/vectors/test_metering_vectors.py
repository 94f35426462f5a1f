"""Outside truth for the envelopes; see metering/README.md for where each vector is from."""

import json
from datetime import date
from pathlib import Path

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wattmark.core.errors import MalformedInput
from wattmark.crypto.signing import es256_verify
from wattmark.metering.cose import EDDSA, decode_sign1, signed_bytes
from wattmark.metering.keys import KeyRing, MeterKey
from wattmark.metering.transport import day_hash, decode_transport
from wattmark.metering.verify import verify_day, verify_slot
from wattmark.testing.meters import SeededMeter

FOLDER = Path(__file__).parent / "metering"
COSE = json.loads((FOLDER / "cose_sign1.json").read_text())
ENVELOPES = json.loads((FOLDER / "envelopes.json").read_text())["cases"]
WH = [(7 * i) % 300 for i in range(48)]


def test_the_bytes_that_rfc_9052_signs():
    protected, _, payload, signature = cbor2.loads(bytes.fromhex(COSE["sign1"])).value
    signed = signed_bytes(protected, payload)
    assert signed.hex() == COSE["signed"]
    es256_verify(bytes.fromhex("04" + COSE["x"] + COSE["y"]), signed, signature)


def test_a_key_id_outside_the_signature_is_not_taken():
    with pytest.raises(MalformedInput) as refused:
        decode_sign1(bytes.fromhex(COSE["sign1"]), 1_000)
    assert refused.value.code == "HEADER_INVALID"


@pytest.mark.parametrize("case", ENVELOPES, ids=lambda case: case["name"])
def test_the_wire_format_has_not_changed(case):
    meter = SeededMeter("golden", case["alg"])
    signed = meter.day(date(2026, 4, 1), WH)
    assert meter.record.hash().hex() == case["commissioning_hash"]
    assert signed.slots[0].hex() == case["slot"]
    assert signed.seal.hex() == case["day"]
    assert day_hash(signed.seal).hex() == case["day_hash"]


@pytest.mark.parametrize("case", ENVELOPES, ids=lambda case: case["name"])
def test_envelopes_of_the_field_verify(case):
    state = SeededMeter("golden", case["alg"]).state()
    kid, public_key = bytes.fromhex(case["kid"]), bytes.fromhex(case["public_key"])
    keys = KeyRing([MeterKey(kid, case["alg"], public_key, state.device, 0)])
    slot, state = verify_slot(bytes.fromhex(case["slot"]), keys, state, case["received_ms"])
    day, state = verify_day(bytes.fromhex(case["day"]), keys, state, case["received_ms"])
    assert slot == day.slots[0]
    assert day.energy_wh.tolist() == WH
    assert state.last_day_hash.hex() == case["day_hash"]


def test_another_library_finds_the_same_signature_good():
    case = next(case for case in ENVELOPES if case["alg"] == EDDSA)
    sign1 = decode_transport(bytes.fromhex(case["day"])).sign1
    structure = cbor2.dumps(["Signature1", cbor2.dumps({1: -8, 4: bytes.fromhex(case["kid"])}), b"", sign1.payload])
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["public_key"])).verify(sign1.signature, structure)
