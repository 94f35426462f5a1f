"""Metering: signed meter-days verified per second, from received bytes to sealed register line.

Each envelope is a whole day of 48 readings with its own chain: decoded strictly, its signature and root checked,
its place in sequence and register checked. The limit is the bare signature check of the same messages.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wattmark.crypto.signing import ed25519_verify, es256_verify
from wattmark.metering.batch import verify_days
from wattmark.metering.channel import ChannelKey, Commissioning
from wattmark.metering.cose import EDDSA, ES256, Sign1
from wattmark.metering.errors import Code
from wattmark.metering.keys import KeyRing
from wattmark.metering.sign import MeterSigner
from wattmark.metering.transport import decode_transport
from wattmark.simulation.benchmarks.report import Report, median_rate

METERS: Final = 1_000
QUICK_METERS: Final = 100
SLOTS: Final = 48
SLOT_S: Final = 1_800
DAY_S: Final = 1_789_916_400
NOW_MS: Final = (DAY_S + 86_400 + 600) * 1_000


class Fleet:
    """Meters of one algorithm, each with one signed day."""

    def __init__(self, meters: int, alg: int) -> None:
        """Make the keys, register the channels and sign the day."""
        draw = np.random.default_rng(abs(alg))
        self.states = {}
        self.keys = KeyRing()
        self.envelopes: list[bytes] = []
        self.public_keys: list[bytes] = []
        for number in range(meters):
            signer = MeterSigner(number.to_bytes(8, "big"), 1, alg, draw.bytes(32))
            born = Commissioning(signer.meter_id, 1, SLOT_S)
            self.states[ChannelKey(signer.meter_id, 1)] = born.open_channel(number)
            self.keys.add(signer.key(number, 0))
            registers = np.cumsum(draw.integers(0, 900, SLOTS)).tolist()
            ends = range(DAY_S + SLOT_S, DAY_S + SLOT_S * (SLOTS + 1), SLOT_S)
            leaves = [
                signer.leaf(seq, end, SLOT_S, register)
                for seq, (end, register) in enumerate(zip(ends, registers, strict=True))
            ]
            self.envelopes.append(signer.sign_day(leaves, born.hash(), reg_open=0))
            self.public_keys.append(signer.public_key)

    def verify(self) -> None:
        """Verify all days in one thread; every one must hold."""
        _, outcomes = verify_days(self.envelopes, self.states, self.keys, NOW_MS)
        assert all(outcome.code is Code.OK for outcome in outcomes)

    def verify_in_threads(self) -> None:
        """Verify all days, signatures in a thread per core."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            _, outcomes = verify_days(self.envelopes, self.states, self.keys, NOW_MS, mapper=pool.map)
        assert all(outcome.code is Code.OK for outcome in outcomes)

    def signed(self) -> list[Sign1]:
        """Return the signed messages."""
        return [decode_transport(envelope).sign1 for envelope in self.envelopes]


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` uses 100 meters instead of 1,000."""
    begun = time.perf_counter()
    meters = QUICK_METERS if quick else METERS
    fleet, other = Fleet(meters, EDDSA), Fleet(meters, ES256)
    messages = [
        (key, sign1.signed_bytes(), sign1.signature)
        for key, sign1 in zip(fleet.public_keys, fleet.signed(), strict=True)
    ]
    others = [
        (key, sign1.signed_bytes(), sign1.signature)
        for key, sign1 in zip(other.public_keys, other.signed(), strict=True)
    ]

    def signatures() -> None:
        for key, message, signature in messages:
            ed25519_verify(key, message, signature)

    def es256_signatures() -> None:
        for key, message, signature in others:
            es256_verify(key, message, signature)

    def cryptography_signatures() -> None:
        for key, message, signature in messages:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)

    return Report(
        bench="meter",
        figure=median_rate(meters, fleet.verify),
        unit="meter-days/s",
        limit=median_rate(meters, signatures),
        limit_is="the bare Ed25519 check of the same messages (libsodium), one thread as ours",
        peers={"cryptography, bare Ed25519 check": median_rate(meters, cryptography_signatures)},
        seconds=time.perf_counter() - begun,
        detail={
            "meters": meters,
            "slots_per_day": SLOTS,
            "envelope_bytes": round(sum(map(len, fleet.envelopes)) / meters),
            "in_threads_per_s": round(median_rate(meters, fleet.verify_in_threads)),
            "es256_per_s": round(median_rate(meters, other.verify)),
            "es256_bare_check_per_s": round(median_rate(meters, es256_signatures)),
        },
    )
